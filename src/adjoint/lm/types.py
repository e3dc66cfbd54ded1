"""What goes to a language model and what comes back: plain, frozen, provider-neutral records."""

from __future__ import annotations

import functools
import hashlib
import operator
from dataclasses import MISSING, dataclass, field, fields, replace
from itertools import compress
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from adjoint.base import parts
from adjoint.base.json import compact
from adjoint.base.quick import quick

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from adjoint.base.json import Json

Role: TypeAlias = Literal["system", "user", "assistant", "tool"]
Finish: TypeAlias = Literal["stop", "length", "refusal", "tool_calls"]
CacheMode: TypeAlias = Literal["on", "off", "refresh", "only"]
Part: TypeAlias = parts.Part


@dataclass(frozen=True, slots=True)
class ToolSpec:
    """A tool that a model may call: its name, what it is for, and the JSON schema of its arguments."""

    name: str
    description: str
    parameters: Mapping[str, Json]


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A model's wish to call a tool. `arguments` is the JSON text as it came, which may be broken."""

    id: str
    name: str
    arguments: str


@quick(frozen=True, slots=True)
class Message:
    """One turn of a conversation. A tool's answer has role `tool` and the `tool_call_id` that it answers."""

    role: Role
    content: str | tuple[Part, ...]
    tool_calls: tuple[ToolCall, ...] = ()
    tool_call_id: str | None = None

    @property
    def text(self) -> str:
        """The text of the message, without images, sounds and files."""
        if isinstance(self.content, str):
            return self.content
        return "\n".join(part.text for part in self.content if part.kind == "text")


def messages_of(turns: Iterable[Mapping[str, Any]]) -> tuple[Message, ...]:
    """Messages from dictionaries as programs write chats: `role`, and `content` as a text or in OpenAI's parts; tool calls too."""
    return tuple(_message_of(turn) for turn in turns)


def _message_of(turn: Mapping[str, Any]) -> Message:
    content, called = turn.get("content") or "", turn.get("tool_calls") or ()
    functions = [(call.get("id", ""), call["function"]) for call in called]
    return Message(
        turn["role"],
        content if isinstance(content, str) else tuple(map(parts.part_of, content)),
        tuple(ToolCall(id_, function["name"], function["arguments"]) for id_, function in functions),
        turn.get("tool_call_id"),
    )


@quick(frozen=True, slots=True)
class Request:
    """One question to a language model.

    `None` means "whatever the provider does by default" and is not sent. `temperature` is >= 0; `max_tokens` counts
    tokens of the reply; `seed` fixes sampling where the provider can; `n` asks for several replies at once. `tools` may
    be called, `tool_choice` is "auto", "none", "required" or a tool's name. `schema` is a JSON schema that the reply must
    match, where the provider can enforce one. `sample` numbers repeated draws of the same prompt (0, 1, ...): it is part
    of the cache key and is never sent. `extra` is passed through to the provider.
    """

    messages: tuple[Message, ...]
    temperature: float | None = None
    max_tokens: int | None = None
    stop: tuple[str, ...] = ()
    seed: int | None = None
    n: int = 1
    logprobs: bool = False
    tools: tuple[ToolSpec, ...] = ()
    tool_choice: str | None = None
    schema: Mapping[str, Json] | None = None
    sample: int = 0
    extra: Mapping[str, Json] = field(default_factory=dict)

    def with_options(self, **options: Any) -> Request:
        """A copy with some options replaced."""
        return replace(self, **options)

    def as_dict(self) -> dict[str, Any]:
        """The whole request as JSON, without what stands at its default: what the cache key is made of."""
        body = _without_defaults(self)
        if self.temperature is not None:
            body["temperature"] = float(self.temperature)  # 0 and 0.0 are one request
        return body

    @classmethod
    def from_dict(cls, body: Mapping[str, Any]) -> Request:
        """The request that `as_dict` has written."""
        values = dict(body)
        values["messages"] = tuple(_message(message) for message in values["messages"])
        values["stop"] = tuple(values.get("stop", ()))
        values["tools"] = tuple(ToolSpec(**tool) for tool in values.get("tools", ()))
        return cls(**values)

    def written(self) -> str:
        """`as_dict` as canonical JSON."""
        return compact(self.as_dict())

    def key(self, identity: str, written: str | None = None) -> str:
        """SHA-256 of the whole request together with the identity of the endpoint that answers it.

        `written` spares to write the request again where that is at hand.
        """
        whole = f'{{"identity":{compact(identity)},"request":{written or self.written()},"v":1}}'  # as canonical JSON has it
        return hashlib.sha256(whole.encode("ascii")).hexdigest()


@quick(frozen=True, slots=True)
class Usage:
    """What calls consumed: counts of calls and tokens, and US dollars (None = the price is not known)."""

    calls: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    usd: float | None = 0.0

    def __add__(self, other: Usage) -> Usage:
        if self is NO_USAGE:
            return other
        usd = None if self.usd is None or other.usd is None else self.usd + other.usd
        kind = Estimate if isinstance(self, Estimate) or isinstance(other, Estimate) else Usage
        return kind(
            self.calls + other.calls,
            self.input_tokens + other.input_tokens,
            self.output_tokens + other.output_tokens,
            usd,
        )

    @property
    def tokens(self) -> int:
        """Tokens of input and output."""
        return self.input_tokens + self.output_tokens

    def as_dict(self) -> dict[str, Json]:
        """The counts by name."""
        return {"calls": self.calls, "input_tokens": self.input_tokens, "output_tokens": self.output_tokens, "usd": self.usd}


class Estimate(Usage):
    """Usage of which the provider counted only a part or nothing: what it bills may be more."""

    __slots__ = ()


NO_USAGE = Usage()
"""What nothing has used: where sums begin."""


@dataclass(frozen=True, slots=True)
class TokenLogprob:
    """One generated token and its natural-log probability."""

    token: str
    logprob: float


@quick(frozen=True, slots=True)
class Response:
    """One reply. `cached` is True if it was answered from the ledger, in which case nothing was paid now.

    `others` are the further texts of a request with `n` > 1; `reasoning` is what the model thought aloud, where the
    provider tells.
    """

    text: str
    finish: Finish = "stop"
    usage: Usage = field(default_factory=lambda: Usage(calls=1))
    model: str = ""
    logprobs: tuple[TokenLogprob, ...] | None = None
    reasoning: str | None = None
    tool_calls: tuple[ToolCall, ...] = ()
    others: tuple[str, ...] = ()
    cached: bool = False

    def as_dict(self) -> dict[str, Any]:
        """The reply as JSON, without what stands at its default."""
        return {**_without_defaults(self), "usage": self.usage.as_dict()}

    def unpaid(self) -> Response:
        """The same reply, marked as not paid now; token counts stay, since they describe the texts."""
        usage = Usage(0, self.usage.input_tokens, self.usage.output_tokens, 0.0)
        return Response(
            self.text, self.finish, usage, self.model, self.logprobs, self.reasoning, self.tool_calls, self.others, cached=True
        )

    @classmethod
    def from_dict(cls, body: Mapping[str, Any]) -> Response:
        """The reply that `as_dict` has written."""
        values = dict(body)
        values["usage"] = Usage(**values["usage"])
        values["tool_calls"] = tuple(ToolCall(**call) for call in values.get("tool_calls", ()))
        values["others"] = tuple(values.get("others", ()))
        if values.get("logprobs") is not None:
            values["logprobs"] = tuple(TokenLogprob(**token) for token in values["logprobs"])
        return cls(**values)


@dataclass(frozen=True, slots=True)
class Delta:
    """A piece of a reply as it is written: text, reasoning, or both."""

    text: str = ""
    reasoning: str = ""


@functools.cache
def _fields(kind: Any) -> tuple[tuple[str, ...], tuple[Any, ...], Callable[[Any], tuple[Any, ...]]]:
    """The names of a record's fields, their defaults (`MISSING` for those that have none), and what reads their values."""
    names = tuple(item.name for item in fields(kind))
    defaults = tuple(item.default_factory() if item.default_factory is not MISSING else item.default for item in fields(kind))
    return names, defaults, operator.attrgetter(*names)


def _without_defaults(record: Any) -> dict[str, Any]:
    """The fields of a record that differ from their defaults, as JSON; required ones always."""
    found: dict[str, Any] = {}
    names, defaults, read = _fields(record.__class__)
    values = read(record)
    others = map(operator.is_not, values, defaults)  # most are the very default
    for name, default, value in compress(zip(names, defaults, values, strict=True), others):
        if type(value) is list:  # stands for a tuple
            value = tuple(value)  # noqa: PLW2901
        if default is MISSING or value != default:
            found[name] = value if type(value) in _SCALARS else _json(value)
    return found


def _json(value: Any) -> Any:
    if isinstance(value, tuple | list):
        return [item if type(item) is str else _json(item) for item in value]
    if type(value) is Message and type(value.content) is str and value.tool_calls == () and value.tool_call_id is None:  # most
        return {"role": value.role, "content": value.content}
    return _without_defaults(value) if type(value) in _RECORDS else value


def _message(body: Mapping[str, Any]) -> Message:
    values = dict(body)
    if not isinstance(values["content"], str):
        values["content"] = tuple(Part(**part) for part in values["content"])
    values["tool_calls"] = tuple(ToolCall(**call) for call in values.get("tool_calls", ()))
    return Message(**values)


_SCALARS = frozenset({str, int, float, bool, type(None)})
_RECORDS = frozenset({Message, ToolSpec, ToolCall, Part, TokenLogprob})

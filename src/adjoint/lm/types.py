"""What goes to a language model and what comes back: plain, frozen, provider-neutral records."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from adjoint.base.json import digest

if TYPE_CHECKING:
    from collections.abc import Mapping

    from adjoint.base.json import Json

Role: TypeAlias = Literal["system", "user", "assistant", "tool"]
Finish: TypeAlias = Literal["stop", "length", "refusal", "tool_calls"]
CacheMode: TypeAlias = Literal["on", "off", "refresh", "only"]


@dataclass(frozen=True, slots=True)
class Message:
    """One turn of a conversation; `content` is text."""

    role: Role
    content: str


@dataclass(frozen=True, slots=True)
class Request:
    """One question to a language model.

    `None` means "whatever the provider does by default" and is not sent. `temperature` is >= 0; `max_tokens` counts
    tokens of the reply; `seed` fixes sampling where the provider can. `sample` numbers repeated draws of the same
    prompt (0, 1, ...): it is part of the cache key and is never sent. `extra` is passed through to the provider.
    """

    messages: tuple[Message, ...]
    temperature: float | None = None
    max_tokens: int | None = None
    stop: tuple[str, ...] = ()
    seed: int | None = None
    logprobs: bool = False
    sample: int = 0
    extra: Mapping[str, Json] = field(default_factory=dict)

    def with_options(self, **options: Any) -> Request:
        """A copy with some options replaced."""
        return replace(self, **options)

    def as_dict(self) -> dict[str, Json]:
        """The whole request as JSON, defaults included: what the cache key is made of."""
        return {
            "messages": [{"role": m.role, "content": m.content} for m in self.messages],
            "temperature": None if self.temperature is None else float(self.temperature),  # 0 and 0.0 are one request
            "max_tokens": self.max_tokens,
            "stop": list(self.stop),
            "seed": self.seed,
            "logprobs": self.logprobs,
            "sample": self.sample,
            "extra": dict(self.extra),
        }

    def key(self, identity: str) -> str:
        """SHA-256 of the whole request together with the identity of the endpoint that answers it."""
        return digest({"v": 1, "identity": identity, "request": self.as_dict()})


@dataclass(frozen=True, slots=True)
class Usage:
    """What calls consumed: counts of calls and tokens, and US dollars (None = the price is not known)."""

    calls: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    usd: float | None = 0.0

    def __add__(self, other: Usage) -> Usage:
        usd = None if self.usd is None or other.usd is None else self.usd + other.usd
        return Usage(
            self.calls + other.calls,
            self.input_tokens + other.input_tokens,
            self.output_tokens + other.output_tokens,
            usd,
        )


@dataclass(frozen=True, slots=True)
class TokenLogprob:
    """One generated token and its natural-log probability."""

    token: str
    logprob: float


@dataclass(frozen=True, slots=True)
class Response:
    """One reply. `cached` is True if it was answered from the ledger, in which case nothing was paid now."""

    text: str
    finish: Finish = "stop"
    usage: Usage = field(default_factory=lambda: Usage(calls=1))
    model: str = ""
    logprobs: tuple[TokenLogprob, ...] | None = None
    reasoning: str | None = None
    cached: bool = False

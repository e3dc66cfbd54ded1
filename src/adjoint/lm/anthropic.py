"""The client for Anthropic's Messages API."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from adjoint.base.errors import UsageError
from adjoint.lm import schema as schemas
from adjoint.lm import wire
from adjoint.lm.anthropic_form import choice, system_blocks, turns
from adjoint.lm.client import Client, merged, options
from adjoint.lm.types import Delta, Response, ToolCall
from adjoint.lm.wire import Malformed

if TYPE_CHECKING:
    from adjoint.lm.types import Finish, Request, Usage

MAX_TOKENS = 4096
"""Tokens of a reply whose request names no `max_tokens`: this interface demands a number. A reply that needs more ends
with `finish == "length"`.
"""
VERSION = "2023-06-01"

_FINISH: dict[str, Finish] = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "tool_use": "tool_calls",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "pause_turn": "length",  # the model wants to go on: what came is a part of the reply
    "refusal": "refusal",
}


class Anthropic(Client):
    """One Claude model, or another one behind the same interface.

    What the interface lacks: `seed` and `logprobs` are not sent, `n` replies are asked in `n` calls, sounds are refused.
    With the option `prompt_cache=True` (or "1h") the prefix that calls share is marked for the provider's cache: tools and
    system, and the messages before the last one. Input tokens count those from the cache and those written to it too.
    Thoughts are shown in `reasoning` but not sent back, so a conversation of tool calls has to go without them.
    """

    supports = frozenset({"schema", "tools"})
    what = "message"
    path = "/v1/messages"

    def payload(self, request: Request) -> dict[str, Any]:
        cache = _cache(request.extra.get("prompt_cache"))
        system, messages = turns(request, cache)
        tools: list[dict[str, Any]] = [
            {"name": spec.name, "description": spec.description, "input_schema": dict(spec.parameters)} for spec in request.tools
        ]
        if cache and tools and not system:
            tools[-1]["cache_control"] = cache
        body = {
            "model": self.model,
            "max_tokens": MAX_TOKENS if request.max_tokens is None else request.max_tokens,
            "system": system_blocks(system, cache),
            "messages": messages,
            "temperature": request.temperature,
            "stop_sequences": list(request.stop) or None,
            "tools": tools or None,
            "tool_choice": choice(request.tool_choice),
        }
        if request.schema is not None:
            closed = schemas.strict(request.schema) or dict(request.schema)
            body["output_config"] = {"format": {"type": "json_schema", "schema": closed}}
        return merged(body, options(request))

    def assembly(self) -> AnthropicAssembly:
        return AnthropicAssembly()

    def read(self, request: Request, data: dict[str, Any]) -> Response:
        if not isinstance(data.get("content"), list) or not isinstance(data.get("stop_reason"), str):
            message = "no content with a reason to stop"
            raise Malformed(message)
        if data["stop_reason"] not in _FINISH:  # it may have left half a reply
            message = f"a reply that ended with {data['stop_reason']!r}"
            raise Malformed(message)
        text, thoughts, calls = "", "", []
        for block in wire.objects(data["content"], "content"):
            if block.get("type") == "text":
                text += wire.text(block.get("text"), "content")
            elif block.get("type") == "thinking":
                thoughts += wire.text(block.get("thinking"), "reasoning")
            elif block.get("type") == "tool_use":
                calls.append(_call(block))
        return Response(
            text=text,
            finish=_FINISH[data["stop_reason"]],
            usage=self._usage(request, text, wire.mapping(data.get("usage"), "usage")),
            model=wire.string(data.get("model")) or self.model,
            reasoning=thoughts or None,
            tool_calls=tuple(calls),
        )

    def _usage(self, request: Request, text: str, said: dict[str, Any]) -> Usage:
        names = ("input_tokens", "cache_creation_input_tokens", "cache_read_input_tokens")
        read = [wire.count(said.get(name)) for name in names]
        given = None if read[0] is None else sum(number or 0 for number in read)
        return self._bill(request, text, given, wire.count(said.get("output_tokens")))

    def _headers(self, key: str | None) -> dict[str, str]:
        return {"anthropic-version": VERSION, **({"x-api-key": key} if key else {})}

    def _base(self, base_url: str) -> str:
        """With or without the `/v1` that other providers' base URLs end in."""
        return base_url.strip().rstrip("/").removesuffix("/v1/messages").removesuffix("/v1")


class AnthropicAssembly:
    """Blocks by their index, each begun, continued and ended by events; `message_stop` ends the message."""

    def __init__(self) -> None:
        self._message: dict[str, Any] = {}
        self._usage: dict[str, Any] = {}
        self._blocks: dict[int, dict[str, Any]] = {}
        self._stopped = False

    def add(self, event: dict[str, Any], /) -> Delta | None:
        kind = event.get("type")
        if kind == "message_start":
            self._message = wire.mapping(event.get("message"), "message")
            self._count(self._message)
        elif kind == "content_block_start":
            block = wire.mapping(event.get("content_block"), "block")
            self._blocks[self._index(event)] = {**block, "pieces": ""}
            return Delta(wire.text(block.get("text"), "content"), wire.text(block.get("thinking"), "reasoning"))
        elif kind == "content_block_delta":
            return self._continue(self._index(event), wire.mapping(event.get("delta"), "a piece of a block"))
        elif kind == "message_delta":
            self._message = {**self._message, **wire.mapping(event.get("delta"), "the end of a message")}
            self._count(event)
        elif kind == "message_stop":
            self._stopped = True
        return None

    def whole(self) -> dict[str, Any]:
        if not self._stopped:
            message = "a stream that ended before the reply did"
            raise Malformed(message)
        blocks = [self._blocks[index] for index in sorted(self._blocks)]
        for block in blocks:
            if block["pieces"]:
                block["input"] = block["pieces"]
        return {**self._message, "content": blocks, "usage": self._usage}

    def _continue(self, index: int, delta: dict[str, Any]) -> Delta | None:
        block = self._blocks.get(index)
        if block is None:
            message = "a piece of a block that was not begun"
            raise Malformed(message)
        if delta.get("type") == "input_json_delta":
            block["pieces"] += wire.text(delta.get("partial_json"), "arguments")
            return None
        piece = Delta(wire.text(delta.get("text"), "content"), wire.text(delta.get("thinking"), "reasoning"))
        block["text"] = (block.get("text") or "") + piece.text
        block["thinking"] = (block.get("thinking") or "") + piece.reasoning
        return piece

    def _count(self, said: dict[str, Any]) -> None:
        """Counts come at the start and again, grown, at the end."""
        usage = wire.mapping(said.get("usage"), "usage")
        self._usage.update({name: value for name, value in usage.items() if value is not None})

    def _index(self, event: dict[str, Any]) -> int:
        index = wire.count(event.get("index"))
        if index is None:
            message = "a block without an index"
            raise Malformed(message)
        return index


def _call(block: dict[str, Any]) -> ToolCall:
    name = block.get("name")
    if not isinstance(name, str) or not name:
        message = "a tool call without a name"
        raise Malformed(message)
    return ToolCall(wire.string(block.get("id")) or "", name, wire.written(block.get("input")) or "{}")


def _cache(option: object) -> dict[str, str] | None:
    if not option:
        return None
    if option is True:
        return {"type": "ephemeral"}
    if option in ("5m", "1h"):
        return {"type": "ephemeral", "ttl": str(option)}
    message = f"prompt_cache={option!r} cannot be; give True, '5m' or '1h'."
    raise UsageError(message)

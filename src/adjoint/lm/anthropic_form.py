"""Messages, parts and tool results in the form of Anthropic's Messages API."""

from __future__ import annotations

import base64
import binascii
from typing import TYPE_CHECKING, Any

from adjoint.lm import wire
from adjoint.lm.client import system_and_rest

if TYPE_CHECKING:
    from adjoint.lm.types import Message, Part, Request

WHO = "the Messages API"


def turns(request: Request, cache: dict[str, str] | None) -> tuple[str, list[dict[str, Any]]]:
    """The system's words and the other messages; neighbours with one role are one message, as tool results must be."""
    system, rest = system_and_rest(request)
    made: list[dict[str, Any]] = []
    for number, message in enumerate(rest):
        role = "assistant" if message.role == "assistant" else "user"
        blocks = _blocks(message)
        if cache and number == len(rest) - 2 and blocks:
            blocks[-1]["cache_control"] = cache
        if made and made[-1]["role"] == role:
            made[-1]["content"] += blocks
        else:
            made.append({"role": role, "content": blocks})
    return system, [_plain(message) for message in made]


def system_blocks(system: str, cache: dict[str, str] | None) -> Any:
    if not system:
        return None
    return [{"type": "text", "text": system, "cache_control": cache}] if cache else system


def choice(tool_choice: str | None) -> dict[str, str] | None:
    if tool_choice is None:
        return None
    words = {"auto": "auto", "none": "none", "required": "any"}
    return {"type": words[tool_choice]} if tool_choice in words else {"type": "tool", "name": tool_choice}


def _plain(message: dict[str, Any]) -> dict[str, Any]:
    """A message of one text as a string: the same to the provider, and easier to read in a log."""
    blocks = message["content"]
    single = len(blocks) == 1 and set(blocks[0]) == {"type", "text"}
    return {**message, "content": blocks[0]["text"]} if single else message


def _blocks(message: Message) -> list[dict[str, Any]]:
    if message.role == "tool":
        return [{"type": "tool_result", "tool_use_id": message.tool_call_id or "", "content": _content(message)}]
    calls = [
        {"type": "tool_use", "id": call.id, "name": call.name, "input": wire.arguments(call.arguments)}
        for call in message.tool_calls
    ]
    if isinstance(message.content, str):
        # An empty text beside tool calls is refused.
        return [*([{"type": "text", "text": message.content}] if message.content or not calls else []), *calls]
    return [*(_part(part) for part in message.content), *calls]


def _content(message: Message) -> Any:
    return message.content if isinstance(message.content, str) else [_part(part) for part in message.content]


def _part(part: Part) -> dict[str, Any]:
    if part.kind == "text":
        return {"type": "text", "text": part.text}
    if part.kind == "audio":
        raise wire.unsupported(part, WHO)
    block: dict[str, Any] = {"type": "image" if part.kind == "image" else "document", "source": _source(part)}
    return {**block, "title": part.name} if part.name and part.kind == "file" else block


def _source(part: Part) -> dict[str, str]:
    if part.file_id:
        return {"type": "file", "file_id": part.file_id}
    if part.url:
        return {"type": "url", "url": part.url}
    if part.media_type != "text/plain":
        return {"type": "base64", "media_type": part.media_type, "data": part.data}
    try:
        return {"type": "text", "media_type": "text/plain", "data": base64.b64decode(part.data, validate=True).decode()}
    except (binascii.Error, UnicodeDecodeError) as error:
        raise wire.unsupported(part, WHO) from error

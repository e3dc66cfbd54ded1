"""Messages, parts and tool results in the form of Google's Gemini API."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from adjoint.lm import wire

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from adjoint.lm.types import Message, Part, ToolCall

_SIGNED = "|signed:"
"""Between the id of a call and the signature that newer models want back with it. The id is ours to choose, since the
provider pairs calls and answers by their names, so it carries the signature through a conversation.
"""


def joined_id(number: str, signature: str | None) -> str:
    return f"{number}{_SIGNED}{signature}" if signature else number


def contents(messages: Iterable[Message]) -> list[dict[str, Any]]:
    """The turns; neighbours with one role are one turn, as the answers to several calls must be."""
    made: list[dict[str, Any]] = []
    names: dict[str, str] = {}
    for message in messages:
        names.update({call.id: call.name for call in message.tool_calls})
        role = "model" if message.role == "assistant" else "user"
        parts = _parts(message, names)
        if made and made[-1]["role"] == role:
            made[-1]["parts"] += parts
        else:
            made.append({"role": role, "parts": parts})
    return made


def tool_config(choice: str | None) -> dict[str, Any] | None:
    if choice is None:
        return None
    modes = {"auto": "AUTO", "none": "NONE", "required": "ANY"}
    named = {} if choice in modes else {"allowedFunctionNames": [choice]}
    return {"functionCallingConfig": {"mode": modes.get(choice, "ANY"), **named}}


def _parts(message: Message, names: Mapping[str, str]) -> list[dict[str, Any]]:
    if message.role == "tool":
        asked = message.tool_call_id or ""
        return [{"functionResponse": {"name": names.get(asked, asked), "response": {"result": message.text}}}]
    calls = [_call(call) for call in message.tool_calls]
    if isinstance(message.content, str):
        return [*([{"text": message.content}] if message.content or not calls else []), *calls]
    return [*(_part(part) for part in message.content), *calls]


def _call(call: ToolCall) -> dict[str, Any]:
    signature = call.id.partition(_SIGNED)[2]
    part: dict[str, Any] = {"functionCall": {"name": call.name, "args": wire.arguments(call.arguments)}}
    return {**part, "thoughtSignature": signature} if signature else part


def _part(part: Part) -> dict[str, Any]:
    if part.kind == "text":
        return {"text": part.text}
    if part.file_id:
        who = "Gemini"
        raise wire.unsupported(part, who)
    if part.url:
        return {"fileData": {"fileUri": part.url, **({"mimeType": part.media_type} if part.media_type else {})}}
    return {"inlineData": {"mimeType": part.media_type or "application/octet-stream", "data": part.data}}

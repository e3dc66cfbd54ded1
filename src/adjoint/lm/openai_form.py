"""Messages, parts, tools and schemas in the form of OpenAI's chat completions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from adjoint.lm import schema as schemas
from adjoint.lm import wire

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from adjoint.base.json import Json
    from adjoint.lm.types import Message, Part, ToolCall, ToolSpec

_SOUNDS = {"mpeg": "mp3", "mp3": "mp3", "wav": "wav", "x-wav": "wav", "wave": "wav"}


def chat_message(message: Message) -> dict[str, Any]:
    """One message. Text stays a string, which every server takes; parts become a list."""
    return _message(message, chat_part)


def shown(message: Message) -> dict[str, Any]:
    """One message for people to look at: what has no form in OpenAI's interface stays a `Part`."""
    return _message(message, lambda part: _part(part) or part)


def _message(message: Message, form: Callable[[Part], Any]) -> dict[str, Any]:
    content: Any = message.content
    if not isinstance(content, str):
        content = [form(part) for part in content]
    body: dict[str, Any] = {"role": message.role, "content": content}
    if message.tool_calls:
        body.update(content=content or None, tool_calls=[chat_call(call) for call in message.tool_calls])
    if message.tool_call_id is not None:
        body["tool_call_id"] = message.tool_call_id
    return body


def chat_call(call: ToolCall) -> dict[str, Any]:
    return {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}}


def chat_part(part: Part) -> dict[str, Any]:
    made = _part(part)
    if made is None:
        who = "the chat completions interface"
        raise wire.unsupported(part, who)
    return made


def _part(part: Part) -> dict[str, Any] | None:
    if part.kind == "text":
        return {"type": "text", "text": part.text}
    if part.file_id and part.kind == "file":
        return {"type": "file", "file": {"file_id": part.file_id}}
    if part.kind == "image" and not part.file_id:
        return {"type": "image_url", "image_url": {"url": wire.data_url(part)}}
    if part.kind == "audio" and part.data:
        return {"type": "input_audio", "input_audio": {"data": part.data, "format": sound(part)}}
    if part.kind == "file" and part.data:
        return {"type": "file", "file": {"filename": part.name or "file", "file_data": wire.data_url(part)}}
    return None


def sound(part: Part) -> str:
    """The format of a sound as OpenAI calls it."""
    kind = part.media_type.partition("/")[2].lower()
    return _SOUNDS.get(kind, kind or "wav")


def tool(spec: ToolSpec) -> dict[str, Any]:
    function = {"name": spec.name, "description": spec.description, "parameters": dict(spec.parameters)}
    return {"type": "function", "function": function}


def tool_choice(choice: str | None) -> Any:
    """`auto`, `none` and `required` as they are; any other name means the tool of that name."""
    if choice is None or choice in ("auto", "none", "required"):
        return choice
    return {"type": "function", "function": {"name": choice}}


def response_format(schema: Mapping[str, Json] | None) -> dict[str, Any] | None:
    return None if schema is None else {"type": "json_schema", "json_schema": named_schema(schema)}


def named_schema(schema: Mapping[str, Json]) -> dict[str, Any]:
    """A schema with its name; strict if all its objects can be closed, as strict decoding asks for."""
    closed = schemas.strict(schema)
    return {"name": schemas.name_of(schema), "schema": closed or dict(schema), "strict": closed is not None}

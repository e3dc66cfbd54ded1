"""The client for OpenAI's Responses API."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from adjoint.base.errors import UsageError
from adjoint.lm import wire
from adjoint.lm.client import Client, merged, options
from adjoint.lm.openai import logprobs
from adjoint.lm.openai_form import named_schema
from adjoint.lm.types import Delta, Response, ToolCall
from adjoint.lm.wire import Malformed

if TYPE_CHECKING:
    from adjoint.lm.types import Finish, Message, Part, Request, TokenLogprob

_ENDS = ("response.completed", "response.incomplete", "response.failed")


class OpenAIResponses(Client):
    """`LM(..., model_type="responses")`. Nothing is kept at the provider on our account: each call sends all messages.

    The interface has no stop sequences and no sounds: both are refused, since a reply would mean something else without
    them. It has no seed, which is not sent. `n` replies are asked in `n` calls.
    """

    supports = frozenset({"schema", "tools"})
    what = "response"
    path = "/responses"

    def payload(self, request: Request) -> dict[str, Any]:
        if request.stop:
            message = "the Responses API has no stop sequences; leave out stop, or model_type='responses'."
            raise UsageError(message)
        body = {
            "model": self.model,
            "input": [item for message in request.messages for item in _items(message)],
            "temperature": request.temperature,
            "max_output_tokens": request.max_tokens,
            "include": ["message.output_text.logprobs"] if request.logprobs else None,
            "tools": [
                {
                    "type": "function",
                    "name": spec.name,
                    "description": spec.description,
                    "parameters": dict(spec.parameters),
                    "strict": False,
                }
                for spec in request.tools
            ]
            or None,
            "tool_choice": _choice(request.tool_choice),
            "text": {"format": {"type": "json_schema", **named_schema(request.schema)}} if request.schema is not None else None,
        }
        return merged(body, options(request))

    def assembly(self) -> ResponsesAssembly:
        return ResponsesAssembly()

    def read(self, request: Request, data: dict[str, Any]) -> Response:
        if data.get("status") not in ("completed", "incomplete"):
            message = f"a reply with the status {data.get('status')!r}"
            raise Malformed(message)
        output = _Output(wire.objects(data.get("output"), "output"))
        usage = wire.mapping(data.get("usage"), "usage")
        tokens = wire.count(usage.get("input_tokens")), wire.count(usage.get("output_tokens"))
        return Response(
            text=output.text or output.refusal,
            finish=_finish(data, output),
            usage=self._bill(request, output.text, *tokens),
            model=wire.string(data.get("model")) or self.model,
            logprobs=tuple(output.logprobs) or None if request.logprobs else None,
            reasoning="\n".join(output.reasoning) or None,
            tool_calls=tuple(output.calls),
        )


class _Output:
    """The items of a reply, sorted by what they are."""

    def __init__(self, items: list[dict[str, Any]]) -> None:
        self.text = self.refusal = ""
        self.reasoning: list[str] = []
        self.logprobs: list[TokenLogprob] = []
        self.calls: list[ToolCall] = []
        if not items:
            message = "a reply without output"
            raise Malformed(message)
        for item in items:
            if item.get("type") == "message":
                self._message(item)
            elif item.get("type") == "reasoning":
                said = [*wire.objects(item.get("summary"), "reasoning"), *wire.objects(item.get("content"), "reasoning")]
                self.reasoning += [wire.text(part.get("text"), "reasoning") for part in said]
            elif item.get("type") == "function_call":
                self._call(item)

    def _message(self, item: dict[str, Any]) -> None:
        for part in wire.objects(item.get("content"), "content"):
            if part.get("type") == "refusal":
                self.refusal += wire.text(part.get("refusal"), "refusal") or "refused"
            elif part.get("type") == "output_text":
                self.text += wire.text(part.get("text"), "content")
                self.logprobs += logprobs({"content": part.get("logprobs")}) or ()

    def _call(self, item: dict[str, Any]) -> None:
        name = item.get("name")
        if not isinstance(name, str) or not name:
            message = "a tool call without a name"
            raise Malformed(message)
        number = f"call_{len(self.calls)}"
        self.calls.append(ToolCall(wire.string(item.get("call_id")) or number, name, wire.written(item.get("arguments"))))


class ResponsesAssembly:
    """The last event holds the whole response, so only the pieces are read from the others."""

    def __init__(self) -> None:
        self._response: dict[str, Any] | None = None

    def add(self, event: dict[str, Any], /) -> Delta | None:
        kind = str(event.get("type"))
        if kind == "error":
            self._response = {"error": event}
        elif kind in _ENDS:
            self._response = wire.mapping(event.get("response"), "response")
        if kind in ("response.output_text.delta", "response.refusal.delta"):
            return Delta(wire.text(event.get("delta"), "content"))
        if kind in ("response.reasoning_summary_text.delta", "response.reasoning_text.delta"):
            return Delta(reasoning=wire.text(event.get("delta"), "reasoning"))
        return None

    def whole(self) -> dict[str, Any]:
        if self._response is None:
            message = "a stream that ended before the reply did"
            raise Malformed(message)
        return self._response


def _finish(data: dict[str, Any], output: _Output) -> Finish:
    why = wire.mapping(data.get("incomplete_details"), "details").get("reason")
    if output.refusal or why == "content_filter":
        return "refusal"
    if data["status"] == "incomplete":
        return "length"
    return "tool_calls" if output.calls else "stop"


def _choice(choice: str | None) -> Any:
    if choice is None or choice in ("auto", "none", "required"):
        return choice
    return {"type": "function", "name": choice}


def _items(message: Message) -> list[dict[str, Any]]:
    """One message as items: tool calls and their answers are items of their own here."""
    if message.role == "tool":
        return [{"type": "function_call_output", "call_id": message.tool_call_id, "output": message.text}]
    calls = [
        {"type": "function_call", "call_id": call.id, "name": call.name, "arguments": call.arguments}
        for call in message.tool_calls
    ]
    if isinstance(message.content, str):
        return [{"role": message.role, "content": message.content}, *calls] if message.content or not calls else calls
    kind = "output_text" if message.role == "assistant" else "input_text"
    return [{"role": message.role, "content": [_part(part, kind) for part in message.content]}, *calls]


def _part(part: Part, kind: str) -> dict[str, Any]:
    if part.kind == "text":
        return {"type": kind, "text": part.text}
    if part.file_id and part.kind != "audio":
        return {"type": f"input_{part.kind}", "file_id": part.file_id}
    if part.kind == "image":
        return {"type": "input_image", "image_url": wire.data_url(part), "detail": "auto"}
    if part.kind == "file":
        source = {"file_url": part.url} if part.url else {"file_data": wire.data_url(part), "filename": part.name or "file"}
        return {"type": "input_file", **source}
    who = "the Responses API"
    raise wire.unsupported(part, who)

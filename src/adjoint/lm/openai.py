"""The client for every server that speaks OpenAI's chat completions: OpenAI itself, vLLM, Ollama, LM Studio, ..."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from adjoint.lm import wire
from adjoint.lm.client import Client, merged, options
from adjoint.lm.openai_form import chat_message, response_format, tool, tool_choice
from adjoint.lm.openai_stream import ChatAssembly
from adjoint.lm.types import Response, TokenLogprob, ToolCall
from adjoint.lm.wire import Malformed

if TYPE_CHECKING:
    from adjoint.lm.types import Finish, Request, Usage

FINISH: dict[str, Finish] = {
    "length": "length",
    "max_tokens": "length",
    "content_filter": "refusal",
    "tool_calls": "tool_calls",
    "function_call": "tool_calls",
}
"""Reasons to finish; whatever else servers say (stop, eos, null) is an ordinary end."""


class OpenAIChat(Client):
    """One model at one endpoint, over chat completions.

    `others` of a response are the texts of further choices (`n` > 1). A schema is enforced strictly where it can be.
    """

    what = "chat completion"
    path = "/chat/completions"
    many = True

    def __init__(self, model: str, *, provider: str = "openai", **settings: Any) -> None:
        super().__init__(model, provider=provider, **settings)
        # OpenAI's reasoning models refuse the old name of this option; other servers may not know the new one.
        own = urlsplit(self._endpoint.url).hostname == "api.openai.com"
        # Many servers of this form ignore a schema in silence, so only where it is known to be enforced it is relied on.
        self.supports = frozenset({"schema", "tools"}) if own else frozenset()
        self._max_tokens = "max_completion_tokens" if own else "max_tokens"

    def payload(self, request: Request) -> dict[str, Any]:
        body = {
            "model": self.model,
            "messages": [chat_message(message) for message in request.messages],
            "temperature": request.temperature,
            self._max_tokens: request.max_tokens,
            "stop": list(request.stop) or None,
            "seed": request.seed,
            "n": request.n if request.n != 1 else None,
            "logprobs": request.logprobs or None,
            "tools": [tool(spec) for spec in request.tools] or None,
            "tool_choice": tool_choice(request.tool_choice),
            "response_format": response_format(request.schema),
        }
        return merged(body, options(request))

    def streamed(self, payload: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
        return self._endpoint, {"stream_options": {"include_usage": True}, **payload, "stream": True}

    def assembly(self) -> ChatAssembly:
        return ChatAssembly()

    def read(self, request: Request, data: dict[str, Any]) -> Response:
        said = data.get("choices")
        choices = wire.objects(said if isinstance(said, list) else None, "choices")
        messages = [_message(choice) for choice in choices]
        texts = [_text(message) for message in messages]
        if len(texts) < request.n:
            what = f"no choices with a message, or fewer than {request.n}" if request.n > 1 else "no choices with a message"
            raise Malformed(what)
        first, message = choices[0], messages[0]
        calls = tool_calls(message.get("tool_calls"))
        return Response(
            text=texts[0],
            finish=_finish(first, message, calls),
            usage=self._usage(request, "".join(texts), data.get("usage")),
            model=wire.string(data.get("model")) or self.model,
            logprobs=logprobs(first.get("logprobs")) if request.logprobs else None,
            reasoning=wire.string(message.get("reasoning_content")) or wire.string(message.get("reasoning")),
            tool_calls=calls,
            others=tuple(texts[1:]),
        )

    def _usage(self, request: Request, text: str, said: object) -> Usage:
        usage = said if isinstance(said, dict) else {}
        given, made = wire.count(usage.get("prompt_tokens")), wire.count(usage.get("completion_tokens"))
        return self._bill(request, text, given, made, wire.number(usage.get("cost")))  # OpenRouter says what it charges


def _message(choice: dict[str, Any]) -> dict[str, Any]:
    message = choice.get("message")
    if not isinstance(message, dict):
        what = "no choices with a message"
        raise Malformed(what)
    if choice.get("finish_reason") == "error":
        what = "a reply that ended in an error"
        raise Malformed(what)
    return message


def _text(message: dict[str, Any]) -> str:
    """The content, or a refusal's words."""
    content = message.get("content")
    if isinstance(content, list):
        content = "".join(wire.string(part.get("text")) or "" for part in content if isinstance(part, dict))
    return wire.text(content, "content") or wire.string(message.get("refusal")) or ""


def _finish(choice: dict[str, Any], message: dict[str, Any], calls: tuple[ToolCall, ...]) -> Finish:
    """Why it ended. Some servers say "stop" when tools are called; a reply that was cut off stays cut off."""
    if message.get("refusal"):
        return "refusal"
    said = FINISH.get(str(choice.get("finish_reason")), "stop")
    return "tool_calls" if calls and said == "stop" else said


def tool_calls(said: object) -> tuple[ToolCall, ...]:
    """The calls of a message. Servers that leave out ids get numbers, so that answers can refer to them."""
    found = []
    for number, call in enumerate(wire.objects(said, "tool calls")):
        function = wire.mapping(call.get("function"), "function of a tool call")
        name, given = function.get("name"), function.get("arguments")
        if not isinstance(name, str) or not name:
            message = "a tool call without a name"
            raise Malformed(message)
        found.append(ToolCall(wire.string(call.get("id")) or f"call_{number}", name, wire.written(given)))
    return tuple(found)


def logprobs(said: object) -> tuple[TokenLogprob, ...] | None:
    """The log probabilities of a choice, or None where the server gives none."""
    content = said.get("content") if isinstance(said, dict) else None
    if not isinstance(content, list):
        return None
    found = []
    for item in wire.objects(content, "log probabilities"):
        token, value = item.get("token"), wire.number(item.get("logprob"))
        if not isinstance(token, str) or value is None:
            message = "log probabilities in an unknown form"
            raise Malformed(message)
        found.append(TokenLogprob(token, value))
    return tuple(found)

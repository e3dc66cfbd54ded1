"""The fake provider's side of OpenAI's interfaces: chat completions, completions, responses and embeddings."""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    from adjoint.lm.types import Response, ToolCall

Messages: TypeAlias = list[dict[str, Any]]
Body: TypeAlias = dict[str, Any]

_FINISH = {"stop": "stop", "length": "length", "refusal": "content_filter", "tool_calls": "tool_calls"}


def pieces(text: str) -> list[str]:
    """A text in the pieces in which it is streamed: words with what stands behind them."""
    return re.findall(r"\S+\s*|\s+", text)


def words(value: Any) -> int:
    return len(str(value).split())


def counts(prompt: int, said: Response) -> tuple[int, int]:
    """Tokens in and out: those of the reply if it has any, else words."""
    made = words(said.text) + sum(map(words, said.others))
    return said.usage.input_tokens or prompt, said.usage.output_tokens or made


class Chat:
    """`/chat/completions`."""

    part = "choices"

    def messages(self, body: Body) -> Messages:
        return list(body["messages"])

    def whole(self, body: Body, said: Response) -> Body:
        message: Body = {"role": "assistant", "content": said.text or None if said.tool_calls else said.text}
        if said.finish == "refusal":
            message.update(content=None, refusal=said.text)
        if said.reasoning:
            message["reasoning_content"] = said.reasoning
        if said.tool_calls:
            message["tool_calls"] = [_call(call) for call in said.tool_calls]
        first: Body = {"index": 0, "message": message, "finish_reason": _FINISH[said.finish]}
        if body.get("logprobs"):
            first["logprobs"] = {"content": [{"token": token, "logprob": -0.25} for token in said.text.split()]}
        others = [
            {"index": number, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
            for number, text in enumerate(said.others, 1)
        ]
        return {**self._top(body, "chat.completion"), "choices": [first, *others], "usage": self._usage(body, said)}

    def events(self, body: Body, said: Response) -> list[Body]:
        top = self._top(body, "chat.completion.chunk")
        whole = self.whole(body, said)
        chunks = []
        for choice in whole["choices"]:
            message, index = choice["message"], choice["index"]
            deltas: list[Body] = [{"role": "assistant", "content": ""}]
            deltas += [{"reasoning_content": piece} for piece in pieces(message.get("reasoning_content") or "")]
            deltas += [{"content": piece} for piece in pieces(message["content"] or "")]
            deltas += [{"refusal": piece} for piece in pieces(message.get("refusal") or "")]
            for number, call in enumerate(said.tool_calls if index == 0 else ()):
                deltas += _call_pieces(number, call)
            chunks += [{**top, "choices": [{"index": index, "delta": delta, "finish_reason": None}]} for delta in deltas]
            last = {"index": index, "delta": {}, "finish_reason": choice["finish_reason"], "logprobs": choice.get("logprobs")}
            chunks.append({**top, "choices": [last]})
        asked = (body.get("stream_options") or {}).get("include_usage")
        return [*chunks, *([{**top, "choices": [], "usage": whole["usage"]}] if asked else [])]

    def error(self, status: int, text: str, code: str) -> Body:
        return {"error": {"message": text, "type": code, "code": code, "status": status}}

    def _top(self, body: Body, kind: str) -> Body:
        return {"id": "fake", "object": kind, "model": body["model"]}

    def _usage(self, body: Body, said: Response) -> Body:
        given, made = counts(sum(words(message.get("content")) for message in self.messages(body)), said)
        return {"prompt_tokens": given, "completion_tokens": made, "total_tokens": given + made}


class Text(Chat):
    """`/completions`."""

    def messages(self, body: Body) -> Messages:
        return [{"role": "user", "content": body["prompt"]}]

    def whole(self, body: Body, said: Response) -> Body:
        choices: list[Body] = [
            {"index": number, "text": text, "finish_reason": _FINISH[said.finish if number == 0 else "stop"]}
            for number, text in enumerate((said.text, *said.others))
        ]
        if body.get("logprobs"):
            tokens = said.text.split()
            choices[0]["logprobs"] = {"tokens": tokens, "token_logprobs": [-0.25] * len(tokens)}
        return {**self._top(body, "text_completion"), "choices": choices, "usage": self._usage(body, said)}

    def events(self, body: Body, said: Response) -> list[Body]:
        whole = self.whole(body, said)
        top = self._top(body, "text_completion")
        chunks = []
        for choice in whole["choices"]:
            index = choice["index"]
            texts = [{"index": index, "text": piece, "finish_reason": None} for piece in pieces(choice["text"])]
            chunks += [{**top, "choices": [item]} for item in (*texts, {**choice, "text": ""})]
        return [*chunks, {**top, "choices": [], "usage": whole["usage"]}]


class Responses:
    """`/responses`."""

    part = "output"

    def messages(self, body: Body) -> Messages:
        return [item for item in body["input"] if "role" in item]

    def whole(self, body: Body, said: Response) -> Body:
        content: Body = {"type": "output_text", "text": said.text, "annotations": []}
        if said.finish == "refusal":
            content = {"type": "refusal", "refusal": said.text}
        if "message.output_text.logprobs" in (body.get("include") or ()):
            content["logprobs"] = [{"token": token, "logprob": -0.25} for token in said.text.split()]
        output: list[Body] = [
            *([{"type": "reasoning", "summary": [{"type": "summary_text", "text": said.reasoning}]}] if said.reasoning else []),
            {"type": "message", "role": "assistant", "status": "completed", "content": [content] if said.text else []},
            *({"type": "function_call", "call_id": c.id, "name": c.name, "arguments": c.arguments} for c in said.tool_calls),
        ]
        given, made = counts(sum(words(message.get("content")) for message in self.messages(body)), said)
        return {
            "id": "fake",
            "object": "response",
            "model": body["model"],
            "status": "incomplete" if said.finish == "length" else "completed",
            "incomplete_details": {"reason": "max_output_tokens"} if said.finish == "length" else None,
            "error": None,
            "output": output,
            "usage": {"input_tokens": given, "output_tokens": made, "total_tokens": given + made},
        }

    def events(self, body: Body, said: Response) -> list[Body]:
        whole = self.whole(body, said)
        kind = "response.refusal.delta" if said.finish == "refusal" else "response.output_text.delta"
        thoughts = pieces(said.reasoning or "")
        return [
            {"type": "response.created", "response": {**whole, "status": "in_progress", "output": []}},
            *({"type": "response.reasoning_summary_text.delta", "delta": piece} for piece in thoughts),
            *({"type": kind, "delta": piece} for piece in pieces(said.text)),
            {"type": f"response.{whole['status']}", "response": whole},
        ]

    def error(self, status: int, text: str, code: str) -> Body:
        return {"error": {"message": text, "type": code, "code": code, "status": status}}


class Embeddings(Chat):
    """`/embeddings`. Vectors are made from the digests of the texts; they come in reverse order, with their indices."""

    part = "data"

    def messages(self, body: Body) -> Messages:
        return [{"role": "user", "content": text} for text in body["input"]]

    def whole(self, body: Body, said: Response) -> Body:  # noqa: ARG002 - the same shape as its siblings
        size = body.get("dimensions", 8)
        rows = [{"index": number, "embedding": vector(text, size)} for number, text in enumerate(body["input"])]
        return {
            "object": "list",
            "model": body["model"],
            "data": rows[::-1],
            "usage": {"prompt_tokens": sum(map(words, body["input"]))},
        }


def vector(text: str, size: int = 8) -> list[float]:
    """The fake embedding of a text: numbers in [0, 1], the same for the same text.

    >>> vector("a") == vector("a"), vector("a") == vector("b"), len(vector("a", 3))
    (True, False, 3)
    """
    return [byte / 255 for byte in hashlib.shake_256(text.encode("utf-8", "surrogatepass")).digest(size)]


def _call(call: ToolCall) -> Body:
    return {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}}


def _call_pieces(number: int, call: ToolCall) -> list[Body]:
    """A call as it is streamed: its name first, then its arguments in two pieces."""
    half = len(call.arguments) // 2
    start = {"index": number, "id": call.id, "type": "function", "function": {"name": call.name, "arguments": ""}}
    rest = [{"index": number, "function": {"arguments": text}} for text in (call.arguments[:half], call.arguments[half:])]
    return [{"tool_calls": [item]} for item in (start, *rest)]

"""Replies in the forms of OpenAI's chat completions and completions, whole and in pieces."""

from __future__ import annotations

import secrets
import time
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any

from adjoint.lm.openai_form import chat_call

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from adjoint.lm.types import Response

_FINISH = {"stop": "stop", "length": "length", "refusal": "content_filter", "tool_calls": "tool_calls"}


class Form(ABC):
    """One interface's form of one answer: all its pieces have the same id and time."""

    prefix: str
    whole: str
    piece: str

    def __init__(self, model: str) -> None:
        self._top = {"id": f"{self.prefix}-{secrets.token_hex(12)}", "created": int(time.time()), "model": model}

    def body(self, replies: Sequence[Response]) -> dict[str, Any]:
        """The answer as a whole."""
        return {**self._top, "object": self.whole, "choices": [*self._choices(replies)], "usage": usage(replies)}

    def delta(self, index: int, text: str, *, first: bool) -> dict[str, Any]:
        """A piece of the text of one choice."""
        return self._chunk({"index": index, **self._piece(text, first=first), "finish_reason": None})

    def last(self, index: int, reply: Response, *, own: bool = True) -> dict[str, Any]:
        """The end of one choice; `own` if it is the reply's first text, of which alone more is known."""
        return self._chunk({"index": index, **self._end(reply, own=own)})

    def count(self, replies: Sequence[Response]) -> dict[str, Any]:
        """The usage, behind the last choice."""
        return {**self._top, "object": self.piece, "choices": [], "usage": usage(replies)}

    def _chunk(self, choice: dict[str, Any]) -> dict[str, Any]:
        return {**self._top, "object": self.piece, "choices": [choice]}

    def _choices(self, replies: Sequence[Response]) -> Iterator[dict[str, Any]]:
        for index, (text, reply, own) in enumerate(texts(replies)):
            yield {"index": index, **self._choice(text, reply, own=own)}

    @abstractmethod
    def _choice(self, text: str, reply: Response, *, own: bool) -> dict[str, Any]: ...
    @abstractmethod
    def _piece(self, text: str, *, first: bool) -> dict[str, Any]: ...
    @abstractmethod
    def _end(self, reply: Response, *, own: bool) -> dict[str, Any]: ...


class Chat(Form):
    """`/v1/chat/completions`."""

    prefix, whole, piece = "chatcmpl", "chat.completion", "chat.completion.chunk"

    def _choice(self, text: str, reply: Response, *, own: bool) -> dict[str, Any]:
        refusal = text if own and reply.finish == "refusal" else None
        message: dict[str, Any] = {"role": "assistant", "content": None if refusal else text, "refusal": refusal}
        if own:
            message.update(_besides(reply))
        return {"message": message, "logprobs": _scores(reply) if own else None, "finish_reason": _finish(reply, own=own)}

    def _piece(self, text: str, *, first: bool) -> dict[str, Any]:
        return {"delta": {**({"role": "assistant"} if first else {}), "content": text}}

    def _end(self, reply: Response, *, own: bool) -> dict[str, Any]:
        delta = _besides(reply) if own else {}
        if "tool_calls" in delta:
            delta["tool_calls"] = [{"index": at, **call} for at, call in enumerate(delta["tool_calls"])]
        return {"delta": delta, "logprobs": _scores(reply) if own else None, "finish_reason": _finish(reply, own=own)}


class Text(Form):
    """`/v1/completions`."""

    prefix, whole, piece = "cmpl", "text_completion", "text_completion"

    def _choice(self, text: str, reply: Response, *, own: bool) -> dict[str, Any]:
        return {"text": text, "logprobs": _old_scores(reply) if own else None, "finish_reason": _finish(reply, own=own)}

    def _piece(self, text: str, *, first: bool) -> dict[str, Any]:  # noqa: ARG002 - only chats begin with a role
        return {"text": text, "logprobs": None}

    def _end(self, reply: Response, *, own: bool) -> dict[str, Any]:
        return self._choice("", reply, own=own)


def texts(replies: Sequence[Response]) -> Iterator[tuple[str, Response, bool]]:
    """All texts in the order of their choices: text, the reply it is of, and whether it is the reply's first."""
    for reply in replies:
        yield reply.text, reply, True
        for other in reply.others:
            yield other, reply, False


def usage(replies: Sequence[Response]) -> dict[str, int]:
    given = sum(reply.usage.input_tokens for reply in replies)
    made = sum(reply.usage.output_tokens for reply in replies)
    return {"prompt_tokens": given, "completion_tokens": made, "total_tokens": given + made}


def _finish(reply: Response, *, own: bool) -> str:
    return _FINISH[reply.finish] if own else "stop"


def _besides(reply: Response) -> dict[str, Any]:
    """What a message holds beside its text."""
    found: dict[str, Any] = {}
    if reply.tool_calls:
        found["tool_calls"] = [chat_call(call) for call in reply.tool_calls]
    if reply.reasoning:
        found["reasoning_content"] = reply.reasoning
    return found


def _tokens(reply: Response) -> list[tuple[str, float]]:
    """The tokens that have a text: the mark that ends a reply has none."""
    return [(one.token, one.logprob) for one in reply.logprobs or () if one.token]


def _scores(reply: Response) -> dict[str, Any] | None:
    if reply.logprobs is None:
        return None
    tokens = [
        {"token": token, "logprob": score, "bytes": [*token.encode("utf-8", "replace")], "top_logprobs": []}
        for token, score in _tokens(reply)
    ]
    return {"content": tokens, "refusal": None}


def _old_scores(reply: Response) -> dict[str, Any] | None:
    if reply.logprobs is None:
        return None
    tokens, at, offsets = _tokens(reply), 0, []
    for token, _ in tokens:
        offsets.append(at)
        at += len(token)
    return {
        "tokens": [token for token, _ in tokens],
        "token_logprobs": [score for _, score in tokens],
        "top_logprobs": None,
        "text_offset": offsets,
    }

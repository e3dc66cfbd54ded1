"""The chunks of a streamed completion, put together to the body of an unstreamed one."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

from adjoint.lm import wire
from adjoint.lm.types import Delta
from adjoint.lm.wire import Malformed

_THOUGHTS = ("reasoning_content", "reasoning")


class Choices(ABC):
    """Choices by their index; the pieces of the first one are handed on as they come."""

    def __init__(self) -> None:
        self._choices: dict[int, dict[str, Any]] = {}
        self._top: dict[str, Any] = {}

    @abstractmethod
    def begun(self) -> dict[str, Any]:
        """What a choice holds before anything has come."""

    @abstractmethod
    def more(self, choice: dict[str, Any], said: dict[str, Any]) -> Delta:
        """Add what was said to the choice; give the piece of text in it."""

    def add(self, event: dict[str, Any], /) -> Delta | None:
        self._top.update({key: event[key] for key in ("model", "usage") if event.get(key) is not None})
        piece = None
        for said in wire.objects(event.get("choices"), "choices"):
            index = wire.count(said.get("index")) or 0
            choice = self._choices.setdefault(index, {"index": index, "finish_reason": None, **self.begun()})
            choice["finish_reason"] = said.get("finish_reason") or choice["finish_reason"]
            made = self.more(choice, said)
            piece = made if index == 0 else piece
        return piece

    def whole(self) -> dict[str, Any]:
        if not self._choices or not all(choice["finish_reason"] for choice in self._choices.values()):
            message = "a stream that ended before the reply did"
            raise Malformed(message)
        return {**self._top, "choices": [self._choices[index] for index in sorted(self._choices)]}


class ChatAssembly(Choices):
    """Each choice is a message: its text, its thoughts, a refusal, and tool calls that come in pieces too."""

    def begun(self) -> dict[str, Any]:
        return {"message": {"content": "", "tool_calls": {}}, "logprobs": {"content": None}}

    def more(self, choice: dict[str, Any], said: dict[str, Any]) -> Delta:
        chances = wire.mapping(said.get("logprobs"), "log probabilities").get("content")
        if chances:
            choice["logprobs"]["content"] = [*(choice["logprobs"]["content"] or []), *wire.objects(chances, "log probabilities")]
        delta, message = wire.mapping(said.get("delta"), "a piece of a message"), choice["message"]
        text = wire.text(delta.get("content"), "content")
        message["content"] += text
        for name in ("refusal", *_THOUGHTS):
            if delta.get(name):
                message[name] = message.get(name, "") + wire.text(delta[name], name)
        for call in wire.objects(delta.get("tool_calls"), "tool calls"):
            _add_call(message["tool_calls"], call)
        # Servers that send thoughts under both names send the same ones.
        thought = next((wire.text(delta[name], name) for name in _THOUGHTS if delta.get(name)), "")
        return Delta(text, thought)

    def whole(self) -> dict[str, Any]:
        data = super().whole()
        for choice in data["choices"]:
            choice["message"]["tool_calls"] = list(choice["message"]["tool_calls"].values())
        return data


def _add_call(calls: dict[int, dict[str, Any]], said: dict[str, Any]) -> None:
    """The name comes whole with the first piece, the arguments in pieces. Without an index it is a call of its own."""
    index = wire.count(said.get("index"))
    call = calls.setdefault(len(calls) if index is None else index, {"function": {"name": "", "arguments": ""}})
    call["id"] = said.get("id") or call.get("id")
    function = wire.mapping(said.get("function"), "function of a tool call")
    call["function"]["name"] = function.get("name") or call["function"]["name"]
    call["function"]["arguments"] += wire.written(function.get("arguments"))

"""Methods of an LM that its user has written, as DSPy's users do: from a request to such a method and back."""

from __future__ import annotations

from collections.abc import Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from adjoint.base.errors import LMError
from adjoint.base.foreign import foreign
from adjoint.base.portal import portal
from adjoint.lm import openai_form
from adjoint.lm.types import NO_USAGE, Response, ToolCall, Usage

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from adjoint.base.errors import AdjointError
    from adjoint.lm.base import BaseLM
    from adjoint.lm.types import Request
    from adjoint.program.lm import LM

_OPTIONS = ("temperature", "max_tokens", "stop", "seed", "n")


@dataclass
class _Asking:
    """The method of an LM that is being run, and what it has asked of the LM's endpoint meanwhile."""

    owner: LM
    replies: list[Response] = field(default_factory=list)


_asking: ContextVar[_Asking | None] = ContextVar("adjoint_asking", default=None)


class Written:
    """The client of an LM with a `__call__`, `forward` or `aforward` of its own. `inner` is what `super()` reaches there.

    With `awaits` it is `aforward` that answers, otherwise `forward` in a thread of its own. It has no identity, since nothing
    says what the method does: its replies are not used again.
    """

    def __init__(self, name: str, owner: LM, inner: BaseLM | None = None, *, awaits: bool = True) -> None:
        self.name, self.owner, self.inner, self.awaits = name, owner, inner, awaits

    async def __call__(self, request: Request) -> Response:
        asking = _Asking(self.owner)
        token = _asking.set(asking)
        try:
            answer = await foreign(self._asked(request), LMError, f"the language model {self.name}")
        finally:
            _asking.reset(token)
        used = sum((reply.usage for reply in asking.replies), NO_USAGE) if asking.replies else Usage(1)
        return answer if isinstance(answer, Response) else _read(answer, self.name, used)

    def _asked(self, request: Request) -> Awaitable[Any]:
        body = request.as_dict()
        options: dict[str, Any] = {**{name: body[name] for name in _OPTIONS if name in body}, **request.extra}
        if request.tools:
            options["tools"] = [openai_form.tool(spec) for spec in request.tools]
        if request.schema is not None:
            options["response_format"] = openai_form.response_format(request.schema)
        messages = [openai_form.chat_message(message) for message in request.messages]
        if self.owner.written is not None:
            return portal.in_thread(self.owner.written, None, messages=messages, **options)
        if self.awaits:
            return self.owner.aforward(None, messages, **options)
        return portal.in_thread(self.owner.forward, None, messages, **options)


class Unreached:
    """What stands beneath a method of one's own where no model has that name: who asks it is told so."""

    def __init__(self, name: str, error: AdjointError) -> None:
        self.name, self.error = name, error

    async def __call__(self, request: Request) -> Response:
        del request
        raise self.error


def beneath(lm: LM) -> BaseLM | None:
    """What the LM's own method asks when it calls `super()`; None outside of such a method."""
    asking = _asking.get()
    return lm.client.inner if asking is not None and asking.owner is lm and isinstance(lm.client, Written) else None


async def ask_beneath(inner: BaseLM, request: Request) -> Response:
    """Ask it, and remember what it used: the reply of the method itself may be texts alone."""
    response = await inner(request)
    asking = _asking.get()
    if asking is not None:
        asking.replies.append(response)
    return response


def _read(answer: Any, name: str, used: Usage) -> Response:
    """A text, a list of texts, or what OpenAI's client gives."""
    if isinstance(answer, str):
        return Response(answer, usage=used, model=name)
    choices = answer if isinstance(answer, list) else _get(answer, "choices") or ()
    calls = _calls(choices[0]) if choices else ()
    texts = [_text(choice) for choice in choices]
    if calls and texts[0] is None:
        texts[0] = ""
    if not texts or not all(isinstance(text, str) for text in texts):
        message = f"the language model {name} gave {answer!r:.200}; give a text, or choices with a message each."
        raise LMError(message)
    usage = _get(answer, "usage")
    if usage:
        used = Usage(1, *(_get(usage, key) or 0 for key in ("prompt_tokens", "completion_tokens")))
    return Response(texts[0], usage=used, model=_get(answer, "model") or name, tool_calls=calls, others=tuple(texts[1:]))


def _text(choice: Any) -> Any:
    if isinstance(choice, str):
        return choice
    message = _get(choice, "message")
    return _get(choice, "text") if message is None else _get(message, "content")


def _calls(choice: Any) -> tuple[ToolCall, ...]:
    called = _get(_get(choice, "message"), "tool_calls") or ()
    functions = [(_get(call, "id") or "", _get(call, "function")) for call in called]
    return tuple(ToolCall(id_, _get(function, "name"), _get(function, "arguments")) for id_, function in functions)


def _get(item: Any, name: str) -> Any:
    """A member of what may be a mapping or an object."""
    return item.get(name) if isinstance(item, Mapping) else getattr(item, name, None)

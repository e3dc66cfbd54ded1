"""BaseLM: language models that users write themselves, with the method that DSPy's have."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from adjoint.base.errors import LMError
from adjoint.base.foreign import foreign
from adjoint.base.portal import portal
from adjoint.lm import openai_form
from adjoint.lm.types import Response, Usage
from adjoint.program.lm import LM

if TYPE_CHECKING:
    from adjoint.lm.types import Request


class BaseLM(LM):
    """Override `forward(prompt, messages, **options)`, or `aforward` if it awaits.

    `messages` are dictionaries with `role` and `content`, `options` those of the request. The reply is a text, a
    `Response`, or what OpenAI's client gives: `choices` with a `message` each, and `usage`.

    >>> class Shouting(BaseLM):
    ...     def forward(self, prompt=None, messages=None, **options):
    ...         return messages[-1]["content"].upper()
    >>> Shouting("shouting")("hello")
    ['HELLO']
    """

    def __init__(self, model: str, *args: Any, **options: Any) -> None:
        super().__init__(_Own(model, self), *args, **options)

    def forward(self, prompt: str | None = None, messages: list[dict[str, Any]] | None = None, **options: Any) -> Any:
        message = f"{type(self).__name__} has no forward; write `def forward(self, prompt=None, messages=None, **kwargs)`."
        raise NotImplementedError(message)

    async def aforward(self, prompt: str | None = None, messages: list[dict[str, Any]] | None = None, **options: Any) -> Any:
        """By default `forward` in a thread of its own, since it may wait."""
        return await portal.in_thread(self.forward, prompt, messages, **options)


class _Own:
    """The client inside: from a request to the user's method and back."""

    def __init__(self, name: str, owner: BaseLM) -> None:
        self.name, self.owner = name, owner

    async def __call__(self, request: Request) -> Response:
        body = request.as_dict()
        options: dict[str, Any] = {name: body[name] for name in ("temperature", "max_tokens", "stop", "seed", "n") if name in body}
        if request.tools:
            options["tools"] = [openai_form.tool(spec) for spec in request.tools]
        if request.schema is not None:
            options["response_format"] = openai_form.response_format(request.schema)
        messages = [openai_form.chat_message(message) for message in request.messages]
        asked = self.owner.aforward(None, messages, **options, **request.extra)
        answer = await foreign(asked, LMError, f"the language model {self.name}")
        return answer if isinstance(answer, Response) else _read(answer, self.name)


def _read(answer: Any, name: str) -> Response:
    if isinstance(answer, str):
        return Response(answer, model=name)
    texts = [_text(choice) for choice in _get(answer, "choices") or ()]
    if not texts or not all(isinstance(text, str) for text in texts):
        message = f"the language model {name} gave {answer!r:.200}; give a text, or choices with a message each."
        raise LMError(message)
    usage = _get(answer, "usage")
    counts = [_get(usage, key) or 0 for key in ("prompt_tokens", "completion_tokens")]
    return Response(texts[0], usage=Usage(1, *counts), model=_get(answer, "model") or name, others=tuple(texts[1:]))


def _text(choice: Any) -> Any:
    message = _get(choice, "message")
    return _get(choice, "text") if message is None else _get(message, "content")


def _get(item: Any, name: str) -> Any:
    """A member of what may be a mapping or an object."""
    return item.get(name) if isinstance(item, Mapping) else getattr(item, name, None)

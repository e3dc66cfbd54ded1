"""BaseLM: language models that users write themselves, with the method that DSPy's have."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from adjoint.base.portal import portal
from adjoint.program.lm import LM
from adjoint.program.written_lm import Written

if TYPE_CHECKING:
    from collections.abc import Sequence


class BaseLM(LM):
    """Override `forward(prompt, messages, **options)`, or `aforward` if it awaits.

    `messages` are dictionaries with `role` and `content`, `options` those of the request. The reply is a text, a list of
    texts, a `Response`, or what OpenAI's client gives: `choices` with a `message` each, and `usage`.

    >>> class Shouting(BaseLM):
    ...     def forward(self, prompt=None, messages=None, **options):
    ...         return messages[-1]["content"].upper()
    >>> Shouting("shouting")("hello")
    ['HELLO']
    """

    def __init__(self, model: str, *args: Any, **options: Any) -> None:
        super().__init__(Written(model, self), *args, **options)

    def forward(self, prompt: str | None = None, messages: Sequence[dict[str, Any]] | None = None, **options: Any) -> Any:
        message = f"{type(self).__name__} has no forward; write `def forward(self, prompt=None, messages=None, **kwargs)`."
        raise NotImplementedError(message)

    async def aforward(self, prompt: str | None = None, messages: Sequence[dict[str, Any]] | None = None, **options: Any) -> Any:
        """By default `forward` in a thread of its own, since it may wait."""
        return await portal.in_thread(self.forward, prompt, messages, **options)

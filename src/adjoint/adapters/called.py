"""Adapters that are called by themselves, as DSPy's can be: format, ask once, parse."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from adjoint.base.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from adjoint.signature.signature import Signature


class Called:
    """What has `format` and `parse` can be called with an LM. Predictors ask in a way of their own, which a `__call__` would not change."""

    format: Any
    parse: Any
    asks_once: ClassVar[bool] = True
    """Whether one request is all that it takes."""

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        for name in ("__call__", "acall"):
            if name in vars(cls):
                message = f"{cls.__name__}.{name} would not be asked by predictors: override format and parse."
                raise UsageError(message)

    def __call__(
        self,
        lm: Any,
        lm_kwargs: Mapping[str, Any],
        signature: type[Signature],
        demos: Sequence[Mapping[str, Any]],
        inputs: Mapping[str, Any],
    ) -> list[dict[str, Any]]:
        """The outputs of each reply to one request. Nothing is asked twice: what cannot be read raises `ParseError`."""
        texts = lm(messages=self._messages(signature, demos, inputs), **lm_kwargs)
        return [self.parse(signature, text) for text in texts]

    async def acall(
        self,
        lm: Any,
        lm_kwargs: Mapping[str, Any],
        signature: type[Signature],
        demos: Sequence[Mapping[str, Any]],
        inputs: Mapping[str, Any],
    ) -> list[dict[str, Any]]:
        """The same, to await."""
        texts = await lm.acall(messages=self._messages(signature, demos, inputs), **lm_kwargs)
        return [self.parse(signature, text) for text in texts]

    def _messages(self, *given: Any) -> Any:
        if not self.asks_once:
            message = f"{type(self).__name__} asks more than once and cannot be called by itself; give it to predictors: context(adapter=...)."
            raise UsageError(message)
        return self.format(*given)

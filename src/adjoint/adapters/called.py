"""Adapters that are called by themselves, as DSPy's can be: format, ask once, parse."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from adjoint.base.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from adjoint.signature.signature import Signature


class Called:
    """What has `format` and `parse` can be called with an LM. Predictors ask in a way of their own, which a `__call__` would not change."""

    format: Any
    parse: Any

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
        texts = lm(messages=self.format(signature, demos, inputs), **lm_kwargs)
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
        texts = await lm.acall(messages=self.format(signature, demos, inputs), **lm_kwargs)
        return [self.parse(signature, text) for text in texts]

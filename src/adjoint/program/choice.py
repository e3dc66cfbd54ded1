"""ModelChoice: an LM that is one of several. Which one is a parameter, so that optimizers may choose for each predictor."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from adjoint.base.errors import UsageError
from adjoint.program.context import named_lm
from adjoint.program.parameter import Parameter

if TYPE_CHECKING:
    from collections.abc import Sequence

    from adjoint.lm.base import BaseLM
    from adjoint.lm.types import Request, Response


class ModelChoice(Parameter[int]):
    """Set it as the `lm` of a predictor: `program.answer.lm = ModelChoice(["openai/small", "openai/large"])`.

    Its value is the place of the LM that answers; LMs are objects or names. In all else it is that LM.
    """

    __slots__ = ("lms",)

    def __init__(
        self, lms: Sequence[BaseLM | str], chosen: int = 0, *, role: str = "choice of the language model", trainable: bool = True
    ) -> None:
        super().__init__(chosen, kind="number", role=role, trainable=trainable)
        self.lms: tuple[BaseLM, ...] = tuple(named_lm(one) if isinstance(one, str) else one for one in lms)
        if not 0 <= chosen < len(self.lms):
            message = f"ModelChoice of {len(self.lms)} models cannot have chosen number {chosen}; give 0 to {len(self.lms) - 1}."
            raise UsageError(message)

    @property
    def lm(self) -> BaseLM:
        """The LM that answers now."""
        return self.lms[self.value]

    async def __call__(self, request: Request, /) -> Response:
        return await self.lm(request)

    def __getattr__(self, name: str) -> Any:
        """Its name, price, options and so on are those of the chosen LM."""
        if name.startswith("__") or name in ("lms", "value"):  # not there yet while it is being copied
            raise AttributeError(name)
        return getattr(self.lm, name)

    def copy(self) -> ModelChoice:
        return ModelChoice(self.lms, self.value, role=self.role, trainable=self.trainable)

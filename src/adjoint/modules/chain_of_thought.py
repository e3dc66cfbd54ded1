"""ChainOfThought: a predictor that writes its reasoning before its outputs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from adjoint.modules.predict import Predict
from adjoint.program.module import Module
from adjoint.signature.fields import OutputField
from adjoint.signature.signature import make

if TYPE_CHECKING:
    from adjoint.program.prediction import Prediction
    from adjoint.program.prompt import Prompt


class ChainOfThought(Module):
    """`Predict` with an output `reasoning` in front of the others.

    >>> ChainOfThought("question -> answer").predict.signature.signature
    'question -> reasoning, answer'
    """

    kind = "chain_of_thought"

    def __init__(self, signature: Any, instructions: str | None = None, **config: Any) -> None:
        base = make(signature, instructions)
        extended = base if "reasoning" in base.output_fields else base.prepend("reasoning", OutputField())
        self.predict = Predict(extended, **config)

    def render(self, **inputs: Any) -> Prompt:
        """What a call with these inputs would send. Nothing is called."""
        return self.predict.render(**inputs)

    def forward(self, **inputs: Any) -> Prediction:
        return self.predict(**inputs)

    async def aforward(self, **inputs: Any) -> Prediction:
        return await self.predict.acall(**inputs)

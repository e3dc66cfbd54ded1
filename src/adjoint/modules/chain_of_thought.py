"""ChainOfThought: a predictor that writes its reasoning before its outputs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Generic, cast

from adjoint.modules.predict import Predict
from adjoint.program.module import Module
from adjoint.program.results import Result, asked_for, result_class
from adjoint.signature.fields import OutputField
from adjoint.signature.signature import make

if TYPE_CHECKING:
    from adjoint.program.prediction import Prediction
    from adjoint.program.prompt import Prompt


class ChainOfThought(Module, Generic[Result]):
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

    def forward(self, **inputs: Any) -> Result:
        return self._typed(self.predict(**inputs))

    async def aforward(self, **inputs: Any) -> Result:
        return self._typed(await self.predict.acall(**inputs))

    if TYPE_CHECKING:

        def __call__(self, *args: Any, **inputs: Any) -> Result: ...
        async def acall(self, *args: Any, **inputs: Any) -> Result: ...

    def _typed(self, made: Prediction) -> Result:
        """The prediction as what `ChainOfThought[...]` was asked for."""
        asked = asked_for(self)
        return cast("Result", made if asked is None else made._seen_as(result_class(asked, self.predict.signature)))

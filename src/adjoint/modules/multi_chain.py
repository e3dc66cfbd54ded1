"""MultiChainComparison: compare several finished chains of thought and answer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from adjoint.adapters.written import write
from adjoint.base.errors import UsageError
from adjoint.modules.predict import Predict
from adjoint.program.module import Module
from adjoint.program.prediction import peek
from adjoint.program.tape import Edge, Linked
from adjoint.signature.fields import InputField, OutputField
from adjoint.signature.signature import make

if TYPE_CHECKING:
    from collections.abc import Sequence

    from adjoint.program.prediction import Prediction


class MultiChainComparison(Module):
    """`MultiChainComparison("question -> answer", M=3)(completions, question=...)` weighs `M` attempts.

    A completion is a prediction or a mapping with `reasoning` (or `rationale`) and the last output.
    """

    def __init__(self, signature: Any, M: int = 3, temperature: float = 0.7, **config: Any) -> None:  # noqa: N803 - DSPy's name
        task = make(signature)
        self.M, self.last_key = M, list(task.output_fields)[-1]
        for number in range(M):
            task = task.append(f"reasoning_attempt_{number + 1}", InputField())
        task = task.prepend("rationale", OutputField(desc="weigh the attempts and correct their mistakes"))
        self.predict = Predict(task, temperature=temperature, **config)

    async def aforward(self, completions: Sequence[Any], **inputs: Any) -> Prediction:
        if len(completions) != self.M:
            message = f"{len(completions)} completions were given where M={self.M} are compared."
            raise UsageError(message)
        attempts = {f"reasoning_attempt_{number + 1}": self._attempt(item) for number, item in enumerate(completions)}
        return await self.predict.acall(**inputs, **attempts)

    def _attempt(self, item: Any) -> Any:
        look = peek if hasattr(item, "_store") else dict.get
        why = look(item, "reasoning") or look(item, "rationale") or ""
        text = f"{str(why).strip()}\n{self.last_key}: {write(look(item, self.last_key))}".strip()
        node = getattr(item, "_node", None)
        return text if node is None else Linked(text, [Edge(node, name, "declared", 1.0) for name in node.outputs])

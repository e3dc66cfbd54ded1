"""What every judge is: a metric that asks a language model, and a module, so that its prompts can be seen, saved and optimised."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from adjoint.adapters.written import write_fields
from adjoint.base.errors import MetricError
from adjoint.data.records import expected_outputs
from adjoint.program.context import context
from adjoint.program.module import Module
from adjoint.program.prediction import peek

if TYPE_CHECKING:
    from adjoint.data.records import Example, Record
    from adjoint.lm.base import BaseLM
    from adjoint.program.prediction import Prediction


class JudgeMetric(Module):
    """Base of judges: `judge(example, prediction)` gives a `Score`; its calls are billed to the role "judge".

    `lm` judges; without one the context's LM does, the very one that is judged. With a `trace` (while a program is being compiled,
    as in DSPy) a judge with a threshold says whether the score reaches it.
    """

    def __init__(self, lm: BaseLM | str | None = None) -> None:
        self._judge = lm

    def __call__(self, example: Example, pred: Record, trace: Any = None) -> Any:
        return super().__call__(example, pred, trace)

    async def ask(self, predictor: Any, **inputs: Any) -> Prediction:
        """One call of a predictor of this judge."""
        with context(role="judge", **({} if self._judge is None else {"lm": self._judge})):
            said: Prediction = await predictor.acall(**inputs)
        return said


def question(example: Example) -> str:
    """What was asked: the only input, or all of them by name."""
    return write_fields(example.inputs().toDict())


def response(example: Example, pred: Record) -> str:
    """What is judged: the labelled outputs, or all of them if none is labelled."""
    names = list(expected_outputs(example, pred.keys())) or pred.keys()
    return write_fields({name: peek(pred, name) for name in names})


def truth(example: Example, pred: Record) -> str:
    """The labels of the row, empty if it has none."""
    return write_fields(expected_outputs(example, pred.keys()))


def needed_truth(example: Example, pred: Record) -> str:
    """The labels of the row. Raises `MetricError` if it has none."""
    found = truth(example, pred)
    if not found:
        message = f"the row has no label for the outputs {', '.join(pred.keys())}, which this judge compares with."
        raise MetricError(message)
    return found

"""Judge: right or not, and why, in one call."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from adjoint.base.errors import MetricError
from adjoint.data.records import Score
from adjoint.eval import prompts
from adjoint.eval.judges.base import JudgeMetric, question, response, truth
from adjoint.modules.predict import Predict

if TYPE_CHECKING:
    from adjoint.data.records import Example, Record
    from adjoint.lm.base import BaseLM


class Judge(JudgeMetric):
    r"""Pass or fail with a reason: against the row's label, or against a `rubric` in words, for which no label is needed.

    `Judge()(example, prediction)` is a Score of 1 or 0 with the reason as feedback. Its prompt is `adjoint.eval.prompts.Judge`, in the
    family that the embedded LM is trained on. A row with neither label nor rubric raises `MetricError`.

    >>> from adjoint import Example
    >>> from adjoint.testing import ScriptedLM
    >>> judge = Judge(lm=ScriptedLM(["[[reason]]\nParis is meant.\n[[verdict]]\nyes"]))
    >>> judge(Example(q="Capital of France?", answer="Paris").with_inputs("q"), Example(answer="It is Paris."))
    Score(value=1.0, feedback='Paris is meant.', parts={})
    """

    def __init__(self, rubric: str = "", *, lm: BaseLM | str | None = None) -> None:
        super().__init__(lm)
        self.rubric = rubric
        self.verdict = Predict(prompts.Judge)

    async def aforward(self, example: Example, pred: Record, trace: Any = None) -> Score:
        del trace
        against = {"rubric": self.rubric} if self.rubric else {"expected": truth(example, pred)}
        if not any(against.values()):
            message = "the row has no label and the judge no rubric; give Judge('what makes an output right') or label the rows."
            raise MetricError(message)
        said = await self.ask(self.verdict, input=question(example), output=response(example, pred), **against)
        return Score(float(said.verdict == "yes"), said.reason)

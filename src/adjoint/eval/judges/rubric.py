"""Rubric: several criteria, each graded for itself on a scale."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from adjoint.base.errors import MetricError, UsageError
from adjoint.data.records import Score
from adjoint.eval import prompts
from adjoint.eval.judges.base import JudgeMetric, question, response, truth
from adjoint.eval.metrics.labels import mean
from adjoint.exec.local import all_of
from adjoint.modules.predict import Predict

if TYPE_CHECKING:
    from adjoint.data.records import Example, Record
    from adjoint.lm.base import BaseLM


class Rubric(JudgeMetric):
    r"""Grades from 1 to `levels` for each criterion, one call each; the score is their mean, moved to [0, 1].

    `criteria` is one text or a mapping from name to text; each is a part of the score. `Rubric({"polite": "The tone is polite.",
    "short": "Nothing is said twice."})`. Criteria are asked apart, because a judge that grades all at once lets one colour the others.
    Labels are shown if the row has some. A grade off the scale is an error, never a score (`MetricError`).

    >>> from adjoint import Example
    >>> from adjoint.testing import ScriptedLM
    >>> judge = Rubric("The tone is polite.", lm=ScriptedLM(["[[reason]]\nfriendly\n[[grade]]\n4"]))
    >>> judge(Example(q="Where is it?").with_inputs("q"), Example(answer="It is on its way.")).value
    0.75
    """

    def __init__(self, criteria: str | Mapping[str, str], *, levels: int = 5, lm: BaseLM | str | None = None) -> None:
        super().__init__(lm)
        self.criteria = dict(criteria) if isinstance(criteria, Mapping) else {"grade": criteria}
        if not self.criteria or not all(self.criteria.values()) or levels < 2:
            message = f"Rubric({criteria!r}, levels={levels}): give at least one criterion in words and 2 levels."
            raise UsageError(message)
        self.levels = levels
        self.grade = Predict(prompts.Grade)

    async def aforward(self, example: Example, pred: Record, trace: Any = None) -> Score:
        del trace
        graded = await all_of(self._graded(name, example, pred) for name in self.criteria)
        parts = {name: value for name, (value, _) in zip(self.criteria, graded, strict=True)}
        said = "; ".join(f"{name}: {reason}" for name, (_, reason) in zip(self.criteria, graded, strict=True))
        return Score(mean(list(parts.values())), said, parts)

    async def _graded(self, name: str, example: Example, pred: Record) -> tuple[float, str]:
        scale = f"1 (not at all) to {self.levels} (fully)"
        said = await self.ask(
            self.grade, input=question(example), output=response(example, pred), expected=truth(example, pred),
            criterion=self.criteria[name], scale=scale,
        )  # fmt: skip
        if not 1 <= said.grade <= self.levels:
            message = f"the judge graded {name!r} with {said.grade}, which is not on the scale from 1 to {self.levels}."
            raise MetricError(message)
        return (said.grade - 1) / (self.levels - 1), said.reason

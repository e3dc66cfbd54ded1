"""Pairwise: which of two outputs is better? Both orders are asked, for judges favour a place; if they disagree it is a tie.

Zheng et al. (2023), arXiv 2306.05685, section 3.3.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from adjoint.base.errors import UsageError
from adjoint.base.portal import portal
from adjoint.data.records import Score, id_of
from adjoint.eval import prompts
from adjoint.eval.compare import compare_scores
from adjoint.eval.judges.base import JudgeMetric, needed_truth, question, response
from adjoint.eval.judges.given import judged
from adjoint.exec.local import all_of
from adjoint.modules.predict import Predict

if TYPE_CHECKING:
    from adjoint.data.records import Example, Record
    from adjoint.eval.compare import Comparison
    from adjoint.eval.report import Report
    from adjoint.lm.base import BaseLM
    from adjoint.lm.budget import Budget

CRITERION = "It is right, does what the input asks for, and says nothing else."


@dataclass(frozen=True, slots=True)
class Preferred:
    """What both orders said. `consistent` is False if the judge changed its mind with the order, which makes it a tie."""

    winner: Literal["a", "b", "tie"]
    consistent: bool
    reasons: tuple[str, str]


class Pairwise(JudgeMetric):
    """Compares two outputs by a criterion in words. As a metric it compares the prediction with the row's label: 1, 0.5 (tie) or 0.

    `await judge.between(example, a, b)` gives a `Preferred`; `prefer(before, after, judge)` compares two reports row by row.
    """

    def __init__(self, criterion: str = CRITERION, *, lm: BaseLM | str | None = None) -> None:
        super().__init__(lm)
        self.criterion = criterion
        self.better = Predict(prompts.Preference)

    async def between(self, example: Example, a: str, b: str) -> Preferred:
        """Which of two outputs is better, asked in both orders; equal outputs tie without a call."""
        if a == b:
            return Preferred("tie", consistent=True, reasons=("the outputs are equal", ""))
        here, there = await all_of([self._first(example, a, b), self._first(example, b, a)])
        swapped = {"first": "second", "second": "first", "tie": "tie"}[there.better]
        consistent = here.better == swapped
        names: dict[str, Literal["a", "b", "tie"]] = {"first": "a", "second": "b", "tie": "tie"}
        return Preferred(names[here.better] if consistent else "tie", consistent, (here.reason, there.reason))

    async def aforward(self, example: Example, pred: Record, trace: Any = None) -> Score:
        del trace
        return _scored(await self.between(example, needed_truth(example, pred), response(example, pred)))

    async def _first(self, example: Example, first: str, second: str) -> Any:
        return await self.ask(self.better, input=question(example), criterion=self.criterion, first=first, second=second)


def prefer(before: Report, after: Report, judge: Pairwise, *, budget: Budget | str | int | None = None) -> Comparison:
    """Compare two reports on the same rows by a pairwise judge: `difference` is the share of wins less that of losses, paired as ever.

    Rows that failed on either side, and rows that the judge failed on, are left out and counted. Raises `UsageError` if the reports
    share no row.
    """
    left, right = ({cell.example: cell.prediction for cell in report.cells} for report in (before, after))
    rows = {id_of(row): row for row in before.rows if id_of(row) in left and id_of(row) in right}
    if not rows:
        message = f"{before.name!r} and {after.name!r} share no row, so they cannot be compared; evaluate both on the same data."
        raise UsageError(message)
    asked = [(row, made) for name, row in rows.items() if left[name] is not None and (made := right[name]) is not None]

    async def metric(example: Example, prediction: Record) -> Score:
        rival: Any = left[id_of(example)]
        return _scored(await judge.between(example, response(example, rival), response(example, prediction)))

    found = portal.run(judged(asked, metric, name="preference", budget=budget))[0] if asked else []
    scores: dict[str, float | None] = dict.fromkeys(rows) | {
        id_of(row): score for (row, _), score in zip(asked, found, strict=True)
    }
    later = [None if right[name] is None else scores[name] for name in rows]
    earlier = [None if left[name] is None or score is None else 1 - score for name, score in scores.items()]
    return compare_scores(earlier, later, list(rows))


def _scored(found: Preferred) -> Score:
    value = {"a": 0.0, "tie": 0.5, "b": 1.0}[found.winner]
    said = found.reasons[0] if found.consistent else f"both orders disagree: {found.reasons[0]} / {found.reasons[1]}"
    return Score(value, said, {"consistent": float(found.consistent)})

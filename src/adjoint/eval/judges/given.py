"""Predictions that are already there, measured by a metric: many at once, on one budget, kept in the ledger, errors apart."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from adjoint.base.json import digest, plain
from adjoint.data.records import Example, id_of
from adjoint.eval.evaluate import aevaluate
from adjoint.program.metric import measure
from adjoint.program.module import Module
from adjoint.program.tape import Tape

if TYPE_CHECKING:
    from collections.abc import Sequence

    from adjoint.data.records import Record, Score
    from adjoint.eval.report import Report
    from adjoint.lm.budget import Budget
    from adjoint.program.metric import Metric


class _Given(Module):
    """The program that says what was said before."""

    def __init__(self, predictions: Sequence[Any]) -> None:
        self._given = (predictions,)  # within a tuple of records nothing is taken for a part of the program

    async def aforward(self, place: int) -> Any:
        return self._given[0][place]


async def judged(
    pairs: Sequence[tuple[Example, Record]], metric: Metric, *, name: str, budget: Budget | str | int | None = None
) -> tuple[list[float | None], Report]:
    """The score of each prediction, None where there is none, and the report that says why and at what cost."""
    rows = [
        Example.row({"place": place}, {}, id=digest([place, id_of(row), plain(made)], length=16), metadata={})
        for place, (row, made) in enumerate(pairs)
    ]

    async def metric_of(row: Example, _: Any) -> Score:
        example, made = pairs[row.place]
        return await measure(metric, example, made, Tape())

    report = await aevaluate(_Given([made for _, made in pairs]), rows, metric_of, name=name, budget=budget)
    found = {cell.example: cell.score.value for cell in report.cells if cell.score is not None}
    return [found.get(id_of(row)) for row in rows], report

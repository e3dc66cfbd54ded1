"""What a row took besides its score: tokens, length, dollars, seconds; each with mean, interval and n.

| name | unit | depends on |
|---|---|---|
| tokens | tokens read and written, an upper estimate by the texts | the run alone: the same when replies come from the ledger |
| length | characters of the outputs | the run alone |
| usd | dollars paid now | what the ledger already had |
| seconds | wall time of rows that were asked now | the machine, the provider, the load |
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from adjoint.eval.intervals import LEAST, UNIT, Interval, bootstrap_interval, mean_interval
from adjoint.eval.metrics.objectives import tokens_of, written

if TYPE_CHECKING:
    from collections.abc import Sequence

    from adjoint.eval.cells import Cell

_ANYWHERE = Interval(-float("inf"), float("inf"))
_PERCENTILES = (50, 90, 99)


class Measure(NamedTuple):
    """A mean with its 95 % interval over n cells; None where there is none, the ends where nothing is known."""

    mean: float | None
    low: float | None
    high: float | None
    n: int

    def to_dict(self) -> dict[str, Any]:
        return self._asdict()


def measure_of(values: Sequence[float]) -> Measure:
    """The mean of any numbers: in [0, 1] they are treated as scores (`mean_interval`), else resampled (`bootstrap_interval`).

    >>> measure_of([120.0, 120.0]), measure_of([])
    (Measure(mean=120.0, low=None, high=None, n=2), Measure(mean=None, low=None, high=None, n=0))
    """
    if not values:
        return Measure(None, None, None, 0)
    mean = sum(values) / len(values)
    if all(UNIT.holds(value) for value in values):
        return Measure(mean, *mean_interval(values), len(values))
    if len(values) < LEAST or max(values) == min(values):
        return Measure(mean, None, None, len(values))
    return Measure(mean, *bootstrap_interval(values, bounds=_ANYWHERE), len(values))


def measures_of(cells: Sequence[Cell]) -> dict[str, Measure]:
    """What the cells with a score took; a measure that no cell has is left out."""
    good = [cell for cell in cells if cell.score is not None]
    asked = [cell for cell in good if cell.usage.calls]
    found = {
        "tokens": [float(tokens_of(cell.tape)) for cell in good if cell.tape is not None],
        "length": [float(written(cell.prediction)) for cell in good if cell.prediction is not None],
        "usd": [cell.usage.usd for cell in asked if cell.usage.usd is not None],
        "seconds": [cell.seconds for cell in asked],
    }
    return {name: measure_of(values) for name, values in found.items() if values}


def latency_of(cells: Sequence[Cell]) -> dict[str, float]:
    """Percentiles of the seconds of cells that were asked now, queues included."""
    import numpy as np

    seconds = [cell.seconds for cell in cells if cell.usage.calls]
    return {f"p{share}": round(float(np.percentile(seconds, share)), 6) for share in _PERCENTILES} if seconds else {}

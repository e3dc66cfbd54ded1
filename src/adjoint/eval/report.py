"""Reports: what an evaluation found, with an interval, n, errors and cost beside every number."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

from adjoint.base.json import plain
from adjoint.data.records import id_of
from adjoint.eval.stats import mean_interval
from adjoint.lm.types import Usage

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from adjoint.base.json import Json
    from adjoint.data.records import Example
    from adjoint.eval.cells import Cell
    from adjoint.eval.stats import Interval


@dataclass(frozen=True)
class Report:
    """The cells of one program on some rows, in the order of the rows.

    `mean`, `low` and `high` are over the rows that have a score; `errors` counts the rows that have none. `seconds` is
    wall time. `stopped` says why rows are missing, if some are. `usage_by_role` says what was paid now for the program
    ("task"), judges and others, failed attempts included; it is empty for an evaluation inside a larger run.
    """

    name: str
    rows: tuple[Example, ...]
    cells: tuple[Cell, ...]
    seconds: float
    stopped: str | None = None
    usage_by_role: Mapping[str, Usage] = field(default_factory=dict)

    @cached_property
    def scores(self) -> list[float]:
        return [cell.score.value for cell in self.cells if cell.score is not None]

    @property
    def n(self) -> int:
        """Rows with a score."""
        return len(self.scores)

    @property
    def errors(self) -> int:
        return sum(cell.error is not None for cell in self.cells)

    @cached_property
    def interval(self) -> Interval:
        return mean_interval(self.scores)

    @property
    def mean(self) -> float | None:
        """The mean score in [0, 1], or None if no row has a score."""
        return sum(self.scores) / self.n if self.n else None

    @property
    def low(self) -> float:
        """Lower end of the 95 % interval of the mean."""
        return self.interval.low

    @property
    def high(self) -> float:
        """Upper end of the 95 % interval of the mean."""
        return self.interval.high

    @property
    def score(self) -> float | None:
        """The mean in percent, as DSPy's users know it."""
        return None if self.mean is None else round(100 * self.mean, 2)

    @cached_property
    def usage(self) -> Usage:
        """What was paid now; replies from the ledger count no call."""
        return sum((cell.usage for cell in self.cells), Usage())

    @property
    def results(self) -> list[tuple[Example, Any, float | None]]:
        """For each row: the example, its prediction, and its score (None where there was an error)."""
        by_id = {id_of(row): row for row in self.rows}
        return [(by_id[c.example], c.prediction, None if c.score is None else c.score.value) for c in self.cells]

    def __float__(self) -> float:
        if self.mean is None:
            return float("nan")
        return self.mean

    def __str__(self) -> str:
        if self.mean is None:
            return f"{self.name}: no score, n=0, {self.errors} errors"
        return (
            f"{self.name}: {100 * self.mean:.1f} % [{100 * self.low:.1f}, {100 * self.high:.1f}], n={self.n}, "
            f"{self.errors} errors, {self.usage.calls} calls, {self.seconds:.1f} s"
        )

    def to_dict(self, *, cells: bool = True) -> dict[str, Json]:
        """The report as JSON; `cells=False` leaves the rows out."""
        body: dict[str, Json] = {
            "name": self.name,
            "score": self.mean,
            "low": self.low,
            "high": self.high,
            "n": self.n,
            "errors": self.errors,
            "calls": self.usage.calls,
            "usage": plain(self.usage),
            "usage_by_role": plain(self.usage_by_role),
            "seconds": round(self.seconds, 3),
            "stopped": self.stopped,
        }
        if cells:
            body["rows"] = [plain(cell.record()) for cell in self.cells]
        return body


def ordered(rows: Sequence[Example], found: dict[int, Cell]) -> tuple[Cell, ...]:
    """The cells by the order of their rows, whatever the order in which they ended."""
    return tuple(found[index] for index in range(len(rows)) if index in found)

"""Reports: what an evaluation found, with an interval, n, errors and cost beside every number."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

from adjoint.base.json import plain
from adjoint.base.words import count
from adjoint.data.records import id_of
from adjoint.eval import views
from adjoint.eval.measures import Measure, latency_of, measure_of, measures_of
from adjoint.eval.sampling import groups_of, plain_interval
from adjoint.lm.types import NO_USAGE

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from adjoint.base.json import Json
    from adjoint.data.records import Example
    from adjoint.eval.cells import Cell
    from adjoint.eval.intervals import Interval
    from adjoint.eval.sampling import By, Sampling
    from adjoint.lm.types import Usage


class Slice(NamedTuple):
    """Rows of one kind: how many have a score, their mean in [0, 1] with its 95 % interval (None without a score), and errors."""

    name: str
    n: int
    mean: float | None
    low: float
    high: float
    errors: int

    def __str__(self) -> str:
        mean = "no score" if self.mean is None else f"{100 * self.mean:.1f} % [{100 * self.low:.1f}, {100 * self.high:.1f}]"
        return f"{self.name}: {mean}, n={self.n}, {count(self.errors, 'error')}"


@dataclass(frozen=True)
class Report:
    """The cells of one program on some rows, in the order of the rows.

    `mean`, `low` and `high` are over the rows that have a score; `errors` counts the cells that have none. A row that was
    measured several times counts once, with the mean of its scores. `seconds` is wall time. `stopped` says why cells are missing, if
    some are. `usage_by_role` says what was paid now for the program ("task"), judges and others, failed attempts included; it is
    empty for an evaluation inside a larger run. `sampling` says how the rows were drawn, if not one by one.
    """

    name: str
    rows: tuple[Example, ...]
    cells: tuple[Cell, ...]
    seconds: float
    stopped: str | None = None
    usage_by_role: Mapping[str, Usage] = field(default_factory=dict)
    sampling: Sampling | None = None

    @cached_property
    def by_row(self) -> dict[str, float]:
        """The score of each row that has one, by its id: the mean of its repeats."""
        found: defaultdict[str, list[float]] = defaultdict(list)
        for cell in self.cells:
            if cell.score is not None:
                found[cell.example].append(cell.score.value)
        return {name: sum(values) / len(values) for name, values in found.items()}

    @property
    def scores(self) -> list[float]:
        """The scores of the rows that have one, in the order of the rows."""
        return list(self.by_row.values())

    @cached_property
    def scored(self) -> list[Example]:
        """The rows that have a score, in the order of `scores`."""
        by_id = {id_of(row): row for row in self.rows}
        return [by_id[name] for name in self.by_row]

    @property
    def n(self) -> int:
        """Rows with a score."""
        return len(self.by_row)

    @property
    def errors(self) -> int:
        """Cells with an error; they are in no mean."""
        return sum(cell.error is not None for cell in self.cells)

    @cached_property
    def interval(self) -> Interval:
        """The 95 % interval of the mean, as it fits scores and `sampling`."""
        return plain_interval(self.scored, self.scores, self.sampling)

    @cached_property
    def mean(self) -> float | None:
        """The mean score in [0, 1], or None if no row has a score."""
        if not self.n:
            return None
        return sum(self.scores) / self.n if self.sampling is None else self.sampling.mean(self.scored, self.scores)

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
        return sum((cell.usage for cell in self.cells), NO_USAGE)

    @property
    def results(self) -> list[tuple[Example, Any, float | None]]:
        """For each cell: the example, its prediction, and its score (None where there was an error)."""
        by_id = {id_of(row): row for row in self.rows}
        return [(by_id[c.example], c.prediction, None if c.score is None else c.score.value) for c in self.cells]

    # Beyond the mean ---------------------------------------------------------------------------------------------

    @cached_property
    def parts(self) -> dict[str, Measure]:
        """The parts that the metric gave, by name, each with its mean, interval and n."""
        found: defaultdict[str, list[float]] = defaultdict(list)
        for cell in self.cells:
            for name, value in ({} if cell.score is None else cell.score.parts).items():
                found[name].append(float(value))
        return {name: measure_of(values) for name, values in found.items()}

    @cached_property
    def objectives(self) -> dict[str, Measure]:
        """Quality and what it took, for each row that has a score: see `eval/measures.py`."""
        return {"quality": Measure(self.mean, self.low, self.high, self.n), **measures_of(self.cells)}

    @cached_property
    def latency(self) -> dict[str, float]:
        """Seconds of a row at the 50th, 90th and 99th percentile, over rows that were asked now; empty if none was."""
        return latency_of(self.cells)

    def by(self, what: By) -> list[Slice]:
        """The rows in slices, by a field or a function of a row. Look at many slices and some will stand out by chance."""
        names = dict(zip((id_of(row) for row in self.rows), groups_of(self.rows, what), strict=True))
        found = []
        for name in sorted(set(names.values())):
            part = replace(
                self, rows=tuple(row for row in self.rows if names[id_of(row)] == name), cells=tuple(self._in(names, name))
            )
            found.append(Slice(name, part.n, part.mean, part.low, part.high, part.errors))
        return found

    def _in(self, names: Mapping[str, str], name: str) -> list[Cell]:
        return [cell for cell in self.cells if names[cell.example] == name]

    # Views -------------------------------------------------------------------------------------------------------

    def __float__(self) -> float:
        return float("nan") if self.mean is None else self.mean

    def __str__(self) -> str:
        if self.mean is None:
            return f"{self.name}: no score, n=0, {count(self.errors, 'error')}"
        return (
            f"{self.name}: {100 * self.mean:.1f} % [{100 * self.low:.1f}, {100 * self.high:.1f}], n={self.n}, "
            f"{count(self.errors, 'error')}, {count(self.usage.calls, 'call')}, {self.seconds:.1f} s"
        )

    def table(self) -> list[dict[str, Json]]:
        """One flat record a cell: id, inputs, labels, outputs, score, feedback, parts, error, calls, seconds."""
        return views.records(self)

    def to_csv(self, path: str | Path) -> None:
        """Write `table()` as CSV."""
        views.write_csv(self.table(), path)

    def to_dataframe(self) -> Any:
        """`table()` as a pandas DataFrame. Needs `adjoint[notebook]`."""
        return views.dataframe(self.table())

    def _repr_html_(self) -> str:
        return views.html(str(self), self.table())

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
            "parts": {name: part.to_dict() for name, part in self.parts.items()},
            "objectives": {name: one.to_dict() for name, one in self.objectives.items()},
            "latency": plain(self.latency),
        }
        if cells:
            body["rows"] = [plain(cell.record()) for cell in self.cells]
        return body


def ordered(count: int, found: Mapping[int, Cell]) -> tuple[Cell, ...]:
    """The cells by the order of their jobs, whatever the order in which they ended."""
    return tuple(found[index] for index in range(count) if index in found)

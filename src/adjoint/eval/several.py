"""Several programs or models on the same rows: paired comparisons, and what is left of them when there are many."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from adjoint.base.errors import UsageError
from adjoint.data.records import id_of
from adjoint.eval import views
from adjoint.eval.compare import compare_scores
from adjoint.eval.sampling import groups_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from adjoint.base.json import Json
    from adjoint.eval.compare import Comparison
    from adjoint.eval.report import Report


def compare(before: Report, after: Report) -> Comparison:
    """The paired comparison of two reports on the same rows: difference with interval, exact test, flips, verdict.

    If the later report's rows were drawn in clusters, each cluster is one pair, with its mean on both sides: `n`, `fixed` and `broken`
    are then about clusters, and `difference` is their mean. Raises `UsageError` if the reports share no row.
    """
    measured = {cell.example for cell in before.cells} & {cell.example for cell in after.cells}
    rows = [row for row in before.rows if id_of(row) in measured]
    if not rows:
        message = f"{before.name!r} and {after.name!r} share no row, so they cannot be compared; evaluate both on the same data."
        raise UsageError(message)
    ids = [id_of(row) for row in rows]
    drawn = None if after.sampling is None else after.sampling.cluster
    pairs = ids if drawn is None else groups_of(rows, drawn)
    return compare_scores([before.by_row.get(name) for name in ids], [after.by_row.get(name) for name in ids], pairs)


def holm(ps: Sequence[float]) -> list[float]:
    """The p values adjusted for having looked at all of them: (k - rank) · p, never falling. Holm (1979), Scand. J. Stat. 6.

    >>> holm([0.01, 0.04, 0.03])
    [0.03, 0.06, 0.06]
    """
    order = sorted(range(len(ps)), key=lambda place: ps[place])
    found, highest = [0.0] * len(ps), 0.0
    for rank, place in enumerate(order):
        highest = max(highest, min(1.0, (len(ps) - rank) * ps[place]))
        found[place] = highest
    return found


@dataclass(frozen=True)
class Reports:
    """The reports of several programs or models on the same rows; the first is what the others are compared with."""

    reports: tuple[Report, ...]

    def __iter__(self) -> Iterator[Report]:
        return iter(self.reports)

    def __len__(self) -> int:
        return len(self.reports)

    def __getitem__(self, key: int | str) -> Report:
        """A report by its place or by its name."""
        if isinstance(key, int):
            return self.reports[key]
        return next(report for report in self.reports if report.name == key)

    @cached_property
    def comparisons(self) -> tuple[Comparison | None, ...]:
        """Each later report against the first; None where one of the two has no cell."""
        first = self.reports[0]
        return tuple(compare(first, later) if first.cells and later.cells else None for later in self.reports[1:])

    @cached_property
    def adjusted(self) -> list[float | None]:
        """The p values of the comparisons by Holm's rule: the chance that *any* such difference shows up where none is."""
        adjusted = iter(holm([one.p for one in self.comparisons if one is not None]))
        return [None if one is None else next(adjusted) for one in self.comparisons]

    def table(self) -> list[dict[str, Json]]:
        """One record a report: score with interval, n, errors, cost, latency, and the comparison with the first."""
        return [self._record(place) for place in range(len(self.reports))]

    def _record(self, place: int) -> dict[str, Json]:
        report = self.reports[place]
        record: dict[str, Json] = {
            "id": report.name, "score": report.mean, "low": report.low, "high": report.high, "n": report.n, "errors": report.errors,
            "calls": report.usage.calls, "usd": report.usage.usd, "p50 seconds": report.latency.get("p50"),
        }  # fmt: skip
        found = self.comparisons[place - 1] if place else None
        if found is not None:
            record |= {"difference": found.difference, "difference low": found.low, "difference high": found.high, "p": found.p}
            record |= {"p adjusted": self.adjusted[place - 1], "verdict": found.verdict}
        return record

    def __str__(self) -> str:
        lines = [str(report) for report in self.reports]
        for later, found, p in zip(self.reports[1:], self.comparisons, self.adjusted, strict=True):
            more = "" if p is None or len(self.reports) == 2 else f" (adjusted for {len(self.reports) - 1} comparisons: {p:.2g})"
            lines.append(f"{later.name} against {self.reports[0].name}: {'no rows' if found is None else found.words}{more}")
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        return views.html(f"{len(self.reports)} reports", self.table())

    def to_csv(self, path: Any) -> None:
        """Write `table()` as CSV."""
        views.write_csv(self.table(), path)

    def to_dataframe(self) -> Any:
        """`table()` as a pandas DataFrame. Needs `adjoint[notebook]`."""
        return views.dataframe(self.table())

    def to_dict(self, *, cells: bool = True) -> dict[str, Json]:
        """All reports and comparisons as JSON."""
        return {
            "reports": [report.to_dict(cells=cells) for report in self.reports],
            "comparisons": [None if one is None else one.to_dict() for one in self.comparisons],
            "adjusted": list(self.adjusted),
        }

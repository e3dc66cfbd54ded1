"""What an allocator is: it decides which cells to buy for a round of candidates, and which of them they show to be best.

Allocators know candidates and rows by their names only, so what they decide cannot depend on anything but scores.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from adjoint.base import rng
from adjoint.base.errors import BudgetExceeded

if TYPE_CHECKING:
    import random
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from adjoint.base.json import Json


class Cells(Protocol):
    """The scores of candidates on rows. What was bought once is there for the life of the run, and costs nothing again."""

    async def buy(self, names: Sequence[str], rows: Sequence[str]) -> None:
        """Make sure that every one of these candidates was tried on every one of these rows. Raises `BudgetExceeded`."""
        ...

    def has(self, name: str, row: str) -> bool:
        """Whether the cell was bought."""
        ...

    def score(self, name: str, row: str) -> float | None:
        """The score in [0, 1] of a bought cell; None if it failed."""
        ...


@dataclass(frozen=True)
class Round:
    """What there is to decide. All names differ; `kept` are those that earlier rounds have kept, the incumbent apart.

    `rows` are the selection rows in the one random order of the run: who buys them from the front uses earlier cells again.
    `shuffled` draws an order anew. `asked` counts the candidates of earlier rounds. The last round of a run is `final`:
    it has no candidates, and happens only if some were kept.
    """

    number: int
    incumbent: str
    candidates: tuple[str, ...]
    kept: tuple[str, ...]
    rows: tuple[str, ...]
    seed: int
    cells: Cells = field(repr=False)
    asked: int = 0
    final: bool = False

    def rng(self, *names: str | int) -> random.Random:
        """The random stream of this round with that name."""
        return rng.stream(self.seed, "allocate", self.number, *names)

    def shuffled(self) -> tuple[str, ...]:
        """The rows in an order that no earlier round has seen."""
        rows = list(self.rows)
        self.rng("order").shuffle(rows)
        return tuple(rows)

    def mean(self, name: str) -> float:
        """The mean over everything that is known of a candidate; minus infinity if nothing is."""
        scores = [score for row in self.rows if self.cells.has(name, row) and (score := self.cells.score(name, row)) is not None]
        return math.fsum(scores) / len(scores) if scores else -math.inf

    def full(self, name: str) -> bool:
        """Whether a candidate was tried on every row."""
        return all(self.cells.has(name, row) for row in self.rows)


@dataclass(frozen=True)
class Outcome:
    """The best candidate now, and those that later rounds may go on with. `cut` is the spent budget if it ended the round."""

    best: str
    kept: tuple[str, ...] = ()
    cut: BudgetExceeded | None = None


@runtime_checkable
class Allocator(Protocol):
    """Its decisions depend on the round only, so that a run is replayed by doing it again."""

    name: str

    def settings(self) -> Mapping[str, Json]:
        """Everything that decides what is bought: part of the name of the run."""
        ...

    async def choose(self, work: Round) -> Outcome:
        """Buy cells and choose. The incumbent stays unless another candidate is strictly better on the cells bought."""
        ...


def paired(names: Sequence[str], rows: Sequence[str], cells: Cells) -> list[list[float]]:
    """The scores of each name over the rows that all of them answered: an error is no zero, and no reason to compare unlike rows."""
    table = [[cells.score(name, row) if cells.has(name, row) else None for name in names] for row in rows]
    whole = [[score for score in scores if score is not None] for scores in table if None not in scores]
    return [list(scores) for scores in zip(*whole, strict=True)] if whole else [[] for _ in names]


def ranked(names: Sequence[str], first: str, rows: Sequence[str], cells: Cells) -> list[str]:
    """The names from the best to the worst over the rows that all answered. Of equals `first` comes first, then their order."""
    sums = dict(zip(names, map(math.fsum, paired(names, rows, cells)), strict=True))
    return sorted(names, key=lambda name: (-sums[name], name != first))


def able(names: Sequence[str], rows: Sequence[str], cells: Cells) -> list[str]:
    """Those that answered at least one of the rows, so that one broken candidate does not spoil the comparison of others."""
    return [name for name in names if any(cells.has(name, row) and cells.score(name, row) is not None for row in rows)]


async def eliminate(
    work: Round,
    arms: Sequence[str],
    rows: Sequence[str],
    rungs: Iterable[int],
    survivors: Callable[[Sequence[str], Sequence[str]], Sequence[str]],
) -> tuple[list[str], BudgetExceeded | None]:
    """Let all arms answer the first rows of each rung, and go on with those who survive the rows that were new in it.

    `rungs` are growing numbers of rows. Gives the survivors, the best first; if the budget ends it, those still there.
    """
    active, seen, cut = list(arms), 0, None
    try:
        for rung in rungs:
            await work.cells.buy(active, rows[seen:rung])
            active = able(active, rows[:rung], work.cells) or [work.incumbent]
            active = list(survivors(active, rows[seen:rung]))
            seen = rung
            if len(active) == 1:
                break
    except BudgetExceeded as error:
        cut, seen = error, len(rows)
    if work.incumbent in arms and not any(paired(active, rows[:seen], work.cells)):
        return [work.incumbent], cut  # nothing is known of them all
    return ranked(active, work.incumbent, rows[:seen], work.cells), cut

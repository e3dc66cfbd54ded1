"""The oracle: reveals the cells of a matrix one at a time to whoever buys them, and counts."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from adjoint.base import rng
from adjoint.optim.allocate import Round

if TYPE_CHECKING:
    from collections.abc import Sequence

    from adjoint.optim.allocate import Allocator
    from benchmarks.replay.worlds import Table


@dataclass
class Oracle:
    """Cells of a table: names of candidates and rows are their places as text. What was not bought cannot be read."""

    table: Table
    revealed: dict[str, dict[str, float]] = field(default_factory=dict)
    cells: int = 0

    async def buy(self, names: Sequence[str], rows: Sequence[str]) -> None:
        for name in names:
            known, scores = self.revealed.setdefault(name, {}), self.table[int(name)]
            for row in rows:
                if row not in known:
                    known[row] = float(scores[int(row)])
                    self.cells += 1

    def has(self, name: str, row: str) -> bool:
        return row in self.revealed.get(name, ())

    def score(self, name: str, row: str) -> float | None:
        return self.revealed[name][row]


@dataclass(frozen=True)
class Choice:
    """The arm that was chosen, what it cost, and the scores that were bought for it."""

    arm: int
    cells: int
    scores: tuple[float, ...]


def at_once(allocator: Allocator, table: Table, seed: int) -> Choice:
    """All arms in one round; the first one is the incumbent."""
    arms = tuple(str(arm) for arm in range(len(table)))
    return _rounds(allocator, table, seed, [arms[1:]])


def one_by_one(allocator: Allocator, table: Table, seed: int, trials: float = 1.5) -> Choice:
    """Rounds of one arm each, drawn at random and possibly again: `trials` for each arm. So MIPROv2 asks, whose surrogate knows
    nothing of the order of its arms.
    """
    draw = rng.stream(seed, "asks")
    return _rounds(allocator, table, seed, [(str(draw.randrange(1, len(table))),) for _ in range(round(trials * len(table)))])


def _rounds(allocator: Allocator, table: Table, seed: int, asks: Sequence[tuple[str, ...]]) -> Choice:
    oracle, best, kept, asked = Oracle(table), "0", tuple[str, ...](), 0
    rows = [str(row) for row in range(table.shape[1])]
    rng.stream(seed, "selection").shuffle(rows)
    for number, asked_now in enumerate([*asks, ()]):
        names = tuple(name for name in asked_now if name != best)
        left = tuple(name for name in kept if name not in names)
        if not names and not (number == len(asks) and left):
            continue
        work = Round(number, best, names, left, tuple(rows), seed, oracle, asked=asked, final=number == len(asks))
        outcome = asyncio.run(allocator.choose(work))
        best, kept, asked = outcome.best, tuple(name for name in outcome.kept if name != outcome.best), asked + len(names)
    return Choice(int(best), oracle.cells, tuple(oracle.revealed[best].values()))

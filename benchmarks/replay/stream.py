"""Stream mode: candidates arrive one by one, each a child of one that was accepted. How many cells until a real gain is held?

The proposals are the same for everyone: they depend on the parent only, not on what was shown of it, so what is compared is the
search alone. A child differs from its parent on about 6 % of the rows, and is on average half a point worse.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from adjoint.base import rng
from adjoint.optim.allocate import Round
from adjoint.optim.frontier import instance_front

if TYPE_CHECKING:
    import random
    from collections.abc import Sequence

    from adjoint.optim.allocate import Allocator

TEST = 4000
_SKILLS = 6
_DRIFT, _STEP, _TURN, _OWN = -0.15, 0.16, 0.05, 0.25
"""A child's ability against its parent's: mean and deviation; the deviation of its skills, and of its noise on each row."""


@dataclass(frozen=True)
class Program:
    """What it is right on: the selection rows, the training rows, and the share of the test rows."""

    ability: float
    skills: np.ndarray
    noise: np.ndarray
    right: np.ndarray
    train: np.ndarray
    truth: float


class Stream:
    """Programs of one world. `cells` counts what was revealed; `reached` is that number when the gain was first held."""

    def __init__(self, rows: int, seed: int, goal: float) -> None:
        self.rows, self.draw = rows, np.random.default_rng(seed)
        total = 2 * rows + TEST
        self.difficulty, self.traits = self.draw.normal(0, 1.4, total), self.draw.normal(0, 1, (_SKILLS, total))
        self.programs = [self._program(0.0, np.zeros(_SKILLS), self.draw.normal(0, 0.3, total))]
        self.known: list[dict[str, float]] = [{}]
        self.cells = self.proposals = 0
        self.goal, self.reached = goal, None

    def child(self, parent: int) -> int:
        """A new program like this one; its number."""
        one = self.programs[parent]
        skills = one.skills + self.draw.normal(0, _TURN / _SKILLS**0.5, _SKILLS)
        noise = one.noise + self.draw.normal(0, _OWN, len(one.noise))
        self.programs.append(self._program(one.ability + self.draw.normal(_DRIFT, _STEP), skills, noise))
        self.known.append({})
        self.proposals += 1
        return len(self.programs) - 1

    def hold(self, number: int) -> None:
        """Say which program would be returned now."""
        if self.reached is None and self.programs[number].truth >= self.programs[0].truth + self.goal:
            self.reached = self.cells

    def _program(self, ability: float, skills: np.ndarray, noise: np.ndarray) -> Program:
        right = (ability + skills @ self.traits - self.difficulty + noise > 0).astype(float)
        return Program(
            ability, skills, noise, right[: self.rows], right[self.rows : 2 * self.rows], float(right[2 * self.rows :].mean())
        )

    async def buy(self, names: Sequence[str], rows: Sequence[str]) -> None:
        for name in names:
            known, right = self.known[int(name)], self.programs[int(name)].right
            for row in rows:
                if row not in known:
                    known[row] = float(right[int(row)])
                    self.cells += 1

    def has(self, name: str, row: str) -> bool:
        return row in self.known[int(name)]

    def score(self, name: str, row: str) -> float | None:
        return self.known[int(name)][row]


def with_allocator(allocator: Allocator, stream: Stream, seed: int, most: int) -> None:
    """Each child of the incumbent is a round of its own."""
    rows = [str(row) for row in range(stream.rows)]
    rng.stream(seed, "selection").shuffle(rows)
    best, kept, number = "0", tuple[str, ...](), 0
    while stream.cells < most and stream.reached is None:
        name = str(stream.child(int(best)))
        work = Round(number, best, (name,), kept, tuple(rows), seed, stream, asked=number)
        outcome = asyncio.run(allocator.choose(work))
        best, kept, number = outcome.best, tuple(one for one in outcome.kept if one != outcome.best), number + 1
        stream.hold(int(best))


def gepa(stream: Stream, seed: int, most: int, *, pareto: bool, batch: int = 3) -> None:
    """GEPA's rule: a parent from the frontier (or the best), a strict gate on three training rows, then all selection rows."""
    draw, pool = rng.stream(seed, "gepa"), [0]
    stream.cells += stream.rows
    while stream.cells < most and stream.reached is None:
        parent = _parent(stream, pool, draw) if pareto else _best(stream, pool)
        child = stream.child(parent)
        rows = draw.sample(range(stream.rows), batch)
        stream.cells += 2 * batch
        if stream.programs[child].train[rows].sum() > stream.programs[parent].train[rows].sum():
            pool.append(child)
            stream.cells += stream.rows
            stream.hold(_best(stream, pool))


def _best(stream: Stream, pool: Sequence[int]) -> int:
    return max(pool, key=lambda number: (stream.programs[number].right.sum(), -number))


def _parent(stream: Stream, pool: Sequence[int], draw: random.Random) -> int:
    """From the frontier, in proportion to the number of rows held."""
    held = instance_front({number: dict(enumerate(stream.programs[number].right)) for number in pool})
    return draw.choices(list(held), [len(rows) for rows in held.values()])[0]

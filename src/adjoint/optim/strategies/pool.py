"""A pool of programs: whom to draw as a parent, and whom to merge. No LM is called."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING, Literal, TypeAlias

from adjoint.optim.frontier import instance_front, mean
from adjoint.program.state import name_of

if TYPE_CHECKING:
    import random
    from collections.abc import Iterator, Mapping, Sequence

    from adjoint.base.json import Json
    from adjoint.program.state import State

Selection: TypeAlias = Literal["pareto", "current_best", "epsilon_greedy", "top_k_pareto"]
SELECTIONS: tuple[Selection, ...] = ("pareto", "current_best", "epsilon_greedy", "top_k_pareto")

_EPSILON = 0.1
_TOP = 5


@dataclass(frozen=True)
class Member:
    """A program of the pool: its state, the places of its parents, and its scores by id of the selection row."""

    state: State
    parents: tuple[int, ...]
    scores: Mapping[str, float]

    @property
    def mean(self) -> float:
        return mean(self.scores)


def draw(pool: Sequence[Member], how: Selection, best: int, rng: random.Random) -> int:
    """The place of a parent. The best of the run can always be drawn: it need not be the best on any single row."""
    if how == "current_best":
        return best
    if how == "epsilon_greedy":
        return rng.randrange(len(pool)) if rng.random() < _EPSILON else best
    places = list(range(len(pool)))
    if how == "top_k_pareto":
        places = sorted(places, key=lambda place: -pool[place].mean)[:_TOP]
    weights = {place: len(rows) for place, rows in instance_front({place: pool[place].scores for place in places}).items()}
    weights.setdefault(best, 1)
    drawn = sorted(weights)
    return rng.choices(drawn, [max(1, weights[place]) for place in drawn])[0]


def merges(pool: Sequence[Member]) -> Iterator[tuple[tuple[int, int], State]]:
    """Pairs of the front with a common ancestor that both beat, and the program that takes each part from the side that
    changed it, or from the better one where both did. Pairs with the best means come first.
    """
    held = sorted(
        instance_front({place: one.scores for place, one in enumerate(pool)}), key=lambda place: (-pool[place].mean, place)
    )
    lines = {place: _ancestors(pool, place) for place in held}
    known = {name_of(member.state) for member in pool}
    for one, other in combinations(held, 2):
        if one in lines[other] or other in lines[one]:
            continue
        for root in sorted(lines[one] & lines[other], reverse=True):  # the latest common ancestor first
            if _beats(pool[one], pool[root]) and _beats(pool[other], pool[root]):
                made = _merged(pool[one], pool[other], pool[root])
                if name_of(made) not in known:
                    yield (one, other), made
                    break


def _merged(one: Member, other: Member, root: Member) -> dict[str, Json]:
    first, second = (one, other) if _gain(one, other) >= 0 else (other, one)
    return {name: first.state[name] if first.state[name] != old else second.state[name] for name, old in root.state.items()}


def _beats(member: Member, root: Member) -> bool:
    return _gain(member, root) > 0


def _gain(member: Member, other: Member) -> float:
    """The sum of differences over the rows that both have been tried on."""
    return math.fsum(score - other.scores[row] for row, score in member.scores.items() if row in other.scores)


def _ancestors(pool: Sequence[Member], place: int) -> set[int]:
    found: set[int] = set()
    todo = list(pool[place].parents)
    while todo:
        parent = todo.pop()
        if parent not in found:
            found.add(parent)
            todo += pool[parent].parents
    return found

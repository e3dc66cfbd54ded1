"""Frontiers: who is best on some row, as GEPA asks, and whom nobody equals in everything. No LM is called, nothing is bought."""

from __future__ import annotations

import math
from collections import Counter
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Hashable, Mapping, Sequence

Name = TypeVar("Name", bound="Hashable")
Row = TypeVar("Row", bound="Hashable")

_SAME = 1e-9


def instance_front(scores: Mapping[Name, Mapping[Row, float]]) -> dict[Name, set[Row]]:
    """For each candidate that matters: the rows on which nobody is better (Agrawal et al., "GEPA" (2025), algorithm 2).

    `scores` are by row. Candidates all of whose rows others hold too are dropped, the worst mean first, of equals the later.

    >>> all_rounder, left, right = {"x": 0.9, "y": 0.9}, {"x": 1.0, "y": 0.0}, {"x": 0.0, "y": 1.0}
    >>> instance_front({"all-rounder": all_rounder, "left": left, "right": right, "poor": right})
    {'left': {'x'}, 'right': {'y'}}
    """
    tops: dict[Row, float] = {}
    for own in scores.values():
        for row, score in own.items():
            tops[row] = max(score, tops.get(row, score))
    held = {name: {row for row, score in own.items() if score >= tops[row] - _SAME} for name, own in scores.items()}
    holders = Counter(row for rows in held.values() for row in rows)
    later_first = list(reversed(held))
    for name in sorted(later_first, key=lambda name: mean(scores[name])):
        if all(holders[row] > 1 for row in held[name]):
            holders.subtract(held.pop(name))
    return held


def mean(scores: Mapping[Row, float]) -> float:
    """The mean over the rows that there are; 0 if there is none."""
    return math.fsum(scores.values()) / len(scores) if scores else 0.0


def non_dominated(scores: Mapping[Name, Sequence[float]]) -> list[Name]:
    """Those that no other equals or beats on every row while beating it on one; of equals the first.

    `scores` are over the same rows, or on the same scales.

    >>> non_dominated({"all-rounder": [0.9, 0.9], "left": [1.0, 0.0], "right": [0.0, 1.0], "poor": [0.0, 0.9]})
    ['all-rounder', 'left', 'right']
    """
    names = list(scores)

    def loses(place: int, other: int) -> bool:
        mine, theirs = scores[names[place]], scores[names[other]]
        return all(b >= a for a, b in zip(mine, theirs, strict=True)) and (list(mine) != list(theirs) or other < place)

    return [
        name for place, name in enumerate(names) if not any(loses(place, other) for other in range(len(names)) if other != place)
    ]

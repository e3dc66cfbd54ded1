"""Novelty: how alike two candidates are, by the n-grams of their texts. What says the same again is not paid for."""

from __future__ import annotations

import math
from collections import Counter
from typing import TYPE_CHECKING

from adjoint.base.json import canonical

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from adjoint.program.state import State

_SIZE = 3


def text_of(state: State, names: Iterable[str]) -> str:
    """The values of these parameters as one text."""
    return "\n".join(value if isinstance(value := state[name], str) else canonical(value).decode() for name in names)


def likeness(one: str, other: str) -> float:
    """The cosine of the counts of letter trigrams, in [0, 1].

    >>> likeness("Be brief.", "Be brief.") > 0.99, likeness("Be brief.", "Shout!")
    (True, 0.0)
    """
    first, second = _grams(one), _grams(other)
    shared = sum(count * second[gram] for gram, count in first.items())
    size = math.sqrt(sum(count**2 for count in first.values()) * sum(count**2 for count in second.values()))
    return shared / size if size else float(one == other)


def is_new(text: str, known: Sequence[str], epsilon: float) -> bool:
    """Whether the text lies at least `epsilon` (a share, 0..1) away from all known ones."""
    return all(1.0 - likeness(text, other) >= epsilon for other in known)


def _grams(text: str) -> Counter[str]:
    padded = f"  {' '.join(text.casefold().split())} "
    return Counter(padded[start : start + _SIZE] for start in range(len(padded) - _SIZE + 1))

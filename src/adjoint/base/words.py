"""Words for numbers of things, so that no message says "1 calls"."""

from __future__ import annotations


def count(number: int, one: str, many: str | None = None) -> str:
    """A number with its noun; `many` is the plural where it is not made with an s.

    >>> count(1, "round"), count(0, "round"), count(1200, "reply", "replies")
    ('1 round', '0 rounds', '1200 replies')
    """
    return f"{number} {one if number == 1 else many or f'{one}s'}"

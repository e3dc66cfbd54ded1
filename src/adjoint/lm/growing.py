"""Texts that grow token by token: where a stop string ends them, and what of them can be handed out already."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


def before_stop(text: str, stops: Sequence[str]) -> str | None:
    """What stands before the first stop string; None if there is none in the text.

    >>> before_stop("a b. c", [".", "b"])
    'a '
    """
    found = [at for at in (text.find(stop) for stop in stops) if at >= 0]
    return text[: min(found)] if found else None


def settled(text: str, stops: Sequence[str]) -> str:
    """The text without an end with which a stop string may begin.

    >>> settled("yes --", ["---"])
    'yes '
    """
    begun = (size for stop in stops for size in range(1, len(stop)) if text.endswith(stop[:size]))
    return text[: len(text) - max(begun, default=0)]


@dataclass
class Voice:
    """Hands out a growing text in pieces, where somebody wants them."""

    say: Callable[[str], None] | None
    said: int = 0

    def upto(self, text: str) -> None:
        """Say what is new in the text."""
        if self.say is not None and len(text) > self.said:
            self.say(text[self.said :])
            self.said = len(text)

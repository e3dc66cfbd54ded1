"""The tally of a run: how many critiques and proposals came about, and how many came to nothing."""

from __future__ import annotations

from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence


@dataclass
class Tally:
    """How many critiques and proposals came about, how many have failed, and what the first of these said."""

    made: int = 0
    failed: int = 0
    first: str = ""

    def notes(self) -> tuple[str, ...]:
        """What a report says of the failures; nothing if there are none."""
        if not self.failed:
            return ()
        asked = self.made + self.failed
        return (f"{self.failed} of {asked} critiques and proposals came to nothing; the first: {self.first}",)


_tally: ContextVar[Tally | None] = ContextVar("adjoint_tally", default=None)


@contextmanager
def counted(tally: Tally) -> Iterator[None]:
    """Count there what comes of the proposals inside of the block."""
    token = _tally.set(tally)
    try:
        yield
    finally:
        _tally.reset(token)


def note_down(made: int, failures: Sequence[str]) -> None:
    """Add what came of critiques and proposals to the `Tally` of the run, if there is one."""
    tally = _tally.get()
    if tally is not None:
        tally.made += made
        tally.failed += len(failures)
        tally.first = tally.first or next(iter(failures), "")

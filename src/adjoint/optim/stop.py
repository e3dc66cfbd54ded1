"""Stop rules: when a search ends before its budget is spent or its optimizer has nothing more to try."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from adjoint.base.errors import UsageError
from adjoint.base.words import count

EXHAUSTED = "the optimizer has nothing more to try"
"""Why a search ended that no rule has ended."""
IDLE = "the optimizer has proposed nothing that differs from the program as it is"
"""Why a search ended in which nothing was tried."""


class Stopped(NamedTuple):
    """Why a run ended; `cut` if a spent budget ended it, so that a larger one would go on."""

    why: str
    cut: bool = False


@dataclass(frozen=True, kw_only=True)
class Stop:
    """Rules that are looked at after each round; None means that the rule is not used. The certificate follows in any case.

    `patience` >= 1: so many rounds in a row in which nothing better was found. `target` in [0, 1]: the mean score on all
    selection rows that is good enough. `signal` >= 1: so many rounds in a row in which no candidate scored other than the best
    on any row, so that these rows tell nothing apart. `seconds` >= 0: how long the search may take; a slower machine then
    tries less. Raises `UsageError` for values outside these ranges.

    >>> Stop(patience=3, target=0.9).reason(stale=3, mute=0, best=0.85, seconds=0.0)
    'nothing better was found in 3 rounds'
    """

    patience: int | None = None
    target: float | None = None
    signal: int | None = None
    seconds: float | None = None

    def __post_init__(self) -> None:
        few = any(rounds is not None and rounds < 1 for rounds in (self.patience, self.signal))
        off = self.target is not None and not 0 <= self.target <= 1
        if few or off or (self.seconds is not None and not self.seconds >= 0):
            message = f"{self}: patience >= 1, 0 <= target <= 1, signal >= 1 and seconds >= 0 are allowed."
            raise UsageError(message)

    def reason(self, *, stale: int, mute: int, best: float | None, seconds: float) -> str | None:
        """Why to stop now, if there is a reason. `best` is the mean of the best state if it has seen all selection rows."""
        if best is not None and best >= 1.0:
            return "the best state is right on every selection row: nothing can be better"
        if self.target is not None and best is not None and best >= self.target:
            return f"the target score of {self.target:g} is reached"
        if self.patience is not None and stale >= self.patience:
            return f"nothing better was found in {count(stale, 'round')}"
        if self.signal is not None and mute >= self.signal:
            return f"no more signal: no candidate of {count(mute, 'round')} scored other than the best on any row"
        if self.seconds is not None and seconds >= self.seconds:
            return f"the search has had its {self.seconds:g} s"
        return None

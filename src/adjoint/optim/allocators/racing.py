"""Paired racing with a guarantee: leader-betting elimination over all candidates of a round."""

from __future__ import annotations

from typing import TYPE_CHECKING

from adjoint.eval.race import Race
from adjoint.optim.allocate import Outcome, eliminate
from adjoint.optim.knobs import checked

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from adjoint.base.json import Json
    from adjoint.optim.allocate import Round

_FIRST_BLOCK = 8
"""Rows of the first block; each further block is half as long again as what was seen, so that its rows run at once."""


class Racing:
    """The incumbent and all candidates see the same rows in the same random order, drawn anew; losers leave early.

    `delta` in (0, 1) is the chance that the best of a round is lost (see `eval.race`). A candidate that fails on the whole
    first block leaves without a score.
    """

    name = "racing"

    @checked
    def __init__(self, delta: float = 0.05) -> None:
        self.delta = delta

    def settings(self) -> Mapping[str, Json]:
        return {"delta": self.delta}

    async def choose(self, work: Round) -> Outcome:
        """Race until one is left or all rows are seen."""
        rows, cells = work.shuffled(), work.cells
        race: Race | None = None

        def survivors(active: Sequence[str], block: Sequence[str]) -> Sequence[str]:
            nonlocal race
            race = race or Race(active, len(rows), delta=self.delta)
            for row in block:
                if not race.finished:
                    race.update({name: cells.score(name, row) for name in race.active})
            return race.active

        left, cut = await eliminate(work, (work.incumbent, *work.candidates), rows, blocks(len(rows)), survivors)
        return Outcome(left[0], cut=cut)


def blocks(rows: int) -> Iterator[int]:
    """Where the blocks end.

    >>> list(blocks(50))
    [8, 16, 24, 36, 50]
    """
    seen = 0
    while seen < rows:
        seen = min(rows, seen + max(_FIRST_BLOCK, seen // 2))
        yield seen

"""The full grid: every candidate on every row. What all other allocators are measured against."""

from __future__ import annotations

from typing import TYPE_CHECKING

from adjoint.optim.allocate import Outcome, eliminate

if TYPE_CHECKING:
    from collections.abc import Mapping

    from adjoint.base.json import Json
    from adjoint.optim.allocate import Round


class Grid:
    """Buys everything, and takes the best mean."""

    name = "grid"

    def settings(self) -> Mapping[str, Json]:
        return {}

    async def choose(self, work: Round) -> Outcome:
        arms = (work.incumbent, *work.candidates)
        left, cut = await eliminate(work, arms, work.rows, [len(work.rows)], lambda active, _: active)
        return Outcome(left[0], cut=cut)

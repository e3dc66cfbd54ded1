"""Random minibatches with a full evaluation now and then: how MIPROv2 buys.

Opsahl-Ong et al. (2024), "Optimizing Instructions and Demonstrations for Multi-Stage Language Model Programs". Each candidate
is tried on rows of its own, so the comparison of two is not paired, and one lucky batch wins a full evaluation.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from adjoint.base.errors import BudgetExceeded, UsageError
from adjoint.optim.allocate import Outcome, ranked
from adjoint.optim.knobs import checked

if TYPE_CHECKING:
    from collections.abc import Mapping

    from adjoint.base.json import Json
    from adjoint.optim.allocate import Round


class Minibatch:
    """Tries each candidate on `size` random rows; after every `full_every` candidates, and at the end of the run, the best mean
    that is not fully evaluated yet gets all rows. Only who has seen all rows can become the incumbent.
    """

    name = "minibatch"

    @checked
    def __init__(self, size: int = 35, full_every: int = 5) -> None:
        if size < 1 or full_every < 1:
            message = f"Minibatch(size={size}, full_every={full_every}): both are at least 1."
            raise UsageError(message)
        self.size, self.full_every = size, full_every

    def settings(self) -> Mapping[str, Json]:
        return {"size": self.size, "full_every": self.full_every}

    async def choose(self, work: Round) -> Outcome:
        tried, cut = [work.incumbent, *work.kept], None
        try:
            await work.cells.buy([work.incumbent], work.rows)
            for number, name in enumerate(work.candidates, work.asked + 1):
                batch = work.rng("batch", name).sample(work.rows, min(self.size, len(work.rows)))
                tried.append(name)
                await work.cells.buy([name], batch)
                if number % self.full_every == 0:
                    await self._full(work, tried)
            if work.final:
                await self._full(work, tried)
        except BudgetExceeded as error:
            cut = error
        full = [name for name in tried if work.full(name)] or [work.incumbent]
        best = ranked(full, work.incumbent, work.rows, work.cells)[0]
        return Outcome(best, tuple(name for name in tried if name != best), cut)

    @staticmethod
    async def _full(work: Round, tried: list[str]) -> None:
        due = [name for name in tried if not work.full(name)]
        if due:
            await work.cells.buy([max(due, key=work.mean)], work.rows)

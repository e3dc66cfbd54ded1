"""F-race as CAPO runs it: blocks of rows, and a t-test after each of them.

Zehle et al. (2025), "CAPO: Cost-Aware Prompt Optimization"; Birattari et al. (2002). The test is looked at after every block
without a correction, so its level is no error rate: of two equal prompts one leaves far more often than `alpha` says.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from adjoint.base.errors import UsageError
from adjoint.eval.quantiles import t_quantile
from adjoint.optim.allocate import Outcome, eliminate, paired
from adjoint.optim.knobs import checked

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from adjoint.base.json import Json
    from adjoint.optim.allocate import Round


class FRace:
    """The incumbent, the kept and the new race down to `survivors`, which are kept for later rounds.

    After each block of `block` rows, at most `most` of them, those leave than whom `survivors` others are better by a paired
    one-sided t-test at level `alpha`.
    """

    name = "frace"

    @checked
    def __init__(self, survivors: int = 1, *, alpha: float = 0.2, block: int = 30, most: int = 10) -> None:
        if survivors < 1 or not 0 < alpha < 1 or block < 1 or most < 1:
            message = (
                f"FRace({survivors}, alpha={alpha}, block={block}, most={most}): numbers >= 1 and 0 < alpha < 1 are allowed."
            )
            raise UsageError(message)
        self.survivors, self.alpha, self.block, self.most = survivors, alpha, block, most

    def settings(self) -> Mapping[str, Json]:
        return {"survivors": self.survivors, "alpha": self.alpha, "block": self.block, "most": self.most}

    async def choose(self, work: Round) -> Outcome:
        rows, seen = work.shuffled(), 0
        ends = [min(len(rows), self.block * number) for number in range(1, self.most + 1)]

        def left(active: Sequence[str], block: Sequence[str]) -> Sequence[str]:
            nonlocal seen
            seen += len(block)
            scores = paired(active, rows[:seen], work.cells)
            return [name for name, own in zip(active, scores, strict=True) if self._beaten_by(own, scores) < self.survivors]

        arms = (work.incumbent, *work.kept, *work.candidates)
        found, cut = await eliminate(work, arms, rows, sorted(set(ends)), left)
        return Outcome(found[0], tuple(found[1 : self.survivors]), cut)

    def _beaten_by(self, own: Sequence[float], others: Sequence[Sequence[float]]) -> int:
        return sum(_t(own, other) > t_quantile(1 - self.alpha, len(own) - 1) for other in others) if len(own) > 1 else 0


def _t(before: Sequence[float], after: Sequence[float]) -> float:
    """Student's statistic of the mean difference; without any spread it is 0 or infinite."""
    differences = [b - a for a, b in zip(before, after, strict=True)]
    n, mean = len(differences), math.fsum(differences) / len(differences)
    variance = math.fsum((value - mean) ** 2 for value in differences) / (n - 1)
    return mean / math.sqrt(variance / n) if variance else math.copysign(math.inf, mean) if mean else 0.0

"""The last step of a run: the best state against the original on rows that nothing else has seen."""

from __future__ import annotations

from typing import TYPE_CHECKING

from adjoint.base import rng
from adjoint.base.errors import BudgetExceeded
from adjoint.eval.certificate import Certificate

if TYPE_CHECKING:
    from collections.abc import Sequence

    from adjoint.eval.certificate import Verdict
    from adjoint.optim.allocate import Cells

_BLOCK = 8
"""Rows bought at once between two looks."""


async def certify(
    best: str, original: str, rows: Sequence[str], cells: Cells, *, alpha: float, seed: int
) -> tuple[Verdict, BudgetExceeded | None]:
    """Compare the two on `rows`, block by block in random order, until the best is shown to be better.

    If the budget ends it, what was paid for counts: a later look can only add to it. The error is given back.
    """
    order = list(rows)
    rng.stream(seed, "holdout").shuffle(order)
    certificate = Certificate(alpha)
    for start in range(0, len(order), _BLOCK):
        block, cut = order[start : start + _BLOCK], None
        try:
            await cells.buy([original, best], block)
        except BudgetExceeded as error:
            cut = error
        for row in block:
            if cells.has(best, row) and cells.has(original, row):
                certificate.update(cells.score(best, row), cells.score(original, row))
        if certificate.crossed or cut is not None:
            return certificate.summary(), cut
    return certificate.summary(), None

"""`--dry-run`: the most that a command can cost, said before anything is asked."""

from __future__ import annotations

from typing import TYPE_CHECKING

from adjoint.cli.sources import read_lm, read_program, read_rows
from adjoint.data.splits import split
from adjoint.eval.plan import plan
from adjoint.lm.budget import Budget
from adjoint.modules.predict import MOST_REQUESTS
from adjoint.optim.outlook import outlook

if TYPE_CHECKING:
    from collections.abc import Sequence

    from adjoint.cli.verbs import Common


def evaluation(common: Common, program: str, data: str, models: Sequence[str | None], *, repeats: int, judged: bool) -> int:
    """What `eval` can cost with each of the models."""
    made = read_program(program, common.code)
    rows = read_rows(data, made)
    turns = repeats * MOST_REQUESTS * max(1, len(made.predictors()))
    plans = {
        model or "": plan(
            made, rows, lm=read_lm(model), budget=common.budget, calls_per_row=turns, judge_calls=repeats * MOST_REQUESTS * judged
        )
        for model in models
    }
    words = "\n".join(f"{model}: {one}" if model else str(one) for model, one in plans.items())
    common.show(words, {"plans": [{"model": model or None, **one.to_dict()} for model, one in plans.items()]})
    return 0


def search(common: Common, program: str, data: str, optimizer: str) -> int:
    """What `optimize` can cost: all that its budget allows; and what that can buy and show."""
    made = read_program(program, common.code)
    rows = read_rows(data, made)
    found = plan(made, rows, lm=read_lm(common.model), budget=common.budget, optimizer=optimizer)
    ahead = outlook(split(rows, seed=common.seed), Budget.parse(common.budget), calls_per_row=max(1, len(made.predictors())))
    common.show(f"{found}\n{ahead}", {"plans": [{"model": common.model, **found.to_dict(), "outlook": list(ahead.notes)}]})
    return 0

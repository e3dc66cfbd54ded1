"""Auto: looks at the program, the rows and the budget, picks optimizers that fit, mixes them, and says why in the report.

No optimizer wins everywhere, and many tasks have nothing to win (arXiv 2604.14585). So a few rows are run first: where they are
all right, nothing is tried; where the budget buys few passes over the rows, the cheapest optimizers come first and alone.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, TypeAlias

from adjoint.data.records import expected_outputs
from adjoint.optim import demos as demonstrations
from adjoint.optim.allocators.halving import Halving
from adjoint.optim.base import Candidate
from adjoint.optim.registry import optimizer_of
from adjoint.optim.strategies.combine import Chain, Portfolio
from adjoint.optim.strategy import Strategy
from adjoint.program.choice import ModelChoice
from adjoint.program.context import current
from adjoint.program.state import name_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from adjoint.base.json import Json
    from adjoint.eval.cells import Cell
    from adjoint.optim.base import Memory, Trial, Workbench
    from adjoint.program.state import State

Plan: TypeAlias = "list[list[str]]"
"""Steps one after the other; optimizers of one step compete for its rounds."""

_PROBE = 12
"""Feedback rows that are run before anything is chosen."""
_FEW, _MANY = 4, 16
"""Passes over the rows: with fewer than the first only the cheapest is tried, from the second on several compete."""


@dataclass(frozen=True)
class Sight:
    """What there is to see before the start. `passes` are how many times the budget buys all feedback rows (inf without a cap)."""

    texts: bool
    demos: bool
    numbers: bool
    models: bool
    labels: bool
    words: bool
    mean: float | None
    perfect: bool
    passes: float


class Auto(Strategy):
    """Chooses by headroom, data and budget.

    Numbers come first (they cost no call), then what is cheap: labelled demos, one gradient after another. With room for more
    passes over the rows, demo search follows, and with room for many it competes with reflection (`Portfolio`); what demos
    were found is pruned and reordered in the end. It stops as soon as the best is right on every feedback row.
    """

    name = "auto"
    allocator = Halving(share=0.25)
    """Cheaper than a race where many candidates are about equally good; what is shipped is certified in any case."""

    def settings(self) -> Mapping[str, Json]:
        return {}

    def init(self, seed_state: State) -> Memory:
        del seed_state
        return {"plan": None, "why": [], "own": None, "seen": None}

    async def ask(self, memory: Memory, work: Workbench) -> Sequence[State | Candidate]:
        plan, why = memory["plan"], memory["why"]
        if plan is None:
            plan, why = plan_for(await look(work), len(work.feedback))
        elif plan and name_of(work.best) != memory["seen"] and _right(await work.run(work.best, work.feedback)):
            plan, why = [], [*why, "auto: the best is right on every feedback row now, so the rest was not tried"]
        elif not plan:
            return []
        if not plan:  # the report shall say why, so this is a round
            return [_noted(work.best, plan, why, None)]
        chain = _chain(plan)
        asked = await chain.ask(chain.init(work.best) if memory["own"] is None else memory["own"], work)
        return [_noted(one.state, plan, why, one.note, name_of(work.best)) for one in asked if isinstance(one, Candidate)]

    def tell(self, memory: Memory, trials: Sequence[Trial]) -> Memory:
        notes: list[Any] = [trial.note for trial in trials]
        if not notes:
            return memory
        plan = notes[0]["plan"]
        own = None
        if plan:
            chain = _chain(plan)
            theirs = [replace(trial, note=note["own"]) for trial, note in zip(trials, notes, strict=True)]
            own = chain.tell(chain.init({}) if memory["own"] is None else memory["own"], theirs)
        return {"plan": plan, "why": notes[0]["why"], "own": own, "seen": notes[0]["seen"]}

    def notes(self, memory: Memory) -> Sequence[str]:
        return tuple(memory["why"])


def _noted(state: State, plan: Any, why: Any, own: Json, seen: str | None = None) -> Candidate:
    """A candidate with the plan, and with the name of the best that was `seen` not to be right everywhere."""
    return Candidate(state, {"plan": plan, "why": why, "own": own, "seen": seen})


def _chain(plan: Plan) -> Chain:
    steps = [[optimizer_of(name) for name in step] for step in plan]
    return Chain([step[0] if len(step) == 1 else Portfolio(step) for step in steps])


async def look(work: Workbench) -> Sight:
    """Run a few feedback rows, all of them if these are right, and see what there is to tune and to learn from."""
    rows = list(work.feedback)
    work.rng("probe").shuffle(rows)
    cells = await work.run(work.best, rows[:_PROBE])
    if _right(cells):
        cells += await work.run(work.best, rows[_PROBE:])
    scores = [cell.score for cell in cells if cell.score is not None]
    kinds = [(one.kind, one) for _, one in work.program.named_parameters() if one.trainable]
    predictors = work.program.predictors()
    outputs = list(predictors[-1].signature.output_fields) if predictors else []
    return Sight(
        texts=any(kind == "text" for kind, _ in kinds),
        demos=bool(demonstrations.demo_names(work.program)),
        numbers=any(kind == "number" and not isinstance(one, ModelChoice) for kind, one in kinds),
        models=any(isinstance(one, ModelChoice) for _, one in kinds),
        labels=any(expected_outputs(row, outputs) for row in rows) if outputs else False,
        words=any(score.feedback for score in scores if score.value < 1.0),
        mean=math.fsum(score.value for score in scores) / len(scores) if scores else None,
        perfect=_right(cells),
        passes=_passes(cells, len(rows)),
    )


def _right(cells: Sequence[Cell]) -> bool:
    return all(cell.score is not None and cell.score.value >= 1.0 for cell in cells)


def _passes(cells: Sequence[Cell], rows: int) -> float:
    """How many times the calls that are left buy all rows."""
    account = current().account
    if account is None or account.budget.calls is None:
        return math.inf
    left = account.budget.calls * account.share - account.spent.calls
    calls = sum(sum(bool(node.messages) for node in cell.tape.nodes) for cell in cells if cell.tape)
    return left / max(1.0, calls / len(cells)) / rows


def plan_for(sight: Sight, rows: int) -> tuple[Plan, list[str]]:
    """The steps for what was seen, and the reasons in words. A pure function of what was seen.

    >>> sight = Sight(texts=True, demos=True, numbers=False, models=False, labels=True, words=False, mean=0.2, perfect=False, passes=3)
    >>> plan_for(sight, 30)[0]
    [['labeled-few-shot'], ['tgd']]
    """
    why = [f"auto: mean {'unknown' if sight.mean is None else f'{100 * sight.mean:.0f} %'} on feedback rows ({rows} in all)"]
    if sight.perfect:
        return [], [*why, "auto: all of them are right, so there is no headroom to be seen and nothing was tried"]
    taught = sight.labels or sight.words
    shown = ["bootstrap-rs"] if sight.demos else []
    told = ["gepa", "polca"] if sight.texts and taught else []
    plan: Plan = [["numbers"]] if sight.numbers else []
    plan += [["labeled-few-shot"]] * (sight.demos and sight.labels) + [["tgd"]] * bool(told)
    if sight.passes < _FEW:
        why.append(f"auto: the budget buys {sight.passes:.1f} passes over these rows, so only the cheapest is tried")
    elif sight.passes < _MANY:
        plan += [shown] * bool(shown)
        why.append(f"auto: the budget buys {sight.passes:.1f} passes over these rows, so one is tried after the other")
    else:
        plan += [[*shown, *told]] * bool(shown or told)
        why.append("auto: there is room for many passes over these rows, so after the cheapest several compete")
    if shown and sight.passes >= _FEW:
        plan.append(["demo-order"])
    plan += [["models"]] * sight.models
    if not taught:
        why.append("auto: neither labels nor feedback in words say what is wanted, so no instruction is written from them")
    why.append("auto: " + (" -> ".join(" | ".join(step) for step in plan) or "nothing that could be tuned was found"))
    return plan, why

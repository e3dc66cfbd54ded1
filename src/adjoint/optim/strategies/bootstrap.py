"""Few-shot optimizers: demonstrations from labelled rows and from the program's own good runs, searched at random.

Khattab et al., "DSPy: Compiling Declarative Language Model Calls into Self-Improving Pipelines" (2023), appendix E.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from adjoint.data.records import id_of
from adjoint.optim import demos as demonstrations
from adjoint.optim.strategy import Strategy

if TYPE_CHECKING:
    import random
    from collections.abc import Mapping, Sequence

    from adjoint.base.json import Json
    from adjoint.data.records import Example
    from adjoint.eval.cells import Cell
    from adjoint.optim.base import Memory, Workbench
    from adjoint.program.metric import Metric
    from adjoint.program.module import Module
    from adjoint.program.state import State

_BATCH = 8
"""Rows that a teacher runs at once; it stops after the batch in which it has enough good runs."""


class LabeledFewShot(Strategy):
    """The same `k` random labelled rows as demos of every predictor. No LM call to propose."""

    name = "labeled-few-shot"
    searches = False

    def __init__(self, k: int = 16, *, metric: Metric | None = None) -> None:
        super().__init__(metric)
        self.k = k

    def settings(self) -> Mapping[str, Json]:
        return {"k": self.k}

    async def ask(self, memory: Memory, work: Workbench) -> Sequence[State]:
        if memory["asked"]:
            return []
        return [{**work.best, **labeled_demos(work.program, work.feedback, self.k, work.rng("labels"))}]


@dataclass(frozen=True)
class Plan:
    """One candidate set of demos: how many recorded and labelled ones, and the seed of its order (None keeps the order)."""

    recorded: int
    labeled: int
    seed: int | None


class BootstrapFewShot(Strategy):
    """Runs a teacher over the feedback rows; the calls of runs that pass the metric become demos, labels fill the rest.

    `metric_threshold` is the score a run must reach (default: 1.0 counts as a pass, any lower score does not). The teacher
    is the program itself with labelled demos unless `teacher` is given. `max_rounds` > 1 samples again where all failed.
    """

    name = "bootstrap"
    searches = False

    def __init__(
        self,
        metric: Metric | None = None,
        *,
        metric_threshold: float | None = None,
        max_bootstrapped_demos: int = 4,
        max_labeled_demos: int = 16,
        max_rounds: int = 1,
        teacher: Module | None = None,
    ) -> None:
        super().__init__(metric)
        self.metric_threshold = metric_threshold
        self.max_bootstrapped_demos = max_bootstrapped_demos
        self.max_labeled_demos = max_labeled_demos
        self.max_rounds = max_rounds
        self.teacher = teacher

    def settings(self) -> Mapping[str, Json]:
        return {
            "metric_threshold": self.metric_threshold,
            "max_bootstrapped_demos": self.max_bootstrapped_demos,
            "max_labeled_demos": self.max_labeled_demos,
            "max_rounds": self.max_rounds,
            "teacher": None if self.teacher is None else dict(self.teacher.state_dict()),
        }

    def plans(self, work: Workbench) -> list[Plan]:
        """The candidates to build: here one, with the rows in their order."""
        del work
        return [Plan(self.max_bootstrapped_demos, self.max_labeled_demos, None)]

    async def ask(self, memory: Memory, work: Workbench) -> Sequence[State]:
        if memory["asked"]:
            return []
        return [await self._build(plan, work) for plan in self.plans(work)]

    async def _build(self, plan: Plan, work: Workbench) -> State:
        rows = list(work.feedback)
        if plan.seed is not None:
            work.rng("order", plan.seed).shuffle(rows)
        pool, used = await self._bootstrap(rows, plan.recorded, work) if plan.recorded else ({}, set())
        rest = [row for row in rows if id_of(row) not in used]
        state: dict[str, Json] = dict(work.best)
        for name, predictor in demonstrations.demo_names(work.program):
            rng = work.rng("demos", "fixed" if plan.seed is None else plan.seed, name)
            own = pool.get(name, [])[: plan.recorded]
            room = max(0, plan.labeled - len(own))
            filled = demonstrations.sample(demonstrations.labeled(work.program, name, predictor, rest), room, rng)
            state[name] = [*own, *filled]
        return state

    async def _bootstrap(self, rows: list[Example], wanted: int, work: Workbench) -> tuple[dict[str, list[Any]], set[str]]:
        """Demos from runs that passed, by parameter, and the rows they came from."""
        pool: dict[str, list[Any]] = {}
        used: set[str] = set()
        for turn in range(self.max_rounds):
            left = [row for row in rows if id_of(row) not in used]
            for start in range(0, len(left), _BATCH):
                if len(used) >= wanted:
                    return pool, used
                jobs = [(self._teacher_of(row, work), row) for row in left[start : start + _BATCH]]
                for (program, row), cell in zip(jobs, await work.run_programs(jobs, sample=turn), strict=True):
                    if len(used) < wanted and self._passed(cell) and cell.tape is not None:
                        used.add(id_of(row))
                        for name, demos in demonstrations.recorded(program, cell.tape).items():
                            pool.setdefault(name, []).append(demos[-1])
        return pool, used

    def _teacher_of(self, row: Example, work: Workbench) -> Module:
        """The teacher of a row: the best so far with labelled demos, which lift a program that knows too little to start.

        The row itself is none of them, since a teacher that is shown the answer shows no way to it.
        """
        if self.teacher is not None:
            return self.teacher
        labels = labeled_demos(work.program, work.feedback, self.max_labeled_demos, work.rng("teacher"), without=row)
        return work.program.with_state({**work.best, **labels})

    def _passed(self, cell: Cell) -> bool:
        needed = 1.0 if self.metric_threshold is None else self.metric_threshold
        return cell.score is not None and cell.score.value >= needed


class BootstrapFewShotWithRandomSearch(BootstrapFewShot):
    """Many demo sets of random size and order, raced against each other and against the program without demos."""

    name = "bootstrap-rs"
    searches = True

    def __init__(self, metric: Metric | None = None, *, num_candidate_programs: int = 16, **options: Any) -> None:
        super().__init__(metric, **options)
        self.num_candidate_programs = num_candidate_programs

    def settings(self) -> Mapping[str, Json]:
        return {**super().settings(), "num_candidate_programs": self.num_candidate_programs}

    def plans(self, work: Workbench) -> list[Plan]:
        """Labels only; unshuffled bootstrap; then shuffled bootstraps of random size."""
        fixed = [Plan(0, self.max_labeled_demos, None), Plan(self.max_bootstrapped_demos, self.max_labeled_demos, None)]
        return fixed + [self._random(seed, work.rng("size", seed)) for seed in range(self.num_candidate_programs)]

    def _random(self, seed: int, rng: random.Random) -> Plan:
        recorded = rng.randint(1, self.max_bootstrapped_demos) if self.max_bootstrapped_demos else 0
        labels = rng.randint(recorded, self.max_labeled_demos) if self.max_labeled_demos > recorded else recorded
        return Plan(recorded, labels, seed)


def labeled_demos(
    program: Module, rows: Sequence[Example], k: int, rng: random.Random, *, without: Example | None = None
) -> dict[str, Json]:
    """For each demos parameter of the program: `k` labelled rows, the same for all; but never the row `without`."""
    drawn = rng.sample(list(rows), min(k, len(rows)))
    chosen = [row for row in drawn if without is None or id_of(row) != id_of(without)]
    return {
        name: list[Any](demonstrations.labeled(program, name, predictor, chosen))
        for name, predictor in demonstrations.demo_names(program)
    }

"""Few-shot optimizers: demonstrations from labelled rows and from the program's own good runs, searched at random.

Khattab et al., "DSPy: Compiling Declarative Language Model Calls into Self-Improving Pipelines" (2023), appendix E.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from adjoint.data.records import id_of
from adjoint.optim import demos as demonstrations
from adjoint.optim.base import Candidate
from adjoint.optim.knobs import require
from adjoint.optim.spelling import stop_at, told, unused
from adjoint.optim.strategy import Strategy
from adjoint.program.context import context

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
    """The same `k` labelled rows as demos of every predictor, drawn at random or the first ones. No LM call to propose."""

    name = "labeled-few-shot"
    searches = False

    def __init__(self, k: int = 16, *, sample: bool = True, metric: Metric | None = None) -> None:
        super().__init__(metric)
        self.k, self.sample = k, sample

    def settings(self) -> Mapping[str, Json]:
        return {"k": self.k, **({} if self.sample else {"sample": False})}

    async def ask(self, memory: Memory, work: Workbench) -> Sequence[State]:
        if memory["asked"]:
            return []
        rows = work.feedback if self.sample else work.feedback[: self.k]
        return [{**work.best, **labeled_demos(work.program, rows, self.k, work.rng("labels") if self.sample else None)}]

    def compile(self, student: Module, *, trainset: Sequence[Example], sample: bool = True, **options: Any) -> Module:
        """DSPy's spelling: the student with demos; with `sample=False` they are the first rows."""
        own = copy.copy(self)
        require("LabeledFewShot.compile", "sample", sample, "bool")
        own.sample = sample and self.sample
        return super(LabeledFewShot, own).compile(student, trainset=trainset, **options)


@dataclass(frozen=True)
class Plan:
    """One candidate set of demos: how many recorded and labelled ones, and the seed of its order (None keeps the order)."""

    recorded: int
    labeled: int
    seed: int | None


@dataclass
class Traces:
    """What a teacher did: demos from runs that passed, by parameter, and the scores of the rows that passed and that did not."""

    demos: dict[str, list[demonstrations.Demo]]
    good: dict[str, float]
    bad: dict[str, float | None]

    def note(self) -> Json:
        """The rows by id, for the trial: a score, or None for a run that broke."""
        return {"good": dict(self.good), "bad": dict(self.bad)}


class BootstrapFewShot(Strategy):
    """Runs a teacher over the feedback rows; the calls of runs that pass the metric become demos, labels fill the rest.

    `metric_threshold` is the score a run must reach (default: 1.0 counts as a pass, any lower score does not). The teacher
    is the program itself with labelled demos unless `teacher` is given; `teacher_settings` are those of `adjoint.context`
    for its runs, such as another `lm`. `max_rounds` > 1 samples again where all failed. The note of a candidate names the
    rows that passed and those that did not.
    """

    name = "bootstrap"
    searches = False

    def __init__(  # noqa: PLR0917 - DSPy's order of arguments
        self,
        metric: Metric | None = None,
        metric_threshold: float | None = None,
        teacher_settings: Mapping[str, Any] | None = None,
        max_bootstrapped_demos: int = 4,
        max_labeled_demos: int = 16,
        max_rounds: int = 1,
        max_errors: int | None = None,
        *,
        teacher: Module | None = None,
    ) -> None:
        super().__init__(metric)
        unused(max_errors=max_errors)
        self.metric_threshold = metric_threshold
        self.teacher_settings = dict(teacher_settings or {})
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
            **({"teacher_settings": told(self.teacher_settings)} if self.teacher_settings else {}),
        }

    def plans(self, work: Workbench) -> list[Plan]:
        """The candidates to build: here one, with the rows in their order."""
        del work
        return [Plan(self.max_bootstrapped_demos, self.max_labeled_demos, None)]

    async def ask(self, memory: Memory, work: Workbench) -> Sequence[Candidate]:
        if memory["asked"]:
            return []
        return [await self.build(plan, work) for plan in self.plans(work)]

    async def build(self, plan: Plan, work: Workbench) -> Candidate:
        """The best state so far with the demos of a plan."""
        rows = list(work.feedback)
        if plan.seed is not None:
            work.rng("order", plan.seed).shuffle(rows)
        traces = await self.traces(rows, plan.recorded, work)
        rest = [row for row in rows if id_of(row) not in traces.good]
        state: dict[str, Json] = dict(work.best)
        for name, predictor in demonstrations.demo_names(work.program):
            rng = work.rng("demos", "fixed" if plan.seed is None else plan.seed, name)
            own = traces.demos.get(name, [])[: plan.recorded]
            room = max(0, plan.labeled - len(own))
            filled = demonstrations.sample(demonstrations.labeled(work.program, name, predictor, rest), room, rng)
            state[name] = [*own, *filled]
        return Candidate(state, traces.note())

    async def traces(self, rows: list[Example], wanted: int, work: Workbench) -> Traces:
        """Let the teacher run until `wanted` rows have passed, or all rows have been tried `max_rounds` times."""
        found = Traces({}, {}, {})
        for turn in range(self.max_rounds if wanted else 0):
            left = [row for row in rows if id_of(row) not in found.good]
            for start in range(0, len(left), _BATCH):
                if len(found.good) >= wanted:
                    return found
                jobs = [(self._teacher_of(row, work), row) for row in left[start : start + _BATCH]]
                with context(**self.teacher_settings):
                    cells = await work.run_programs(jobs, sample=turn)
                for (program, row), cell in zip(jobs, cells, strict=True):
                    self._add(found, program, row, cell, wanted)
        return found

    def _add(self, found: Traces, program: Module, row: Example, cell: Cell, wanted: int) -> None:
        if cell.score is None or cell.tape is None or not self._passed(cell):
            found.bad[id_of(row)] = None if cell.score is None else cell.score.value
        elif len(found.good) < wanted:
            found.bad.pop(id_of(row), None)
            found.good[id_of(row)] = cell.score.value
            for name, demos in demonstrations.recorded(program, cell.tape).items():
                found.demos.setdefault(name, []).append(demos[-1])

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

    def __init__(  # noqa: PLR0917 - DSPy's order of arguments
        self,
        metric: Metric | None = None,
        teacher_settings: Mapping[str, Any] | None = None,
        max_bootstrapped_demos: int = 4,
        max_labeled_demos: int = 16,
        max_rounds: int = 1,
        num_candidate_programs: int = 16,
        num_threads: int | None = None,
        max_errors: int | None = None,
        stop_at_score: float | None = None,
        metric_threshold: float | None = None,
        *,
        teacher: Module | None = None,
    ) -> None:
        sizes = {
            "max_bootstrapped_demos": max_bootstrapped_demos,
            "max_labeled_demos": max_labeled_demos,
            "max_rounds": max_rounds,
        }
        super().__init__(metric, metric_threshold, teacher_settings, **sizes, max_errors=max_errors, teacher=teacher)
        self.num_candidate_programs, self.num_threads, self.stop = num_candidate_programs, num_threads, stop_at(stop_at_score)

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


BootstrapRS = BootstrapFewShotWithRandomSearch
"""DSPy's short name."""


def labeled_demos(
    program: Module, rows: Sequence[Example], k: int, rng: random.Random | None, *, without: Example | None = None
) -> dict[str, Json]:
    """For each demos parameter of the program: `k` labelled rows, the same for all; but never the row `without`.

    They are drawn at random, or the first ones if there is nothing to draw with.
    """
    drawn = list(rows)[:k] if rng is None else rng.sample(list(rows), min(k, len(rows)))
    chosen = [row for row in drawn if without is None or id_of(row) != id_of(without)]
    return {
        name: list[Any](demonstrations.labeled(program, name, predictor, chosen))
        for name, predictor in demonstrations.demo_names(program)
    }

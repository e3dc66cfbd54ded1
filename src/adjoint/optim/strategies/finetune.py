"""Optimizers of weights by examples: runs that pass the metric become training rows. Bootstrapping, rejection sampling,
distillation, preferences.

Khattab et al. (2023), section 4; Zelikman et al., "STaR: Bootstrapping Reasoning With Reasoning" (2022); Hinton et al.,
"Distilling the Knowledge in a Neural Network" (2015), on texts instead of logits; Rafailov et al. (2023) for DPO.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from adjoint.base.errors import UsageError
from adjoint.eval.fingerprint import answerer
from adjoint.lm.base import identity_of
from adjoint.optim.base import Candidate
from adjoint.optim.spelling import one_of, unused
from adjoint.optim.strategies.bootstrap import labeled_demos
from adjoint.optim.strategy import Strategy
from adjoint.optim.weights import traces
from adjoint.optim.weights.recipe import Recipe
from adjoint.optim.weights.tuner import Begun, tuner_of
from adjoint.program.context import named_lm

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from adjoint.base.json import Json
    from adjoint.data.records import Example
    from adjoint.eval.cells import Cell
    from adjoint.lm.base import BaseLM
    from adjoint.optim.base import Memory, Workbench
    from adjoint.optim.weights.rows import Row
    from adjoint.optim.weights.task import Step
    from adjoint.optim.weights.tuner import Tuned
    from adjoint.program.metric import Metric
    from adjoint.program.module import Module

Run = tuple["Module", "Cell"]
_log = logging.getLogger("adjoint.optimize")


class BootstrapFinetune(Strategy):
    """Runs a teacher over the feedback rows and trains the student's LM on the calls of runs that pass the metric.

    `teacher` is a program of the same structure; without one it is the best so far with `teacher_demos` labelled demos, asked
    of `teacher_lm` if that is given. `metric_threshold` is the score that a run must reach (default 1.0). `samples` runs are
    made of each row, from the second on at `temperature`. `multitask` trains one set of weights for all predictors of an LM,
    else each predictor gets its own. `exclude_demos` trains and answers without the student's demos. `train_kwargs` are
    settings of a `Recipe`; `snapshots` > 1 proposes weights from several points of the training, so that the selection rows
    say when it should have stopped. `rounds` > 1 does all of it again from what has won.
    """

    name = "bootstrap-finetune"
    searches = False

    def __init__(
        self,
        metric: Metric | None = None,
        multitask: bool = True,  # noqa: FBT001, FBT002 - DSPy's order of arguments
        train_kwargs: Recipe | Mapping[str, Any] | None = None,
        *,
        exclude_demos: bool = False,
        num_threads: int | None = None,
        teacher: Module | None = None,
        teacher_lm: BaseLM | str | None = None,
        teacher_demos: int = 8,
        metric_threshold: float | None = None,
        samples: int = 1,
        temperature: float = 1.0,
        max_examples: int | None = None,
        snapshots: int = 1,
        rounds: int = 1,
    ) -> None:
        super().__init__(metric)
        unused(num_threads=num_threads)
        self.multitask, self.recipe, self.exclude_demos = multitask, Recipe.of(train_kwargs), exclude_demos
        one_of("method", self.recipe.method, ("sft", "dpo"))
        self.teacher, self.teacher_demos = teacher, teacher_demos
        self.teacher_lm = named_lm(teacher_lm) if isinstance(teacher_lm, str) else teacher_lm
        self.metric_threshold, self.samples, self.temperature = metric_threshold, samples, temperature
        self.max_examples, self.snapshots, self.rounds = max_examples, snapshots, rounds

    def settings(self) -> Mapping[str, Json]:
        return {
            "multitask": self.multitask,
            "recipe": self.recipe.to_dict(),
            "exclude_demos": self.exclude_demos,
            "teacher": None if self.teacher is None else dict(self.teacher.state_dict()),
            "teacher_lm": answerer(self.teacher_lm),
            "teacher_demos": self.teacher_demos,
            "metric_threshold": self.metric_threshold,
            "samples": self.samples,
            "temperature": self.temperature,
            "max_examples": self.max_examples,
            "snapshots": self.snapshots,
            "rounds": self.rounds,
        }

    async def ask(self, memory: Memory, work: Workbench) -> Sequence[Candidate]:
        if memory["asked"] >= self.rounds:
            return []
        student = work.program.with_state(work.best)
        for predictor in traces.predictors(student).values():
            tuner_of(traces.lm_of(predictor))  # before anything is paid: an LM that cannot be trained is an error
        runs = await self.runs(work, seen=memory["asked"] * self.samples)
        made = self.pairs(student, runs) if self.recipe.method == "dpo" else self.good(student, runs)
        groups = [(paths, rows) for paths, rows in self._groups(student, made) if rows]
        if not groups:
            _log.warning(
                "nothing to train on: of %d feedback rows no run passed. Give a better teacher or a lower metric_threshold.",
                len(runs),
            )
            return []
        tuned = await asyncio.gather(*(self._tuned(student, paths, rows, work) for paths, rows in groups))
        return [self._candidate(work, student, tuned, at) for at in range(max(len(one.weights) for _, one in tuned))]

    # Rows --------------------------------------------------------------------------------------------------------

    async def runs(self, work: Workbench, *, seen: int) -> list[list[Run]]:
        """For each feedback row the runs of its teacher; draws before number `seen` were used in earlier rounds."""
        teachers = [self._teacher_of(row, work) for row in work.feedback]
        found: list[list[Run]] = [[] for _ in teachers]
        for number in range(seen, seen + self.samples):
            hot = {"temperature": self.temperature} if number else {}
            programs = [asked(teacher, self.teacher_lm, hot) for teacher in teachers]
            cells = await work.run_programs(list(zip(programs, work.feedback, strict=True)), sample=number)
            for runs, program, cell in zip(found, programs, cells, strict=True):
                runs.append((program, cell))
        return found

    def _teacher_of(self, row: Example, work: Workbench) -> Module:
        if self.teacher is not None:
            return self.teacher
        labels = labeled_demos(work.program, work.feedback, self.teacher_demos, work.rng("teacher"), without=row)
        shown = labels if self.teacher_demos else {}
        return work.program.with_state({**work.best, **shown})

    def good(self, student: Module, runs: Sequence[Sequence[Run]]) -> dict[str, list[Row]]:
        """The calls of runs that passed, by predictor: each call once, `max_examples` of a predictor at most."""
        found: dict[str, dict[tuple[Any, ...], Row]] = {}
        for program, cell in (run for row in runs for run in row):
            if cell.tape is None or cell.score is None or cell.score.value < self._needed():
                continue
            for path, row in traces.as_student(student, program, cell.tape, exclude_demos=self.exclude_demos):
                found.setdefault(path, {})[row.messages, row.reply] = row
        return {path: [*rows.values()][: self.max_examples] for path, rows in found.items()}

    def pairs(self, student: Module, runs: Sequence[Sequence[Run]]) -> dict[str, list[Row]]:
        """For each call the reply of the best run of its row, beside that of the worst, where they differ in score and text."""
        found: dict[str, list[Row]] = {}
        for row in runs:
            scored = sorted(
                (run for run in row if run[1].score is not None and run[1].tape is not None), key=lambda run: -_value(run)
            )
            if len(scored) < 2 or _value(scored[0]) < self._needed() or _value(scored[0]) == _value(scored[-1]):
                continue
            sides = [
                list(traces.as_student(student, program, cell.tape, exclude_demos=self.exclude_demos))
                for program, cell in (scored[0], scored[-1])
                if cell.tape
            ]
            for (path, good), (other, bad) in zip(*sides, strict=False):
                if path == other and good.messages == bad.messages and good.reply != bad.reply:
                    found.setdefault(path, []).append(replace(good, rejected=bad.reply))
        return {path: rows[: self.max_examples] for path, rows in found.items()}

    def _needed(self) -> float:
        return 1.0 if self.metric_threshold is None else self.metric_threshold

    # Weights -----------------------------------------------------------------------------------------------------

    def _groups(self, student: Module, made: Mapping[str, list[Row]]) -> list[tuple[list[str], list[Row]]]:
        """Which predictors are trained together, with their rows: all of an LM, or each by itself."""
        known = traces.predictors(student)
        groups: dict[str, list[str]] = {}
        for path, predictor in known.items():
            lm = traces.lm_of(predictor)
            groups.setdefault(identity_of(lm) or lm.name if self.multitask else path, []).append(path)
        return [(paths, [row for path in paths for row in made.get(path, [])]) for paths in groups.values()]

    async def _tuned(self, student: Module, paths: list[str], rows: list[Row], work: Workbench) -> tuple[list[str], Tuned]:
        predictor = traces.predictors(student)[paths[0]]
        start = (predictor.weights or {}).get("adapter")
        begun = Begun(start, reference=start if self.recipe.method == "dpo" else None)
        on_step = curve(work, paths)
        tuner = tuner_of(traces.lm_of(predictor))
        return paths, await tuner.tune(rows, self.recipe, begun=begun, snapshots=self.snapshots, on_step=on_step)

    def _candidate(self, work: Workbench, student: Module, tuned: Sequence[tuple[list[str], Tuned]], at: int) -> Candidate:
        """The best so far with the weights of snapshot number `at`, and without demos if they were left out in training."""
        state: dict[str, Json] = dict(work.best)
        for paths, one in tuned:
            for path in paths:
                state[traces.weights_name(path)] = dict(one.weights[min(at, len(one.weights) - 1)])
        if self.exclude_demos:
            state |= {name: [] for name, parameter in student.named_parameters() if parameter.kind == "demos"}
        losses: list[Json] = [one.curve[-1].loss for _, one in tuned if one.curve]
        return Candidate(state, {"snapshot": at + 1, "loss": losses})


class RejectionSampling(BootstrapFinetune):
    """The program teaches itself: `samples` replies to each row, those that pass are learned, and again from what has won.

    Rounds as in STaR (Zelikman et al., 2022) and ReST (Gulcehre et al., 2023), without hints.
    """

    name = "rejection-sampling"
    searches = True

    def __init__(self, metric: Metric | None = None, *, samples: int = 4, rounds: int = 2, **options: Any) -> None:
        super().__init__(metric, samples=samples, rounds=rounds, **options)


class Distill(BootstrapFinetune):
    """A large prompted LM teaches a small one: its good runs, with its own prompt and demos, are learned without them."""

    name = "distill"

    def __init__(
        self, metric: Metric | None = None, *, teacher_lm: BaseLM | str | None = None, exclude_demos: bool = True, **options: Any
    ) -> None:
        super().__init__(metric, teacher_lm=teacher_lm, exclude_demos=exclude_demos, **options)

    async def ask(self, memory: Memory, work: Workbench) -> Sequence[Candidate]:
        if self.teacher_lm is None and self.teacher is None:
            message = "Distill needs a teacher: Distill(teacher_lm='openai/...') or Distill(teacher=program)."
            raise UsageError(message)
        return await super().ask(memory, work)


class Preferences(BootstrapFinetune):
    """DPO on the program's own runs: of several replies to a row the one with the best score is preferred to the worst."""

    name = "preferences"

    def __init__(
        self,
        metric: Metric | None = None,
        *,
        samples: int = 4,
        train_kwargs: Recipe | Mapping[str, Any] | None = None,
        **options: Any,
    ) -> None:
        recipe = replace(Recipe.of(train_kwargs), method="dpo")
        super().__init__(metric, samples=samples, train_kwargs=recipe, **options)


def asked(program: Module, lm: BaseLM | None, options: Mapping[str, Any]) -> Module:
    """The program, asked of another LM or with other options; what was trained for one LM is not asked of another."""
    if lm is None and not options:
        return program
    made = program.deepcopy()
    for predictor in made.predictors():
        predictor.config = {**predictor.config, **options}
        if lm is not None:
            predictor.lm, predictor.weights = lm, None
    return made


def _value(run: Run) -> float:
    score = run[1].score
    return 0.0 if score is None else score.value


def curve(work: Workbench, paths: Sequence[str]) -> Any:
    """Lets the ledger know of each step, and whoever watches the run."""
    ledger, run, watcher = work.bench.ledger, work.bench.run_name, work.bench.on_step

    def note(step: Step) -> None:
        if ledger is not None:
            body: dict[str, Json] = {
                "for": list(paths),
                "step": step.number,
                "of": step.total,
                "loss": step.loss,
                "validation": step.validation,
            }
            ledger.append(run, "training", body)
        if watcher is not None:
            watcher(step)

    return note

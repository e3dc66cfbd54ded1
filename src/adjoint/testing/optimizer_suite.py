"""The conformance suite for optimizers: subclass it in a test file, and pytest checks that your optimizer keeps the rules.

```python
from adjoint.testing.optimizer_suite import OptimizerConformance

class TestMine(OptimizerConformance):
    optimizer = "my_package.my_module:MyOptimizer"
    options = {"rounds": 3}
    solves = {"instruction": 120, "demos": 200}
```
`solves` names problems of `adjoint.testing.planted` that it must solve, and in how many calls of language models at most, the
search, the proposals and the certificate together. Needs pytest.
"""

from __future__ import annotations

import copy
import dataclasses
import json
from typing import TYPE_CHECKING, Any, ClassVar

import pytest

from adjoint.base.errors import AuthError, ContextLengthError
from adjoint.data.records import id_of
from adjoint.data.splits import split
from adjoint.lm.scripted import ScriptedLM
from adjoint.lm.types import Response
from adjoint.testing.elsewhere import run_elsewhere
from adjoint.testing.planted import PROBLEMS, prompt_of
from adjoint.testing.planted_runs import Counting, calls_needed, course, made, run

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from adjoint.lm.scripted import Answer
    from adjoint.lm.types import Request
    from adjoint.optim.base import Memory, Optimizer, Trial
    from adjoint.testing.planted import Problem

HASH_SEEDS = ("0", "1", "4242")
_CUT = "Write the word in CAPITALS and then"


class OptimizerConformance:
    """Facts about any optimizer. `optimizer` is a known name or `module:name`; `options` are JSON."""

    optimizer: ClassVar[str]
    options: ClassVar[Mapping[str, Any]] = {}
    solves: ClassVar[Mapping[str, int]]

    def make(self) -> Optimizer:
        return made(self.optimizer, self.options)

    def problems(self) -> list[Problem]:
        return [PROBLEMS[name] for name in self.solves]

    @property
    def problem(self) -> Problem:
        """The first of its problems, for the facts of which one example is enough: put the cheapest there."""
        return self.problems()[0]

    def test_it_finds_each_planted_optimum_within_the_stated_number_of_calls(self) -> None:
        for problem in self.problems():
            lms = problem.lms()
            result = run(problem, self.make(), lms)
            assert result.report.verdict == "better", problem.name
            assert result.report.selection == 1.0, problem.name
            calls = sum(len(lm.requests) for lm in lms)
            assert calls == result.report.usage.calls
            assert calls <= self.solves[problem.name], f"{problem.name}: {calls} calls"

    def test_without_headroom_the_student_comes_back(self) -> None:
        result = run(self.problem, self.make(), metric=_always)
        assert result.state == self.problem.student().state_dict()
        assert not result.report.shipped

    def test_one_seed_is_one_run_under_every_hash_seed_and_after_a_kill(self, tmp_path: Path) -> None:
        """Three processes with hash seeds of their own; one of them is killed in the middle and started again."""
        job = {"optimizer": self.optimizer, "options": dict(self.options), "problem": self.problem.name}
        calls = calls_needed(self.problem, self.make(), tmp_path / "counted.db")
        assert calls is not None
        first, middle, last = ({**job, "ledger": str(tmp_path / f"{seed}.db")} for seed in HASH_SEEDS)
        assert run_elsewhere(HASH_SEEDS[1], {**middle, "kill": calls // 2}) is None
        found = run_elsewhere(HASH_SEEDS[0], first)
        assert found is not None
        assert found == run_elsewhere(HASH_SEEDS[2], last)
        assert found == run_elsewhere(HASH_SEEDS[1], middle)

    def test_a_run_that_was_broken_off_goes_on_and_buys_nothing_twice(self, tmp_path: Path) -> None:
        whole = run(self.problem, self.make(), ledger=tmp_path / "whole.db")
        bought = Counting(self.problem, stop_at=whole.report.usage.calls // 3)
        with pytest.raises(AuthError):
            run(self.problem, self.make(), bought.lms, ledger=tmp_path / "broken.db")
        bought.stop_at = None
        assert course(run(self.problem, self.make(), bought.lms, ledger=tmp_path / "broken.db")) == course(whole)
        assert bought.answered == whole.report.usage.calls

    def test_the_number_of_rows_at_once_does_not_change_the_result(self) -> None:
        courses = [course(run(self.problem, self.make(), self.problem.lms(delay=0.0002), limit=limit)) for limit in (1, 64)]
        assert courses[0] == courses[1]

    @pytest.mark.parametrize("budget", [0, 13, 77])
    def test_the_budget_is_never_exceeded(self, budget: int) -> None:
        lms = self.problem.lms(delay=0.0002)
        report = run(self.problem, self.make(), lms, budget=budget).report
        assert sum(len(lm.requests) for lm in lms) == report.usage.calls <= budget

    def test_the_student_is_never_changed(self) -> None:
        student = self.problem.student()
        before = copy.deepcopy(student.state_dict())
        result = run(dataclasses.replace(self.problem, student=lambda: student), self.make())
        assert student.state_dict() == before
        assert result.program is not student

    def test_an_error_is_never_a_score(self) -> None:
        """Every fifth row fails for whatever is tried; the best is still the one that is right on all others."""
        problem = self.problem
        failing = {row.q for row in problem.rows[::5]}
        answer = problem.answer

        def fails(request: Request) -> bool:  # what stands behind the input is the reminder of the form
            return request.messages[-1].text.partition("\n\n")[0] in failing

        task = _lm(lambda request: ContextLengthError("too long") if fails(request) else answer(request))
        report = run(problem, self.make(), (task, problem.lms()[1])).report
        assert report.selection == 1.0
        assert sum(trial.errors for trial in report.trials) > 0
        rows = {id_of(row) for row in problem.rows[::5]}
        assert not any(rows & trial.scores.keys() for trial in report.trials)

    def test_all_that_it_remembers_is_in_its_memory_which_is_json(self) -> None:
        """A new optimizer for every round, with a memory that was written and read, does what one for all rounds does."""
        assert course(run(self.problem, Forgetful(self.make))) == course(run(self.problem, self.make()))

    def test_to_be_told_changes_nothing_but_the_memory_it_gives_back(self) -> None:
        watched = Watched(self.make)
        run(self.problem, watched)
        assert watched.told > 0

    def test_its_settings_are_json(self) -> None:
        settings = dict(self.make().settings())
        assert json.loads(json.dumps(settings)) == settings

    def test_it_learns_from_feedback_rows_only(self) -> None:
        problem, lms = self.problem, self.problem.lms()
        parts = split(problem.rows, seed=1)
        run(problem, self.make(), lms)
        hidden = [row.q for row in (*parts.selection, *parts.holdout)]
        prompts = [prompt_of(request).split() for request in lms[1].requests]
        demos = [word for request in lms[0].requests for message in request.messages[:-1] for word in message.text.split()]
        assert not set(hidden) & {word for prompt in [*prompts, demos] for word in prompt}

    @pytest.mark.parametrize(
        "answer",
        [ContextLengthError("too long"), "", Response(_CUT, finish="length")],
        ids=["fails", "says nothing", "is cut off"],
    )
    def test_a_proposer_that_is_of_no_use_costs_candidates_and_not_the_run(self, answer: Answer) -> None:
        report = run(self.problem, self.make(), (self.problem.lms()[0], _lm(lambda _: answer))).report
        assert not any(_CUT in json.dumps(dict(trial.state)) for trial in report.trials)
        assert not any(
            text == "" for trial in report.trials for name, text in trial.state.items() if name.endswith("instruction")
        )


class Forgetful:
    """Makes the optimizer anew for each question, and passes its memory on as text."""

    def __init__(self, make: Callable[[], Optimizer]) -> None:
        made = make()
        self.make, self.name, self.allocator, self.max_cells = make, made.name, made.allocator, made.max_cells

    def settings(self) -> Mapping[str, Any]:
        return self.make().settings()

    def init(self, seed_state: Any) -> Memory:
        return json.loads(json.dumps(self.make().init(seed_state)))

    async def ask(self, memory: Memory, work: Any) -> Sequence[Any]:
        return await self.make().ask(json.loads(json.dumps(memory)), work)

    def tell(self, memory: Memory, trials: Sequence[Trial]) -> Memory:
        return json.loads(json.dumps(self.make().tell(memory, trials)))

    def notes(self, memory: Memory) -> Sequence[str]:
        return self.make().notes(memory)


class Watched(Forgetful):
    """Looks whether `tell` leaves alone what it is given, and says the same when it is told again."""

    told = 0

    def tell(self, memory: Memory, trials: Sequence[Trial]) -> Memory:
        optimizer, before = self.make(), copy.deepcopy((memory, list(trials)))
        first, second = optimizer.tell(memory, trials), optimizer.tell(memory, trials)
        assert (memory, list(trials)) == before
        assert first == second == super().tell(memory, trials)
        self.told += 1
        return first


def _always(example: Any, prediction: Any) -> bool:
    del example, prediction
    return True


def _lm(answer: Callable[[Request], Answer]) -> ScriptedLM:
    return ScriptedLM(answer, identity="another")

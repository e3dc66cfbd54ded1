"""Runs of an optimizer on the planted problems: what they decide, what they cost, and how they are broken off."""

from __future__ import annotations

import json
from importlib import import_module
from typing import TYPE_CHECKING, Any

from adjoint.base.errors import AuthError
from adjoint.lm.scripted import ScriptedLM
from adjoint.optim.compile import optimize
from adjoint.optim.registry import OPTIMIZERS
from adjoint.program.context import context
from adjoint.testing.planted import matches

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from adjoint.lm.scripted import Answer
    from adjoint.lm.types import Request
    from adjoint.optim.base import Optimizer
    from adjoint.optim.result import Result
    from adjoint.testing.planted import Problem


def made(optimizer: str, options: Mapping[str, Any]) -> Optimizer:
    """The optimizer of that name, or the one that `module:name` makes, with these options."""
    module, _, name = OPTIMIZERS.get(optimizer, optimizer).partition(":")
    built: Optimizer = getattr(import_module(module), name)(**options)
    return built


def run(
    problem: Problem,
    optimizer: Optimizer,
    lms: tuple[ScriptedLM, ScriptedLM] | None = None,
    *,
    ledger: Path | None = None,
    **settings: Any,
) -> Result:
    """Optimise the student of a problem."""
    task, proposer = lms or problem.lms()
    given = {"trainset": problem.rows, "metric": matches, "lm": task, "proposer_lm": proposer, "seed": 1}
    with context(ledger=ledger):
        return optimize(problem.student(), optimizer=optimizer, **{**given, **settings})


def calls_needed(problem: Problem, optimizer: Optimizer, ledger: Path | None = None) -> int | None:
    """Calls until the certificate of a run that solved the problem; None if it did not. A ledger saves those made before."""
    report = run(problem, optimizer, ledger=ledger).report
    return report.usage.calls if report.shipped and report.selection == 1.0 else None


def decided(result: Result) -> list[Any]:
    """What a run has decided, as JSON: its name, its trials and the state in the end."""
    trials = [[trial.name, dict(trial.state), dict(trial.scores), trial.errors, trial.accepted] for trial in result.report.trials]
    found: list[Any] = json.loads(json.dumps([result.run_id, trials, dict(result.state)]))
    return found


def course(result: Result) -> list[Any]:
    """What a run has decided, and what it has cost."""
    return [*decided(result), {**result.report.to_dict(), "seconds": 0}]


class Counting:
    """The models of a problem, which from a certain number of answers on refuse the key, or end the process."""

    def __init__(
        self, problem: Problem, *, stop_at: int | None, how: Callable[[], Answer] = lambda: AuthError("refused")
    ) -> None:
        self.answered, self.stop_at, self.how = 0, stop_at, how
        task, proposer = problem.lms()
        self.lms = self._counted(task, problem.answer), self._counted(proposer, problem.propose)

    def _counted(self, lm: ScriptedLM, answer: Callable[[Request], Answer]) -> ScriptedLM:
        def counted(request: Request) -> Answer:
            if self.stop_at is not None and self.answered >= self.stop_at:
                return self.how()
            self.answered += 1
            return answer(request)

        return ScriptedLM(counted, identity=lm.identity)

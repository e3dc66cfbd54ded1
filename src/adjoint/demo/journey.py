"""The demo's journey: measure the program, optimise it three ways, measure each result on the untouched rows."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from adjoint.base.errors import BudgetExceeded
from adjoint.demo import tickets
from adjoint.eval.evaluate import evaluate
from adjoint.eval.metrics import exact_match
from adjoint.eval.several import compare
from adjoint.lm.budget import Account, Budget
from adjoint.lm.spend import Spend
from adjoint.optim.compile import optimize
from adjoint.optim.strategies.bootstrap import BootstrapFewShotWithRandomSearch
from adjoint.optim.strategies.tgd import TGD
from adjoint.program.context import context
from adjoint.program.lm import LM

if TYPE_CHECKING:
    from collections.abc import Callable

    from adjoint.base.json import Json
    from adjoint.eval.report import Report
    from adjoint.lm.base import BaseLM
    from adjoint.optim.base import Optimizer
    from adjoint.program.module import Module
    from adjoint.program.state import State

BASELINE = "as written"


@dataclass(frozen=True)
class Row:
    """One program on the test rows. `calls` and `seconds` are what was paid now, for finding it and for measuring it."""

    name: str
    report: Report
    calls: int
    seconds: float
    verdict: str
    state: State

    def to_dict(self) -> dict[str, Json]:
        return {
            "name": self.name,
            "score": self.report.mean,
            "low": self.report.low,
            "high": self.report.high,
            "n": self.report.n,
            "errors": self.report.errors,
            "calls": self.calls,
            "seconds": round(self.seconds, 3),
            "verdict": self.verdict,
        }


@dataclass(frozen=True)
class Journey:
    """All rows, the first of which is the program as its author wrote it."""

    rows: tuple[Row, ...]
    model: str
    seconds: float

    @property
    def best(self) -> Row:
        """The row with the highest score; the earlier one of equals."""
        return max(self.rows, key=lambda row: row.report.mean or 0.0)


class Traveller:
    """Makes one row after the other and counts what each costs. `say` hears what is under way."""

    def __init__(self, lm: BaseLM, *, budget: Budget, seed: int, say: Callable[[str], None]) -> None:
        # Innermost, behind the ledger: it sees only the calls that are really made, and `budget` caps them all together.
        self.paid = Account(budget)
        client = lm.client if isinstance(lm, LM) else lm
        self.lm = LM(Spend(client, self.paid), concurrency=getattr(lm, "concurrency", None), **getattr(lm, "options", {}))
        self.seed, self.say = seed, say
        self.train, self.test = tickets.train_rows(), tickets.test_rows()
        self.baseline: Report | None = None

    def measure(self, name: str, program: Module, optimizer: Optimizer | None = None) -> tuple[Row, Module]:
        """Optimise (if there is an optimizer), then evaluate on the test rows and compare with the first row."""
        started, before = time.monotonic(), self.paid.spent.calls
        with context(lm=self.lm):
            if optimizer is not None:
                self.say(f"{name}: searching")
                result = optimize(program, trainset=self.train, metric=exact_match, optimizer=optimizer, seed=self.seed)
                if result.report.cut:
                    raise BudgetExceeded(result.report.stopped)
                program = result.program
            self.say(f"{name}: measuring on {len(self.test)} untouched rows")
            report = evaluate(program, self.test, exact_match, name=name)
        if report.stopped:
            raise BudgetExceeded(report.stopped)
        verdict = "baseline"
        if self.baseline is None:
            self.baseline = report
        else:
            verdict = compare(self.baseline, report).verdict
        row = Row(name, report, self.paid.spent.calls - before, time.monotonic() - started, verdict, program.state_dict())
        return row, program


def travel(
    lm: BaseLM,
    *,
    seed: int = 0,
    budget: Budget | str | None = None,
    say: Callable[[str], None] = lambda _: None,
) -> Journey:
    """The whole journey. Done again, it is answered from the ledger. Raises `BudgetExceeded` if `budget` ends it."""
    started = time.monotonic()
    traveller = Traveller(lm, budget=Budget.parse(budget), seed=seed, say=say)
    written, program = traveller.measure(BASELINE, tickets.program())
    shots, _ = traveller.measure("few-shot (bootstrap-rs)", program, _search())
    told, instructed = traveller.measure("instruction (tgd)", program, TGD(rounds=3))
    both, _ = traveller.measure("both (tgd, then bootstrap-rs)", instructed, _search())
    return Journey((written, shots, told, both), lm.name, time.monotonic() - started)


def _search() -> BootstrapFewShotWithRandomSearch:
    """A smaller search than the default: the demo must end within a minute."""
    return BootstrapFewShotWithRandomSearch(num_candidate_programs=4, max_bootstrapped_demos=4, max_labeled_demos=4)

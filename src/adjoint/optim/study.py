"""The Study: the one driver of every optimizer. Ask, buy cells, tell, stop; then certify before anything is shipped."""

from __future__ import annotations

import time
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from adjoint.base import rng
from adjoint.base.errors import BudgetExceeded, UsageError
from adjoint.base.json import plain
from adjoint.eval.certificate import Certificate
from adjoint.eval.evaluate import answerer, run_id
from adjoint.lm.budget import Account, Budget
from adjoint.optim.allocate import Round
from adjoint.optim.allocators.racing import Racing
from adjoint.optim.base import Candidate, Trial, Workbench
from adjoint.optim.bench import Bench
from adjoint.optim.result import OptimizationReport, Result
from adjoint.program.context import active_ledger, context
from adjoint.program.state import name_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from adjoint.data.records import Split
    from adjoint.eval.certificate import Verdict
    from adjoint.lm.base import BaseLM
    from adjoint.lm.types import Usage
    from adjoint.optim.allocate import Allocator
    from adjoint.optim.base import Optimizer
    from adjoint.program.metric import Metric
    from adjoint.program.module import Module
    from adjoint.program.state import State

Ship: TypeAlias = Literal["certified", "always"]
Phase: TypeAlias = Literal["propose", "race", "certify", "done"]

EXHAUSTED = "the optimizer has nothing more to try"
"""Why a run ended that no cap has ended."""
_SEARCH_SHARE = 0.8
"""The part of the budget that the search may spend; the rest is held back for the certificate."""
_BLOCK = 8
"""Holdout rows bought at once between two looks at the certificate."""


@dataclass(frozen=True)
class Progress:
    """Where a run stands: for the live line, and for nobody's decisions."""

    phase: Phase
    round: int
    best: float | None
    cells: int
    usage: Usage


@dataclass
class Study:
    """One optimisation run. The same arguments name the same run, so doing it again continues or replays it."""

    program: Module
    optimizer: Optimizer
    metric: Metric
    split: Split
    budget: Budget = field(default_factory=Budget)
    seed: int = 0
    proposer_lm: BaseLM | None = None
    ship: Ship = "certified"
    alpha: float = 0.05
    allocator: Allocator | None = None
    """Who chooses among candidates; None leaves it to the optimizer."""
    limit: int = 64
    on_progress: Callable[[Progress], None] | None = None

    async def run(self) -> Result:
        """Search, certify, and return the better program, or the original one if none was shown to be better."""
        if self.ship not in ("certified", "always"):
            message = (
                f"ship={self.ship!r} is unknown; 'certified' ships what is shown to be better, 'always' ships the best found."
            )
            raise UsageError(message)
        self._open()
        with context(account=self._account):
            stopped = await self._search()
            certificate = await self._certify()
        return self._finish(stopped, certificate)

    async def propose(self) -> Module:
        """The program with the optimizer's first proposal, untested."""
        self._open()
        with context(account=self._account):
            asked = await self._ask(self.optimizer.init(self._seed_state))
        return self.program.with_state(asked[0].state if asked else self._seed_state)

    def _open(self) -> None:
        """Name the run, and take up what an earlier life of it has left in the ledger."""
        self._started = time.monotonic()
        self._seed_state = self.program.state_dict()
        rows = (*self.split.feedback, *self.split.selection, *self.split.holdout)
        self._allocator = self.allocator or self.optimizer.allocator or Racing()
        made_by = [[one.name, plain(dict(one.settings()))] for one in (self.optimizer, self._allocator)]
        settings = [*made_by, self.seed, plain(self.budget), self.alpha, answerer(self.proposer_lm)]
        self._run = run_id("optimize", self.program, rows, self.metric, *settings)
        self._ledger = active_ledger()
        self._bench = Bench(
            self.program, self.metric, self._run, self._ledger, limit=self.limit, on_cell=lambda _: self._tell_progress()
        )
        self._account = Account(self.budget, payer=self._run)
        self._best, self._round = self._seed_state, 0
        self._kept: tuple[State, ...] = ()
        self._trials: list[Trial] = []
        order = list(self.split.selection)
        rng.stream(self.seed, "selection").shuffle(order)
        self._rows = tuple(order)
        self._phase: Phase = "propose"
        about = {"what": "optimize", "optimizer": self.optimizer.name, "settings": plain(settings)}
        self._log("begin", {**about, "state": plain(dict(self._seed_state))})

    async def _search(self) -> str:
        """Rounds of ask, race, tell until the optimizer has nothing more to try or the budget is spent."""
        self._account.share = _SEARCH_SHARE
        memory = self.optimizer.init(self._seed_state)
        try:
            while True:
                self._enter("propose")
                asked = await self._ask(memory)
                if not asked:
                    return EXHAUSTED
                memory = self.optimizer.tell(memory, await self._try(asked))
                self._round += 1
        except BudgetExceeded as error:
            return str(error)

    async def _ask(self, memory: Any) -> list[Candidate]:
        work = Workbench(self.program, self._best, self.split.feedback, self.proposer_lm, self.seed, self._round, self._bench)
        asked = await self.optimizer.ask(memory, work)
        return [one if isinstance(one, Candidate) else Candidate(one) for one in asked]

    async def _try(self, asked: Sequence[Candidate]) -> list[Trial]:
        """Let the allocator choose among what is new or was kept; of what has lost before, the last trial is told again."""
        best = name_of(self._best)
        lost = {trial.name: trial for trial in self._trials} | {best: None}
        for state in self._kept:
            lost.pop(name_of(state), None)
        named = {name_of(one.state): one for one in asked}
        told = [replace(trial, accepted=False) for name in named if (trial := lost.get(name)) is not None]
        fresh = [one for name, one in named.items() if name not in lost]
        return [*told, *(await self._race(fresh) if fresh else ())]

    async def _race(self, candidates: Sequence[Candidate]) -> list[Trial]:
        """One round of the allocator. What was tried is reported even if the budget ends it."""
        self._enter("race")
        for one in candidates:
            body = {"candidate": name_of(one.state), "round": self._round, "state": plain(dict(one.state))}
            self._log("candidate", body if one.note is None else {**body, "note": one.note})
        fresh = {name_of(one.state) for one in candidates}
        kept = tuple(state for state in self._kept if name_of(state) not in fresh)
        states = tuple(one.state for one in candidates)
        outcome = await self._allocator.choose(Round(self._round, self._best, states, kept, self._rows, self.seed, self._bench))
        best = name_of(outcome.best)
        self._best = outcome.best
        self._kept = tuple(state for state in outcome.kept if name_of(state) != best)
        trials = [self._trial(one, accepted=name_of(one.state) == best) for one in candidates]
        self._trials.extend(trials)
        self._log("decision", {"round": self._round, "best": best})
        if outcome.cut is not None:
            raise outcome.cut
        return trials

    def _trial(self, one: Candidate, *, accepted: bool) -> Trial:
        scores = self._bench.scores(one.state, self._rows)
        return Trial(one.state, scores, self._bench.errors(one.state, self._rows), accepted, one.note)

    async def _certify(self) -> Verdict | None:
        """Compare the best state with the original on the holdout, block by block, until it is shown to be better."""
        self._account.share = 1.0
        if name_of(self._best) == name_of(self._seed_state):
            return None
        self._enter("certify")
        order = list(self.split.holdout)
        rng.stream(self.seed, "holdout").shuffle(order)
        certificate = Certificate(self.alpha)
        try:
            for start in range(0, len(order), _BLOCK):
                block = order[start : start + _BLOCK]
                await self._bench.score([self._seed_state, self._best], block)
                for row in block:
                    certificate.update(self._bench.score_of(self._best, row), self._bench.score_of(self._seed_state, row))
                if certificate.crossed:
                    break
        except BudgetExceeded:
            return certificate.summary()  # what was paid for counts; a later look can only add to it
        return certificate.summary()

    def _finish(self, stopped: str, certificate: Verdict | None) -> Result:
        changed = name_of(self._best) != name_of(self._seed_state)
        certified = certificate is not None and certificate.verdict == "better"
        shipped = changed and (certified or self.ship == "always")
        state = self._best if shipped else self._seed_state
        scores = self._bench.scores(self._best, self._rows).values()
        report = OptimizationReport(
            optimizer=self.optimizer.name,
            rounds=self._round,
            trials=tuple(self._trials),
            best=self._best,
            selection=sum(scores) / len(scores) if scores else None,
            certificate=certificate,
            shipped=shipped,
            stopped=stopped,
            usage=self._account.spent,
            cells=self._bench.bought,
            seconds=time.monotonic() - self._started,
            usage_by_role=self._account.usage_by("role"),
        )
        self._log("end", {**report.to_dict(), "state": plain(dict(state))})
        self._enter("done")
        return Result(self.program.with_state(state), state, report, self._run)

    def _log(self, kind: Any, body: dict[str, Any]) -> None:
        if self._ledger:
            self._ledger.append(self._run, kind, body)

    def _enter(self, phase: Phase) -> None:
        self._phase = phase
        self._account.step = f"{phase} {self._round + 1}" if phase in ("propose", "race") else phase
        self._tell_progress()

    def _tell_progress(self) -> None:
        if self.on_progress:
            scores = self._bench.scores(self._best, self._rows).values()
            best = sum(scores) / len(scores) if scores else None
            self.on_progress(Progress(self._phase, self._round, best, self._bench.bought, self._account.spent))

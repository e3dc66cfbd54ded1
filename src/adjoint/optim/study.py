"""The Study: the one driver of every optimizer. Ask, buy cells, tell, stop; then certify before anything is shipped."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from adjoint.base import rng
from adjoint.base.collector import collections_put_off
from adjoint.base.errors import BudgetExceeded, UsageError
from adjoint.base.json import plain
from adjoint.data.duplicates import leaks
from adjoint.eval.fingerprint import answerer, deciding, run_id
from adjoint.lm.budget import Account, Budget
from adjoint.optim.allocate import Round
from adjoint.optim.allocators.racing import Racing
from adjoint.optim.base import Candidate, Trial, Workbench
from adjoint.optim.bench import Bench
from adjoint.optim.certify import certify
from adjoint.optim.kin import parts, why_new
from adjoint.optim.knobs import require
from adjoint.optim.outlook import outlook
from adjoint.optim.result import OptimizationReport, Result
from adjoint.optim.stop import EXHAUSTED, IDLE, Stop, Stopped
from adjoint.optim.tally import Tally, counted
from adjoint.program.context import active_ledger, context

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    from adjoint.base.json import Json
    from adjoint.data.records import Example
    from adjoint.data.splits import Split
    from adjoint.eval.certificate import Verdict
    from adjoint.lm.base import BaseLM
    from adjoint.lm.types import Usage
    from adjoint.optim.allocate import Allocator
    from adjoint.optim.base import Optimizer
    from adjoint.optim.weights.task import Step
    from adjoint.program.metric import Metric
    from adjoint.program.module import Module
    from adjoint.program.state import State

Ship: TypeAlias = Literal["certified", "always"]
Phase: TypeAlias = Literal["propose", "race", "certify", "done"]

_SEARCH_SHARE = 0.8
"""The part of the budget that the search may spend; the rest is held back for the certificate."""


@dataclass(frozen=True)
class Progress:
    """Where a run stands: for the live line, and for nobody's decisions."""

    phase: Phase
    round: int
    best: float | None
    cells: int
    usage: Usage
    training: Step | None = None
    """The step of training that was just made; None where this is told for another reason."""


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
    ship: Literal["certified", "always"] = "certified"
    """Whether to ship what is shown to be better, or the best found."""
    alpha: float = 0.05
    allocator: Allocator | None = None
    """Who chooses among candidates; None leaves it to the optimizer."""
    stop: Stop = field(default_factory=Stop)
    repeats: int = 1
    """How often each candidate runs on each row, with replies of its own each time; a cell is the mean."""
    limit: int = 64
    remarks: tuple[str, ...] = ()
    """What is to be said of the rows, in the report."""
    on_progress: Callable[[Progress], None] | None = None

    async def run(self) -> Result:
        """Search, certify, and return the better program, or the original one if none was shown to be better."""
        self._open()
        with context(account=self._account), collections_put_off():  # a run keeps its trials and the list of what it buys
            stopped = await self._search()
            certificate, cut = await self._certify()
        return self._finish(Stopped(f"{cut} It ended the certificate.", cut=True) if cut else stopped, certificate)

    async def propose(self) -> Module:
        """The program with the optimizer's first proposal, untested."""
        self._open()
        with context(account=self._account):
            asked = await self._ask(self.optimizer.init(self._states[self._seed]))
        return self.program.with_state(asked[0].state if asked else self._states[self._seed])

    def _open(self) -> None:
        """Name the run, and take up what an earlier life of it has left in the ledger."""
        self._check()
        self._started = time.monotonic()
        self._allocator = self.allocator or self.optimizer.allocator or Racing()
        rows = (*self.split.feedback, *self.split.selection, *self.split.holdout)
        made_by = [[one.name, plain(dict(one.settings()))] for one in (self.optimizer, self._allocator)]
        settings = [*made_by, self.seed, plain([self.budget, self.stop]), self.alpha, self.repeats, answerer(self.proposer_lm)]
        decided = self.program, rows, self.metric, *settings
        self._run, own = run_id("optimize", *decided), parts(deciding(*decided))
        self._ledger, self._account = active_ledger(), Account(self.budget, payer=self._run)
        self._kin = why_new(self._ledger, self._run, self.optimizer.name, own)
        self._bench = Bench(
            self.program, self.metric, limit=self.limit, run=self._run, ledger=self._ledger, repeats=self.repeats,
            on_cell=lambda _: self._tell_progress(), on_step=self._tell_progress,
        )  # fmt: skip
        self._rows, self._holdout = self._bench.add_rows(self._order()), self._bench.add_rows(self.split.holdout)
        self._states: dict[str, State] = {}
        self._trials: list[Trial] = []
        self._kept: tuple[str, ...] = ()
        self._notes: tuple[str, ...] = ()
        self._tally = Tally()
        self._seed = self._best = self._add(self.program.state_dict())
        self._round = self._asked = self._stale = self._mute = 0
        self._phase: Phase = "propose"
        about = {"what": "optimize", "optimizer": self.optimizer.name, "settings": plain(settings), "parts": own}
        self._log("begin", {**about, "state": plain(dict(self._states[self._seed]))})

    def _check(self) -> None:
        for one in fields(self):
            require("optimize", one.name, getattr(self, one.name), one.type)
        if not any(parameter.trainable for _, parameter in self.program.named_parameters()):
            message = (
                f"{type(self.program).__name__} has nothing that an optimizer may change; give it a predictor "
                "(self.answer = adjoint.Predict('question -> answer')), an adjoint.Parameter or an adjoint.Number that is trainable."
            )
            raise UsageError(message)

    def _order(self) -> list[Example]:
        """The selection rows in the one random order of the run."""
        rows = list(self.split.selection)
        rng.stream(self.seed, "selection").shuffle(rows)
        return rows

    def _add(self, state: State) -> str:
        name = self._bench.add(state)
        self._states.setdefault(name, state)
        return name

    async def _search(self) -> Stopped:
        """Rounds of ask, choose, tell until a rule stops it, the optimizer has nothing more to try or the budget is spent."""
        self._account.share, self._bench.most = _SEARCH_SHARE, self.optimizer.max_cells
        memory = self.optimizer.init(self._states[self._seed])
        try:
            while (reason := self._reason()) is None:
                self._enter("propose")
                asked = await self._ask(memory)
                if not asked:
                    reason = EXHAUSTED if self._trials else getattr(self.optimizer, "idle", IDLE)
                    break
                memory = self.optimizer.tell(memory, await self._try(asked))
                self._notes = tuple(self.optimizer.notes(memory))
                self._round += 1
            if self._kept:
                await self._choose({}, final=True)
        except BudgetExceeded as error:
            return Stopped(str(error), cut=True)
        return Stopped(reason)

    def _reason(self) -> str | None:
        scores = self._bench.scores(self._best, self._rows)
        best = mean(scores.values()) if len(scores) == len(self._rows) else None
        return self.stop.reason(stale=self._stale, mute=self._mute, best=best, seconds=time.monotonic() - self._started)

    async def _ask(self, memory: Any) -> list[Candidate]:
        best = self._states[self._best]
        work = Workbench(self.program, best, self.split.feedback, self.proposer_lm, self.seed, self._round, self._bench)
        with counted(self._tally):
            asked = await self.optimizer.ask(memory, work)
        return [one if isinstance(one, Candidate) else Candidate(one) for one in asked]

    async def _try(self, asked: Sequence[Candidate]) -> list[Trial]:
        """Let the allocator choose among what is new or was kept. What has lost before, or is the best, is told as it stands."""
        before = self._best
        named: dict[str, Json] = {}
        for one in asked:  # of equal ones the first is told
            named.setdefault(self._add(one.state), one.note)
        lost = {trial.name for trial in self._trials} - set(self._kept)
        fresh = {name: note for name, note in named.items() if name not in lost and name != before}
        if fresh:
            self._enter("race")
            await self._choose(fresh)
        trials = [self._trial(name, note, accepted=name in fresh and name == self._best) for name, note in named.items()]
        self._stale = 0 if self._best != before else self._stale + 1
        self._mute = 0 if any(self._differs(trial) for trial in trials) else self._mute + 1
        return trials

    async def _choose(self, fresh: Mapping[str, Json], *, final: bool = False) -> None:
        """One round of the allocator over candidates with their notes. What was tried is reported even if the budget ends it."""
        for name, note in fresh.items():
            body = {"candidate": name, "round": self._round, "state": plain(dict(self._states[name]))}
            self._log("candidate", body if note is None else {**body, "note": note})
        kept = tuple(name for name in self._kept if name not in fresh)
        outcome = await self._allocator.choose(
            Round(self._round, self._best, tuple(fresh), kept, self._rows, self.seed, self._bench, asked=self._asked, final=final)
        )
        self._best, self._asked = outcome.best, self._asked + len(fresh)
        self._kept = tuple(name for name in outcome.kept if name != outcome.best)
        self._trials.extend(self._trial(name, note, accepted=name == self._best) for name, note in fresh.items())
        self._log("decision", {"round": self._round, "best": self._best})
        if outcome.cut is not None:
            raise outcome.cut

    def _trial(self, name: str, note: Json, *, accepted: bool) -> Trial:
        scores, errors = self._bench.scores(name, self._rows), self._bench.errors(name, self._rows)
        return Trial(self._states[name], scores, errors, accepted, note)

    def _differs(self, trial: Trial) -> bool:
        """Whether a trial scored other than the best on some row, or became the best."""
        best = self._bench.scores(self._best, self._rows)
        return trial.accepted or any(best.get(row, score) != score for row, score in trial.scores.items())

    async def _certify(self) -> tuple[Verdict | None, BudgetExceeded | None]:
        self._account.share, self._bench.most = 1.0, None
        if self._best == self._seed:
            return None, None
        self._enter("certify")
        return await certify(self._best, self._seed, self._holdout, self._bench, alpha=self.alpha, seed=self.seed)

    def _finish(self, stopped: Stopped, certificate: Verdict | None) -> Result:
        certified = certificate is not None and certificate.verdict == "better"
        shipped = self._best != self._seed and (certified or self.ship == "always")
        state = self._states[self._best if shipped else self._seed]
        # Where nothing could be shown, it matters whether these rows could have shown anything.
        warnings = outlook(self.split, Budget()).notes if certificate and not certified else ()
        report = OptimizationReport(
            optimizer=self.optimizer.name,
            rounds=self._round,
            trials=tuple(self._trials),
            best=self._states[self._best],
            selection=mean(self._bench.scores(self._best, self._rows).values()),
            certificate=certificate,
            shipped=shipped,
            stopped=stopped.why,
            cut=stopped.cut,
            notes=(*self._kin, *self.remarks, *self._notes, *self._tally.notes(), *leaks(self.split), *warnings),
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

    def _tell_progress(self, training: Step | None = None) -> None:
        if self.on_progress:
            best = mean(self._bench.scores(self._best, self._rows).values())
            self.on_progress(Progress(self._phase, self._round, best, self._bench.bought, self._account.spent, training))


def mean(scores: Collection[float]) -> float | None:
    """The mean of scores; None if there are none."""
    return math.fsum(scores) / len(scores) if scores else None

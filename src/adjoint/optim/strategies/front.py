"""A certified front: which programs are better, cheaper or faster than the one you have, in one run.

A search proposes as always; of all that it tried, those that no other one equals in everything go to the holdout, where every
claim (better, cheaper, faster, not worse by more than a margin) is an anytime-valid test against the original program. The
chance that *any* of these claims is false is at most `alpha` (Bonferroni).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from adjoint.autograd.engine import engine_of
from adjoint.base import rng
from adjoint.base.errors import BudgetExceeded, UsageError
from adjoint.base.portal import portal
from adjoint.base.words import count
from adjoint.data.splits import split
from adjoint.eval.certificate import Certificate
from adjoint.lm.budget import Budget
from adjoint.optim.cost import cost_of, tokens_of
from adjoint.optim.frontier import non_dominated
from adjoint.optim.knobs import require
from adjoint.optim.registry import optimizer_of
from adjoint.optim.study import Study
from adjoint.program.context import context
from adjoint.program.metric import check
from adjoint.program.state import name_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from adjoint.autograd.engine import Engine
    from adjoint.data.records import Example
    from adjoint.eval.cells import Cell
    from adjoint.eval.certificate import Verdict
    from adjoint.lm.base import BaseLM
    from adjoint.optim.base import Optimizer
    from adjoint.program.metric import Metric
    from adjoint.program.module import Module
    from adjoint.program.state import State
    from adjoint.program.tape import Tape

_CLAIMS = ("better", "cheaper", "faster", "not worse")
_BLOCK = 8


@dataclass(frozen=True)
class Point:
    """One program of the front. Means are over the `n` holdout rows; `claims` has the verdict of each claim against the original.

    `cost` is in tokens, or in what `cost=` gives; `latency` in seconds.
    """

    name: str
    state: State
    program: Module = field(repr=False, compare=False)
    quality: float
    cost: float
    latency: float
    n: int
    claims: Mapping[str, Verdict]

    def shown(self, claim: str) -> bool:
        """Whether the claim is certified."""
        return claim in self.claims and self.claims[claim].verdict == "better"

    @property
    def certified(self) -> bool:
        """Whether it is shown to be better, cheaper or faster, and shown to be no worse than the margin allows."""
        gains = any(self.shown(claim) for claim in _CLAIMS[:3])
        return gains and (self.shown("better") or self.shown("not worse"))


@dataclass(frozen=True)
class Front:
    """The original program and the certified points, cheapest first; `others` were tried on the holdout and not certified."""

    original: Point
    points: tuple[Point, ...]
    others: tuple[Point, ...]
    margin: float
    stopped: str
    calls: int
    run_id: str

    def choose(self, *, max_cost: float = math.inf, max_latency: float = math.inf) -> Point:
        """The point of the best quality within the caps, the original included. Raises `UsageError` if there is none."""
        fitting = [one for one in (self.original, *self.points) if one.cost <= max_cost and one.latency <= max_latency]
        if not fitting:
            message = f"no point costs at most {max_cost:g} and takes at most {max_latency:g} s; the cheapest costs {min(one.cost for one in (self.original, *self.points)):g}."
            raise UsageError(message)
        return max(fitting, key=lambda one: one.quality)

    def __str__(self) -> str:
        lines = [
            f"{count(len(self.points), 'certified point')}, {count(self.calls, 'call')}; stopped: {self.stopped}",
            _line("original", self.original),
        ]
        return "\n".join([*lines, *(_line(point.name, point) for point in self.points)])


def front(
    program: Module,
    *,
    trainset: Sequence[Example],
    metric: Metric,
    optimizer: str | Optimizer = "auto",
    budget: Budget | str | int | None = None,
    valset: Sequence[Example] | None = None,
    lm: BaseLM | str | None = None,
    proposer_lm: Engine | None = None,
    seed: int = 0,
    margin: float = 0.05,
    most: int = 6,
    alpha: float = 0.05,
    cost: Callable[[Tape], float | None] = tokens_of,
) -> Front:
    """The certified front of quality, cost and latency over everything that the optimizer tries, in one run under one budget.

    `margin` in (0, 1) is how much worse on average a cheaper or faster program may be: to show that of a program that is
    just as good takes about 8 / margin holdout rows. At most `most` programs go to the holdout. `cost` reads the cost of a run off its tape: `tokens_of` (the default) or `dollars_of` of `adjoint.optim.cost`.
    Latency is the time a row took when it was bought, so replies that another run has left in the ledger make it too short.
    """
    require("front", "margin", margin, "float")
    require("front", "most", most, "int")
    if not 0 < alpha < 1:
        message = f"front(alpha={alpha}) cannot be; give the chance of a false claim, a number above 0 and below 1."
        raise UsageError(message)
    require("front", "cost", cost, "Callable")
    study = FrontStudy(
        program, optimizer_of(optimizer), check(metric), split(trainset, valset, seed=seed), Budget.parse(budget),
        seed=seed, proposer_lm=engine_of(proposer_lm), alpha=alpha,
    )  # fmt: skip
    with context(**({} if lm is None else {"lm": lm})):
        return portal.run(study.front(margin, most, cost))


class FrontStudy(Study):
    """A study whose last step certifies a front in the place of one program."""

    async def front(self, margin: float, most: int, cost: Callable[[Tape], float | None]) -> Front:
        """Search, take the points that nothing dominates, certify them."""
        self._open()
        self._costs: dict[tuple[str, str], float] = {}
        self._seconds: dict[tuple[str, str], float] = {}
        self._bench.on_cell = lambda cell: self._meter(cell, cost)
        with context(account=self._account):
            stopped = await self._search()
            self._read_seconds()
            names = self._promising(most)
            self._account.share, self._bench.most = 1.0, None
            why = await self._buy_holdout(names) or stopped.why
        self._read_seconds()
        alpha = self.alpha / max(1, len(_CLAIMS) * len(names))
        points = sorted((self._point(name, alpha, margin) for name in names), key=lambda point: point.cost)
        front = Front(
            self._point(self._seed, alpha, margin),
            tuple(point for point in points if point.certified),
            tuple(point for point in points if not point.certified),
            margin, why, self._account.spent.calls, self._run,
        )  # fmt: skip
        self._log(
            "end", {"stopped": why, "points": [point.name for point in front.points], "state": dict(self._states[self._seed])}
        )
        return front

    def _meter(self, cell: Cell, cost: Callable[[Tape], float | None]) -> None:
        """Note what a row has cost the program that ran it."""
        if cell.tape is not None and cell.tape.root is not None and cell.error is None:
            key = (name_of(cell.tape.root.state_dict()), cell.example)
            self._costs[key], self._seconds[key] = cost_of(cost, cell.tape), cell.seconds

    def _read_seconds(self) -> None:
        """How long each cell took when it was bought; an earlier life of this run may have bought it."""
        for event in self._ledger.events(self._run, "cell") if self._ledger else ():
            body: Any = event.body
            self._seconds[body["candidate"], body["example"]] = body["seconds"]

    def _promising(self, most: int) -> list[str]:
        """Of all candidates those that none of the others, nor the original, equals in everything; spread over the costs."""
        gains = {trial.name: self._gains(trial.name) for trial in self._trials if trial.scores and trial.name != self._seed}
        ahead = [name for name in non_dominated({self._seed: (0.0, 0.0, 0.0), **gains}) if name != self._seed]
        ahead.sort(key=lambda name: (gains[name][1], name))
        if len(ahead) <= most:
            return ahead
        best = max(ahead, key=lambda name: gains[name][0])
        spread = [ahead[round(place * (len(ahead) - 1) / max(1, most - 1))] for place in range(most)]
        return list(dict.fromkeys([best, *spread]))[:most]

    def _gains(self, name: str) -> tuple[float, float, float]:
        """Quality, saved cost and saved time against the original, on the selection rows that both have seen."""
        pairs = list(self._pairs(name, self._rows))
        count = max(1, len(pairs))
        sums = [math.fsum(one[place] - other[place] for one, other in pairs) / count for place in range(3)]
        return sums[0], sums[1], sums[2]

    def _pairs(self, name: str, rows: Sequence[str]) -> Iterator[tuple[tuple[float, float, float], tuple[float, float, float]]]:
        """For each row that both have answered: quality, economy and speed of the program and of the original, in [0, 1]."""
        mine, theirs = self._bench.scores(name, rows), self._bench.scores(self._seed, rows)
        for row in rows:
            if row in mine and row in theirs:
                costs = _shares(self._costs[name, row], self._costs[self._seed, row])
                times = _shares(self._seconds[name, row], self._seconds[self._seed, row])
                yield (mine[row], costs[0], times[0]), (theirs[row], costs[1], times[1])

    async def _buy_holdout(self, names: Sequence[str]) -> str | None:
        """Run the original and the points on the holdout; why it ended early, if it did."""
        if not names:
            return None
        self._enter("certify")
        order = self._holdout_order()
        try:
            for start in range(0, len(order), _BLOCK):
                await self._bench.buy([self._seed, *names], order[start : start + _BLOCK])
        except BudgetExceeded as error:
            return str(error)
        return None

    def _holdout_order(self) -> list[str]:
        order = list(self._holdout)
        rng.stream(self.seed, "holdout").shuffle(order)
        return order

    def _point(self, name: str, alpha: float, margin: float) -> Point:
        """A program with its means on the holdout and what is shown of it there."""
        certificates = {claim: Certificate(alpha) for claim in _CLAIMS}
        rows = [row for row in self._holdout if row in self._bench.scores(name, self._holdout)]
        for mine, theirs in self._pairs(name, self._holdout_order()) if name != self._seed else ():
            for place, claim in enumerate(_CLAIMS[:3]):
                certificates[claim].update(mine[place], theirs[place])
            certificates["not worse"].update((mine[0] + margin) / (1 + margin), theirs[0] / (1 + margin))
        scores = self._bench.scores(name, rows)
        state = self._states[name]
        return Point(
            name, state, self.program.with_state(state), _mean(scores.values()), _mean(self._costs[name, row] for row in rows),
            _mean(self._seconds[name, row] for row in rows), len(rows),
            {} if name == self._seed else {claim: one.summary() for claim, one in certificates.items()},
        )  # fmt: skip


def _shares(mine: float, theirs: float) -> tuple[float, float]:
    """What each saves of the larger of two costs, in [0, 1]."""
    top = max(mine, theirs)
    return (1 - mine / top, 1 - theirs / top) if top else (0.0, 0.0)


def _mean(values: Any) -> float:
    found = list(values)
    return math.fsum(found) / len(found) if found else 0.0


def _line(name: str, point: Point) -> str:
    shown = ", ".join(claim for claim in point.claims if point.shown(claim))
    return f"{name}: quality {100 * point.quality:.1f} %, cost {point.cost:.4g}, {point.latency:.3g} s a row, n={point.n}" + (
        f": {shown}" if shown else ""
    )

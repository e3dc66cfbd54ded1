"""Numbers: thresholds, temperatures and other numeric parameters; the order and count of demos; the model of each predictor.

A number that stands in no prompt is calibrated on the replies that are there already, at no new call. Where to look is read
off the runs: only a value between two numbers that the program has seen can change what it does (DSPy's `ReAnchor`, 2026).
"""

from __future__ import annotations

import itertools
import math
from typing import TYPE_CHECKING, Any

from adjoint.base.code import code_digest
from adjoint.base.errors import UsageError
from adjoint.exec.local import all_of
from adjoint.optim import demos as demonstrations
from adjoint.optim.base import Candidate
from adjoint.optim.cost import cost_of, dollars_of
from adjoint.optim.strategy import Strategy
from adjoint.program.choice import ModelChoice
from adjoint.program.parameter import Number

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from adjoint.base.json import Json
    from adjoint.data.records import Example
    from adjoint.eval.cells import Cell
    from adjoint.optim.base import Memory, Trial, Workbench
    from adjoint.program.metric import Metric
    from adjoint.program.parameter import Parameter
    from adjoint.program.state import State
    from adjoint.program.tape import Tape


class Numbers(Strategy):
    """Moves one numeric parameter after the other: `Number`s within their bounds, others within what the runs have shown.

    For each, up to `values` values are tried on at most `rows` feedback rows. From the widest stretch of values that did best
    `candidates` evenly spread ones race; `zooms` times those around the winner race again. A value that changes no prompt costs
    no call while a ledger keeps the replies; one that does (a temperature) costs a call for each value and row.
    """

    name = "numbers"
    idle = "no number of the program could be moved; give it one that decides something: self.cut = adjoint.Number(0.5, low=0, high=1)"

    def __init__(
        self, metric: Metric | None = None, *, values: int = 20, rows: int = 48, candidates: int = 6, zooms: int = 2
    ) -> None:
        super().__init__(metric)
        self.values, self.rows, self.candidates, self.zooms = values, rows, candidates, zooms

    def settings(self) -> Mapping[str, Json]:
        return {"values": self.values, "rows": self.rows, "candidates": self.candidates, "zooms": self.zooms}

    def init(self, seed_state: State) -> Memory:
        """The place of the parameter in hand, how often it was zoomed in on, and where its value lies now (None: anywhere)."""
        del seed_state
        return {"at": 0, "zoom": 0, "around": None}

    def tell(self, memory: Memory, trials: Sequence[Trial]) -> Memory:
        notes: list[Any] = [trial.note for trial in trials if trial.note is not None]
        if not notes:
            return memory
        won = [trial for trial in trials if trial.accepted]
        if not won or notes[0]["zoom"] >= self.zooms:
            return {"at": notes[0]["at"] + 1, "zoom": 0, "around": None}
        name, tried = notes[0]["name"], notes[0]["tried"]
        value: Any = won[0].state[name]
        below = max((one for one in tried if one < value), default=value)
        above = min((one for one in tried if one > value), default=value)
        return {"at": notes[0]["at"], "zoom": notes[0]["zoom"] + 1, "around": [below, above]}

    async def ask(self, memory: Memory, work: Workbench) -> Sequence[State | Candidate]:
        numbers = [
            (name, one)
            for name, one in work.program.named_parameters()
            if one.kind == "number" and one.trainable and not isinstance(one, ModelChoice)
        ]
        for at in range(memory["at"], len(numbers)):
            name, parameter = numbers[at]
            zoom, span = (memory["zoom"], memory["around"]) if at == memory["at"] else (0, None)
            low, high = span or await self._stretch(name, parameter, work)
            tried = [value for value in _between(low, high, self.candidates, work.best[name]) if value != work.best[name]]
            if tried:
                note = {"at": at, "zoom": zoom, "name": name, "tried": [low, high, *tried]}
                return [Candidate({**work.best, name: value}, note) for value in tried]
        return []

    async def _stretch(self, name: str, parameter: Parameter[Any], work: Workbench) -> tuple[float, float]:
        """The ends of the widest stretch of values that did best on feedback rows."""
        rows = list(work.feedback)
        work.rng("rows", name).shuffle(rows)
        rows = rows[: self.rows]
        seen = await work.run(work.best, rows)
        grid = _grid(parameter, seen, self.values)
        found = await all_of(_total(work, {**work.best, name: value}, rows) for value in grid)
        top = max(found, default=-math.inf)
        now = float(parameter.value)
        best, stretch = (now, now), -1.0
        for good, group in itertools.groupby(range(len(grid)), key=lambda place: found[place] >= top):
            places = list(group)
            low, high = grid[places[0]], grid[places[-1]]
            if good and high - low > stretch:
                best, stretch = (grid[max(0, places[0] - 1)], grid[min(len(grid) - 1, places[-1] + 1)]), high - low
        return best


class _Rounds(Strategy):
    """Abstract: goes on for at most `rounds`, while each brings something better."""

    rounds: int

    def init(self, seed_state: State) -> Memory:
        del seed_state
        return {"rounds": 0, "over": False}

    def tell(self, memory: Memory, trials: Sequence[Trial]) -> Memory:
        return {"rounds": memory["rounds"] + 1, "over": not any(trial.accepted for trial in trials)}

    def _is_over(self, memory: Memory) -> bool:
        return bool(memory["over"] or memory["rounds"] >= self.rounds)


class DemoOrder(_Rounds):
    """Fewer demos, and the same demos in another order: what LMs make of demos depends on both. No call to propose.

    Each round races `num_candidates` versions of the best: one demo less, the first half, the reverse order, and orders and
    counts drawn at random; it ends after a round, or `rounds`, without anything better.
    """

    name = "demo-order"
    idle = "the program has no demos to reorder; find some first: optimizer='bootstrap-rs -> demo-order'"

    def __init__(self, metric: Metric | None = None, *, num_candidates: int = 8, rounds: int = 3) -> None:
        super().__init__(metric)
        self.num_candidates, self.rounds = num_candidates, rounds

    def settings(self) -> Mapping[str, Json]:
        return {"num_candidates": self.num_candidates, "rounds": self.rounds}

    async def ask(self, memory: Memory, work: Workbench) -> Sequence[State | Candidate]:
        names = [name for name, _ in demonstrations.demo_names(work.program)]
        longest = max((len(demonstrations.demos_in(work.best, name)) for name in names), default=0)
        if self._is_over(memory) or not longest:
            return []
        draw = work.rng("orders")
        whole = list(range(longest))
        orders = [whole[::-1], whole[: (longest + 1) // 2], whole[:-1]]
        orders += [draw.sample(whole, draw.randint(1, longest)) for _ in range(self.num_candidates)]
        return [{**work.best, **_arranged(work.best, names, order)} for order in orders[: self.num_candidates]]


class Models(_Rounds):
    """Chooses the model of each predictor whose `lm` is a `ModelChoice`, among those that keep to a cap on the cost.

    `max_cost` is the most that a row may cost on average, measured on `rows` feedback rows; `cost` reads it off the tape of a
    row (default: US dollars by the models' prices). Each round races the versions of the best with one choice changed, and those in which all
    predictors ask the same model. Raises `UsageError` if a cost is not known, or if the program as it is breaks the cap.
    """

    name = "models"
    idle = "there is no other model to choose; give a predictor several: program.answer.lm = adjoint.ModelChoice([...])"

    def __init__(
        self,
        metric: Metric | None = None,
        *,
        max_cost: float | None = None,
        cost: Callable[[Tape], float | None] = dollars_of,
        rows: int = 8,
        rounds: int = 4,
    ) -> None:
        super().__init__(metric)
        self.max_cost, self.cost, self.rows, self.rounds = max_cost, cost, rows, rounds

    def settings(self) -> Mapping[str, Json]:
        return {"max_cost": self.max_cost, "cost": code_digest(self.cost), "rows": self.rows, "rounds": self.rounds}

    async def ask(self, memory: Memory, work: Workbench) -> Sequence[State | Candidate]:
        if self._is_over(memory):
            return []
        choices = {name: one for name, one in work.program.named_parameters() if isinstance(one, ModelChoice) and one.trainable}
        states = _choices(work.best, choices)
        if self.max_cost is None:
            return states
        rows = work.feedback[: self.rows]
        costs = await all_of(self._cost(work, state, rows) for state in (work.best, *states))
        if costs[0] > self.max_cost:
            message = f"the program as it is costs {costs[0]:.3g} a row, more than max_cost={self.max_cost:g}; begin with cheaper models."
            raise UsageError(message)
        return [state for state, cost in zip(states, costs[1:], strict=True) if cost <= self.max_cost]

    async def _cost(self, work: Workbench, state: State, rows: Sequence[Example]) -> float:
        """What a row costs on average."""
        cells = await work.run(state, rows)
        costs = [cost_of(self.cost, cell.tape) for cell in cells if cell.tape is not None]
        return math.fsum(costs) / max(1, len(costs))


def _grid(parameter: Parameter[Any], cells: Sequence[Cell], most: int) -> list[float]:
    """Values to try, in order: evenly within the bounds if there are any, and midpoints between numbers that were seen."""
    bounds = (parameter.low, parameter.high) if isinstance(parameter, Number) else (-math.inf, math.inf)
    seen = sorted({float(one) for cell in cells if cell.tape for node in cell.tape.nodes for one in _numbers(node.outputs)})
    middles = [(low + high) / 2 for low, high in itertools.pairwise(seen) if bounds[0] <= (low + high) / 2 <= bounds[1]]
    even = parameter.spread(5) if isinstance(parameter, Number) else []
    room = max(2, most - len(even))
    if len(middles) > room:
        middles = [middles[round(place * (len(middles) - 1) / (room - 1))] for place in range(room)]
    return sorted({*even, *middles, float(parameter.value)})


def _numbers(value: Any) -> list[float]:
    """The numbers in the outputs of a call."""
    if isinstance(value, bool):
        return []
    if isinstance(value, int | float):
        return [value] if math.isfinite(value) else []
    if isinstance(value, dict):
        return [one for item in value.values() for one in _numbers(item)]
    return [one for item in value for one in _numbers(item)] if isinstance(value, list | tuple) else []


def _between(low: float, high: float, count: int, now: Any) -> list[float]:
    """So many values inside of (low, high); whole numbers stay whole."""
    inside = [low + (high - low) * step / (count + 1) for step in range(1, count + 1)]
    return list(dict.fromkeys(round(value) if isinstance(now, int) else value for value in inside))


async def _total(work: Workbench, state: State, rows: Sequence[Example]) -> float:
    """The sum of scores on these rows."""
    return math.fsum(cell.score.value for cell in await work.run(state, rows) if cell.score is not None)


def _arranged(state: State, names: Sequence[str], order: Sequence[int]) -> dict[str, Json]:
    """The demos of each predictor in that order, as far as it has them."""
    return {
        name: [
            demonstrations.demos_in(state, name)[place] for place in order if place < len(demonstrations.demos_in(state, name))
        ]
        for name in names
    }


def _choices(best: State, choices: Mapping[str, ModelChoice]) -> list[State]:
    """The best with one choice changed, and with all choices the same."""
    single = [{**best, name: place} for name, one in choices.items() for place in range(len(one.lms)) if place != best[name]]
    fewest = min((len(one.lms) for one in choices.values()), default=0)
    alike = [{**best, **dict.fromkeys(choices, place)} for place in range(fewest)]
    return [state for state in (*single, *alike) if state != dict(best)]

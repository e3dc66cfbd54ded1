"""Combinations: several optimizers as one. In sequence, in turns, begun anew, or chosen by what they have brought so far.

A combination is a strategy like any other: one run, one budget, one certificate. Each of its optimizers starts from the best
state so far, and what it remembers is kept apart.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from adjoint.base.errors import UsageError
from adjoint.base.json import plain
from adjoint.optim.base import Candidate
from adjoint.optim.registry import optimizer_of
from adjoint.optim.strategy import Strategy

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from adjoint.base.json import Json
    from adjoint.optim.base import Memory, Optimizer, Trial, Workbench
    from adjoint.program.metric import Metric
    from adjoint.program.state import State


class Combination(Strategy):
    """Abstract: subclasses say with `order` whose turn it is. Optimizers are objects or names (`"gepa"`)."""

    def __init__(self, optimizers: Iterable[Optimizer | str], *, metric: Metric | None = None) -> None:
        super().__init__(metric)
        self.optimizers = [optimizer_of(one) for one in optimizers]
        if not self.optimizers:
            message = f"{type(self).__name__} combines optimizers; give at least one, for example ['bootstrap-rs', 'gepa']."
            raise UsageError(message)

    def order(self, memory: Memory) -> Sequence[int]:
        """Places of the optimizers in the order in which they may propose; those that have nothing more are left out."""
        raise NotImplementedError

    def settings(self) -> Mapping[str, Json]:
        return {"optimizers": [[one.name, plain(dict(one.settings()))] for one in self.optimizers]}

    def init(self, seed_state: State) -> Memory:
        """What each remembers (None before it has begun), who has nothing more to try, who was last, rounds and gains of each."""
        del seed_state
        count = len(self.optimizers)
        return {"own": [None] * count, "done": [], "last": None, "rounds": [0] * count, "gains": [0] * count}

    async def ask(self, memory: Memory, work: Workbench) -> Sequence[State | Candidate]:
        done = list(memory["done"])
        for place in self.order(memory):
            one, own = self.optimizers[place], memory["own"][place]
            began = one.init(work.best) if own is None else None
            asked = await one.ask(began if own is None else own, work)
            if asked:
                note = {"place": place, "done": done, "began": began}
                return [Candidate(*_parts(candidate, note)) for candidate in asked]
            done.append(place)
        return []

    def tell(self, memory: Memory, trials: Sequence[Trial]) -> Memory:
        noted = [trial for trial in trials if trial.note is not None]
        if not noted:
            return memory
        note: Any = noted[0].note
        place = note["place"]
        own = memory["own"][place] if note["began"] is None else note["began"]
        theirs = [replace(trial, note=trial.note["own"]) for trial in noted]  # type: ignore[call-overload, index]
        gained = int(any(trial.accepted for trial in noted))
        return {
            "own": _with(memory["own"], place, self.optimizers[place].tell(own, theirs)),
            "done": note["done"],
            "last": place,
            "rounds": _with(memory["rounds"], place, memory["rounds"][place] + 1),
            "gains": _with(memory["gains"], place, memory["gains"][place] + gained),
        }

    def notes(self, memory: Memory) -> Sequence[str]:
        begun = [(one, own) for one, own in zip(self.optimizers, memory["own"], strict=True) if own is not None]
        return tuple(note for one, own in begun for note in one.notes(own))

    def _open(self, memory: Memory) -> list[int]:
        return [place for place in range(len(self.optimizers)) if place not in memory["done"]]


class Chain(Combination):
    """One optimizer after the other; each begins where the one before it has ended."""

    name = "sequence"

    def order(self, memory: Memory) -> Sequence[int]:
        return self._open(memory)


class Alternate(Combination):
    """A round of each in turn, until none has anything more to try."""

    name = "alternate"

    def order(self, memory: Memory) -> Sequence[int]:
        places, last = self._open(memory), memory["last"]
        return places if last is None else sorted(places, key=lambda place: (place <= last, place))


class Restart(Combination):
    """One optimizer, begun anew from the best so far, at most `times` times, as long as its last life has brought something."""

    name = "restart"

    def __init__(self, optimizer: Optimizer | str, times: int = 3, *, metric: Metric | None = None) -> None:
        super().__init__([optimizer] * times, metric=metric)

    def order(self, memory: Memory) -> Sequence[int]:
        places = self._open(memory)
        alive = [place for place in places if place == 0 or memory["gains"][place - 1]]
        return alive[:1]


class Portfolio(Combination):
    """All optimizers a round each, then mostly those whose rounds have brought something better (UCB1; Auer et al., 2002)."""

    name = "portfolio"

    def order(self, memory: Memory) -> Sequence[int]:
        rounds, gains = memory["rounds"], memory["gains"]
        played = sum(rounds)

        def promise(place: int) -> float:
            if not rounds[place]:
                return math.inf
            return float(gains[place] / rounds[place] + math.sqrt(2 * math.log(played) / rounds[place]))

        return sorted(self._open(memory), key=lambda place: (-promise(place), place))


def _parts(candidate: State | Candidate, note: dict[str, Any]) -> tuple[State, Json]:
    """The state of a candidate, and its note in that of the combination."""
    if isinstance(candidate, Candidate):
        return candidate.state, {**note, "own": candidate.note}
    return candidate, {**note, "own": None}


def _with(values: Sequence[Any], place: int, value: Any) -> list[Any]:
    return [*values[:place], value, *values[place + 1 :]]

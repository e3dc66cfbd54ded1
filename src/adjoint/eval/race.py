"""Leader-betting elimination: find the best of several candidates without paying for every cell.

All active arms see the same items in random order. Each arm bets that it is *not* best, item by item, against whoever leads;
an arm whose capital reaches 1/delta leaves. Exactly one null hypothesis "arm i is best" is true, so the threshold needs no
correction for the number of arms, and by Ville's inequality the best arm is lost with probability at most delta, whenever the
race is stopped or looked at. The scope of that promise: the arms are fixed before the order of the items is drawn, the order
is random, and "best" means the largest mean over these `population` items.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from adjoint.base.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

BETS = (0.04, 0.10, 0.19, 0.38, 0.67, 0.95)
"""Shares of the capital at stake; small ones find small differences, large ones end clear cases early. Fixed before the data."""

_NEAR_SURE = 1e-9
"""Room for rounding where a leader's gap and the number of items left are compared."""


class Race:
    """A race of `arms` over a population of items; `update` once an item until `finished`.

    `population` >= 1 is the number N of items, `delta` in (0, 1) the chance of losing the best arm. Raises `UsageError` for
    no arms, arms of the same name and values outside these ranges.

    >>> race = Race(["a", "b"], 100)
    >>> while not race.finished:
    ...     race.update({"a": 1.0, "b": 0.0})
    >>> race.leader, race.active, race.seen, race.cells
    ('a', ('a',), 7, 14)
    """

    def __init__(self, arms: Sequence[str], population: int, *, delta: float = 0.05) -> None:
        if not arms or len(set(arms)) != len(arms):
            message = f"Race({list(arms)!r}): give one or more arms, each with a name of its own."
            raise UsageError(message)
        if population < 1 or not 0 < delta < 1:
            message = f"Race(population={population}, delta={delta}): population >= 1 and 0 < delta < 1 are allowed."
            raise UsageError(message)
        self.population, self.delta = population, delta
        self.seen = 0
        """Items shown so far, skipped ones included."""
        self.skipped = 0
        """Items that count for nobody because an active arm had an error there."""
        self.cells = 0
        """Pairs of arm and item that were asked for: what the race has cost."""
        self._active = list(arms)
        self._sums = dict.fromkeys(arms, 0.0)
        self._capital = {arm: [1.0] * len(BETS) for arm in arms}

    @property
    def active(self) -> tuple[str, ...]:
        """The arms that may still be best, in the order given."""
        return tuple(self._active)

    @property
    def leader(self) -> str:
        """The active arm with the largest sum; of equals the first by name, so that the order of the arms does not matter."""
        return min(self._active, key=lambda arm: (-self._sums[arm], arm))

    @property
    def finished(self) -> bool:
        """One arm is left, or every item has been seen."""
        return len(self._active) == 1 or self.seen == self.population

    @property
    def capital(self) -> dict[str, float]:
        """The evidence against each arm (the mean over its bets); of arms that left, what they had then."""
        return {arm: sum(bets) / len(bets) for arm, bets in self._capital.items()}

    def update(self, scores: Mapping[str, float | None]) -> None:
        """Take the scores in [0, 1] of all active arms on the next item; None stands for an error.

        Scores of arms that have left are ignored. Raises `UsageError` if an active arm is missing, a score lies outside
        [0, 1] or the race is over; the race is then unchanged.
        """
        items = self._checked(scores)
        left = self.population - self.seen  # the item itself included: nothing of it is known yet
        self.seen += 1
        self.cells += len(items)
        known = {arm: score for arm, score in items.items() if score is not None}
        if len(known) < len(items):
            # An error is never a score, and the comparison must stay paired: the item is left out for everybody. It still
            # counts as seen; the true rest is then shorter than `left`, which only makes the bets below more cautious.
            # (If errors depend on the arm, "best" means best on the items that all active arms could answer.)
            self.skipped += 1
            return
        impossible = self._bet(known, left)
        for arm, score in known.items():
            self._sums[arm] += score
        self._drop(impossible)

    def state(self) -> dict[str, Any]:
        """Everything, as JSON."""
        return {
            "population": self.population, "delta": self.delta, "seen": self.seen, "skipped": self.skipped, "cells": self.cells,
            "active": list(self._active), "sums": dict(self._sums),
            "capital": {arm: list(bets) for arm, bets in self._capital.items()},
        }  # fmt: skip

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> Race:
        """The race that gave this `state()`; it goes on as if it had never stopped."""
        race = cls(list(state["sums"]), state["population"], delta=state["delta"])
        race.seen, race.skipped, race.cells = state["seen"], state["skipped"], state["cells"]
        race._active, race._sums = list(state["active"]), dict(state["sums"])
        race._capital = {arm: list(bets) for arm, bets in state["capital"].items()}
        return race

    def _checked(self, scores: Mapping[str, float | None]) -> dict[str, float | None]:
        if self.finished:
            message = f"the race is over: {self.seen} of {self.population} items, {len(self._active)} arms; check `finished`."
            raise UsageError(message)
        missing = [arm for arm in self._active if arm not in scores]
        if missing:
            message = f"the scores lack {missing[0]!r}; every active arm sees every item (give None for an error)."
            raise UsageError(message)
        for arm in self._active:
            score = scores[arm]
            if score is not None and not 0.0 <= score <= 1.0:
                message = f"the score {score} of {arm!r} does not lie in [0, 1]; give None for an error."
                raise UsageError(message)
        return {arm: scores[arm] for arm in self._active}

    def _bet(self, scores: Mapping[str, float], left: int) -> set[str]:
        """Bet each arm's capital on the item, and return the arms that cannot be best any more.

        The leader is the one *before* the item, so it is predictable. If arm i were best, its mean over the rest would have to
        make up for its gap: E[x_lead - x_i | past] <= m = -(S_lead - S_i) / left. The factor 1 + c · (d - m) / (1 + m) then
        has mean <= 1, and it is at least 1 - c because d >= -1.
        """
        leader = self.leader
        impossible = set()
        for arm in self._active:
            bound = -(self._sums[leader] - self._sums[arm]) / left
            room = 1 + bound
            if room < -_NEAR_SURE:
                impossible.add(arm)
            elif room > _NEAR_SURE and arm != leader:
                gain = (scores[leader] - scores[arm] - bound) / room
                self._capital[arm] = [capital * (1 + bet * gain) for capital, bet in zip(self._capital[arm], BETS, strict=True)]
            # In between the arm can at best tie. A tie counts as "not worse", so it stays and nothing is bet.
        return impossible

    def _drop(self, impossible: set[str]) -> None:
        leader, threshold = self.leader, len(BETS) / self.delta
        keep = [arm for arm in self._active if arm == leader or (arm not in impossible and sum(self._capital[arm]) < threshold)]
        self._active = keep

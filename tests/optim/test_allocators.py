"""Allocators: what they buy, whom they choose, and what they do when the budget ends or a candidate is broken."""

from __future__ import annotations

import asyncio
import random

import pytest

from adjoint.base.errors import BudgetExceeded, UsageError
from adjoint.optim.allocate import Allocator, Round
from adjoint.optim.allocators.frace import FRace
from adjoint.optim.allocators.halving import ASHA, Halving
from adjoint.optim.allocators.minibatch import Minibatch
from adjoint.optim.allocators.pareto import Pareto
from adjoint.optim.allocators.racing import Racing
from adjoint.optim.allocators.rungs import Rungs, telling
from adjoint.optim.allocators.ucb import UCB
from adjoint.optim.registry import ALLOCATORS, allocator_of

ROWS = tuple(f"r{number}" for number in range(120))


class Table:
    """Cells of arms with known scores; `most` cells can be bought."""

    def __init__(self, scores, most=None):
        self.scores, self.most, self.bought = scores, most, {}

    async def buy(self, names, rows):
        for row in rows:
            for name in names:
                if (name, row) not in self.bought:
                    if self.most is not None and len(self.bought) >= self.most:
                        raise BudgetExceeded("spent")
                    self.bought[name, row] = self.scores[name][ROWS.index(row)]

    def has(self, name, row):
        return (name, row) in self.bought

    def score(self, name, row):
        return self.bought[name, row]


def world(seed=0, **means):
    """Scores of arms on the same rows: an arm is right where the row's difficulty is below its mean."""
    draw = random.Random(seed)
    difficulty = [draw.random() for _ in ROWS]
    return {name: [float(one < mean) for one in difficulty] for name, mean in means.items()}


def choose(allocator, cells):
    names = tuple(name for name in cells.scores if name != "base")
    return asyncio.run(allocator.choose(Round(0, "base", names, (), ROWS, 0, cells)))


def in_the_end(allocator, cells):
    """The best after a round of all arms and the last round, which is held if some were kept."""
    first = choose(allocator, cells)
    if not first.kept:
        return first.best
    return asyncio.run(allocator.choose(Round(1, first.best, (), first.kept, ROWS, 0, cells, final=True))).best


@pytest.mark.parametrize("name", ALLOCATORS)
def test_each_finds_the_arm_that_is_far_better(name):
    allocator = allocator_of(name)
    cells = Table(world(base=0.3, worse=0.1, same=0.31, best=0.8))
    assert isinstance(allocator, Allocator)
    assert in_the_end(allocator, cells) == "best"


@pytest.mark.parametrize("name", ALLOCATORS)
def test_nobody_replaces_the_incumbent_without_being_better(name):
    same = world(base=0.5)["base"]
    cells = Table({"base": same, "twin": list(same), "worse": [0.0] * len(ROWS)})
    assert choose(allocator_of(name), cells).best == "base"


@pytest.mark.parametrize("name", ALLOCATORS)
def test_a_broken_arm_neither_wins_nor_spoils_the_comparison(name):
    cells = Table({**world(base=0.3, best=0.9), "broken": [None] * len(ROWS)})
    assert in_the_end(allocator_of(name), cells) == "best"


@pytest.mark.parametrize("name", ALLOCATORS)
@pytest.mark.parametrize("most", [0, 1, 30, 200])
def test_a_spent_budget_is_handed_back_with_the_best_so_far(name, most):
    cells = Table(world(base=0.3, worse=0.1, better=0.5, best=0.8), most)
    outcome = choose(allocator_of(name), cells)
    assert len(cells.bought) <= most
    assert outcome.best in cells.scores
    assert outcome.cut is not None or len(cells.bought) < most


@pytest.mark.parametrize("name", ALLOCATORS)
def test_the_same_round_is_decided_in_the_same_way(name):
    runs = []
    for _ in range(2):
        cells = Table(world(base=0.4, a=0.42, b=0.5, c=0.55))
        runs.append((choose(allocator_of(name), cells), list(cells.bought)))
    assert runs[0] == runs[1]


def test_halving_spends_its_share_and_racing_less_than_the_grid():
    arms = {f"a{number}": 0.2 + number / 40 for number in range(15)}
    halving, racing = Table(world(base=0.2, **arms)), Table(world(base=0.2, **arms))
    choose(Halving(0.25), halving)
    choose(Racing(), racing)
    assert len(halving.bought) == pytest.approx(0.25 * 16 * len(ROWS), rel=0.1)
    assert len(racing.bought) < 0.75 * 16 * len(ROWS)


def test_asha_keeps_those_that_stay_behind_and_lets_them_climb_later():
    cells = Table(world(base=0.1, good=0.6))
    alone = choose(ASHA(10, 3), cells)
    assert alone.best == "base"
    assert alone.kept == ("good",)
    cells.scores |= world(other=0.05, another=0.02)
    work = Round(1, "base", ("other", "another"), alone.kept, ROWS, 0, cells)
    later = asyncio.run(ASHA(10, 3).choose(work))
    assert sum(name == "good" for name, _ in cells.bought) > 10
    assert set(later.kept) | {later.best} == {"base", "good", "other", "another"}


def test_minibatch_fully_evaluates_the_best_of_every_few_and_nobody_else():
    cells = Table(world(base=0.3, **{f"a{number}": 0.1 * number for number in range(1, 7)}))
    outcome = choose(Minibatch(20, 5), cells)
    full = [name for name in cells.scores if sum(one == name for one, _ in cells.bought) == len(ROWS)]
    assert full == ["base", "a5"]
    assert outcome.best == "a5"
    assert set(outcome.kept) == {"base", "a1", "a2", "a3", "a4", "a6"}


def test_a_race_to_several_keeps_them():
    cells = Table(world(base=0.1, a=0.7, b=0.72, c=0.15))
    outcome = choose(FRace(2, block=20), cells)
    assert {outcome.best, *outcome.kept} == {"a", "b"}


def test_the_frontier_keeps_whoever_is_best_somewhere():
    left = [1.0] * 60 + [0.0] * 60
    cells = Table({"base": [0.4] * 120, "left": left, "right": [1 - one for one in left], "even": [0.9] * 120})
    assert choose(Pareto(), cells).kept == ("left", "right")
    assert choose(Pareto(), cells).best == "even"
    assert choose(Pareto("dominance"), cells).kept == ("left", "right")


def test_a_gate_spares_the_rows_of_those_that_fail_it():
    cells = Table(world(base=0.9, poor=0.1))
    choose(Pareto(gate=5), cells)
    assert sum(name == "poor" for name, _ in cells.bought) == 5


def test_ucb_gives_most_rows_to_whoever_may_be_best():
    cells = Table(world(base=0.2, best=0.9, poor=0.1))
    choose(UCB(0.5), cells)
    counts = {name: sum(one == name for one, _ in cells.bought) for name in cells.scores}
    assert max(counts, key=counts.get) == "best"


def test_rungs_buy_the_incumbent_once_and_a_loser_no_more_than_the_first_rows():
    cells = Table(world(base=0.6, poor=0.1, worse=0.05))
    first = Rungs().rungs[0]
    choose(Rungs(), cells)
    counts = {name: sum(one == name for one, _ in cells.bought) for name in cells.scores}
    assert counts == {"base": counts["base"], "poor": first, "worse": first}
    assert counts["base"] <= 2 * first


def test_rows_on_which_candidates_differ_come_first_and_known_agreement_last():
    cells = Table({"a": [1.0, 1.0, 0.0, *[0.0] * 117], "b": [0.0, 1.0, 0.0, *[0.0] * 117]})
    asyncio.run(cells.buy(["a", "b"], ROWS[:3]))
    assert telling(ROWS[:4], ["a", "b"], cells) == ["r0", "r3", "r1", "r2"]


@pytest.mark.parametrize(
    "make",
    [
        lambda: Halving(0.0), lambda: Halving(eta=1), lambda: ASHA(0), lambda: FRace(0), lambda: UCB(2.0), lambda: Minibatch(0),
        lambda: Pareto("best"), lambda: Rungs((10, 5), (0, 0)), lambda: Rungs((10,), ()),
    ],
)  # fmt: skip
def test_settings_that_mean_nothing_are_refused(make):
    with pytest.raises(UsageError):
        make()

"""The race: it keeps the best arm as often as it promises, and pays for few of the cells."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adjoint.base.errors import UsageError
from adjoint.eval.race import Race


def world(rng, arms, items, spread=0.17):
    """0/1 scores of prompts that mostly agree: shared difficulty (rho .93), six small specialities, a true ability."""
    speciality = rng.standard_normal((arms, 6)) @ rng.standard_normal((6, items)) * 0.2 / math.sqrt(6)
    shared, own = rng.standard_normal(items), rng.standard_normal((arms, items))
    ability = rng.standard_normal((arms, 1)) * spread
    return (ability + speciality + math.sqrt(0.93) * shared + math.sqrt(0.07) * own > 0).astype(float)


def run(matrix, delta, names=None):
    """Race the rows of a matrix in the order of its columns."""
    names = names or [f"arm-{i}" for i in range(len(matrix))]
    columns = [dict(zip(names, column, strict=True)) for column in matrix.T.tolist()]
    race = Race(names, len(columns), delta=delta)
    for column in columns:
        if race.finished:
            break
        race.update(column)
    return race


def regret(matrix, race):
    means = matrix.mean(axis=1)
    return means.max() - means[int(race.leader.removeprefix("arm-"))]


@pytest.mark.parametrize(("arms", "items", "worlds", "share"), [(32, 300, 40, (0.25, 0.48)), (64, 1000, 10, (0.08, 0.22))])
def test_it_finds_the_best_row_of_a_simulated_matrix_with_a_fraction_of_the_cells(arms, items, worlds, share):
    rng = np.random.default_rng(arms)
    cells, lost = [], []
    for _ in range(worlds):
        matrix = world(rng, arms, items)
        race = run(matrix, 0.05)
        cells.append(race.cells / matrix.size)
        lost.append(regret(matrix, race))
    assert share[0] < np.mean(cells) < share[1]
    assert np.mean(lost) < 0.001 and np.mean(np.array(lost) > 0.01) <= 0.05


def test_a_larger_delta_costs_fewer_cells():
    matrix = world(np.random.default_rng(1), 32, 300)
    strict, loose = run(matrix, 0.05), run(matrix, 0.2)
    assert loose.cells < strict.cells


@pytest.mark.parametrize("kind", ["near ties", "graded", "one rare strength"])
def test_the_best_arm_is_lost_with_probability_at_most_delta(kind):
    rng = np.random.default_rng(2)
    worlds, delta, lost = 400, 0.2, 0
    for _ in range(worlds):
        if kind == "near ties":
            matrix = world(rng, 6, 120, spread=0.03)
        elif kind == "graded":
            matrix = np.clip(rng.beta(4, 2, 120) + rng.normal(0, 0.1, (6, 120)), 0, 1)
        else:  # the best arm loses a little nearly everywhere and wins a lot on few items
            matrix = np.full((6, 120), 0.55)
            matrix[0] = np.where(np.arange(120) < 14, 1.0, 0.5)
            matrix = matrix[:, rng.permutation(120)]
        best = int(matrix.mean(axis=1).argmax())
        if (matrix.mean(axis=1) == matrix.mean(axis=1).max()).sum() > 1:
            continue
        lost += f"arm-{best}" not in run(matrix, delta).active
    assert lost / worlds <= delta + 3 * math.sqrt(delta * (1 - delta) / worlds)


@given(st.integers(0, 10_000), st.randoms())
@settings(max_examples=25, deadline=None)
def test_the_order_of_the_arms_does_not_matter(seed, shuffle):
    matrix = world(np.random.default_rng(seed), 5, 60)
    order = list(range(5))
    shuffle.shuffle(order)
    plain, mixed = run(matrix, 0.2), run(matrix[order], 0.2, [f"arm-{i}" for i in order])
    assert plain.leader == mixed.leader and set(plain.active) == set(mixed.active)
    assert plain.cells == mixed.cells and plain.capital == mixed.capital


@given(st.lists(st.lists(st.one_of(st.none(), st.floats(0, 1)), min_size=4, max_size=4), max_size=40))
@settings(max_examples=60, deadline=None)
def test_capital_stays_positive_the_leader_stays_and_the_state_survives_json(rows):
    race, names = Race("abcd", 40, delta=0.3), "abcd"
    for row in rows:
        if race.finished:
            break
        race.update(dict(zip(names, row, strict=True)))
        race = Race.from_state(json.loads(json.dumps(race.state(), allow_nan=False)))
        assert race.leader in race.active
        assert all(0 < capital < math.inf for capital in race.capital.values())
        assert all(race.capital[arm] < 1 / 0.3 for arm in race.active if arm != race.leader)


def test_a_resumed_race_goes_on_as_the_unbroken_one():
    matrix = world(np.random.default_rng(3), 8, 200)
    names = [f"arm-{i}" for i in range(8)]
    whole = Race(names, 200)
    parts = Race(names, 200)
    for column in matrix.T.tolist():
        if whole.finished:
            break
        whole.update(dict(zip(names, column, strict=True)))
        parts = Race.from_state(json.loads(json.dumps(parts.state())))
        parts.update(dict(zip(names, column, strict=True)))
    assert whole.state() == parts.state()


def test_an_item_with_an_error_counts_for_nobody():
    race = Race(["a", "b"], 10)
    race.update({"a": 1.0, "b": None})
    assert race.capital == {"a": 1, "b": 1} and (race.seen, race.skipped, race.cells) == (1, 1, 2)
    assert race.leader == "a" and race.active == ("a", "b")


def test_errors_at_random_do_not_lose_the_best_arm_more_often():
    rng = np.random.default_rng(4)
    worlds, delta, lost = 300, 0.2, 0
    for _ in range(worlds):
        matrix = np.clip(rng.beta(4, 2, 100) + rng.normal(0, 0.1, (4, 100)), 0, 1)
        broken = rng.random(100) < 0.3
        race = Race([f"arm-{i}" for i in range(4)], 100, delta=delta)
        for item, column in enumerate(matrix.T.tolist()):
            if race.finished:
                break
            race.update({f"arm-{i}": None if broken[item] and i == 0 else score for i, score in enumerate(column)})
        lost += f"arm-{int(matrix[:, ~broken].mean(axis=1).argmax())}" not in race.active
    assert lost / worlds <= delta + 3 * math.sqrt(delta * (1 - delta) / worlds)


def test_identical_arms_all_stay_and_the_first_by_name_leads():
    race = run(np.tile(np.random.default_rng(5).random(50), (3, 1)), 0.05, ["c", "a", "b"])
    assert race.active == ("c", "a", "b") and race.leader == "a" and race.finished


def test_an_arm_that_can_still_tie_is_kept_and_one_that_cannot_is_dropped_surely():
    race = Race(["a", "b"], 4, delta=1e-9)
    for _ in range(2):
        race.update({"a": 1.0, "b": 0.0})
    race.update({"a": 0.0, "b": 1.0})
    assert race.active == ("a", "b")  # 2 of 4 against 1 of 4 with one item left: a tie is possible
    race.update({"a": 0.0, "b": 1.0})
    assert race.active == ("a", "b") and race.finished
    race = Race(["a", "b"], 4, delta=1e-9)
    for _ in range(4):
        if not race.finished:
            race.update({"a": 1.0, "b": 0.0})
    assert race.active == ("a",) and race.seen == 4


def test_one_arm_has_won_before_the_start():
    assert Race(["only"], 5).finished and Race(["only"], 5).leader == "only"


@pytest.mark.parametrize(
    "call",
    [
        lambda: Race([], 5),
        lambda: Race(["a", "a"], 5),
        lambda: Race(["a", "b"], 0),
        lambda: Race(["a", "b"], 5, delta=1),
        lambda: Race(["a", "b"], 5).update({"a": 1.0}),
        lambda: Race(["a", "b"], 5).update({"a": 1.0, "b": 1.1}),
        lambda: Race(["a", "b"], 5).update({"a": 1.0, "b": math.nan}),
        lambda: Race(["a"], 5).update({"a": 1.0}),
    ],
)
def test_impossible_arguments_are_refused(call):
    with pytest.raises(UsageError):
        call()


def test_a_refused_update_changes_nothing():
    race = Race(["a", "b"], 5)
    before = race.state()
    with pytest.raises(UsageError):
        race.update({"a": 0.2, "b": 7.0})
    assert race.state() == before

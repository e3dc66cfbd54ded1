"""Comparing two programs: paired, errors apart, and a verdict that does not say more than the rows do."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats as scipy_stats

from adjoint.base.errors import UsageError
from adjoint.eval.compare import compare_scores

score = st.one_of(st.none(), st.sampled_from([0.0, 0.25, 0.5, 1.0]))
rows = st.lists(st.tuples(score, score), max_size=30)
binary_rows = st.lists(st.tuples(st.sampled_from([0.0, 1.0, None]), st.sampled_from([0.0, 1.0, None])), max_size=40)


def named(count):
    return [f"row-{index}" for index in range(count)]


def compared(pairs, **options):
    return compare_scores([a for a, _ in pairs], [b for _, b in pairs], named(len(pairs)), **options)


def counted(wins, losses, ties):
    """The comparison of 0/1 scores with so many wins, losses and ties of b."""
    return compared([(0, 1)] * wins + [(1, 0)] * losses + [(1, 1)] * ties)


@given(rows)
@settings(max_examples=60, deadline=None)
def test_changing_sides_mirrors_the_result(pairs):
    one, other = compared(pairs), compared([(b, a) for a, b in pairs])
    assert other.difference == pytest.approx(-one.difference) and other.p == one.p
    assert (other.low, other.high) == pytest.approx((-one.high, -one.low), abs=1e-9)
    assert (other.errors_a, other.errors_b, other.fixed, other.broken) == (one.errors_b, one.errors_a, one.broken, one.fixed)
    assert (other.wins, other.losses, other.rows_more) == (one.losses, one.wins, one.rows_more)
    assert other.verdict == {"better": "worse", "worse": "better"}.get(one.verdict, one.verdict)


@given(binary_rows, st.randoms())
@settings(max_examples=40, deadline=None)
def test_the_order_of_0_1_rows_does_not_matter(pairs, shuffle):
    order = list(range(len(pairs)))
    shuffle.shuffle(order)
    ids = named(len(pairs))
    plain = compared(pairs)
    mixed = compare_scores([pairs[i][0] for i in order], [pairs[i][1] for i in order], [ids[i] for i in order])
    assert (plain.p, plain.low, plain.high, plain.verdict) == (mixed.p, mixed.low, mixed.high, mixed.verdict)
    assert set(plain.fixed) == set(mixed.fixed) and set(plain.broken) == set(mixed.broken)


@given(binary_rows, st.integers(0, 39))
@settings(max_examples=40, deadline=None)
def test_a_fixed_row_never_makes_b_look_worse(pairs, at):
    better = [(a, 1.0 if index == at and b is not None else b) for index, (a, b) in enumerate(pairs)]
    before, after = compared(pairs), compared(better)
    assert after.difference >= before.difference and after.high >= before.high - 1e-12
    assert not (before.verdict == "better" and after.verdict != "better")


@given(rows)
@settings(max_examples=40, deadline=None)
def test_every_row_is_accounted_for_and_the_result_is_json(pairs):
    found = compared(pairs)
    assert found.n == sum(a is not None and b is not None for a, b in pairs)
    assert found.low <= found.difference <= found.high and 0 < found.p <= 1
    assert found.wins + found.losses <= found.n and found.mean_b - found.mean_a == pytest.approx(found.difference)
    assert json.loads(json.dumps(found.to_dict(), allow_nan=False))["fixed"] == list(found.fixed)
    assert (found.rows_more is None) or not found.conclusive


def test_0_1_scores_get_mcnemar_and_graded_ones_the_permutation_test():
    rng = np.random.default_rng(0)
    a, b = rng.integers(0, 2, 80), rng.integers(0, 2, 80)
    found = compare_scores(a.tolist(), b.tolist(), named(80))
    assert found.test == "exact McNemar" and (found.wins, found.losses) == (int((b > a).sum()), int((a > b).sum()))
    assert found.p == pytest.approx(scipy_stats.binomtest(found.wins, found.wins + found.losses).pvalue)
    x, y = rng.beta(3, 2, 12), rng.beta(5, 2, 12)
    graded = compare_scores(x.tolist(), y.tolist(), named(12))
    theirs = scipy_stats.permutation_test((y - x,), np.mean, permutation_type="samples", n_resamples=np.inf).pvalue
    assert graded.test == "sign-flip permutation" and graded.p == pytest.approx(theirs)
    assert graded.effect == pytest.approx((y - x).mean() / (y - x).std(ddof=1))


def test_an_outage_is_no_bad_score():
    found = compare_scores([1.0] * 20, [1.0] * 10 + [None] * 10, named(20))
    assert (found.n, found.errors_b, found.difference, found.broken) == (10, 10, 0, ())
    assert found.verdict == "inconclusive: no difference seen in 10 pairs"
    assert "errors left out: 0 and 10" in found.words


def test_flips_name_the_rows():
    found = compare_scores([0, 1, 0.4, 0.6], [1, 0, 0.6, 0.9], ["w", "x", "y", "z"])
    assert (found.fixed, found.broken) == (("w", "y"), ("x",))


def test_repeats_of_a_row_are_one_pair():
    found = compare_scores([0, 1, 1, None], [1, 1, 1, 1], ["r", "r", "s", "s"])
    assert (found.n, found.mean_a, found.mean_b, found.errors_a) == (2, 0.75, 1.0, 1)


def test_clear_gains_and_losses_are_named():
    zeros, ones = [0.0] * 12, [1.0] * 12
    assert compare_scores(zeros, ones, named(12)).verdict == "better"
    assert compare_scores(ones, zeros, named(12)).verdict == "worse"


def test_three_wins_of_three_are_too_few_to_tell():
    found = compare_scores([0] * 3, [1] * 3, named(3))
    assert found.verdict == "inconclusive: about 3 more rows would tell" and found.rows_more == 3


def test_the_promised_rows_give_a_conclusive_answer_about_80_percent_of_the_time():
    found = counted(8, 3, 69)
    total = found.n + found.rows_more
    counts = np.random.default_rng(1).multinomial(total, [8 / 80, 3 / 80, 69 / 80], 300)
    told = [counted(*row).verdict == "better" for row in counts.tolist()]
    assert 0.70 < np.mean(told) < 0.88


@pytest.mark.parametrize(
    ("a", "b", "words"),
    [
        ([], [], "no pairs to compare"),
        ([None], [1], "no pairs to compare"),
        ([1], [1], "no difference seen in 1 pair"),
        ([0, 1], [1, 0], "no difference seen in 2 pairs"),
        ([0.4, 0.2], [0.3, 0.3], "no difference seen in 2 pairs"),
    ],
)
def test_where_no_number_of_rows_would_tell_none_is_named(a, b, words):
    found = compare_scores(a, b, named(len(a)))
    assert found.verdict == f"inconclusive: {words}" and found.rows_more is None


def test_two_equal_programs_are_called_different_in_at_most_5_percent():
    rng, runs = np.random.default_rng(2), 600
    counts = rng.multinomial(60, [0.075, 0.075, 0.85], runs).tolist()
    wrong = [counted(*row).conclusive for row in counts]
    assert np.mean(wrong) <= 0.05
    graded = rng.beta(4, 2, (2, 150, 30)).tolist()
    wrong = [compare_scores(x, y, named(30), seed=i).conclusive for i, (x, y) in enumerate(zip(*graded, strict=True))]
    assert np.mean(wrong) <= 0.05 + 3 * math.sqrt(0.05 * 0.95 / 150)


@pytest.mark.parametrize(
    ("a", "b", "ids"),
    [([1], [1, 0], ["x", "y"]), ([1], [1], []), ([1.5], [1], ["x"]), ([None], [-0.1], ["x"]), ([math.nan], [1], ["x"])],
)
def test_impossible_arguments_are_refused(a, b, ids):
    with pytest.raises(UsageError):
        compare_scores(a, b, ids)

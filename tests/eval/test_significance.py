"""Paired tests and sample sizes, against scipy, exact enumeration and simulation."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats as scipy_stats

from adjoint.base.errors import UsageError
from adjoint.eval.significance import mcnemar_exact, rows_needed, sign_flip_test

signed = st.lists(st.floats(-1, 1).filter(lambda value: value == 0 or abs(value) > 1e-6), max_size=30)


def test_mcnemar_agrees_with_scipys_binomial_test():
    for wins in range(25):
        for losses in range(25):
            theirs = scipy_stats.binomtest(wins, wins + losses).pvalue if wins + losses else 1.0
            assert mcnemar_exact(wins, losses) == pytest.approx(theirs, rel=1e-10)
    assert mcnemar_exact(3000, 2700) == pytest.approx(scipy_stats.binomtest(3000, 5700).pvalue, rel=1e-9)


def test_the_exact_sign_flip_test_agrees_with_scipys_permutation_test():
    rng = np.random.default_rng(5)
    for n in (3, 8, 12):
        values = rng.normal(0.2, 0.4, n).clip(-1, 1).round(2)
        theirs = scipy_stats.permutation_test((values,), np.mean, permutation_type="samples", n_resamples=np.inf).pvalue
        assert sign_flip_test(list(values)) == pytest.approx(theirs)


def test_the_random_sign_flip_test_agrees_with_scipys():
    values = np.random.default_rng(6).normal(0.06, 0.25, 80).clip(-1, 1)
    theirs = scipy_stats.permutation_test(
        (values,), np.mean, permutation_type="samples", n_resamples=20_000, rng=np.random.default_rng(0)
    ).pvalue
    ours = sign_flip_test(list(values), seed=1)
    assert ours == sign_flip_test(list(values), seed=1) == pytest.approx(theirs, abs=0.006)


def test_equally_large_differences_make_the_sign_flip_test_mcnemars():
    assert sign_flip_test([0.5] * 30 + [-0.5] * 12 + [0.0] * 7) == mcnemar_exact(30, 12)


def test_zeros_carry_no_information_and_all_ties_give_p_1():
    assert sign_flip_test([]) == sign_flip_test([0.0] * 9) == 1
    assert sign_flip_test([0.3, -0.1, 0.2]) == sign_flip_test([0.3, 0, -0.1, 0, 0.2])


def test_a_monte_carlo_p_is_never_0():
    assert sign_flip_test(list(np.linspace(0.5, 1, 40)), flips=999) == 1 / 1000


def test_the_sign_flip_test_rejects_no_true_null_too_often():
    rng = np.random.default_rng(7)
    for n, flips in ((10, 0), (40, 400)):
        values = rng.beta(3, 2, (600, n)) - rng.beta(3, 2, (600, n))
        rejected = np.mean([sign_flip_test(list(row), seed=i, flips=flips) <= 0.05 for i, row in enumerate(values)])
        assert rejected <= 0.05 + 3 * math.sqrt(0.05 * 0.95 / 600)


def test_rows_needed_are_near_the_published_figures_of_a_one_sided_test():
    found = [rows_needed(difference, 0.15, sides=1) for difference in (0.05, 0.08, 0.10)]
    assert found == pytest.approx([371, 145, 93], rel=0.03)


def test_rows_needed_give_mcnemar_about_the_power_they_promise():
    rng = np.random.default_rng(9)
    for difference in (0.05, 0.10):
        n = rows_needed(difference, 0.15)
        counts = rng.multinomial(n, [(0.15 + difference) / 2, (0.15 - difference) / 2, 0.85], 1500)
        power = np.mean([mcnemar_exact(int(wins), int(losses)) <= 0.05 for wins, losses, _ in counts])
        assert 0.72 < power < 0.83  # the exact test is a little conservative


@given(st.floats(0.01, 0.5), st.floats(0.5, 1), st.floats(0.2, 0.9))
def test_smaller_differences_more_discordance_and_more_power_need_more_rows(difference, discordance, power):
    base = rows_needed(difference, discordance, power)
    assert base <= rows_needed(difference / 2, discordance, power)
    assert base <= rows_needed(difference, min(1, discordance * 1.2), power)
    assert base <= rows_needed(difference, discordance, 0.95)
    assert base == rows_needed(-difference, discordance, power)


def test_no_number_of_rows_shows_a_difference_of_0():
    assert rows_needed(0.0, 0.2) is None


@given(signed)
@settings(max_examples=40, deadline=None)
def test_mirrored_differences_give_the_same_p(differences):
    mirrored = [-value for value in differences]
    assert sign_flip_test(mirrored, flips=500) == sign_flip_test(differences, flips=500)


@pytest.mark.parametrize(
    "call",
    [
        lambda: mcnemar_exact(-1, 2),
        lambda: sign_flip_test([0.1, math.nan]),
        lambda: rows_needed(0.5, 0.1),
        lambda: rows_needed(0.1, 0.2, alpha=0),
        lambda: rows_needed(0.1, 0.2, sides=3),
    ],
)
def test_impossible_arguments_are_refused(call):
    with pytest.raises(UsageError):
        call()

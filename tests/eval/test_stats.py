"""Intervals, paired tests and sample sizes, against scipy, exact enumeration and simulation."""

from __future__ import annotations

import math
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats as scipy_stats

from adjoint.base.errors import UsageError
from adjoint.eval import stats

scores = st.lists(st.floats(0, 1), max_size=30)
signed = st.lists(st.floats(-1, 1).filter(lambda value: value == 0 or abs(value) > 1e-6), max_size=30)


def test_importing_the_statistics_loads_no_numpy():
    modules = "adjoint.eval.stats, adjoint.eval.race, adjoint.eval.certificate, adjoint.eval.compare"
    code = f"import sys, {modules}; sys.exit('numpy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize("level", [0.8, 0.95, 0.99])
@pytest.mark.parametrize(("successes", "n"), [(0, 1), (1, 1), (0, 10), (3, 10), (10, 10), (57, 100), (999, 1000)])
def test_wilson_agrees_with_scipy(successes, n, level):
    theirs = scipy_stats.binomtest(successes, n).proportion_ci(level, method="wilson")
    assert stats.wilson(successes, n, level) == pytest.approx((theirs.low, theirs.high), abs=1e-12)


def test_wilson_covers_95_percent_on_average_over_shares():
    for n in (10, 30, 100):
        ends = [stats.wilson(k, n) for k in range(n + 1)]
        coverage = []
        for share in np.linspace(0.02, 0.98, 97):
            weights = scipy_stats.binom.pmf(np.arange(n + 1), n, share)
            coverage.append(sum(w for w, end in zip(weights, ends, strict=True) if end.holds(share)))
        assert 0.94 < np.mean(coverage) < 0.97


def test_no_row_and_one_row_say_nothing():
    assert stats.wilson(0, 0) == (0, 1)
    assert stats.mean_interval([]) == stats.mean_interval([1.0]) == stats.mean_interval([0.3]) == (0, 1)
    assert stats.paired_interval([]) == stats.paired_interval([1]) == stats.paired_interval([0.3]) == (-1, 1)


def test_equal_rows_do_not_give_an_interval_of_width_0():
    assert stats.mean_interval([1.0] * 20) == stats.wilson(20, 20)
    assert stats.mean_interval([0.5] * 20) == stats.wilson(10, 20)
    for ties in ([0] * 50, [0.2] * 50):
        low, high = stats.paired_interval(ties)
        assert high - low > 0.04 and low <= ties[0] <= high


def test_0_1_scores_get_wilson_and_graded_ones_a_bootstrap():
    assert stats.mean_interval([True, False, 1.0, 0, 1]) == stats.wilson(3, 5)
    graded = list(np.random.default_rng(0).beta(4, 2, 60))
    assert stats.mean_interval(graded, seed=3) == stats.bootstrap_interval(graded, seed=3)
    assert stats.mean_interval(graded, seed=3) != stats.mean_interval(graded, seed=4)


@pytest.mark.parametrize("shape", [(8, 2), (1, 6), (2, 2)])
def test_the_bootstrap_agrees_with_scipy_where_the_sample_is_large(shape):
    values = np.random.default_rng(1).beta(*shape, 400)
    theirs = scipy_stats.bootstrap((values,), np.mean, n_resamples=4000, rng=np.random.default_rng(2)).confidence_interval
    assert stats.bootstrap_interval(list(values)) == pytest.approx((theirs.low, theirs.high), abs=0.0025)


@pytest.mark.parametrize("n", [6, 15, 60])
@pytest.mark.parametrize("world", ["beta", "levels"])
def test_the_interval_of_graded_scores_covers_about_95_percent(world, n):
    rng = np.random.default_rng([n, 9])
    worlds = 400
    steps, chances = np.array([0, 0.25, 0.5, 0.75, 1]), [0.05, 0.05, 0.2, 0.3, 0.4]
    truth = 0.8 if world == "beta" else float(steps @ chances)
    draws = rng.beta(8, 2, (worlds, n)) if world == "beta" else rng.choice(steps, p=chances, size=(worlds, n))
    covered = np.mean([stats.mean_interval(list(row), seed=seed).holds(truth) for seed, row in enumerate(draws)])
    assert 0.95 - 3 * math.sqrt(0.95 * 0.05 / worlds) <= covered


@pytest.mark.parametrize(("n", "delta", "discordance"), [(30, 0.0, 0.15), (100, 0.05, 0.15), (300, -0.08, 0.15), (50, 0.0, 0.02)])
def test_the_paired_interval_of_0_1_scores_covers_about_95_percent(n, delta, discordance):
    chances = [(discordance + delta) / 2, (discordance - delta) / 2, 1 - discordance]
    counts = [tuple(row) for row in np.random.default_rng(n).multinomial(n, chances, 2000).tolist()]
    found = {row: stats.paired_interval(np.repeat([1, -1, 0], row).tolist()) for row in set(counts)}
    covered = np.mean([found[row].holds(delta) for row in counts])
    assert covered >= 0.935


@pytest.mark.parametrize("world", ["all rows change a little", "few rows change, some of them much"])
def test_the_paired_interval_of_graded_scores_covers_about_95_percent(world):
    rng = np.random.default_rng(8)
    if world == "all rows change a little":
        difference, truth = rng.beta(6, 3, (300, 40)) - rng.beta(5, 4, (300, 40)), 6 / 9 - 5 / 9
    else:
        difference, truth = rng.choice([0, 0.3, -0.2, 1, -1], p=[0.7, 0.1, 0.1, 0.06, 0.04], size=(300, 40)), 0.03
    covered = np.mean([stats.paired_interval(row.tolist()).holds(truth) for row in difference])
    assert covered >= 0.95 - 3 * math.sqrt(0.95 * 0.05 / 300)


@given(signed)
@settings(max_examples=40, deadline=None)
def test_mirrored_differences_give_the_mirrored_interval_and_the_same_p(differences):
    mirrored = [-value for value in differences]
    low, high = stats.paired_interval(differences)
    assert stats.paired_interval(mirrored) == pytest.approx((-high, -low), abs=1e-9)
    assert stats.sign_flip_test(mirrored, flips=500) == stats.sign_flip_test(differences, flips=500)


@given(scores)
@settings(max_examples=40, deadline=None)
def test_an_interval_holds_the_mean_stays_in_range_and_widens_with_the_level(values):
    narrow, wide = stats.mean_interval(values, 0.8), stats.mean_interval(values, 0.99)
    mean = math.fsum(values) / len(values) if values else 0.5
    assert 0 <= wide.low <= narrow.low + 1e-12 <= narrow.high + 1e-12 <= wide.high + 2e-12 <= 1 + 2e-12
    assert narrow.low - 1e-12 <= mean <= narrow.high + 1e-12


@given(st.integers(0, 60), st.integers(1, 60))
def test_more_successes_move_wilson_up(successes, n):
    successes = min(successes, n - 1)
    less, more = stats.wilson(successes, n), stats.wilson(successes + 1, n)
    assert less.low <= more.low and less.high <= more.high


@pytest.mark.parametrize("degrees", [1, 2, 3, 10, 11, 99, 1000, 5000])
def test_students_quantile_agrees_with_scipy(degrees):
    for share in (0.9, 0.975, 0.995):
        assert stats.t_quantile(share, degrees) == pytest.approx(scipy_stats.t.ppf(share, degrees), rel=1e-5)


def test_mcnemar_agrees_with_scipys_binomial_test():
    for wins in range(25):
        for losses in range(25):
            theirs = scipy_stats.binomtest(wins, wins + losses).pvalue if wins + losses else 1.0
            assert stats.mcnemar_exact(wins, losses) == pytest.approx(theirs, rel=1e-10)
    assert stats.mcnemar_exact(3000, 2700) == pytest.approx(scipy_stats.binomtest(3000, 5700).pvalue, rel=1e-9)


def test_the_exact_sign_flip_test_agrees_with_scipys_permutation_test():
    rng = np.random.default_rng(5)
    for n in (3, 8, 12):
        values = rng.normal(0.2, 0.4, n).clip(-1, 1).round(2)
        theirs = scipy_stats.permutation_test((values,), np.mean, permutation_type="samples", n_resamples=np.inf).pvalue
        assert stats.sign_flip_test(list(values)) == pytest.approx(theirs)


def test_the_random_sign_flip_test_agrees_with_scipys():
    values = np.random.default_rng(6).normal(0.06, 0.25, 80).clip(-1, 1)
    theirs = scipy_stats.permutation_test(
        (values,), np.mean, permutation_type="samples", n_resamples=20_000, rng=np.random.default_rng(0)
    ).pvalue
    ours = stats.sign_flip_test(list(values), seed=1)
    assert ours == stats.sign_flip_test(list(values), seed=1) == pytest.approx(theirs, abs=0.006)


def test_equally_large_differences_make_the_sign_flip_test_mcnemars():
    assert stats.sign_flip_test([0.5] * 30 + [-0.5] * 12 + [0.0] * 7) == stats.mcnemar_exact(30, 12)


def test_zeros_carry_no_information_and_all_ties_give_p_1():
    assert stats.sign_flip_test([]) == stats.sign_flip_test([0.0] * 9) == 1
    assert stats.sign_flip_test([0.3, -0.1, 0.2]) == stats.sign_flip_test([0.3, 0, -0.1, 0, 0.2])


def test_a_monte_carlo_p_is_never_0():
    assert stats.sign_flip_test(list(np.linspace(0.5, 1, 40)), flips=999) == 1 / 1000


def test_the_sign_flip_test_rejects_no_true_null_too_often():
    rng = np.random.default_rng(7)
    for n, flips in ((10, 0), (40, 400)):
        values = rng.beta(3, 2, (600, n)) - rng.beta(3, 2, (600, n))
        rejected = np.mean([stats.sign_flip_test(list(row), seed=i, flips=flips) <= 0.05 for i, row in enumerate(values)])
        assert rejected <= 0.05 + 3 * math.sqrt(0.05 * 0.95 / 600)


def test_the_clustered_error_is_the_usual_one_if_every_row_is_its_own_cluster():
    values = [0.1, 0.9, 0.4, 1.0, 0.7]
    assert stats.clustered_error(values, range(5)) == pytest.approx(scipy_stats.sem(values))


def test_copies_of_rows_in_one_cluster_add_no_certainty():
    values = [0.1, 0.9, 0.4, 1.0, 0.7]
    assert stats.clustered_error(values * 4, list(range(5)) * 4) == pytest.approx(scipy_stats.sem(values))
    assert stats.clustered_error(values, "aaaaa") == stats.clustered_error([], []) == math.inf


def test_rows_needed_are_near_the_published_figures_of_a_one_sided_test():
    found = [stats.rows_needed(difference, 0.15, sides=1) for difference in (0.05, 0.08, 0.10)]
    assert found == pytest.approx([371, 145, 93], rel=0.03)


def test_rows_needed_give_mcnemar_about_the_power_they_promise():
    rng = np.random.default_rng(9)
    for difference in (0.05, 0.10):
        n = stats.rows_needed(difference, 0.15)
        counts = rng.multinomial(n, [(0.15 + difference) / 2, (0.15 - difference) / 2, 0.85], 1500)
        power = np.mean([stats.mcnemar_exact(int(wins), int(losses)) <= 0.05 for wins, losses, _ in counts])
        assert 0.72 < power < 0.83  # the exact test is a little conservative


@given(st.floats(0.01, 0.5), st.floats(0.5, 1), st.floats(0.2, 0.9))
def test_smaller_differences_more_discordance_and_more_power_need_more_rows(difference, discordance, power):
    base = stats.rows_needed(difference, discordance, power)
    assert base <= stats.rows_needed(difference / 2, discordance, power)
    assert base <= stats.rows_needed(difference, min(1, discordance * 1.2), power)
    assert base <= stats.rows_needed(difference, discordance, 0.95)
    assert base == stats.rows_needed(-difference, discordance, power)


def test_no_number_of_rows_shows_a_difference_of_0():
    assert stats.rows_needed(0.0, 0.2) is None


@pytest.mark.parametrize(
    "call",
    [
        lambda: stats.wilson(3, 2),
        lambda: stats.wilson(0, -1),
        lambda: stats.wilson(1, 2, level=1),
        lambda: stats.mean_interval([0.2, 1.2]),
        lambda: stats.mean_interval([math.nan, 0.1]),
        lambda: stats.paired_interval([0.2, -1.2]),
        lambda: stats.bootstrap_interval([0.5, 0.5]),
        lambda: stats.mcnemar_exact(-1, 2),
        lambda: stats.sign_flip_test([0.1, math.nan]),
        lambda: stats.clustered_error([1.0], []),
        lambda: stats.rows_needed(0.5, 0.1),
        lambda: stats.rows_needed(0.1, 0.2, alpha=0),
        lambda: stats.rows_needed(0.1, 0.2, sides=3),
    ],
)
def test_impossible_arguments_are_refused(call):
    with pytest.raises(UsageError):
        call()

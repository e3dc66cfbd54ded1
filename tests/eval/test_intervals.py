"""Intervals and quantiles, against scipy, enumeration and simulation."""

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
from adjoint.eval.intervals import bootstrap_interval, mean_interval, paired_interval, wilson
from adjoint.eval.quantiles import t_quantile

scores = st.lists(st.floats(0, 1), max_size=30)
signed = st.lists(st.floats(-1, 1).filter(lambda value: value == 0 or abs(value) > 1e-6), max_size=30)


def test_importing_the_statistics_loads_no_numpy():
    modules = (
        "adjoint.eval.intervals, adjoint.eval.significance, adjoint.eval.race, adjoint.eval.certificate, adjoint.eval.compare"
    )
    code = f"import sys, {modules}; sys.exit('numpy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize("level", [0.8, 0.95, 0.99])
@pytest.mark.parametrize(("successes", "n"), [(0, 1), (1, 1), (0, 10), (3, 10), (10, 10), (57, 100), (999, 1000)])
def test_wilson_agrees_with_scipy(successes, n, level):
    theirs = scipy_stats.binomtest(successes, n).proportion_ci(level, method="wilson")
    assert wilson(successes, n, level) == pytest.approx((theirs.low, theirs.high), abs=1e-12)


def test_wilson_covers_95_percent_on_average_over_shares():
    for n in (10, 30, 100):
        ends = [wilson(k, n) for k in range(n + 1)]
        coverage = []
        for share in np.linspace(0.02, 0.98, 97):
            weights = scipy_stats.binom.pmf(np.arange(n + 1), n, share)
            coverage.append(sum(w for w, end in zip(weights, ends, strict=True) if end.holds(share)))
        assert 0.94 < np.mean(coverage) < 0.97


def test_no_row_and_one_row_say_nothing():
    assert wilson(0, 0) == (0, 1)
    assert mean_interval([]) == mean_interval([1.0]) == mean_interval([0.3]) == (0, 1)
    assert paired_interval([]) == paired_interval([1]) == paired_interval([0.3]) == (-1, 1)


def test_equal_rows_do_not_give_an_interval_of_width_0():
    assert mean_interval([1.0] * 20) == wilson(20, 20)
    assert mean_interval([0.5] * 20) == wilson(10, 20)
    for ties in ([0] * 50, [0.2] * 50):
        low, high = paired_interval(ties)
        assert high - low > 0.04 and low <= ties[0] <= high


def test_0_1_scores_get_wilson_and_graded_ones_a_bootstrap():
    assert mean_interval([True, False, 1.0, 0, 1]) == wilson(3, 5)
    graded = list(np.random.default_rng(0).beta(4, 2, 60))
    assert mean_interval(graded, seed=3) == bootstrap_interval(graded, seed=3)
    assert mean_interval(graded, seed=3) != mean_interval(graded, seed=4)


@pytest.mark.parametrize("shape", [(8, 2), (1, 6), (2, 2)])
def test_the_bootstrap_agrees_with_scipy_where_the_sample_is_large(shape):
    values = np.random.default_rng(1).beta(*shape, 400)
    theirs = scipy_stats.bootstrap((values,), np.mean, n_resamples=4000, rng=np.random.default_rng(2)).confidence_interval
    assert bootstrap_interval(list(values)) == pytest.approx((theirs.low, theirs.high), abs=0.0025)


@pytest.mark.parametrize("n", [6, 15, 60])
@pytest.mark.parametrize("world", ["beta", "levels"])
def test_the_interval_of_graded_scores_covers_about_95_percent(world, n):
    rng = np.random.default_rng([n, 9])
    worlds = 400
    steps, chances = np.array([0, 0.25, 0.5, 0.75, 1]), [0.05, 0.05, 0.2, 0.3, 0.4]
    truth = 0.8 if world == "beta" else float(steps @ chances)
    draws = rng.beta(8, 2, (worlds, n)) if world == "beta" else rng.choice(steps, p=chances, size=(worlds, n))
    covered = np.mean([mean_interval(list(row), seed=seed).holds(truth) for seed, row in enumerate(draws)])
    assert 0.95 - 3 * math.sqrt(0.95 * 0.05 / worlds) <= covered


@pytest.mark.parametrize(("n", "delta", "discordance"), [(30, 0.0, 0.15), (100, 0.05, 0.15), (300, -0.08, 0.15), (50, 0.0, 0.02)])
def test_the_paired_interval_of_0_1_scores_covers_about_95_percent(n, delta, discordance):
    chances = [(discordance + delta) / 2, (discordance - delta) / 2, 1 - discordance]
    counts = [tuple(row) for row in np.random.default_rng(n).multinomial(n, chances, 2000).tolist()]
    found = {row: paired_interval(np.repeat([1, -1, 0], row).tolist()) for row in set(counts)}
    covered = np.mean([found[row].holds(delta) for row in counts])
    assert covered >= 0.935


@pytest.mark.parametrize("world", ["all rows change a little", "few rows change, some of them much"])
def test_the_paired_interval_of_graded_scores_covers_about_95_percent(world):
    rng = np.random.default_rng(8)
    if world == "all rows change a little":
        difference, truth = rng.beta(6, 3, (300, 40)) - rng.beta(5, 4, (300, 40)), 6 / 9 - 5 / 9
    else:
        difference, truth = rng.choice([0, 0.3, -0.2, 1, -1], p=[0.7, 0.1, 0.1, 0.06, 0.04], size=(300, 40)), 0.03
    covered = np.mean([paired_interval(row.tolist()).holds(truth) for row in difference])
    assert covered >= 0.95 - 3 * math.sqrt(0.95 * 0.05 / 300)


@given(scores)
@settings(max_examples=40, deadline=None)
def test_an_interval_holds_the_mean_stays_in_range_and_widens_with_the_level(values):
    narrow, wide = mean_interval(values, 0.8), mean_interval(values, 0.99)
    mean = math.fsum(values) / len(values) if values else 0.5
    assert 0 <= wide.low <= narrow.low + 1e-12 <= narrow.high + 1e-12 <= wide.high + 2e-12 <= 1 + 2e-12
    assert narrow.low - 1e-12 <= mean <= narrow.high + 1e-12


@given(st.integers(0, 60), st.integers(1, 60))
def test_more_successes_move_wilson_up(successes, n):
    successes = min(successes, n - 1)
    less, more = wilson(successes, n), wilson(successes + 1, n)
    assert less.low <= more.low and less.high <= more.high


@pytest.mark.parametrize("degrees", [1, 2, 3, 10, 11, 99, 1000, 5000])
def test_students_quantile_agrees_with_scipy(degrees):
    for share in (0.9, 0.975, 0.995):
        assert t_quantile(share, degrees) == pytest.approx(scipy_stats.t.ppf(share, degrees), rel=1e-5)


@given(signed)
@settings(max_examples=40, deadline=None)
def test_mirrored_differences_give_the_mirrored_interval(differences):
    low, high = paired_interval(differences)
    assert paired_interval([-value for value in differences]) == pytest.approx((-high, -low), abs=1e-9)


@pytest.mark.parametrize(
    "call",
    [
        lambda: wilson(3, 2),
        lambda: wilson(0, -1),
        lambda: wilson(1, 2, level=1),
        lambda: mean_interval([0.2, 1.2]),
        lambda: mean_interval([math.nan, 0.1]),
        lambda: paired_interval([0.2, -1.2]),
        lambda: bootstrap_interval([0.5, 0.5]),
    ],
)
def test_impossible_arguments_are_refused(call):
    with pytest.raises(UsageError):
        call()

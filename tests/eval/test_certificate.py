"""The certificate: no false ship however often one looks, and the published number of rows until a true gain is shown."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adjoint.base.errors import UsageError
from adjoint.eval.certificate import BETS, Certificate

pairs = st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1)), max_size=40)


def differences(rng, runs, rows, gain, discordance=0.15):
    """Differences of 0/1 scores: +1, -1 or 0."""
    draw = rng.random((runs, rows))
    return np.where(draw < (discordance + gain) / 2, 1, np.where(draw < discordance, -1, 0))


def e_paths(values):
    """The e-value after every row of every run, straight from the formula."""
    return sum(np.cumprod(1 + bet * values, axis=1) for bet in BETS) / len(BETS)


def fed(row, alpha=0.05):
    certificate = Certificate(alpha)
    for value in row:
        certificate.update(max(0.0, float(value)), max(0.0, -float(value)))
    return certificate


def test_the_class_follows_the_formula():
    values = differences(np.random.default_rng(0), 12, 400, 0.05)
    for row, path in zip(values, e_paths(values), strict=True):
        certificate = fed(row)
        assert certificate.e_value == pytest.approx(path[-1], rel=1e-9)
        assert certificate.crossed == bool((path >= 20).any())
        assert certificate.crossed_at == (int((path >= 20).argmax()) + 1 if certificate.crossed else None)


@pytest.mark.parametrize("world", ["no difference", "graded", "always a bit worse", "many discordant", "rare"])
def test_no_more_than_alpha_of_the_candidates_that_are_no_better_ever_cross(world):
    rng, runs, rows = np.random.default_rng(1), 2000, 1200
    values = {
        "no difference": lambda: differences(rng, runs, rows, 0.0),
        "graded": lambda: rng.beta(4, 2, (runs, rows)) - rng.beta(4, 2, (runs, rows)),
        "always a bit worse": lambda: differences(rng, runs, rows, -0.01),
        "many discordant": lambda: differences(rng, runs, rows, 0.0, 1.0),
        "rare": lambda: np.where(rng.random((runs, rows)) < 0.1, 0.9, -0.1),
    }[world]()
    shipped = np.mean((e_paths(values) >= 20).any(axis=1))
    assert shipped <= 0.05 + 3 * math.sqrt(0.05 * 0.95 / runs)


@pytest.mark.parametrize(("gain", "published"), [(0.05, 378), (0.08, 145), (0.10, 89)])
def test_the_median_stop_is_near_the_published_number_of_rows(gain, published):
    crossed = e_paths(differences(np.random.default_rng(2), 3000, 1500, gain)) >= 20
    stops = np.where(crossed.any(axis=1), crossed.argmax(axis=1) + 1, 1501)
    assert np.median(stops) == pytest.approx(published, rel=0.12)
    assert crossed.any(axis=1).mean() > 0.98


@pytest.mark.parametrize(("gain", "discordance"), [(0.0, 0.15), (0.08, 0.15), (-0.2, 0.4), (0.5, 0.6)])
def test_the_confidence_sequence_covers_the_truth_at_all_sizes_together(gain, discordance):
    rows = differences(np.random.default_rng(3), 120, 200, gain, discordance)
    # Excluded values stay excluded, so holding the truth at the end is holding it after every row.
    covered = np.mean([fed(row).interval().holds(gain) for row in rows])
    assert covered >= 0.95 - 3 * math.sqrt(0.95 * 0.05 / 120)


def test_the_confidence_sequence_closes_in_on_the_mean():
    row = differences(np.random.default_rng(4), 1, 1500, 0.1, 0.2)[0]
    low, high = fed(row).interval()
    assert 0 < low < row.mean() < high and high - low < 0.09


@given(pairs)
@settings(max_examples=40, deadline=None)
def test_better_means_that_the_sequence_has_left_the_negative_side(rows):
    certificate = Certificate(0.3)
    width = 2.0
    for candidate, baseline in rows:
        certificate.update(candidate, baseline)
    found = certificate.summary()
    assert (found.verdict == "better") == certificate.crossed == (found.low >= 0)
    assert -1 <= found.low <= found.high <= 1 and found.high >= 0
    assert found.high - found.low <= width and 0 < found.e_value < math.inf


@given(pairs, st.integers(0, 39), st.floats(0, 1))
@settings(max_examples=60, deadline=None)
def test_a_better_candidate_score_never_lowers_the_evidence(rows, at, raised):
    plain, better = Certificate(), Certificate()
    for index, (candidate, baseline) in enumerate(rows):
        plain.update(candidate, baseline)
        better.update(max(candidate, raised) if index == at else candidate, baseline)
    assert better.e_value >= plain.e_value * (1 - 1e-12) and better.crossed >= plain.crossed


def test_looking_changes_nothing():
    row = differences(np.random.default_rng(5), 1, 60, 0.1)[0]
    watched = Certificate()
    for value in row:
        watched.update(max(0.0, float(value)), max(0.0, -float(value)))
        watched.summary()
    assert watched.summary() == fed(row).summary()


def test_once_crossed_it_stays_crossed():
    certificate = fed([1] * 10 + [-1] * 10)
    assert certificate.crossed and certificate.crossed_at <= 10 and certificate.e_value < 20
    assert certificate.summary().verdict == "better"


def test_an_error_on_either_side_is_counted_and_is_no_evidence():
    certificate = Certificate()
    certificate.update(None, 0.0)
    certificate.update(1.0, None)
    found = certificate.summary()
    assert (found.n, found.errors, found.e_value, found.difference) == (0, 2, 1, 0)
    assert (found.low, found.high, found.verdict) == (-1, 1, "not shown better")


def test_ties_and_a_run_of_losses_are_no_evidence():
    assert fed([0] * 200).e_value == 1
    losing = fed([-1] * 200).summary()
    assert losing.verdict == "not shown better" and losing.e_value < 0.01 and losing.low < -0.9 and losing.high == 0


def test_overwhelming_evidence_is_still_a_number():
    found = fed([1] * 3000).summary()
    assert found.e_value == pytest.approx(1e300) and found.low > 0.98
    json.dumps(found.to_dict(), allow_nan=False)


def test_a_resumed_certificate_goes_on_as_the_unbroken_one():
    row = differences(np.random.default_rng(6), 1, 120, 0.1)[0]
    resumed = Certificate.from_state(json.loads(json.dumps(fed(row[:50]).state())))
    for value in row[50:]:
        resumed.update(max(0.0, float(value)), max(0.0, -float(value)))
    assert resumed.summary() == fed(row).summary()


@pytest.mark.parametrize("alpha", [0, 1, -0.1, math.nan])
def test_impossible_levels_are_refused(alpha):
    with pytest.raises(UsageError):
        Certificate(alpha)


@pytest.mark.parametrize("score", [1.1, -0.1, math.nan, math.inf])
def test_impossible_scores_are_refused(score):
    with pytest.raises(UsageError):
        Certificate().update(score, 0.0)
    with pytest.raises(UsageError):
        Certificate().update(None, score)

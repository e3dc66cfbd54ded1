"""Clusters and strata: intervals that hold where rows are not drawn one by one."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats as scipy_stats

from adjoint import Example
from adjoint.base.errors import UsageError
from adjoint.eval.intervals import mean_interval
from adjoint.eval.quantiles import t_quantile
from adjoint.eval.sampling import Sampling, clustered_error, clustered_interval, groups_of, stratified_interval


def row(number, **fields):
    return Example.row({"q": number}, {}, id=str(number), metadata=fields)


def clustered_world(draw, clusters=40, size=8, mean=0.5):
    """Rows of a cluster share most of their fate."""
    easy = draw.beta(1.4 * mean, 1.4 * (1 - mean), size=clusters)
    names = [str(cluster) for cluster in range(clusters) for _ in range(size)]
    return names, [float(draw.random() < easy[int(name)]) for name in names]


def test_the_clustered_error_is_the_usual_one_if_every_row_is_its_own_cluster():
    values = [0.1, 0.9, 0.4, 1.0, 0.7]
    assert clustered_error(values, range(5)) == pytest.approx(scipy_stats.sem(values))


def test_copies_of_rows_in_one_cluster_add_no_certainty():
    values = [0.1, 0.9, 0.4, 1.0, 0.7]
    assert clustered_error(values * 4, list(range(5)) * 4) == pytest.approx(scipy_stats.sem(values))
    assert clustered_error(values, "aaaaa") == clustered_error([], []) == math.inf


def test_unequally_many_clusters_and_values_are_refused():
    with pytest.raises(UsageError, match="1 values but 0 cluster names"):
        clustered_error([1.0], [])


def test_clustered_intervals_cover_where_plain_ones_do_not():
    draw, plain, clustered = np.random.default_rng(0), 0, 0
    for _ in range(300):
        names, scores = clustered_world(draw)
        plain += mean_interval(scores).holds(0.5)
        clustered += clustered_interval(scores, names).holds(0.5)
    assert plain < 0.8 * 300
    assert clustered >= 0.93 * 300


def test_clustered_intervals_cover_near_the_edge_where_normal_ones_do_not():
    draw, covered, normal = np.random.default_rng(2), 0, 0
    for _ in range(300):
        names, scores = clustered_world(draw, clusters=10, mean=0.95)
        covered += clustered_interval(scores, names).holds(0.95)
        half = t_quantile(0.975, 9) * clustered_error(scores, names)
        normal += abs(np.mean(scores) - 0.95) <= half
    assert normal < 0.8 * 300
    assert covered >= 0.93 * 300


def test_clusters_of_one_row_change_little():
    scores = [1.0, 0.0, 1.0, 1.0, 0.0, 1.0, 1.0, 1.0] * 10
    low, high = clustered_interval(scores, [str(place) for place in range(80)])
    assert (low, high) == pytest.approx(mean_interval(scores), abs=0.02)


def test_clusters_never_make_an_interval_narrower():
    scores = [0.0] + [1.0] * 149
    low, high = clustered_interval(scores, [str(place % 10) for place in range(150)])
    plain = mean_interval(scores)
    assert low <= plain.low and high >= plain.high


def test_one_cluster_says_nothing_and_equal_clusters_count_as_rows():
    assert clustered_interval([1, 1, 0], "aaa") == (0.0, 1.0)
    assert clustered_interval([1] * 30, "aaabbbccc" * 3 + "abc") == mean_interval([1, 1, 1])


SHARES = {"easy": 0.7, "hard": 0.3}
TRUTH = {"easy": 0.9, "hard": 0.2}


def test_stratified_intervals_cover_the_mean_of_the_population():
    draw, covered, truth = np.random.default_rng(1), 0, sum(SHARES[name] * TRUTH[name] for name in SHARES)
    for _ in range(400):
        strata = {name: (draw.random(30) < TRUTH[name]).astype(float).tolist() for name in SHARES}
        covered += stratified_interval(strata, SHARES).holds(truth)
    assert covered >= 0.94 * 400


def test_a_stratum_without_spread_is_not_certain():
    low, high = stratified_interval({"a": [1.0] * 5, "b": [1.0] * 5}, {"a": 0.5, "b": 0.5})
    assert low < 0.85 and high == 1.0
    assert stratified_interval({"a": [1.0], "b": [0.0]}, {"a": 0.5, "b": 0.5}) == (0.0, 1.0)


def test_weights_move_the_mean_to_the_population():
    rows = [row(number, kind="easy" if number < 8 else "hard") for number in range(12)]
    scores = [1.0] * 8 + [0.0] * 4
    assert Sampling(strata="kind").mean(rows, scores) == pytest.approx(2 / 3)
    weighted = Sampling(strata="kind", weights={"easy": 1, "hard": 3})
    assert weighted.mean(rows, scores) == 0.25
    assert weighted.interval(rows, scores).holds(0.25)


def test_groups_come_from_metadata_then_fields_or_a_function():
    rows = [row(1, topic="a"), Example(q=2, topic="b").with_inputs("q")]
    assert groups_of(rows, "topic") == ["a", "b"]
    assert groups_of(rows, lambda one: one.q > 1) == ["False", "True"]
    with pytest.raises(UsageError, match="no field 'colour' to group by; it has topic, q"):
        groups_of(rows, "colour")


@pytest.mark.parametrize(
    "options", [{}, {"cluster": "a", "strata": "b"}, {"cluster": "a", "weights": {"x": 1}}, {"strata": "a", "weights": {"x": 0}}]
)
def test_a_sampling_that_means_nothing_is_refused(options):
    with pytest.raises(UsageError, match="Sampling"):
        Sampling(**options)


def test_weights_and_strata_must_match():
    with pytest.raises(UsageError, match="the weights name easy, but the rows with a score lie in easy, hard"):
        Sampling(strata="kind", weights={"easy": 1}).mean([row(1, kind="easy"), row(2, kind="hard")], [1.0, 0.0])

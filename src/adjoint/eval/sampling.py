"""How rows were drawn decides how sure their mean is: in clusters that resemble each other, or in strata of known shares."""

from __future__ import annotations

import math
from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias

from adjoint.base.errors import UsageError
from adjoint.eval.intervals import LEAST, UNIT, Interval, mean_interval, wilson
from adjoint.eval.quantiles import NORMAL, t_quantile, z_of

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Mapping, Sequence

    from adjoint.data.records import Example

By: TypeAlias = "str | Callable[[Example], object]"
"""A field of the rows (of their metadata first), or a function of a row."""

_NOTHING = 1e-9
"""A spread below this is rounding."""


@dataclass(frozen=True, slots=True)
class Sampling:
    """Rows that are not drawn one by one.

    `cluster`: rows of one cluster (a document, a user, a conversation) resemble each other, so the clusters are what was drawn.
    `strata`: rows were drawn within each stratum (a topic, a language); `weights` are the strata's shares where the program will be
    used (they are divided by their sum; without them, the shares among the rows). One of both: `Sampling(cluster="document")`,
    `Sampling(strata="language", weights={"en": 0.9, "de": 0.1})`. Raises `UsageError` otherwise.
    """

    cluster: By | None = None
    strata: By | None = None
    weights: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if (self.cluster is None) == (self.strata is None) or (self.weights and self.strata is None):
            message = "Sampling takes cluster= or strata= (with weights= of the strata), one of both."
            raise UsageError(message)
        if any(not weight > 0 for weight in self.weights.values()):
            message = f"Sampling: weights are above 0, not {dict(self.weights)}."
            raise UsageError(message)

    def check(self, rows: Sequence[Example]) -> None:
        """Refuse rows that cannot be grouped, before anything is spent on them (`UsageError`)."""
        groups_of(rows, self.cluster or self.strata or "")

    def mean(self, rows: Sequence[Example], scores: Sequence[float]) -> float:
        """The mean score: of all rows alike, or of the strata by their weights."""
        if self.strata is None or not self.weights:
            return sum(scores) / len(scores)
        groups = grouped(groups_of(rows, self.strata), scores)
        return sum(share * sum(groups[name]) / len(groups[name]) for name, share in self._shares(groups).items())

    def interval(self, rows: Sequence[Example], scores: Sequence[float], level: float = 0.95) -> Interval:
        """The interval of that mean."""
        if self.cluster is not None:
            return clustered_interval(scores, groups_of(rows, self.cluster), level)
        groups = grouped(groups_of(rows, self.strata or ""), scores)
        return stratified_interval(groups, self._shares(groups), level)

    def _shares(self, groups: Mapping[str, Sequence[float]]) -> dict[str, float]:
        if not self.weights:
            total = sum(len(values) for values in groups.values())
            return {name: len(values) / total for name, values in groups.items()}
        if set(self.weights) != set(groups):
            message = (
                f"Sampling: the weights name {', '.join(sorted(self.weights))}, but the rows with a score lie in "
                f"{', '.join(sorted(groups))}; give a weight for each stratum, and rows for each weight."
            )
            raise UsageError(message)
        weight = sum(self.weights.values())
        return {name: self.weights[name] / weight for name in groups}


def groups_of(rows: Sequence[Example], by: By) -> list[str]:
    """The group of each row as text. Raises `UsageError` for a row that lacks the field."""
    found = []
    for row in rows:
        if callable(by):
            found.append(str(by(row)))
        elif by in row._metadata or by in row:
            found.append(str(row._metadata[by] if by in row._metadata else row[by]))
        else:
            has = ", ".join(dict.fromkeys([*row._metadata, *row.keys()]))
            message = f"a row has no field {by!r} to group by; it has {has}."
            raise UsageError(message)
    return found


def grouped(groups: Sequence[str], scores: Sequence[float]) -> dict[str, list[float]]:
    """The scores of each group, groups in the order of their names."""
    found: defaultdict[str, list[float]] = defaultdict(list)
    for group, score in zip(groups, scores, strict=True):
        found[group].append(score)
    return dict(sorted(found.items()))


def clustered_error(values: Sequence[float], clusters: Sequence[Hashable]) -> float:
    """Standard error of the mean when rows of one cluster (one document, one user) resemble each other.

    sqrt(G/(G-1) · Σ_g (Σ_{i in g} (x_i - mean))²) / n over G clusters; clusters of one row give s/sqrt(n). Miller (2024),
    arXiv 2411.00640, section 2.2. Fewer than 2 clusters cannot tell: infinity. Raises `UsageError` on unequal lengths.

    >>> clustered_error([0, 0, 1, 1], "aabb") > clustered_error([0, 0, 1, 1], "abcd")
    True
    """
    if len(values) != len(clusters):
        message = f"clustered_error: {len(values)} values but {len(clusters)} cluster names."
        raise UsageError(message)
    groups: defaultdict[Hashable, list[float]] = defaultdict(list)
    mean = math.fsum(values) / max(1, len(values))
    for value, cluster in zip(values, clusters, strict=True):
        groups[cluster].append(value - mean)
    count = len(groups)
    if count < LEAST:
        return math.inf
    squares = math.fsum(math.fsum(group) ** 2 for group in groups.values())
    return math.sqrt(count / (count - 1) * squares) / len(values)


def clustered_interval(scores: Sequence[float], clusters: Sequence[str], level: float = 0.95) -> Interval:
    """Wilson's interval with as many rows as the clusters are worth, and Student's t with G - 1 degrees for z.

    n' = mean (1 - mean) / error² with `clustered_error`, which is at least that of rows drawn one by one: then the interval is no narrower
    than theirs, and sensible near 0 and 1, where mean ± t · error is not (Miller (2024), arXiv 2411.00640, for the error; Korn and
    Graubard (1998), Surv. Methodol. 24, for the effective sample size). Fewer than 2 clusters cannot tell: [0, 1]. Clusters without any
    spread count as so many rows.

    >>> [round(end, 2) for end in clustered_interval([0, 0, 1, 1, 1, 0, 1, 1], "aabbccdd")]
    [0.12, 0.95]
    """
    groups, n = grouped(list(clusters), scores), len(scores)
    if len(groups) < LEAST:
        z_of(level)
        return UNIT
    mean = sum(scores) / n
    alone = math.sqrt(sum((score - mean) ** 2 for score in scores) / (n - 1) / n)
    error = max(clustered_error(scores, clusters), alone)
    if error < _NOTHING:
        return wilson(mean * len(groups), len(groups), level)
    worth = mean * (1 - mean) / error**2
    wide = 2 * NORMAL.cdf(t_quantile((1 + level) / 2, len(groups) - 1)) - 1
    return wilson(mean * worth, worth, wide)


def stratified_interval(strata: Mapping[str, Sequence[float]], shares: Mapping[str, float], level: float = 0.95) -> Interval:
    """Σ w_s mean_s ± t · sqrt(Σ w_s² v_s / n_s) with t of n - S degrees, cut at [0, 1]: Cochran (1977), Sampling Techniques, 5.3.

    The variance v_s of a stratum is taken after a success and a failure were added, so that one whose rows are all equal, or that
    has only one row, does not pass for certain (Agresti and Caffo (2000), Am. Stat. 54, do so for shares).

    >>> low, high = stratified_interval({"en": [1, 0] * 20, "de": [1, 1, 1, 0] * 10}, {"en": 0.9, "de": 0.1})
    >>> round(low, 2), round(high, 2)
    (0.38, 0.67)
    """
    n = sum(len(values) for values in strata.values())
    if n <= len(strata):
        return UNIT
    mean = sum(shares[name] * sum(values) / len(values) for name, values in strata.items())
    variance = sum(shares[name] ** 2 * _cautious_variance(values) / len(values) for name, values in strata.items())
    half = t_quantile((1 + level) / 2, n - len(strata)) * math.sqrt(variance) if z_of(level) else 0.0
    return Interval(max(0.0, mean - half), min(1.0, mean + half))


def plain_interval(rows: Sequence[Example], scores: Sequence[float], sampling: Sampling | None) -> Interval:
    """The 95 % interval that fits how the rows were drawn; no score says nothing: [0, 1]."""
    return mean_interval(scores) if sampling is None or not scores else sampling.interval(rows, scores)


def _cautious_variance(values: Sequence[float]) -> float:
    padded = [*values, 0.0, 1.0]
    mean = sum(padded) / len(padded)
    return sum((value - mean) ** 2 for value in padded) / (len(padded) - 1)

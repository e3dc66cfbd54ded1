"""Search over categories: which combination of choices to try next, given what earlier ones have scored.

Bergstra et al., "Algorithms for Hyper-Parameter Optimization" (2011): choices are drawn as the good trials have them, and of
some draws the one is taken that good trials have much more often than the others. Scores are shrunk towards their mean, so
that one lucky small sample leads nowhere.
"""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from adjoint.base.deps import need
from adjoint.base.errors import UnknownNameError

if TYPE_CHECKING:
    import random
    from collections.abc import Iterator, Sequence

    from adjoint.optim.base import Trial

Sampler: TypeAlias = Literal["auto", "optuna", "tpe"]
Choices: TypeAlias = tuple[int, ...]

_STARTUP, _DRAWS, _GOOD, _WEIGHT = 8, 24, 0.25, 10.0
"""Trials at random to begin with; draws of which the best is taken; the share of good trials; rows that the prior weighs."""


@dataclass(frozen=True)
class Seen:
    """One trial: an index for each choice, the mean score, and over how many rows."""

    choices: Choices
    mean: float
    n: int


def told(trials: Sequence[Trial]) -> list[dict[str, Any]]:
    """The trials of proposed choices as JSON. One that failed everywhere has no rows, so it weighs nothing and is not tried again."""
    notes: list[Any] = [trial.note for trial in trials]
    return [
        {"choices": note["choices"], "mean": trial.mean or 0.0, "n": trial.n}
        for note, trial in zip(notes, trials, strict=True)
        if "choices" in note
    ]


def recalled(kept: Sequence[dict[str, Any]]) -> list[Seen]:
    """What `told` has kept."""
    return [Seen(tuple(one["choices"]), one["mean"], one["n"]) for one in kept]


def suggest(sizes: Sequence[int], seen: Sequence[Seen], rng: random.Random, sampler: Sampler = "tpe") -> Choices | None:
    """A combination that was not seen, an index below each of the `sizes`; None if all draws were seen.

    >>> import random
    >>> seen = [Seen((a, b), float(a == 1), 50) for a in range(3) for b in range(4)]
    >>> suggest([3, 5], seen, random.Random(0))
    (1, 4)
    """
    tried = {one.choices for one in seen}
    draws = _optuna(sizes, seen, rng) if sampler == "optuna" else _own(sizes, seen, rng)
    return next((choices for choices in draws if choices not in tried), None)


def sampler_of(sampler: Sampler) -> Sampler:
    """Optuna where it is installed, if that is left open. Raises `MissingExtraError` if it is wanted and is not there."""
    if sampler not in ("auto", "optuna", "tpe"):
        raise UnknownNameError.of("sampler", sampler, ("auto", "optuna", "tpe"))
    if sampler == "auto":
        from importlib.util import find_spec

        return "optuna" if find_spec("optuna") else "tpe"
    if sampler == "optuna":
        need("optuna", extra="optuna", why="searches by Optuna")
    return sampler


def _own(sizes: Sequence[int], seen: Sequence[Seen], rng: random.Random) -> Iterator[Choices]:
    """Draws in the order of their promise; then at random, so that a small space is exhausted."""
    if len(seen) >= _STARTUP:
        ranked = sorted(zip(_shrunk(seen), seen, strict=True), key=lambda one: one[0], reverse=True)
        border = max(1, math.ceil(_GOOD * len(seen)))
        good, bad = (
            [_shares(size, [one.choices[place] for _, one in part]) for place, size in enumerate(sizes)]
            for part in (ranked[:border], ranked[border:])
        )
        draws = [
            tuple(rng.choices(range(size), shares)[0] for size, shares in zip(sizes, good, strict=True)) for _ in range(_DRAWS)
        ]
        yield from sorted(
            draws, key=lambda draw: sum(math.log(good[place][at] / bad[place][at]) for place, at in enumerate(draw)), reverse=True
        )
    for _ in range(_DRAWS * _DRAWS):
        yield tuple(rng.randrange(size) for size in sizes)


def _shares(size: int, chosen: Sequence[int]) -> list[float]:
    """How often each option was chosen, one choice of each added."""
    return [(chosen.count(option) + 1) / (len(chosen) + size) for option in range(size)]


def _shrunk(seen: Sequence[Seen]) -> list[float]:
    rows = sum(one.n for one in seen)
    middle = sum(one.mean * one.n for one in seen) / rows if rows else 0.0
    return [(one.mean * one.n + middle * _WEIGHT) / (one.n + _WEIGHT) for one in seen]


def _optuna(sizes: Sequence[int], seen: Sequence[Seen], rng: random.Random) -> Iterator[Choices]:
    """Optuna's multivariate TPE, told again all that was seen: it keeps no state of its own that a resumed run would lack."""
    optuna = need("optuna", extra="optuna", why="searches by Optuna")
    options = {
        f"choice {place}": optuna.distributions.CategoricalDistribution(list(range(size))) for place, size in enumerate(sizes)
    }
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        sampler = optuna.samplers.TPESampler(seed=rng.randrange(2**32), multivariate=True, n_startup_trials=_STARTUP)
        study = optuna.create_study(direction="maximize", sampler=sampler)
        for score, one in zip(_shrunk(seen), seen, strict=True):
            study.add_trial(
                optuna.trial.create_trial(params=dict(zip(options, one.choices, strict=True)), distributions=options, value=score)
            )
        for _ in range(_DRAWS):
            asked = study.ask(options).params
            yield tuple(asked[name] for name in options)

"""DSPy's words for settings: each becomes a setting of `optimize`, is said to have no effect here, or is refused."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, TypeVar

from adjoint.autograd.engine import engine_of
from adjoint.base.errors import UnknownNameError, UsageError
from adjoint.base.json import plain
from adjoint.eval.fingerprint import answerer
from adjoint.optim.stop import Stop

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from adjoint.base.json import Json

T = TypeVar("T")

NO_EFFECT = {
    "max_errors": "failed rows are counted apart, and only a run in which nothing goes well is given up",
    "provide_traceback": "errors name the row and the call",
    "track_stats": "statistics are always kept, in the report of `optimize`",
    "verbose": "the command line shows the progress of a run",
    "log_dir": "every run is in the ledger, from which it is continued",
    "display_progress": "the command line shows the progress of a run",
    "display_table": "`adjoint.evaluate` gives the table",
    "return_all_scores": "`adjoint.evaluate` gives the scores",
    "return_outputs": "`adjoint.evaluate` gives the outputs",
}
"""Words of DSPy that are accepted and change nothing, each with the reason."""
REFUSED = {
    "requires_permission_to_run": (True, "a run does not stop to ask here; cap it with budget='2000calls' instead"),
    "restrict": (None, "candidates are those of the run's seed; fewer of them: num_candidate_programs"),
    "labeled_sample": (False, "labelled demos of a search are always drawn; LabeledFewShot takes sample=False"),
}
"""Words of DSPy that would change a run in a way that there is not here: when they would (None: always), and what to do."""
_OF_COMPILE = ("seed", "num_threads")
"""Words of `compile` that some of DSPy's constructors take."""
_log = logging.getLogger("adjoint.optimize")


def one_of(name: str, value: T, allowed: Collection[Any]) -> T:
    """The value, if it is one of those allowed.

    >>> one_of("auto", "light", ("light", "heavy"))
    'light'
    """
    if value not in list(allowed):  # a list, since what cannot be hashed is no name either
        message = f"{name}={value!r} is not known; {', '.join(map(repr, allowed))} are."
        raise UsageError(message)
    return value


def unused(**given: Any) -> None:
    """Say of settings that they have no effect here, unless they are at rest (None, False, 0)."""
    _say(given, NO_EFFECT)


def accept(
    optimizer: str,
    given: Mapping[str, Any],
    *,
    harmless: Mapping[str, str] | None = None,
    refused: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """Of the further arguments of a constructor those that `compile` takes.

    Those in `NO_EFFECT` and `harmless` are said to have no effect, for the reason that stands there. `refused` says of an
    argument what to do instead; None and False are no wish and are accepted.

    >>> accept("GEPA", {"seed": 3, "num_threads": 8, "log_dir": None})
    {'seed': 3, 'num_threads': 8}
    """
    idle, reasons = {**NO_EFFECT, **(harmless or {})}, refused or {}
    for name, value in given.items():
        if name in reasons and value is not None and value is not False:
            message = f"{optimizer}({name}={value!r}) is not offered: {reasons[name]}."
            raise UsageError(message)
        if name not in (*idle, *reasons, *_OF_COMPILE):
            raise UnknownNameError.of("argument", name, [*idle, *reasons, *_OF_COMPILE])
    _say({name: value for name, value in given.items() if name in idle}, idle)
    return {name: given[name] for name in _OF_COMPILE if given.get(name) is not None}


def _say(given: Mapping[str, Any], reasons: Mapping[str, str]) -> None:
    for name, value in given.items():
        if value:
            _log.warning("%s=%r has no effect here: %s.", name, value, reasons[name])


def run_options(options: Mapping[str, Any], own: Collection[str]) -> dict[str, Any]:
    """The options of `optimize` that DSPy's options mean; those that are `optimize`'s `own` stay, others are refused.

    >>> run_options({"eval_kwargs": {"num_threads": 4}, "seed": 3, "requires_permission_to_run": False}, ("limit", "seed"))
    {'limit': 4, 'seed': 3}
    """
    given = {
        **dict(options.get("eval_kwargs") or {}),
        **{name: value for name, value in options.items() if name != "eval_kwargs"},
    }
    for name, (value, instead) in REFUSED.items():
        wish = given.pop(name, None)
        if wish is not None and value in (None, wish):
            message = f"{name}={wish!r} is not offered: {instead}."
            raise UsageError(message)
    unused(**{name: given.pop(name) for name in NO_EFFECT if name in given})
    threads = given.pop("num_threads", None)
    for name in given:
        if name not in own:
            raise UnknownNameError.of("option of compile", name, [*own, *NO_EFFECT, *REFUSED, "num_threads"])
    return given if threads is None else {"limit": threads, **given}


def stop_at(score: float | None) -> Stop | None:
    """The rule that DSPy's `stop_at_score` means: a percentage, as DSPy writes scores, or a share of 1.

    >>> stop_at(90.0).target, stop_at(0.9).target
    (0.9, 0.9)
    """
    return None if score is None else Stop(target=score / 100 if score > 1 else score)


def told(settings: Mapping[str, Any]) -> dict[str, Json]:
    """Settings of a context as JSON, language models by their names: what decides about a run is part of its name."""
    return {name: plain(answerer(engine_of(value)) if name == "lm" else value) for name, value in sorted(settings.items())}

"""Metrics as functions: which shapes are accepted, and how one is called so that a failure is never a score."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Hashable
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from adjoint.base.errors import MetricError, UsageError
from adjoint.base.foreign import foreign
from adjoint.base.portal import portal
from adjoint.data.records import Score, score_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from adjoint.data.records import Example
    from adjoint.program.prediction import Prediction
    from adjoint.program.tape import Tape

Metric: TypeAlias = "Callable[..., Any]"
"""`metric(example, prediction)` or `metric(example, prediction, tape)`, giving a Score, a bool or a number in [0, 1]."""

_SHAPE = "write `def metric(example, prediction)`, with a third parameter `tape` if it wants the recording"


_RESULTS = frozenset({bool, int, float, Score})
"""What most metrics return, and nobody awaits."""
_FIVE = "..."
"""Stands for the last three of five parameters."""
_RECORDING = ("tape", "trace")
"""Names under which a metric may want the recording even if it could do without."""


def check(metric: Any) -> Metric:
    """Refuse what cannot be called as a metric, before anything is spent."""
    if not callable(metric):
        message = f"the metric {metric!r} is no function; {_SHAPE}."
        raise UsageError(message)
    try:
        parameters = list(inspect.signature(metric).parameters.values())
    except (TypeError, ValueError):
        checked: Metric = metric
        return checked  # some builtins do not tell their signature; calling them will
    positional = _positional(metric)
    variadic = any(p.kind is p.VAR_POSITIONAL for p in parameters)
    needed = [p for p in positional if p.default is p.empty]
    if len(needed) > 3 + 2 * _is_reflective(positional) or (len(positional) < 2 and not variadic):
        name = getattr(metric, "__name__", repr(metric))
        message = f"the metric {name}{inspect.signature(metric)} has the wrong parameters; {_SHAPE}."
        raise UsageError(message)
    found: Metric = metric
    return found


def _is_reflective(parameters: list[inspect.Parameter]) -> bool:
    return len(parameters) == 5


def is_reflective(metric: Metric) -> bool:
    """Whether the metric has five parameters, and so has something to say of single predictors."""
    return _is_reflective(_positional(metric))


def _positional(metric: Metric) -> list[inspect.Parameter]:
    """The positional parameters; none of a builtin that does not tell its signature."""
    try:
        parameters = inspect.signature(metric).parameters.values()
    except (TypeError, ValueError):
        return []
    return [p for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]


async def measure(
    metric: Metric,
    example: Example,
    prediction: Prediction,
    tape: Tape,
    *,
    compiling: bool = False,
    about: tuple[str, Sequence[Any]] | None = None,
) -> Score:
    """Call the metric. Whatever it raises becomes a `MetricError` that names the metric.

    A third parameter gets the tape, unless it has a default and another name than `tape`. One called `trace` (DSPy's) gets
    it only while the program is being compiled, else None. A metric of five parameters (DSPy's for GEPA) gets `about`, the
    name of a predictor and its calls, as the last two; they are None where the whole program is measured.
    """
    traits = (_known if isinstance(metric, Hashable) else _traits_of)(metric)
    arguments = (example, prediction, *_rest(traits.third, tape, compiling=compiling, about=about))
    return score_of(await foreign(_call(metric, arguments, waits=traits.waits), MetricError, traits.name))


async def _call(metric: Metric, arguments: tuple[Any, ...], *, waits: bool) -> Any:
    """A synchronous metric is called in a thread: it may ask a judge and wait, which the loop must not."""
    if waits:
        return await metric(*arguments)
    result = await portal.in_turn(metric, *arguments)
    return await result if type(result) not in _RESULTS and inspect.isawaitable(result) else result


def _rest(third: str, tape: Tape, *, compiling: bool, about: tuple[str, Sequence[Any]] | None) -> tuple[Any, ...]:
    """What the metric gets beyond example and prediction."""
    if not third:
        return ()
    if third == _FIVE:
        return (tape if compiling else None, *(about or (None, None)))
    return (tape if third != "trace" or compiling else None,)


class _Traits(NamedTuple):
    """What must be known of a metric to call it."""

    name: str
    third: str
    """The name of the third parameter that it wants to be given, `_FIVE` if it has five, empty if it wants none."""
    waits: bool
    """Whether it is asynchronous."""


def _traits_of(metric: Metric) -> _Traits:
    name = getattr(getattr(metric, "func", metric), "__name__", type(metric).__name__)  # `func` of a partial
    return _Traits(f"the metric {name}", _third(_positional(metric)), inspect.iscoroutinefunction(metric))


def _third(positional: list[inspect.Parameter]) -> str:
    if _is_reflective(positional):
        return _FIVE
    if len(positional) < 3 or (positional[2].default is not inspect.Parameter.empty and positional[2].name not in _RECORDING):
        return ""  # an option of the metric's own, as in `lambda example, prediction, wanted=5: ...`
    return positional[2].name


_known = functools.lru_cache(maxsize=64)(_traits_of)
"""Looked up once for each metric and not for each row."""

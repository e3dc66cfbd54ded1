"""A metric that asks for a form: the output matches a regular expression."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from adjoint.base.errors import MetricError, UsageError
from adjoint.data.records import Score
from adjoint.eval.metrics.labels import pairs
from adjoint.program.prediction import peek

if TYPE_CHECKING:
    from adjoint.data.records import Example, Record


def regex_match(example: Example, prediction: Record, *, pattern: str | None = None) -> Score:
    r"""1 if the whole output, white space at the ends aside, matches the pattern: that of the row's label, or the one given.

    A given `pattern` is asked of the last output and needs no label: `functools.partial(regex_match, pattern=r"\d{4}")`. Raises
    `MetricError` if a label is no regular expression, `UsageError` if the given pattern is none.

    >>> from adjoint.data.records import Example
    >>> regex_match(Example(q="which year?", answer=r"19\d\d").with_inputs("q"), Example(answer="1984")).value
    1.0
    """
    if pattern is not None:
        name = prediction.keys()[-1]
        asked = [(_compiled(pattern, UsageError), peek(prediction, name))]
    else:
        asked = [(_compiled(str(label), MetricError), output) for label, output in pairs(example, prediction).values()]
    missed = [one.pattern for one, output in asked if one.fullmatch(_text(output)) is None]
    return Score(float(not missed), f"expected the form: {'; '.join(missed)}" if missed else "")


def _compiled(pattern: str, error: type[MetricError | UsageError]) -> re.Pattern[str]:
    try:
        return re.compile(pattern)
    except re.error as wrong:
        message = f"{pattern!r} is no regular expression: {wrong}."
        raise error(message) from wrong


def _text(value: Any) -> str:
    return str(value).strip()

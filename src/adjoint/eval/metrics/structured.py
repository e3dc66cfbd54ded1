"""JSON compared as data: equal as a whole, or field by field."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from adjoint.base.errors import MetricError
from adjoint.base.json import canonical, plain
from adjoint.data.records import Score
from adjoint.eval.metrics.labels import pairs

if TYPE_CHECKING:
    from collections.abc import Iterator

    from adjoint.data.records import Example, Record

_FENCE = re.compile(r"\A\s*```[\w+-]*\n(.*?)\n?```\s*\Z", re.DOTALL)
_SHOWN = 5
"""Fields that feedback names; the rest is counted."""


def json_match(example: Example, prediction: Record) -> Score:
    """1 if every labelled output is the same JSON as its label: key order, white space, `1` against `1.0` and a code fence aside.

    An output that is no JSON is wrong and feedback says so; a label that is none raises `MetricError`.

    >>> from adjoint.data.records import Example
    >>> row = Example(text="...", answer={"name": "Ida", "age": 7}).with_inputs("text")
    >>> json_match(row, Example(answer='{"age": 7.0, "name": "Ida"}')).value
    1.0
    """
    found = [(_label(label), *_read(output)) for label, output in pairs(example, prediction).values()]
    problems = [problem for _, _, problem in found if problem]
    wrong = [label for label, got, problem in found if problem or _same(label) != _same(got)]
    said = [*problems, f"expected: {'; '.join(json.dumps(label, ensure_ascii=False) for label in wrong)}"] if wrong else []
    return Score(float(not wrong), "; ".join(said))


def json_fields(example: Example, prediction: Record) -> Score:
    """The F1 of fields: 2 · right / (fields of the label + fields of the output), a field being a path with a plain value.

    Lists count by position. `parts` has each field of the label as 0 or 1, so that a report shows every field's accuracy. Of several
    labelled outputs, paths begin with the output's name. Errors as in `json_match`.

    >>> from adjoint.data.records import Example
    >>> row = Example(text="...", answer={"name": "Ida", "born": {"year": 1990}}).with_inputs("text")
    >>> score = json_fields(row, Example(answer='{"name": "Ida", "born": {"year": 1991}}'))
    >>> score.value, dict(score.parts), score.feedback
    (0.5, {'name': 1.0, 'born.year': 0.0}, 'born.year: expected 1990, got 1991')
    """
    found = pairs(example, prediction)
    wanted, given, said = dict[str, Any](), dict[str, Any](), list[str]()
    for name, (label, output) in found.items():
        under = "" if len(found) == 1 else name
        wanted |= {path or name: value for path, value in _leaves(_label(label), under)}
        got, problem = _read(output)
        if problem:
            said.append(problem)
        else:
            given |= {path or name: value for path, value in _leaves(got, under)}
    parts = {path: float(path in given and _same(given[path]) == _same(value)) for path, value in wanted.items()}
    said = said or _differences(wanted, given, parts)
    return Score(2 * sum(parts.values()) / (len(wanted) + len(given)), "; ".join(said), parts)


def _differences(wanted: dict[str, Any], given: dict[str, Any], parts: dict[str, float]) -> list[str]:
    said = [
        f"{path}: expected {_written(value)}, " + (f"got {_written(given[path])}" if path in given else "which is missing")
        for path, value in wanted.items()
        if not parts[path]
    ]
    said += [f"{path}: not expected" for path in given if path not in wanted]
    return said if len(said) <= _SHOWN else [*said[:_SHOWN], f"and {len(said) - _SHOWN} more"]


def _written(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def _leaves(value: Any, path: str) -> Iterator[tuple[str, Any]]:
    """Paths and plain values; an empty list or mapping is a value of its own."""
    if isinstance(value, dict) and value:
        for name, one in value.items():
            yield from _leaves(one, f"{path}.{name}" if path else str(name))
    elif isinstance(value, list) and value:
        for index, one in enumerate(value):
            yield from _leaves(one, f"{path}[{index}]")
    else:
        yield path, value


def _label(label: Any) -> Any:
    value, problem = _read(label)
    if problem:
        message = f"the label {label!r} is {problem}; write it as JSON."
        raise MetricError(message)
    return value


def _read(value: Any) -> tuple[Any, str]:
    """The JSON of a value, and what is wrong with it; anything but a text is taken as it is."""
    if not isinstance(value, str):
        return plain(value), ""
    fenced = _FENCE.match(value)
    try:
        return json.loads(fenced[1] if fenced else value), ""
    except ValueError as wrong:
        return None, f"no JSON ({wrong})"


def _same(value: Any) -> bytes:
    """Equal exactly for equal data; 1 and 1.0 are one number."""
    return canonical(_whole(value))


def _whole(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _whole(one) for name, one in value.items()}
    if isinstance(value, list):
        return [_whole(one) for one in value]
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value.strip() if isinstance(value, str) else value

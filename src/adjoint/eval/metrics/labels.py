"""What a metric compares: the labels of a row beside the outputs of a prediction."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from adjoint.base.errors import MetricError
from adjoint.data.records import expected_outputs
from adjoint.program.prediction import peek

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from adjoint.data.records import Example, Record


def pairs(example: Example, prediction: Record) -> dict[str, tuple[Any, Any]]:
    """For each labelled output of the prediction: (label, output). Raises `MetricError` if none is labelled.

    >>> from adjoint.data.records import Example
    >>> pairs(Example(q="1+1", answer="2").with_inputs("q"), Example(reasoning="...", answer="3"))
    {'answer': ('2', '3')}
    """
    expected = expected_outputs(example, prediction.keys())
    if not expected:
        message = (
            f"the row has no label for the outputs {', '.join(prediction.keys())}; "
            f"name its labels so, or keep the answer under 'expected'."
        )
        raise MetricError(message)
    return {name: (label, peek(prediction, name)) for name, label in expected.items()}


def field(record: Record, name: str, what: str) -> Any:
    """A field that a metric names itself. Raises `MetricError` if the record has none."""
    if name not in record:
        message = f"the {what} has no field {name!r}, it has {', '.join(record.keys()) or 'none'}; this metric needs it."
        raise MetricError(message)
    return peek(record, name)


def alternatives(label: Any) -> list[Any]:
    """The answers that count as right: a list of labels offers several.

    >>> alternatives("a"), alternatives(["a", "b"])
    (['a'], ['a', 'b'])
    """
    return list(label) if isinstance(label, list | tuple) else [label]


def wanted(found: dict[str, tuple[Any, Any]]) -> str:
    """The labels in words, for the feedback of a score: one bare, several by name."""
    said = [str(label) if len(found) == 1 else f"{name} = {label}" for name, (label, _) in found.items()]
    return f"expected: {'; '.join(said)}"


def best(label: Any, output: Any, score: Callable[[str, str], float]) -> float:
    """The best score of the output against any answer that counts as right."""
    return max(score(str(one), str(output)) for one in alternatives(label) or [""])


def mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)

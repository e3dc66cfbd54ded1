"""Sets compared: tags, entities, ids. Order and repetition do not count."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from adjoint.data.records import Score
from adjoint.eval.metrics.labels import mean, pairs
from adjoint.eval.metrics.text import normalize_text

if TYPE_CHECKING:
    from adjoint.data.records import Example, Record

_BETWEEN = re.compile(r"[,;\n]")


def set_f1(example: Example, prediction: Record) -> Score:
    """The F1 of the members of labelled outputs: lists, or texts with commas, semicolons or lines; the mean over outputs.

    2 · shared / (members of both), which is the harmonic mean of the parts `precision` and `recall`; two empty sets are equal.
    Members are compared after SQuAD's normalisation. Feedback names what is missing and what does not belong.

    >>> from adjoint.data.records import Example
    >>> score = set_f1(Example(text="...", tags="red, blue").with_inputs("text"), Example(tags=["Blue", "green"]))
    >>> score.value, score.feedback
    (0.5, 'missing: red; not expected: green')
    """
    found = [(_members(label), _members(output)) for label, output in pairs(example, prediction).values()]
    value, precision, recall = (mean(column) for column in zip(*(_compared(*pair) for pair in found), strict=True))
    missing = sorted({one for wanted, given in found for one in wanted - given})
    extra = sorted({one for wanted, given in found for one in given - wanted})
    said = [f"{word}: {', '.join(names)}" for word, names in (("missing", missing), ("not expected", extra)) if names]
    return Score(value, "; ".join(said), {"precision": precision, "recall": recall})


def _compared(wanted: set[str], given: set[str]) -> tuple[float, float, float]:
    """F1, precision and recall."""
    if not wanted and not given:
        return 1.0, 1.0, 1.0
    shared = len(wanted & given)
    return 2 * shared / (len(wanted) + len(given)), shared / max(1, len(given)), shared / max(1, len(wanted))


def _members(value: Any) -> set[str]:
    several = isinstance(value, list | tuple | set | frozenset)
    items = value if several else _BETWEEN.split(str(value))
    return {normal for item in items if (normal := normalize_text(str(item)))}

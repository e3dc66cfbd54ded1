"""Metrics that need no language model. Each compares the labels of a row with the prediction and says what was expected."""

from __future__ import annotations

import re
import string
import unicodedata
from collections import Counter
from typing import TYPE_CHECKING, Any

from adjoint.base.errors import MetricError
from adjoint.data.records import Score, expected_outputs
from adjoint.program.prediction import peek

if TYPE_CHECKING:
    from collections.abc import Callable

    from adjoint.data.records import Example, Record

_ARTICLES = re.compile(r"\b(a|an|the)\b")


def normalize_text(text: str) -> str:
    """Lower case, without punctuation, articles and extra space: SQuAD's normalisation (Rajpurkar et al., 2016).

    >>> normalize_text("The  Eiffel Tower!")
    'eiffel tower'
    """
    lowered = unicodedata.normalize("NFD", text).lower()
    bare = "".join(char for char in lowered if char not in string.punctuation)
    return " ".join(_ARTICLES.sub(" ", bare).split())


def exact_match(example: Example, prediction: Record) -> Score:
    """1 if every labelled output equals its label, white space at the ends aside.

    >>> from adjoint.data.records import Example
    >>> exact_match(Example(q="1+1", answer="2").with_inputs("q"), Example(answer="2 ")).value
    1.0
    """
    pairs = _pairs(example, prediction)
    right = all(_plain(got) == _plain(expected) for expected, got in pairs.values())
    wanted = [str(expected) if len(pairs) == 1 else f"{name} = {expected}" for name, (expected, _) in pairs.items()]
    return Score(float(right), "" if right else f"expected: {'; '.join(wanted)}")


def f1(example: Example, prediction: Record) -> Score:
    """The mean token F1 over labelled outputs after normalisation (Rajpurkar et al., 2016)."""
    pairs = _pairs(example, prediction)
    value = sum(_token_f1(str(expected), str(got)) for expected, got in pairs.values()) / len(pairs)
    wanted = "; ".join(str(expected) for expected, _ in pairs.values())
    return Score(value, "" if value == 1.0 else f"expected: {wanted}")


def _pairs(example: Example, prediction: Record) -> dict[str, tuple[Any, Any]]:
    """For each labelled output of the prediction: (label, output)."""
    expected = expected_outputs(example, prediction.keys())
    if not expected:
        message = (
            f"the row has no label for the outputs {', '.join(prediction.keys())}; "
            f"name its labels so, or keep the answer under 'expected'."
        )
        raise MetricError(message)
    return {name: (label, peek(prediction, name)) for name, label in expected.items()}


def _plain(value: Any) -> Any:
    return value.strip() if isinstance(value, str) else value


def _token_f1(expected: str, got: str) -> float:
    wanted, given = normalize_text(expected).split(), normalize_text(got).split()
    if not wanted or not given:
        return float(wanted == given)
    shared = (Counter(wanted) & Counter(given)).total()
    return 2 * shared / (len(wanted) + len(given))


METRICS: dict[str, Callable[[Example, Record], Score]] = {"exact_match": exact_match, "f1": f1}
"""The metrics that the command line knows by name."""

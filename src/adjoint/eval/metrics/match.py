"""Metrics that compare texts: equal, nearly equal by words, or found in what was retrieved."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from adjoint.data.records import Score
from adjoint.eval.metrics.labels import alternatives, best, field, mean, pairs, wanted
from adjoint.eval.metrics.text import EM, F1, holds_words, token_f1

if TYPE_CHECKING:
    from adjoint.data.records import Example, Record


def exact_match(example: Example, prediction: Record) -> Score:
    """1 if every labelled output equals its label, white space at the ends aside.

    >>> from adjoint.data.records import Example
    >>> exact_match(Example(q="1+1", answer="2").with_inputs("q"), Example(answer="2 ")).value
    1.0
    """
    found = pairs(example, prediction)
    right = all(_plain(got) == _plain(expected) for expected, got in found.values())
    return Score(float(right), "" if right else wanted(found))


def f1(example: Example, prediction: Record) -> Score:
    """The mean token F1 over labelled outputs after normalisation (Rajpurkar et al., 2016); of several answers the best counts.

    >>> from adjoint.data.records import Example
    >>> f1(Example(q="?", answer="Eiffel tower").with_inputs("q"), Example(answer="the big tower")).value
    0.5
    """
    found = pairs(example, prediction)
    value = mean([best(label, output, token_f1) for label, output in found.values()])
    return Score(value, "" if value == 1.0 else wanted(found))


def answer_exact_match(example: Example, pred: Record, trace: Any = None, frac: float = 1.0) -> bool:
    """DSPy's: whether `pred.answer` is one of `example.answer` after normalisation, or with `frac` < 1 has that token F1.

    >>> from adjoint.data.records import Example
    >>> row = Example(question="?", answer=["Eiffel Tower", "La tour Eiffel"]).with_inputs("question")
    >>> answer_exact_match(row, Example(answer="the eiffel tower")), answer_exact_match(row, Example(answer="tower"), frac=0.6)
    (True, True)
    """
    del trace
    answers, got = _answers(example), str(field(pred, "answer", "prediction"))
    return EM(got, answers) if frac >= 1.0 else F1(got, answers) >= frac


def answer_passage_match(example: Example, pred: Record, trace: Any = None) -> bool:
    """DSPy's: whether a passage of `pred.context` holds the words of one of `example.answer`.

    >>> from adjoint.data.records import Example
    >>> row = Example(question="?", answer="Paris").with_inputs("question")
    >>> answer_passage_match(row, Example(context=["It is in Rome.", "It stands in Paris."]))
    True
    """
    del trace
    passages = alternatives(field(pred, "context", "prediction"))
    return any(holds_words(str(passage), answer) for passage in passages for answer in _answers(example))


def _answers(example: Example) -> list[str]:
    return [str(answer) for answer in alternatives(field(example, "answer", "row"))]


def _plain(value: Any) -> Any:
    return value.strip() if isinstance(value, str) else value

"""Metrics that need no language model, by name. Each compares the labels of a row with the prediction and says what was expected."""

from __future__ import annotations

from typing import TYPE_CHECKING

from adjoint.eval.metrics.corpus import CorpusScore, corpus_score
from adjoint.eval.metrics.match import answer_exact_match, answer_passage_match, exact_match, f1
from adjoint.eval.metrics.numbers import numeric_match
from adjoint.eval.metrics.objectives import Weighted, brevity, economy
from adjoint.eval.metrics.overlap import bleu, chrf, rouge
from adjoint.eval.metrics.patterns import regex_match
from adjoint.eval.metrics.sets import set_f1
from adjoint.eval.metrics.structured import json_fields, json_match
from adjoint.eval.metrics.text import EM, F1, HotPotF1, normalize_text, precision_score

if TYPE_CHECKING:
    from adjoint.program.metric import Metric

METRICS: dict[str, Metric] = {
    metric.__name__: metric
    for metric in (
        exact_match, f1, answer_exact_match, answer_passage_match, numeric_match, json_match, json_fields, regex_match, set_f1,
        bleu, chrf, rouge, brevity, economy,
    )
}  # fmt: skip
"""The metrics that the command line knows by name."""

__all__ = [
    "EM", "F1", "METRICS", "CorpusScore", "HotPotF1", "Weighted", "answer_exact_match", "answer_passage_match", "bleu", "brevity", "chrf",
    "corpus_score", "economy", "exact_match", "f1", "json_fields", "json_match", "normalize_text", "numeric_match", "precision_score",
    "regex_match", "rouge", "set_f1",
]  # fmt: skip

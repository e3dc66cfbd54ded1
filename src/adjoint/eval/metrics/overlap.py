"""BLEU, chrF and ROUGE through their own libraries, for one row at a time. Needs `adjoint[metrics]`.

BLEU and chrF are defined over a corpus: the corpus score is *not* the mean of its rows' scores. What these metrics give is the
sentence version, good for telling programs apart row by row (that is what every paired test here needs). To quote a corpus
score, take `corpus_score`, which resamples rows for its interval (Koehn (2004), EMNLP).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from adjoint.base.deps import need
from adjoint.data.records import Score
from adjoint.eval.metrics.labels import alternatives, mean, pairs, wanted

if TYPE_CHECKING:
    from adjoint.data.records import Example, Record

Rouge: TypeAlias = Literal["rouge1", "rouge2", "rougeL", "rougeLsum"]


def bleu(example: Example, prediction: Record) -> Score:
    """Sentence BLEU with effective order in [0, 1], by sacrebleu (Post (2018), WMT); of a list of labels all are references.

    >>> from adjoint.data.records import Example
    >>> row = Example(de="...", en="The cat sat on the mat.").with_inputs("de")
    >>> round(bleu(row, Example(en="The cat sat on a mat.")).value, 2)
    0.49
    """
    scorer = _sacrebleu().BLEU(effective_order=True)
    return _scored(example, prediction, lambda output, references: scorer.sentence_score(output, references).score / 100)


def chrf(example: Example, prediction: Record) -> Score:
    """Sentence chrF2 in [0, 1], by sacrebleu (Popović (2015), WMT); of a list of labels the best counts.

    >>> from adjoint.data.records import Example
    >>> row = Example(de="...", en="The cat sat on the mat.").with_inputs("de")
    >>> round(chrf(row, Example(en="The cat sat on a mat.")).value, 2)
    0.66
    """
    scorer = _sacrebleu().CHRF()
    return _scored(example, prediction, lambda output, references: scorer.sentence_score(output, references).score / 100)


def rouge(example: Example, prediction: Record, *, kind: Rouge = "rougeL") -> Score:
    """ROUGE F1 in [0, 1] by rouge-score, without stemming (Lin (2004)); of a list of labels the best counts.

    >>> from adjoint.data.records import Example
    >>> row = Example(text="...", summary="the cat sat on the mat").with_inputs("text")
    >>> round(rouge(row, Example(summary="the cat sat")).value, 2)
    0.67
    """
    scorer = need("rouge_score.rouge_scorer", extra="metrics", why="ROUGE scores").RougeScorer([kind])
    return _scored(example, prediction, lambda output, references: scorer.score_multi(references, output)[kind].fmeasure)


def _sacrebleu() -> Any:
    return need("sacrebleu.metrics", extra="metrics", why="BLEU and chrF scores")


def _scored(example: Example, prediction: Record, score: Any) -> Score:
    """The mean over labelled outputs of `score(output, references)`."""
    found = pairs(example, prediction)
    values = [score(str(output), [str(one) for one in alternatives(label)]) for label, output in found.values()]
    value = min(1.0, mean(values))  # a perfect BLEU is 100.00000000000004
    return Score(value, "" if value == 1.0 else wanted(found))

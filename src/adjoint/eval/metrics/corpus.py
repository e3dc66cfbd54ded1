"""Scores of a whole corpus, which are no mean of rows: BLEU and chrF as they are quoted. Needs `adjoint[metrics]`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from adjoint.base.deps import need
from adjoint.base.errors import UsageError
from adjoint.eval.metrics.labels import alternatives

if TYPE_CHECKING:
    from collections.abc import Sequence

RESAMPLES = 1000


@dataclass(frozen=True, slots=True)
class CorpusScore:
    """A corpus score in [0, 100], as its field quotes it, with a 95 % interval over resampled rows and sacrebleu's signature."""

    name: str
    value: float
    low: float
    high: float
    n: int
    signature: str

    def __str__(self) -> str:
        return f"{self.name} {self.value:.1f} [{self.low:.1f}, {self.high:.1f}], n={self.n}, {self.signature}"


def corpus_score(
    outputs: Sequence[str], references: Sequence[str | Sequence[str]], kind: Literal["bleu", "chrf"] = "bleu"
) -> CorpusScore:
    """BLEU or chrF2 of all outputs together, by sacrebleu; `references[i]` is one reference of `outputs[i]`, or several.

    The interval is the bootstrap over rows of Koehn (2004), EMNLP, in sacrebleu's own implementation with its fixed seed. Rows whose
    program failed must be left out by the caller, who says how many. Raises `UsageError` for no rows or unequal lengths.

    >>> found = corpus_score(["The cat sat on a mat.", "It rains today."] * 20, ["The cat sat on the mat.", "It rains today."] * 20)
    >>> round(found.value), found.n, found.low < found.value < found.high
    (63, 40, True)
    """
    if not outputs or len(outputs) != len(references):
        message = f"corpus_score: {len(outputs)} outputs and {len(references)} references; give one or more for each output."
        raise UsageError(message)
    metrics: Any = need("sacrebleu.metrics", extra="metrics", why="BLEU and chrF scores")
    scorer = metrics.BLEU() if kind == "bleu" else metrics.CHRF()
    offered = [alternatives(one) for one in references]
    # sacrebleu wants streams: the first reference of every row, the second of every row, with None where a row has fewer.
    streams = [[row[index] if index < len(row) else None for row in offered] for index in range(max(map(len, offered)))]
    found = scorer.corpus_score(list(outputs), streams, n_bootstrap=RESAMPLES)
    middle, half = float(found._mean), float(found._ci)
    return CorpusScore(found.name, float(found.score), middle - half, middle + half, len(outputs), str(scorer.get_signature()))

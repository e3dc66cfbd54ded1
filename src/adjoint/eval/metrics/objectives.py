"""Several objectives in one score: quality beside length and tokens, each a part of its own with a weight.

What is weighed must not depend on when it is measured, or the same run would take other decisions the second time. So tokens are
counted from the texts of the tape, also of replies that came from the ledger, and time is reported but never weighed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from adjoint.base.errors import UsageError
from adjoint.base.tokens import most_tokens
from adjoint.data.records import Score
from adjoint.program.metric import check, measure

if TYPE_CHECKING:
    from collections.abc import Mapping

    from adjoint.data.records import Example
    from adjoint.program.metric import Metric
    from adjoint.program.prediction import Prediction
    from adjoint.program.tape import Tape


def brevity(example: Example, prediction: Prediction, *, limit: int = 200) -> Score:
    """1 for outputs of at most `limit` characters together, else limit / length: twice as long is half as good.

    >>> from adjoint.data.records import Example
    >>> brevity(Example(), Example(answer="a" * 400)).value
    0.5
    """
    del example
    length = written(prediction)
    return Score(min(1.0, limit / max(1, length)), "" if length <= limit else f"{length} characters, at most {limit} are wanted")


def economy(example: Example, prediction: Prediction, tape: Tape, *, limit: int = 1000) -> Score:
    """1 for a run of at most `limit` tokens read and written in all its calls, else limit / tokens (see `tokens_of`)."""
    del example, prediction
    tokens = tokens_of(tape)
    return Score(min(1.0, limit / max(1, tokens)), "" if tokens <= limit else f"{tokens} tokens, at most {limit} are wanted")


def written(prediction: Any) -> int:
    """Characters of all outputs of a prediction."""
    return sum(len(str(value)) for value in prediction._store.values())


def tokens_of(tape: Tape) -> int:
    """Tokens that a run has read and written, an upper estimate by their texts: the same whether replies were paid now or kept."""
    return sum(
        sum(most_tokens(message.text) for message in (*node.messages, *node.repair)) + most_tokens(node.reply or "")
        for node in (*tape.nodes, *tape.rejected)
    )


@dataclass(frozen=True, eq=False)  # equal only to itself, so that it can be looked up
class Weighted:
    """The weighted mean of metrics, each of which becomes a part: `Weighted({"quality": (exact_match, 4), "brevity": (brevity, 1)})`.

    A weight is > 0 (`UsageError` else). Feedback of the metrics is joined, each with its name. A part that its metric has itself is
    kept as `name.part`.

    >>> from adjoint.eval.metrics import exact_match
    >>> metric = Weighted({"quality": (exact_match, 4), "brevity": (brevity, 1)})
    """

    metrics: Mapping[str, tuple[Metric, float]]

    def __post_init__(self) -> None:
        for name, (metric, weight) in self.metrics.items():
            check(metric)
            if not weight > 0:
                message = f"Weighted: the weight of {name!r} is {weight}; weights are above 0."
                raise UsageError(message)
        if not self.metrics:
            message = "Weighted: no metric is given; write Weighted({'quality': (exact_match, 1)})."
            raise UsageError(message)

    async def __call__(self, example: Example, prediction: Prediction, tape: Tape) -> Score:
        found = {name: await measure(metric, example, prediction, tape) for name, (metric, _) in self.metrics.items()}
        total = sum(weight for _, weight in self.metrics.values())
        value = sum(found[name].value * weight for name, (_, weight) in self.metrics.items()) / total
        parts = {name: score.value for name, score in found.items()}
        parts |= {f"{name}.{part}": one for name, score in found.items() for part, one in score.parts.items()}
        said = "; ".join(f"{name}: {score.feedback}" for name, score in found.items() if score.feedback)
        return Score(min(1.0, value), said, parts)

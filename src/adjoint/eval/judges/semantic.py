"""DSPy's judges of long answers: SemanticF1 and CompleteAndGrounded, with their arguments and meaning and prompts of our own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from adjoint.adapters.written import write_fields
from adjoint.data.records import Score
from adjoint.eval import prompts
from adjoint.eval.judges.base import JudgeMetric, needed_truth, question, response
from adjoint.eval.metrics.labels import field
from adjoint.exec.local import all_of
from adjoint.modules.chain_of_thought import ChainOfThought

if TYPE_CHECKING:
    from adjoint.data.records import Example, Record
    from adjoint.lm.base import BaseLM

THRESHOLD = 0.66


class SemanticF1(JudgeMetric):
    r"""F1 of ideas: the harmonic mean of how much of the label the response says (recall) and how much of it the label has (precision).

    Both shares are estimated by the judge and are parts of the score. `decompositional` lets it list the ideas first. While a program
    is being compiled (a `trace` is given) the result is whether F1 >= `threshold`, as in DSPy. DSPy reads `question` and `response`;
    so does this, also where a row does not say which of its fields are inputs; rows with other names are read by their inputs and
    labels. A row without a label raises `MetricError`.

    >>> from adjoint import Example
    >>> from adjoint.testing import ScriptedLM
    >>> judge = SemanticF1(lm=ScriptedLM(["[[reasoning]]\nhalf of it\n[[recall]]\n0.5\n[[precision]]\n1.0"]))
    >>> row = Example(question="Who?", response="Marie and Pierre Curie").with_inputs("question")
    >>> round(judge(row, Example(response="Marie Curie")).value, 3)
    0.667
    """

    def __init__(self, threshold: float = THRESHOLD, decompositional: bool = False, *, lm: BaseLM | str | None = None) -> None:  # noqa: FBT001, FBT002 - DSPy's
        super().__init__(lm)
        self.threshold = threshold
        self.module = ChainOfThought(prompts.CoverageByIdeas if decompositional else prompts.Coverage)

    async def aforward(self, example: Example, pred: Record, trace: Any = None) -> Score | bool:
        example = _asking(example)
        said = await self.ask(
            self.module,
            question=question(example),
            ground_truth=needed_truth(example, pred),
            system_response=response(example, pred),
        )
        score = _harmonic({"recall": said.recall, "precision": said.precision}, said.reasoning)
        return score if trace is None else score.value >= self.threshold


class CompleteAndGrounded(JudgeMetric):
    """The harmonic mean of completeness (against the label) and groundedness (against the prediction's `context`): two calls.

    For answers from retrieved passages: `pred.context` must be there (`MetricError` else). `threshold` as in `SemanticF1`.
    """

    def __init__(self, threshold: float = THRESHOLD, *, lm: BaseLM | str | None = None) -> None:
        super().__init__(lm)
        self.threshold = threshold
        self.completeness_module = ChainOfThought(prompts.Completeness)
        self.groundedness_module = ChainOfThought(prompts.Groundedness)

    async def aforward(self, example: Example, pred: Record, trace: Any = None) -> Score | bool:
        example = _asking(example)
        asked, said = question(example), response(example, pred)
        passages = write_fields({"context": field(pred, "context", "prediction")})
        complete, grounded = await all_of(
            [
                self.ask(
                    self.completeness_module, question=asked, ground_truth=needed_truth(example, pred), system_response=said
                ),
                self.ask(self.groundedness_module, question=asked, retrieved_context=passages, system_response=said),
            ]
        )
        parts = {"completeness": complete.completeness, "groundedness": grounded.groundedness}
        score = _harmonic(parts, f"{complete.discussion}\n{grounded.discussion}")
        return score if trace is None else score.value >= self.threshold


def _asking(example: Example) -> Example:
    """The row, whose `question` is what was asked unless it says what its inputs are."""
    return example if example._input_keys is not None or "question" not in example else example.with_inputs("question")


def _harmonic(parts: dict[str, float], feedback: str) -> Score:
    """The harmonic mean of two shares; 0 if either is."""
    one, other = parts.values()
    return Score(2 * one * other / (one + other) if one and other else 0.0, feedback, parts)

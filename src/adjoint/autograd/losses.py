"""Losses: what turns a value into feedback. An LM that judges it, or a metric that measures it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from adjoint.autograd.llm import as_variable, call_llm
from adjoint.autograd.variable import Variable
from adjoint.base.portal import portal
from adjoint.data.records import id_of
from adjoint.program.metric import check, measure
from adjoint.program.parameter import Gradient
from adjoint.program.tape import Edge, Node, Tape

if TYPE_CHECKING:
    from adjoint.data.records import Example
    from adjoint.lm.base import BaseLM
    from adjoint.program.metric import Metric
    from adjoint.program.prediction import Prediction


_LAST_CALL = 0.3
"""How sure it is that a result of which nothing else is known comes from the last call."""


class TextLoss:
    """An LM judges the value by an instruction; what it says is the loss: `TextLoss("Is it polite?")(answer)`.

    The value may be a `Variable` or the `Prediction` of any program.
    """

    def __init__(self, eval_system_prompt: str | Variable, engine: BaseLM | str | None = None) -> None:
        self.instruction = as_variable(eval_system_prompt, "instruction of the evaluation")
        self.engine = engine

    def __call__(self, instance: Variable | Prediction) -> Variable:
        return portal.run(self.acall(instance))

    async def acall(self, instance: Variable | Prediction) -> Variable:
        """The loss in asynchronous code."""
        node, said = await call_llm("loss", self.engine, self.instruction, {"value": instance}, role="judge")
        judged = [instance] if isinstance(instance, Variable) else []
        return Variable.of(said, "evaluation of the value", node, "value", judged, requires_grad=False)


class MetricLoss:
    """A metric as a loss: its feedback is the gradient, and a perfect score asks for no change."""

    def __init__(self, metric: Metric) -> None:
        self.metric = check(metric)

    def __call__(self, example: Example, prediction: Prediction) -> Variable:
        return portal.run(self.acall(example, prediction))

    async def acall(self, example: Example, prediction: Prediction) -> Variable:
        """The loss in asynchronous code."""
        score = await measure(self.metric, example, prediction, prediction.tape or Tape(), compiling=True)
        return measured(example, prediction, score.value, score.feedback)


def measured(example: Example, prediction: Prediction, score: float, feedback: str) -> Variable:
    """The loss of a prediction that has already been scored."""
    edges = prediction_edges(prediction)
    details = {"score": score, "example": id_of(example)}
    node = Node(0, "loss", None, {"value": prediction}, {"value": edges}, details=details)
    text = feedback or f"the score was {score:g} of 1"
    return Variable.of(text, "score of the prediction", node, "value", requires_grad=False)


def feedback_of(loss: Variable) -> Gradient:
    """What a loss says, as the first gradient of the walk."""
    score = loss.node.details.get("score")
    verdict: Any = "ok" if score is not None and score >= 1.0 else "change"
    severity = 1.0 if score is None else 1.0 - score
    return Gradient("loss", loss.value, verdict, severity, score, str(loss.node.details.get("example", "")))


def prediction_edges(prediction: Prediction) -> list[Edge]:
    """The edges from a prediction to whatever uses it: to its own node, or to the calls its fields were made from."""
    if prediction._node is not None:
        return [Edge(prediction._node, name, "identity", 1.0) for name in prediction]
    tape = prediction.tape
    if tape is None:
        return []
    from adjoint.program.provenance import edges_of

    read = [item for item in prediction._made_from if item[0] in tape.nodes]
    found = edges_of(tape, prediction.toDict(), read, {})
    known = [edge for edges in found.values() for edge in edges if edge.how != "order"]
    ended = [node for node in tape.nodes if node.outputs]
    # A program's result comes from somewhere: without better evidence, from its last call.
    return known or [Edge(ended[-1], name, "order", _LAST_CALL) for name in (ended[-1].outputs if ended else ())]

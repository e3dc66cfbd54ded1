"""Losses: what turns a value into feedback. An LM that judges it, a metric that measures it, or any function."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

from adjoint.autograd.engine import engine_of
from adjoint.autograd.llm import as_variable, call_llm
from adjoint.autograd.variable import Variable
from adjoint.base.errors import MetricError, UsageError
from adjoint.base.foreign import foreign
from adjoint.base.portal import portal
from adjoint.data.records import id_of, score_of
from adjoint.program.metric import check, measure
from adjoint.program.parameter import Gradient
from adjoint.program.tape import Edge, Node, Tape

if TYPE_CHECKING:
    from adjoint.autograd.engine import Engine
    from adjoint.data.records import Example, Score
    from adjoint.program.metric import Metric
    from adjoint.program.prediction import Prediction


_LAST_CALL = 0.3
"""How sure it is that a result of which nothing else is known comes from the last call."""


class TextLoss:
    """An LM judges the value by an instruction; what it says is the loss: `TextLoss("Is it polite?")(answer)`.

    The value may be a `Variable` or the `Prediction` of any program.
    """

    def __init__(self, eval_system_prompt: str | Variable, engine: Engine | None = None) -> None:
        self.eval_system_prompt = as_variable(eval_system_prompt, "instruction of the evaluation")
        self.engine = engine_of(engine)

    def __call__(self, instance: Variable | Prediction) -> Variable:
        return portal.run(self.acall(instance))

    forward = __call__

    async def acall(self, instance: Variable | Prediction) -> Variable:
        """The loss in asynchronous code."""
        node, said = await call_llm("judge", self.engine, self.eval_system_prompt, {"value": instance}, role="judge")
        judged = [instance] if isinstance(instance, Variable) else []
        return Variable.of(said, "evaluation of the value", node, "value", judged, requires_grad=False)

    def parameters(self) -> list[Variable]:
        """The instruction, if it is trainable."""
        return [self.eval_system_prompt] if self.eval_system_prompt.requires_grad else []


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


class FunctionLoss:
    """Any function of values as a loss, also an asynchronous one: `FunctionLoss(run_tests)(code)`.

    It gets the values of the Variables (and predictions as they are) and returns a score in [0, 1], a text that says what
    is wrong, a pair of both, or a `Score`. A score of 1 asks for no change.
    """

    def __init__(self, function: Any, *, role: str = "") -> None:
        if not callable(function):
            message = f"FunctionLoss takes a function of values, got {function!r}."
            raise UsageError(message)
        self.function: Any = function
        self.role = role or f"evaluation by {getattr(function, '__name__', 'a function')}"

    def __call__(self, *values: Variable | Prediction) -> Variable:
        return portal.run(self.acall(*values))

    async def acall(self, *values: Variable | Prediction) -> Variable:
        """The loss in asynchronous code."""
        given = [value.value if isinstance(value, Variable) else value for value in values]
        said = await foreign(self._call(given), MetricError, self.role)
        score, text = _score_and_text(said)
        edges = {
            f"value_{n}": one.edges() if isinstance(one, Variable) else prediction_edges(one) for n, one in enumerate(values)
        }
        inputs = dict(zip(edges, given, strict=True))
        node = Node(0, "loss", None, inputs, edges, details={} if score is None else {"score": score})
        judged = [value for value in values if isinstance(value, Variable)]
        return Variable.of(text, self.role, node, "value", judged, requires_grad=False)

    async def _call(self, given: list[Any]) -> Any:
        if inspect.iscoroutinefunction(self.function):
            return await self.function(*given)
        made = await portal.in_thread(self.function, *given)
        return await made if inspect.isawaitable(made) else made


def _score_and_text(said: Any) -> tuple[float | None, str]:
    """A score and what is wrong, from whatever a user's function returns."""
    if isinstance(said, str):
        return None, said
    if isinstance(said, tuple) and len(said) == 2:
        value, text = said
        return (None if value is None else score_of(value).value), str(text)
    score: Score = score_of(said)
    return score.value, score.feedback or f"the score was {score.value:g} of 1"


def measured(example: Example, prediction: Prediction, score: float, feedback: str) -> Variable:
    """The loss of a prediction that has already been scored. Suggestions that were never met are part of what it says."""
    edges = prediction_edges(prediction)
    details = {"score": score, "example": id_of(example)}
    node = Node(0, "loss", None, {"value": prediction}, {"value": edges}, details=details)
    unmet = [] if prediction.tape is None else [remark.text for remark in prediction.tape.remarks if not remark.settled]
    text = "\n".join(dict.fromkeys([feedback or f"the score was {score:g} of 1", *unmet]))
    return Variable.of(text, "score of the prediction", node, "value", requires_grad=False)


def failed(tape: Tape, example: Example | None = None) -> Variable | None:
    """The loss of a run that ended in an error: what the last call that failed says of it, or an assertion of its last call.

    None if no call failed and nothing was asserted.
    """
    broken = [(node, f"the call failed: {node.error}") for node in tape.nodes if node.error]
    broken += [(remark.node, remark.text) for remark in tape.remarks if remark.node is not None and not remark.settled]
    if not broken:
        return None
    last, said = broken[-1]
    details = {"score": 0.0, "example": "" if example is None else id_of(example)}
    node = Node(0, "loss", None, {"value": said}, {"value": [Edge(last, "error", "declared", 1.0)]}, details=details)
    return Variable.of(said, "error of the program", node, "value", requires_grad=False)


def feedback_of(loss: Variable, *, group: str = "", threshold: float = 1.0) -> Gradient:
    """What a loss says, as the first gradient of the walk."""
    score = loss.node.details.get("score")
    verdict: Any = "ok" if score is not None and score >= threshold else "change"
    severity = 1.0 if score is None else 1.0 - score
    return Gradient("loss", loss.value, verdict, severity, score, str(loss.node.details.get("example", "")), group=group)


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

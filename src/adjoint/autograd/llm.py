"""Explicit LM calls on Variables: `BlackboxLLM` and `LLMCall`, TextGrad's way to build a graph by hand."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from adjoint.adapters import values
from adjoint.autograd.variable import Variable
from adjoint.base.portal import portal
from adjoint.lm.types import Message
from adjoint.program.context import active_lm, context, send
from adjoint.program.lm import LM, request_of
from adjoint.program.tape import Node, ParameterRead

if TYPE_CHECKING:
    from collections.abc import Mapping

    from adjoint.lm.base import BaseLM
    from adjoint.program.prediction import Prediction


def as_variable(value: str | Variable, role: str) -> Variable:
    """A variable as it is; a text as a frozen one."""
    return value if isinstance(value, Variable) else Variable(value, role_description=role, requires_grad=False)


def get_engine(name: str | BaseLM, **options: Any) -> BaseLM:
    """The LM of that name (`LM(name)`); an LM is returned as it is."""
    engine: BaseLM = LM(name, **options) if isinstance(name, str) else name
    return engine


class LLMCall:
    """Ask an LM with a system prompt: `LLMCall(engine, system_prompt)(variable)` gives a Variable."""

    def __init__(self, engine: BaseLM | str | None = None, system_prompt: str | Variable | None = None) -> None:
        self.engine = engine
        self.system_prompt = None if system_prompt is None else as_variable(system_prompt, "system prompt of the language model")

    def __call__(self, input_variable: Variable, response_role_description: str = "response of the language model") -> Variable:
        return portal.run(self.acall(input_variable, response_role_description))

    async def acall(self, input_variable: Variable, response_role_description: str = "response of the language model") -> Variable:
        """The call in asynchronous code."""
        node, text = await call_llm("llm", self.engine, self.system_prompt, {"input": input_variable}, role="task")
        used = [input_variable] if self.system_prompt is None else [self.system_prompt, input_variable]
        return Variable.of(text, response_role_description, node, "value", used)

    def parameters(self) -> list[Any]:
        """The system prompt, if it is trainable."""
        prompt = self.system_prompt
        return [prompt] if prompt is not None and prompt.requires_grad else []


class BlackboxLLM(LLMCall):
    """TextGrad's name for an LM with a system prompt."""


async def call_llm(
    op: str, engine: BaseLM | str | None, system: Variable | None, inputs: Mapping[str, Variable | Prediction], *, role: str
) -> tuple[Node, str]:
    """Ask once and record it: the system prompt is the node's instruction, the inputs are explicit edges."""
    from adjoint.autograd.losses import prediction_edges

    texts, edges = {}, {}
    for name, value in inputs.items():
        texts[name] = value.value if isinstance(value, Variable) else _text(value)
        edges[name] = value.edges() if isinstance(value, Variable) else prediction_edges(value)
    lm = get_engine(engine) if engine is not None else active_lm()
    messages = [] if system is None else [Message("system", system.value)]
    messages.append(Message("user", "\n".join(texts.values())))
    reads = () if system is None else (ParameterRead("instruction", system.parameter, system.value),)
    node = Node(0, op, None, texts, edges, reads, messages=tuple(messages))
    with context(role=role):
        response = await send(request_of(tuple(messages), dict(getattr(lm, "options", {}))), lm)
    node.reply, node.usage, node.outputs = response.text, response.usage, {"value": response.text}
    return node, response.text


def _text(prediction: Prediction) -> str:
    """A prediction as one text: its only field, or a line for each."""
    fields = prediction.toDict()
    if len(fields) == 1:
        return values.write(next(iter(fields.values())))
    return "\n".join(f"{name}: {values.write(value)}" for name, value in fields.items())


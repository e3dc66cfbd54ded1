"""Explicit LM calls on Variables: `BlackboxLLM`, `LLMCall` and their kin, TextGrad's way to build a graph by hand."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any

from adjoint.adapters.written import write_fields
from adjoint.autograd.engine import answering, engine_of
from adjoint.autograd.text import formatted
from adjoint.autograd.variable import Variable
from adjoint.base.errors import ParseError, VariableError
from adjoint.base.parts import Part
from adjoint.base.portal import portal
from adjoint.lm.types import Message
from adjoint.program.context import context, current, send
from adjoint.program.lm import request_of
from adjoint.program.prediction import Prediction
from adjoint.program.tape import Node, ParameterRead

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from adjoint.autograd.engine import Engine

_RESPONSE = "response from the language model"
_SYSTEM = "system prompt of the language model"
_FINAL = "Write the answer between <FINAL> and </FINAL>."


def as_variable(value: str | Variable, role: str) -> Variable:
    """A variable as it is; a text as a frozen one."""
    return value if isinstance(value, Variable) else Variable(value, role_description=role, requires_grad=False)


class Call(ABC):
    """What explicit calls share: who answers, and the system prompt. Subclasses write `__call__` and `acall`."""

    def __init__(self, engine: Engine | None = None, system_prompt: str | Variable | None = None) -> None:
        self.engine = engine_of(engine)
        self.system_prompt = None if system_prompt is None else as_variable(system_prompt, _SYSTEM)

    @abstractmethod
    def __call__(self, *inputs: Any, **options: Any) -> Variable: ...

    def forward(self, *inputs: Any, **options: Any) -> Variable:
        return self(*inputs, **options)

    async def _ask(
        self, inputs: Mapping[str, Variable], role: str, prompt: str | None = None, *, named: bool = False
    ) -> Variable:
        node, text = await call_llm("llm", self.engine, self.system_prompt, inputs, role="task", prompt=prompt, named=named)
        system = [] if self.system_prompt is None else [self.system_prompt]
        return Variable.of(text, role, node, "value", [*system, *inputs.values()])

    def parameters(self) -> list[Any]:
        """The system prompt, if it is trainable."""
        prompt = self.system_prompt
        return [prompt] if prompt is not None and prompt.requires_grad else []

    def named_parameters(self) -> list[tuple[str, Any]]:
        return [("system_prompt", one) for one in self.parameters()]

    def zero_grad(self) -> None:
        for one in self.parameters():
            one.reset_gradients()


class LLMCall(Call):
    """Ask an LM with a system prompt: `LLMCall(engine, system_prompt)(variable)` gives a Variable.

    Without an engine the LM of the context answers, else that of `set_backward_engine`.
    """

    def __call__(self, input_variable: Variable, response_role_description: str = _RESPONSE) -> Variable:
        return portal.run(self.acall(input_variable, response_role_description))

    async def acall(self, input_variable: Variable, response_role_description: str = _RESPONSE) -> Variable:
        """The call in asynchronous code."""
        return await self._ask({"input": input_variable}, response_role_description)


class BlackboxLLM(LLMCall):
    """TextGrad's name for an LM with a system prompt."""


class LLMCallWithExamples(LLMCall):
    """Ask with examples shown below the input; the answer is what stands between `<FINAL>` and `</FINAL>`.

    `call(variable, role, ["first example", ...])` gives a Variable. Raises `ParseError` if the reply has no such tags, and
    never returns None.
    """

    def __call__(
        self, input_variable: Variable, response_role_description: str = _RESPONSE, in_context_examples: Sequence[str] = ()
    ) -> Variable:
        return portal.run(self.acall(input_variable, response_role_description, in_context_examples))

    async def acall(
        self, input_variable: Variable, response_role_description: str = _RESPONSE, in_context_examples: Sequence[str] = ()
    ) -> Variable:
        """The call in asynchronous code."""
        shown = "\n".join(["<EXAMPLES>", *in_context_examples, "</EXAMPLES>"]) if in_context_examples else ""
        prompt = "\n".join(filter(None, [str(input_variable.value), shown, _FINAL]))
        reply = await self._ask({"input": input_variable}, response_role_description, prompt)
        found = re.findall(r"<FINAL>(.*?)</FINAL>", reply.value, re.DOTALL)
        if not found:
            message = "the reply has no text between <FINAL> and </FINAL>; ask for it in the system prompt, or use LLMCall."
            raise ParseError(message, raw=reply.value)
        return Variable.of(found[-1].strip(), response_role_description, reply.node, "value", reply.predecessors)


class FormattedLLMCall(Call):
    """Ask with several inputs in a template: `FormattedLLMCall(engine, "Q: {q}", fields={"q": None})({"q": variable})`.

    Only `{name}` of a field is replaced; all other braces stay as they are.
    """

    def __init__(
        self, engine: Engine | None, format_string: str, fields: Mapping[str, Any], system_prompt: str | Variable | None = None
    ) -> None:
        super().__init__(engine, system_prompt)
        self.format_string, self.fields = format_string, dict(fields)

    def __call__(self, inputs: Mapping[str, Variable], response_role_description: str = _RESPONSE) -> Variable:
        return portal.run(self.acall(inputs, response_role_description))

    async def acall(self, inputs: Mapping[str, Variable], response_role_description: str = _RESPONSE) -> Variable:
        """The call in asynchronous code."""
        _same_names(self.fields, inputs)
        values = {name: str(variable.value) for name, variable in inputs.items()}
        return await self._ask(inputs, response_role_description, formatted(self.format_string, values))


class MultimodalLLMCall(Call):
    """Ask with texts and pictures in order: `MultimodalLLMCall(engine)([picture, question])`."""

    def __call__(self, inputs: Sequence[Variable], response_role_description: str = _RESPONSE) -> Variable:
        return portal.run(self.acall(inputs, response_role_description))

    async def acall(self, inputs: Sequence[Variable], response_role_description: str = _RESPONSE) -> Variable:
        """The call in asynchronous code."""
        named = {f"input_{index}": variable for index, variable in enumerate(inputs)}
        return await self._ask(named, response_role_description)


class OrderedFieldsMultimodalLLMCall(Call):
    """Ask with named texts and pictures, in the order of `fields`; each text comes after its name."""

    def __init__(self, engine: Engine | None, fields: Sequence[str], system_prompt: str | Variable | None = None) -> None:
        super().__init__(engine, system_prompt)
        self.fields = list(fields)

    def __call__(self, inputs: Mapping[str, Variable], response_role_description: str = _RESPONSE) -> Variable:
        return portal.run(self.acall(inputs, response_role_description))

    async def acall(self, inputs: Mapping[str, Variable], response_role_description: str = _RESPONSE) -> Variable:
        """The call in asynchronous code."""
        _same_names(self.fields, inputs)
        return await self._ask({name: inputs[name] for name in self.fields}, response_role_description, named=True)


def _same_names(fields: Mapping[str, Any] | Sequence[str], inputs: Mapping[str, Variable]) -> None:
    if set(fields) != set(inputs):
        message = f"the inputs are {', '.join(sorted(inputs))}, but the call takes {', '.join(sorted(fields))}."
        raise VariableError(message)


async def call_llm(
    op: str,
    engine: Engine | None,
    system: Variable | None,
    inputs: Mapping[str, Variable | Prediction],
    *,
    role: str,
    prompt: str | None = None,
    named: bool = False,
) -> tuple[Node, str]:
    """Ask once and record it: the system prompt is the node's instruction, the inputs are explicit edges.

    The prompt is the values of the inputs, one a line, unless one is given; with `named` each text follows its name.
    """
    from adjoint.autograd.losses import prediction_edges

    contents, edges = {}, {}
    for name, value in inputs.items():
        contents[name] = value.content if isinstance(value, Variable) else _text(value)
        edges[name] = value.edges() if isinstance(value, Variable) else prediction_edges(value)
    lm = answering(engine_of(engine), role)
    told = getattr(lm, "opening", "") if system is None else system.value
    messages = [Message("system", told)] if told or system is not None else []
    shown = [f"{name}: {one}" if named and isinstance(one, str) else one for name, one in contents.items()]
    messages.append(Message("user", content_of(shown) if prompt is None else prompt))
    reads = () if system is None else (ParameterRead("instruction", system.parameter, system.value),)
    kept = {name: inputs[name] if not isinstance(inputs[name], Variable) else content for name, content in contents.items()}
    here = current().tape  # inside a program an explicit call stands on its tape like any other
    node = Node(0, op, None, kept, edges, reads) if here is None else here.open(op, kept, reads=reads, declared=edges)
    node.messages = tuple(messages)
    with context(role=role):
        response = await send(request_of(tuple(messages), dict(getattr(lm, "options", {}))), lm)
    node.reply, node.usage, node.outputs = response.text, response.usage, {"value": response.text}
    return node, response.text


def content_of(pieces: Sequence[Any]) -> str | tuple[Part, ...]:
    """What a message holds: texts as one text; parts where there are pictures among them."""
    if all(isinstance(piece, str) for piece in pieces):
        return "\n".join(pieces)
    return tuple(part for piece in pieces for part in ([Part("text", text=piece)] if isinstance(piece, str) else piece.format()))


def _text(prediction: Any) -> str:
    """A prediction as one text: its only field, or a line for each."""
    if not isinstance(prediction, Prediction):
        message = f"a call takes Variables and predictions, got {prediction!r:.60}; wrap a text in Variable(text, role_description=...)."
        raise VariableError(message)
    return write_fields(prediction.toDict())

"""Functions of Variables: `StringBasedFunction` of TextGrad, and `op`, which puts any function on the tape."""

from __future__ import annotations

import functools
import inspect
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, overload

from adjoint.adapters.written import write
from adjoint.autograd.rules import merge
from adjoint.autograd.variable import Variable
from adjoint.base.errors import GradientError, ProgramError, UsageError
from adjoint.base.foreign import foreign, foreign_call
from adjoint.program.context import current
from adjoint.program.tape import Node, Tape, Traced, note_read

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from adjoint.autograd.rules import Target
    from adjoint.lm.base import BaseLM
    from adjoint.program.parameter import Gradient


class StringBasedFunction:
    """A function of Variables that gives a text or a number; `function_purpose` tells critics what it does.

    `StringBasedFunction(fn, purpose)({"prediction": answer, "truth": truth})` calls `fn(prediction=..., truth=...)`.
    """

    def __init__(self, fn: Callable[..., Any], function_purpose: str) -> None:
        self.fn, self.function_purpose = fn, function_purpose

    def __call__(self, inputs: Mapping[str, Variable], response_role_description: str | None = None) -> Variable:
        made = foreign_call(lambda: self.fn(**inputs), ProgramError, f"the function {getattr(self.fn, '__name__', self.fn)!s}")
        if not isinstance(made, str | int | Variable):
            message = (
                f"a StringBasedFunction must give a text or an integer, not {type(made).__name__}; convert it with str(...)."
            )
            raise UsageError(message)
        role = response_role_description or f"result of the function: {self.function_purpose}"
        details = {"purpose": self.function_purpose, "roles": {name: one.role_description for name, one in inputs.items()}}
        edges = {name: variable.edges() for name, variable in inputs.items()}
        given = {name: variable.value for name, variable in inputs.items()}
        node = Node(0, "function", None, given, edges, outputs={"value": str(made)}, details=details)
        return Variable.of(str(made), role, node, "value", list(inputs.values()))

    forward = __call__


Backward = Any
"""`backward(feedback, inputs, output)`: the feedback on each input by name, or one text for all of them."""


@overload
def op(function: Callable[..., Any], /) -> Callable[..., Any]: ...
@overload
def op(*, backward: Backward | None = None, name: str | None = None) -> Callable[[Callable[..., Any]], Callable[..., Any]]: ...
def op(function: Callable[..., Any] | None = None, /, *, backward: Backward | None = None, name: str | None = None) -> Any:
    """Put a function on the tape: its inputs and its result are connected, and feedback passes through it.

    With Variables among the arguments the result is a Variable; else it is what the function gives, and known to the tape
    of the program. `backward(feedback, inputs, output)` says what the feedback means for the inputs; without it each input
    gets the feedback as it is. An error is kept on the node, so that it can be feedback, and raised.
    """
    if function is None:
        return functools.partial(_op, backward=backward, name=name)
    return _op(function, backward=backward, name=name)


def _op(function: Callable[..., Any], *, backward: Backward | None, name: str | None) -> Callable[..., Any]:
    signature = inspect.signature(function)
    owner = next((slot for slot in list(signature.parameters)[:1] if slot in ("self", "cls")), None)  # is no input
    called = name or str(getattr(function, "__name__", "function"))

    def begin(args: Any, kwargs: Any) -> tuple[Node, dict[str, Any], list[Variable]]:
        bound = signature.bind(*args, **kwargs)
        bound.apply_defaults()
        given = dict(bound.arguments)
        declared = {slot: value.edges() for slot, value in given.items() if isinstance(value, Traced)}
        plain = {slot: value.value if isinstance(value, Traced) else value for slot, value in given.items() if slot != owner}
        here = current().tape
        node = (Tape() if here is None else here).open(f"op {called}", plain, declared=declared)
        node.details = {"rule": OpRule(backward)} if backward else {}
        return node, given, [value for value in given.values() if isinstance(value, Variable)]

    def bare(given: Mapping[str, Any]) -> tuple[list[Any], dict[str, Any]]:
        bound = signature.bind_partial()
        bound.arguments = {slot: value.value if isinstance(value, Traced) else value for slot, value in given.items()}
        return list(bound.args), dict(bound.kwargs)

    def end(node: Node, made: Any, variables: Sequence[Variable]) -> Any:
        node.outputs = {"value": made}
        if not variables:
            note_read(node, "value")  # a number or a short text cannot be told from others when it is used
        return Variable.of(write(made), f"result of {called}", node, "value", variables) if variables else made

    if inspect.iscoroutinefunction(function):

        @functools.wraps(function)
        async def asynchronous(*args: Any, **kwargs: Any) -> Any:
            node, given, variables = begin(args, kwargs)
            plain, named = bare(given)
            try:
                made = await foreign(function(*plain, **named), ProgramError, f"the op {called}")
            except ProgramError as error:
                node.error = str(error)
                raise
            return end(node, made, variables)

        return asynchronous

    @functools.wraps(function)
    def synchronous(*args: Any, **kwargs: Any) -> Any:
        node, given, variables = begin(args, kwargs)
        plain, named = bare(given)
        try:
            made = foreign_call(lambda: function(*plain, **named), ProgramError, f"the op {called}")
        except ProgramError as error:
            node.error = str(error)
            raise
        return end(node, made, variables)

    return synchronous


@dataclass(frozen=True, eq=False)
class OpRule:
    """The rule of an op with a `backward` of its own."""

    backward: Backward

    async def __call__(
        self, node: Node, incoming: Sequence[Gradient], targets: Sequence[Target], _: BaseLM | None
    ) -> dict[str, Gradient]:
        merged = merge(incoming)
        said = await foreign(self._said(merged.text, node), GradientError, f"the backward of {node.op}")
        strange = set(said) - set(node.inputs) if isinstance(said, dict) else ()
        if strange:
            message = f"the backward of {node.op} speaks of {', '.join(map(str, strange))}, but the inputs are {', '.join(node.inputs)}."
            raise GradientError(message)
        texts = {
            target.name: said.get(target.name.removeprefix("input ")) if isinstance(said, dict) else said for target in targets
        }
        return {name: replace(merged, target=name, text=str(text)) for name, text in texts.items() if text}

    async def _said(self, text: str, node: Node) -> Any:
        made = self.backward(text, dict(node.inputs), node.outputs.get("value"))
        return await made if inspect.isawaitable(made) else made

"""`op`: puts any function on the tape, so that feedback passes through it."""

from __future__ import annotations

import functools
import inspect
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, overload

from adjoint.adapters.written import write
from adjoint.autograd.rules import merge
from adjoint.autograd.variable import Variable
from adjoint.base.errors import GradientError, ProgramError
from adjoint.base.foreign import foreign, foreign_call
from adjoint.program.context import current
from adjoint.program.tape import Tape, Traced, note_read

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from adjoint.autograd.rules import Target
    from adjoint.lm.base import BaseLM
    from adjoint.program.parameter import Gradient
    from adjoint.program.tape import Node

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
        return lambda later: _Op(later, backward, name).wrapped()
    return _Op(function, backward, name).wrapped()


class _Op:
    """A function whose calls stand on the tape."""

    def __init__(self, function: Callable[..., Any], backward: Backward | None, name: str | None) -> None:
        self.function, self.backward = function, backward
        self.name = name or str(getattr(function, "__name__", "function"))
        self.signature = inspect.signature(function)
        self.owner = next((slot for slot in list(self.signature.parameters)[:1] if slot in ("self", "cls")), None)  # is no input

    def wrapped(self) -> Callable[..., Any]:
        """A function of the same colour that makes the calls."""
        who = f"the op {self.name}"
        if inspect.iscoroutinefunction(self.function):

            @functools.wraps(self.function)
            async def asynchronous(*args: Any, **kwargs: Any) -> Any:
                with self._call(args, kwargs) as call:
                    call.made = await foreign(self.function(*call.args, **call.kwargs), ProgramError, who)
                return call.result

            return asynchronous

        @functools.wraps(self.function)
        def synchronous(*args: Any, **kwargs: Any) -> Any:
            with self._call(args, kwargs) as call:
                call.made = foreign_call(lambda: self.function(*call.args, **call.kwargs), ProgramError, who)
            return call.result

        return synchronous

    @contextmanager
    def _call(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Iterator[_Call]:
        """A block that makes the call: its inputs stand on a node, and afterwards what it has made, or its error."""
        bound = self.signature.bind(*args, **kwargs)
        bound.apply_defaults()
        given = dict(bound.arguments)
        node = self._opened(given)
        bound.arguments.update({slot: _bare(value) for slot, value in given.items()})
        call = _Call(bound.args, bound.kwargs)
        try:
            yield call
        except ProgramError as error:
            node.error = str(error)
            raise
        node.outputs = {"value": call.made}
        variables = [value for value in given.values() if isinstance(value, Variable)]
        if variables:
            call.result = Variable.of(write(call.made), f"result of {self.name}", node, "value", variables)
        else:
            call.result = call.made
            note_read(node, "value")  # a number or a short text cannot be told from others when it is used

    def _opened(self, given: Mapping[str, Any]) -> Node:
        declared = {slot: value.edges() for slot, value in given.items() if isinstance(value, Traced)}
        inputs = {slot: _bare(value) for slot, value in given.items() if slot != self.owner}
        here = current().tape
        node = (Tape() if here is None else here).open(f"op {self.name}", inputs, declared=declared)
        node.details = {"rule": OpRule(self.backward)} if self.backward else {}
        return node


@dataclass
class _Call:
    """One call: what the function is given, what it has made, and what its caller gets."""

    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    made: Any = None
    result: Any = None


def _bare(value: Any) -> Any:
    return value.value if isinstance(value, Traced) else value


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

"""Predict: the leaf that calls a language model. It renders, asks, parses, and writes one node on the tape."""

from __future__ import annotations

import copy
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from adjoint.base.errors import AdjointError, ParseError, UnknownNameError, UsageError
from adjoint.base.portal import portal
from adjoint.lm.types import Message
from adjoint.program.context import active_lm, current, send
from adjoint.program.lm import request_of
from adjoint.program.module import Module
from adjoint.program.parameter import Parameter
from adjoint.program.prediction import Prediction
from adjoint.program.tape import ParameterRead, Tape, Traced
from adjoint.signature.signature import make

if TYPE_CHECKING:
    from collections.abc import Coroutine, Mapping

    from adjoint.adapters.base import Adapter
    from adjoint.lm.base import BaseLM
    from adjoint.lm.types import Request, Response
    from adjoint.program.tape import Node
    from adjoint.signature.signature import Signature


@dataclass(frozen=True, slots=True)
class _Call:
    """One call, with everything settled where it was written."""

    signature: type[Signature]
    request: Request
    adapter: Adapter
    lm: BaseLM
    tape: Tape
    node: Node


@dataclass(frozen=True, slots=True)
class _Prefix:
    """The messages that calls begin with, and what they were made from: rendered once, used until any of it differs."""

    adapter: Adapter
    signature: type[Signature]
    instruction: str
    demos: list[Any]
    messages: tuple[Message, ...]

    def fits(self, adapter: Adapter, signature: type[Signature], instruction: str, demos: list[Any]) -> bool:
        same = self.adapter is adapter and self.signature is signature and self.instruction == instruction
        return same and self.demos == demos


class Predict(Module):
    """`Predict("question -> answer")(question=...)` asks the LM once and gives a `Prediction`.

    Its parameters are `instruction` (text) and `demos` (earlier examples). Keyword options (`temperature`, `max_tokens`,
    ...) become those of each request. A call may override `demos`, `signature`, `lm` and `config`.
    """

    kind = "predict"

    def __init__(self, signature: Any, instructions: str | None = None, **config: Any) -> None:
        self._signature = make(signature, instructions)
        self._instruction = Parameter(self._signature.instructions, kind="text", role="instruction")
        self._demos: Parameter[list[dict[str, Any]]] = Parameter([], kind="demos", role="demonstrations")
        self.config = config
        self.lm: BaseLM | None = None
        self._prefix: _Prefix | None = None

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._signature!r})"

    @property
    def signature(self) -> type[Signature]:
        """The signature with the instruction as it is now."""
        if self._signature.instructions != self._instruction.value:
            self._signature = self._signature.with_instructions(self._instruction.value)
        return self._signature

    @signature.setter
    def signature(self, signature: Any) -> None:
        self._signature = make(signature)
        self._instruction.value = self._signature.instructions

    @property
    def instruction(self) -> str:
        return self._instruction.value

    @instruction.setter
    def instruction(self, text: str) -> None:
        self._instruction.value = text

    @property
    def demos(self) -> list[Any]:
        """Earlier examples, as mappings from field to value."""
        return self._demos.value

    @demos.setter
    def demos(self, demos: list[Any]) -> None:
        self._demos.value = list(demos)

    def __call__(self, *args: Any, **inputs: Any) -> Prediction:
        portal.refuse_loop()  # before anything is written on the tape
        return portal.run(self._complete(self._open(args, inputs)))

    def acall(self, *args: Any, **inputs: Any) -> Coroutine[Any, Any, Prediction]:
        # No `async def`: what fed the call must be looked up where the call is written, before any task starts.
        return self._complete(self._open(args, inputs))

    def render(self, **inputs: Any) -> tuple[Message, ...]:
        """The exact messages that a call with these inputs would send. Nothing is called."""
        return self._request(current().adapter, inputs, {}, active_lm_options(self.lm)).messages

    def _open(self, args: tuple[Any, ...], inputs: dict[str, Any]) -> _Call:
        """Settle the options, render, and open the node."""
        if args:
            names = ", ".join(f"{name}=..." for name in self._signature.input_fields) or "none"
            message = f"a predictor takes its inputs by name: {names}."
            raise UsageError(message)
        options: dict[str, Any] = {name: inputs.pop(name) for name in ("config", "demos", "lm", "signature") if name in inputs}
        here = current()
        lm = options.get("lm") or self.lm or active_lm()
        request = self._request(here.adapter, inputs, options, getattr(lm, "options", {}))
        tape = here.tape if here.tape is not None else Tape(self, inputs)
        reads = (
            ParameterRead("instruction", self._instruction, self._instruction.value),
            ParameterRead("demos", self._demos, tuple(self._demos.value)),
        )
        signature = make(options["signature"]) if "signature" in options else self._signature
        node = tape.open("predict", _plain_inputs(inputs), module=self, reads=reads, declared=_declared(inputs))
        node.messages = request.messages
        return _Call(signature, request, here.adapter, lm, tape, node)

    def _request(self, adapter: Adapter, inputs: dict[str, Any], options: Mapping[str, Any], defaults: Mapping[str, Any]) -> Request:
        signature = make(options["signature"]) if "signature" in options else self._signature
        instruction = signature.instructions if "signature" in options else self._instruction.value
        values = _plain_inputs(inputs)
        for name in values:
            if name not in signature.input_fields:
                raise UnknownNameError.of("input", name, signature.input_fields)
        demos = options.get("demos", self._demos.value)
        prefix = self._prefix
        if prefix is None or not prefix.fits(adapter, signature, instruction, demos):
            made = adapter.prefix(signature, instruction, demos)
            # The demos are copied, so that one changed in place is noticed at the next call.
            prefix = self._prefix = _Prefix(adapter, signature, instruction, copy.deepcopy(demos), made)
        messages = (*prefix.messages, adapter.turn(signature, values))
        return request_of(messages, {**defaults, **self.config, **options.get("config", {})})

    async def _complete(self, call: _Call) -> Prediction:
        """Ask, parse, and if the reply cannot be read show the LM its mistake once."""
        node = call.node
        try:
            response = await self._ask(call.request, call)
            try:
                outputs = call.adapter.parse(call.signature, response)
            except ParseError as error:
                again = replace(call.request, messages=(*call.request.messages, *_repair(response, error)))
                node.repair = again.messages[len(call.request.messages) :]
                outputs = call.adapter.parse(call.signature, await self._ask(again, call))
        except AdjointError as error:
            node.error = f"{type(error).__name__}: {error}"
            raise
        node.outputs = outputs
        return Prediction.of(outputs, node, call.tape)

    async def _ask(self, request: Request, call: _Call) -> Response:
        response = await send(request, call.lm)
        call.node.reply = response.text
        call.node.usage += response.usage
        return response


def active_lm_options(lm: BaseLM | None) -> Mapping[str, Any]:
    """The default options of the LM that would answer, if one is known."""
    found: Mapping[str, Any] = getattr(lm or current().lm, "options", {})
    return found


def _plain_inputs(inputs: Mapping[str, Any]) -> dict[str, Any]:
    """The values of the inputs: explicit variables stand for their value."""
    return {name: value.value if isinstance(value, Traced) else value for name, value in inputs.items()}


def _declared(inputs: Mapping[str, Any]) -> dict[str, Any]:
    """Edges that explicit variables bring along."""
    return {name: value.edges() for name, value in inputs.items() if isinstance(value, Traced)}


def _repair(response: Response, error: ParseError) -> tuple[Message, Message]:
    """One more turn that shows the LM what it wrote and what is wrong with it."""
    return (
        Message("assistant", response.text),
        Message("user", f"This reply cannot be used: {error} Reply again, in the right form only."),
    )

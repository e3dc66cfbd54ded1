"""Predict: the leaf that calls a language model. It renders, asks, parses, and writes one node on the tape."""

from __future__ import annotations

import contextlib
import copy
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Generic, NamedTuple, Self, TypeAlias, cast

from adjoint.adapters.base import WholeCalls, render
from adjoint.adapters.repair import can_be_repaired, repair_of, runs_away
from adjoint.base.errors import AdjointError, ParseError, UnknownNameError, UsageError
from adjoint.base.portal import portal
from adjoint.lm.base import supports_of
from adjoint.program import runs, stream
from adjoint.program.context import active_lm, adapter_for, current, named_lm, send
from adjoint.program.events import span
from adjoint.program.lm import request_of
from adjoint.program.module import Module
from adjoint.program.parameter import Parameter
from adjoint.program.prediction import Prediction
from adjoint.program.prompt import Prompt
from adjoint.program.results import Result, asked_for, result_class
from adjoint.program.tape import ParameterRead, Tape, Traced
from adjoint.signature.signature import make
from adjoint.signature.types.known import role_of

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Mapping, Sequence

    from adjoint.adapters.base import Adapter
    from adjoint.adapters.repair import Repair
    from adjoint.lm.base import BaseLM
    from adjoint.lm.types import Message, Request, Response
    from adjoint.program.tape import Node
    from adjoint.signature.signature import Signature

    Salvage: TypeAlias = Callable[[Response], Mapping[str, Any] | None]
    """The outputs in a reply, or None if they are not there."""


class _Call(NamedTuple):
    """One call, with everything settled where it was written."""

    signature: type[Signature]
    request: Request
    adapter: Adapter
    supports: frozenset[str]
    lm: BaseLM
    tape: Tape
    node: Node
    result: type[Prediction]
    instruction: str
    demos: Sequence[Mapping[str, Any]]
    second: Adapter | None
    """How the call is asked anew before it is given up."""


MOST_REQUESTS = 3
"""Requests of one call: the question, the repair of a reply that cannot be read, and the question in another form."""
_BESIDES = frozenset({"config", "demos", "lm", "signature"})
"""What a call may override."""


@dataclass(frozen=True, slots=True)
class _Prefix:
    """The messages that calls begin with, and what they were made from: rendered once, used until any of it differs."""

    adapter: Adapter
    varies: tuple[Any, ...]
    supports: frozenset[str]
    signature: type[Signature]
    instruction: str
    demos: list[Any]
    messages: tuple[Message, ...]

    def fits(
        self, adapter: Adapter, supports: frozenset[str], signature: type[Signature], instruction: str, demos: list[Any]
    ) -> bool:
        same = self.adapter is adapter and self.signature is signature and self.instruction == instruction
        return same and self.supports == supports and self.varies == _varies(adapter) and self.demos == demos


def _varies(adapter: Adapter) -> tuple[Any, ...]:
    """What the adapter's forms are now: an adaptive one changes them."""
    found: tuple[Any, ...] = getattr(adapter, "varies", ())
    return found


class Predict(Module, Generic[Result]):
    """`Predict("question -> answer")(question=...)` asks the LM once and gives a `Prediction`.

    `Predict[Answer]("question -> answer")` gives an `Answer`, a class of predictions or a protocol with typed fields.

    Its parameters are `instruction` (text), `demos` (earlier examples) and, once trained, `weights`. Keyword options (`temperature`, `max_tokens`,
    ...) become those of each request. A call may override `demos`, `signature`, `lm` and `config`.
    """

    kind = "predict"
    _salvage: Salvage | None = None
    """Reads replies in forms that no adapter knows, before anything is asked again: steps of agents and programs."""

    def __init__(
        self, signature: Any, instructions: str | None = None, *, callbacks: Sequence[Any] | None = None, **config: Any
    ) -> None:
        super().__init__(callbacks)
        self._signature = make(signature, instructions)
        self._instruction = Parameter(self._signature.instructions, kind="text", role="instruction")
        self._demos: Parameter[list[dict[str, Any]]] = Parameter([], kind="demos", role="demonstrations")
        self._weights: Parameter[dict[str, str] | None] = Parameter(None, kind="weights", role="weights")
        self.config = config
        self.lm: BaseLM | None = None
        self._prefix: _Prefix | None = None

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._signature!r})"

    def salvaging(self, salvage: Salvage) -> Self:
        """This predictor, with a way of its own to read replies that its adapter cannot read."""
        self._salvage = salvage
        return self

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

    @property
    def weights(self) -> dict[str, str] | None:
        """What answers in the place of the LM's own weights: `{"adapter": digest}` of a local one, `{"model": name}` of a provider."""
        return self._weights.value

    @weights.setter
    def weights(self, weights: dict[str, str] | None) -> None:
        self._weights.value = weights

    def reset(self) -> None:
        """Forget the demos and the LM of its own."""
        self.demos, self.lm = [], None

    def get_config(self) -> dict[str, Any]:
        """The options of each request."""
        return self.config

    def update_config(self, **config: Any) -> None:
        """Change some of the options of each request."""
        self.config = {**self.config, **config}

    def __call__(self, *args: Any, **inputs: Any) -> Result:
        return super().__call__(*args, **inputs) if _has_own(self) else Predict.forward(self, *args, **inputs)

    def acall(self, *args: Any, **inputs: Any) -> Coroutine[Any, Any, Result]:
        # No `async def`: what fed the call must be looked up where the call is written, before any task starts.
        return super().acall(*args, **inputs) if _has_own(self) else self._complete(self._open(args, inputs))

    def forward(self, *args: Any, **inputs: Any) -> Result:
        """What a call does, for subclasses with a `forward` of their own to reach by `super()`."""
        portal.refuse_loop()  # before anything is written on the tape
        return portal.run(self._complete(self._open(args, inputs)))

    async def aforward(self, *args: Any, **inputs: Any) -> Result:
        """The same, to await."""
        return await self._complete(self._open(args, inputs))

    def render(self, **inputs: Any) -> Prompt:
        """What a call with these inputs would send, and an upper estimate of its tokens. Nothing is called."""
        lm = self.lm or current().lm
        return Prompt(self._request(adapter_for(lm), _plain_inputs(inputs), {}, lm))

    def _open(self, args: tuple[Any, ...], inputs: dict[str, Any]) -> _Call:
        """Settle the options, render, and open the node."""
        if args:
            names = ", ".join(f"{name}=..." for name in self._signature.input_fields) or "none"
            message = f"a predictor takes its inputs by name: {names}."
            raise UsageError(message)
        options = _taken_out(inputs)
        here = current()
        lm = options.get("lm") or self.lm or active_lm()
        if isinstance(lm, str):
            lm = named_lm(lm)
        values, supports, adapter = _plain_inputs(inputs), supports_of(lm), adapter_for(lm)
        with span(here.callbacks, "adapter_format", adapter, inputs) as made:
            request = made.outputs = self._request(adapter, values, options, lm)
        signature, instruction, demos = self._shared(options)
        asked_result = asked_for(self)
        result = Prediction if asked_result is None else result_class(asked_result, signature)
        tape = here.tape if here.tape is not None else Tape(self, inputs)
        reads = (
            ParameterRead("instruction", self._instruction, self._instruction.value),
            ParameterRead("demos", self._demos, tuple(self._demos.value)),
        )
        asked = runs.Call(self, request)
        known = runs.before(asked)
        if known.note is not None:
            asked = runs.Call(self, request, known.note)
        if known.node is not None:  # a forward that runs again asks what it has asked before
            node = tape.restore(known.node, asked)
            return _Call(signature, request, adapter, supports, lm, tape, node, result, instruction, demos, None)
        node = tape.open("predict", values, module=self, reads=reads, declared=_declared(inputs), call=asked)
        if known.note is not None:
            request = known.note.applied(request)
            node.parents["note"] = list(known.note.edges)
        node.messages, node.lm = request.messages, lm.name
        second = getattr(adapter, "second", None) if known.note is None else None  # what was objected to stands in this form only
        return _Call(signature, request, adapter, supports, lm, tape, node, result, instruction, demos, second)

    def _shared(self, options: Mapping[str, Any]) -> tuple[type[Signature], str, list[Any]]:
        """What calls begin with: signature, instruction and demos, which a call may override."""
        demos = options.get("demos", self._demos.value)
        if "signature" not in options:
            return self._signature, self._instruction.value, demos
        signature = make(options["signature"])
        return signature, signature.instructions, demos

    def _request(self, adapter: Adapter, values: dict[str, Any], options: Mapping[str, Any], lm: BaseLM | None) -> Request:
        signature, instruction, demos = self._shared(options)
        for name in values:
            field = signature._fields.get(name)
            if field is None or field.direction != "input":
                raise UnknownNameError.of("input", name, signature.input_fields)
        supports = supports_of(lm)
        messages = self._messages(adapter, (signature, instruction, demos), values, supports)
        request = request_of(
            messages, {**getattr(lm, "options", {}), **self.config, **(self.weights or {}), **options.get("config", {})}
        )
        carried = adapter.options(signature, values, supports=supports)
        return request.with_options(**carried) if carried else request

    def _messages(
        self, adapter: Adapter, shared: tuple[type[Signature], str, list[Any]], values: dict[str, Any], supports: frozenset[str]
    ) -> tuple[Message, ...]:
        """What is said: what calls begin with, rendered once, then this one's history and inputs."""
        signature, instruction, demos = shared
        prefix = self._prefix
        if prefix is None or not prefix.fits(adapter, supports, signature, instruction, demos):
            if isinstance(adapter, WholeCalls):
                return adapter.messages(signature, instruction, demos, values)
            made = adapter.prefix(signature, instruction, demos, supports=supports)
            # The demos are copied, so that one changed in place is noticed at the next call.
            prefix = self._prefix = _Prefix(
                adapter, _varies(adapter), supports, signature, instruction, copy.deepcopy(demos), made
            )
        earlier = adapter.history(signature, values, supports=supports)
        return (*prefix.messages, *earlier, adapter.turn(signature, values, supports=supports))

    async def _complete(self, call: _Call) -> Result:
        """Ask and parse, unless this call was answered before."""
        node = call.node
        if not node.outputs:  # else it was answered when this forward ran before
            with span((*current().callbacks, *self.callbacks), "module", self, node.inputs) as made:
                made.outputs = await self._answered(call)
        return cast("Result", call.result.of(dict(node.outputs), node, call.tape))

    async def _answered(self, call: _Call) -> Mapping[str, Any]:
        node, listener = call.node, stream.listener.get()
        reading = None if listener is None else listener(self, call.adapter, call.signature, call.supports)
        try:
            with stream.hearing(reading):
                response = await self._ask(call.request, call)
            step = call.adapter.then(call.signature, response)
            if step is not None:
                call = call._replace(
                    request=step.request,
                    signature=step.signature,
                    adapter=step.adapter,
                    lm=step.lm,
                    supports=step.supports,
                    second=None,
                )
                reading = None if listener is None else listener(self, call.adapter, call.signature, call.supports)
                with stream.hearing(reading):
                    response = await self._ask(call.request, call)
            outputs = await self._outputs(call, response)
        except AdjointError as error:
            node.error = f"{type(error).__name__}: {error}"
            raise
        node.outputs = _with_tools(outputs, node.inputs)
        if response.others:
            node.details = {"completions": _others(call, response)}
        if reading is not None:
            reading.end(node.outputs)
        return node.outputs

    async def _outputs(self, call: _Call, response: Response) -> dict[str, Any]:
        """The typed outputs of the reply. What it lacks is asked for once more, and then once in another form."""
        try:
            return _parsed(call, response)
        except ParseError as error:
            failed = error
        salvaged = self._salvage(response) if self._salvage is not None else None
        if salvaged is not None:
            return dict(salvaged)
        repair = repair_of(call.signature, response, failed)
        if not runs_away(response) and can_be_repaired(call.signature, response, failed):
            call.node.repair = repair.turns
            response = await self._ask(repair.request(call.request), call)
            try:
                return _ordered(call.signature, _parsed(call, response, repair))
            except ParseError as error:
                failed = error
                repair = repair_of(repair.signature, response, error, repair.found)
        if call.second is None or (response.finish == "length" and not runs_away(response)):
            raise failed
        rest = await self._in_another_form(call, call.second, repair.signature)
        return _ordered(call.signature, {**repair.found, **rest})

    async def _in_another_form(self, call: _Call, adapter: Adapter, signature: type[Signature]) -> dict[str, Any]:
        """Ask for the outputs of `signature` anew, as `adapter` does."""
        node = call.node
        made = render(adapter, signature, call.instruction, call.demos, node.inputs, supports=call.supports)
        request = replace(call.request, messages=made.messages)
        node.messages, node.repair = request.messages, ()
        return _parsed(call._replace(signature=signature, adapter=adapter), await self._ask(request, call))

    async def _ask(self, request: Request, call: _Call) -> Response:
        response = await send(request, call.lm, who=self)
        call.node.reply = response.text
        call.node.usage += response.usage
        return response


_OWN = (Predict.forward, Predict.aforward)


def _has_own(predictor: Predict[Any]) -> bool:
    """Whether a subclass, or a test, has given the predictor a `forward` or an `aforward` of its own."""
    found = (getattr(predictor.forward, "__func__", None), getattr(predictor.aforward, "__func__", None))
    return found != _OWN


def _parsed(call: _Call, response: Response, repair: Repair | None = None) -> dict[str, Any]:
    """What the adapter reads in a reply, or in that to a repair; callbacks hear of it."""
    with span(current().callbacks, "adapter_parse", call.adapter, {"response": response}) as read:
        if repair is None:
            outputs = call.adapter.parse(call.signature, response, supports=call.supports)
        else:
            outputs = repair.read(call.adapter, response, supports=call.supports)
        read.outputs = outputs
        return outputs


def _others(call: _Call, response: Response) -> list[dict[str, Any]]:
    """The further replies to a request with `n` > 1. One that cannot be read is left out: it was one of several."""
    found = []
    for text in response.others:
        with contextlib.suppress(ParseError):
            found.append(
                call.adapter.parse(
                    call.signature, replace(response, text=text, others=(), tool_calls=(), reasoning=None), supports=call.supports
                )
            )
    return found


def _with_tools(outputs: dict[str, Any], inputs: Mapping[str, Any]) -> dict[str, Any]:
    """The outputs, in which tool calls know the tools that the call was given, so that they can be executed."""
    calls = {name: value for name, value in outputs.items() if type(value) is not str and role_of(value) == "tool_calls"}
    if not calls:
        return outputs
    tools = [tool for value in inputs.values() for tool in (value if isinstance(value, list | tuple) else [value])]
    return {**outputs, **{name: value.using(tool for tool in tools if role_of(tool) == "tools") for name, value in calls.items()}}


def _taken_out(inputs: dict[str, Any]) -> dict[str, Any]:
    """What a call may say besides its inputs, taken out of them."""
    if _BESIDES.isdisjoint(inputs):  # most
        return {}
    given = {name: inputs.pop(name) for name in sorted(_BESIDES.intersection(inputs))}
    return {name: value for name, value in given.items() if value is not None}


def _plain_inputs(inputs: Mapping[str, Any]) -> dict[str, Any]:
    """The values of the inputs: explicit variables stand for their value."""
    return {name: value.value if isinstance(value, Traced) else value for name, value in inputs.items()}


def _declared(inputs: Mapping[str, Any]) -> dict[str, Any]:
    """Edges that explicit variables bring along."""
    return {name: value.edges() for name, value in inputs.items() if isinstance(value, Traced)}


def _ordered(signature: type[Signature], outputs: Mapping[str, Any]) -> dict[str, Any]:
    """The outputs in the order in which they are declared."""
    return {name: outputs[name] for name in signature.output_fields}

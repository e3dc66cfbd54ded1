"""ReAct: an agent that thinks, calls tools, sees what they give, and in the end answers from all of that."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, Literal

from adjoint.adapters.written import write
from adjoint.base.errors import ContextLengthError, ParseError, SignatureError, UsageError
from adjoint.lm.base import supports_of
from adjoint.modules.chain_of_thought import ChainOfThought
from adjoint.modules.predict import Predict
from adjoint.modules.tool import Toolbox, observation
from adjoint.program.context import active_lm, adapter_for
from adjoint.program.module import Module
from adjoint.program.tape import Edge, Linked
from adjoint.program.tool_calls import RESULT
from adjoint.signature.fields import InputField, OutputField
from adjoint.signature.signature import make
from adjoint.signature.types import said_calls
from adjoint.signature.types.said_calls import SaidCall
from adjoint.signature.types.tool import Tool
from adjoint.signature.types.tool_calls import ToolCalls

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from pydantic import GetCoreSchemaHandler
    from pydantic_core import CoreSchema

    from adjoint.lm.types import Response
    from adjoint.program.prediction import Prediction
    from adjoint.program.tape import Node
    from adjoint.signature.signature import Signature

FINISH = "finish"
_FINISHED = frozenset(
    {"answer", "done", "end", "final", "final answer", "final_answer", "finished", "n/a", "none", "null", "stop"}
)
"""What models call the end, where no tool has that name."""
_UNNAMED = ""
_OURS = (
    "max_iters",
    "trajectory",
    "tools",
    "next_thought",
    "next_tool_name",
    "next_tool_args",
    "tool_calls",
    "termination_reason",
)
_STEP = (
    "{task}\n\nDo this step by step: in each step write your next thought and call a tool. "
    "Call finish as soon as inputs and observations say enough to give {outputs}."
)


class Arguments(dict[str, Any]):
    """The type of a tool's arguments. Models are shown no example of it, whose names they would take for those of the tool."""

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        from pydantic_core import core_schema

        return core_schema.no_info_before_validator_function(_mapped, handler(dict[str, Any]))


@dataclass
class _Step:
    """One step: the thought, and the calls with what came of them."""

    node: Node
    thought: str
    calls: list[tuple[str, dict[str, Any]]]
    results: list[Node] = field(default_factory=list)
    repeated: bool = False
    """Whether all of its calls were made before."""

    def __str__(self) -> str:
        lines = [f"thought: {self.thought}"] if self.thought else []
        for (name, args), result in zip(self.calls, self.results, strict=True):
            lines += [f"call: {name}({write(args)})", f"observation: {observation(result)}"]
        return "\n".join(lines)

    def edges(self) -> list[Edge]:
        thought = [Edge(self.node, "next_thought", "declared", 1.0)]
        return [*thought, *(Edge(result, RESULT, "declared", 1.0) for result in self.results)]


class ReAct(Module):
    """`ReAct("question -> answer", tools=[search])(question=...)` calls tools until it can answer, `max_iters` steps at most.

    Tools are functions or `Tool`s. Where the LM calls tools natively it does so, several at once if it wants; elsewhere it
    writes `next_thought`, `next_tool_name` and `next_tool_args`. A tool's error is what the model observes. When the
    prompt becomes too long the older half of the steps is left out. A call that repeats the one before with the same arguments
    is not made: the model is told that its result is known. The prediction has the outputs, `reasoning`, the whole `trajectory`
    (`thought_0`, `tool_name_0`, `tool_args_0`, `observation_0`, ...) and `termination_reason`: "finish", "max_iters",
    "repeated" after the second of such calls, or "unreadable" if two steps in turn could not be read.
    """

    def __init__(self, signature: Any, tools: Iterable[Tool | Callable[..., Any]], max_iters: int = 20) -> None:
        task = make(signature)
        for name in (*task.input_fields, *task.output_fields):
            if name in _OURS:
                message = (
                    f"the field {name!r} cannot be used: ReAct itself has one of that name. Choose another, such as {name}_text."
                )
                raise SignatureError(message)
        if max_iters < 0:
            message = f"max_iters={max_iters} cannot be; give 0 or more."
            raise UsageError(message)
        outputs = ", ".join(task.output_fields)
        end = Tool(_completed, FINISH, f"Ends the work, once all that is needed to give {outputs} is known.")
        self.max_iters = max_iters
        self.tools = Toolbox([*tools, end])
        self._native = _native(task)
        names = list(self.tools)
        told = _STEP.format(task=task.instructions, outputs=outputs)
        self.react = Predict(_text(task, names).with_instructions(told)).salvaging(partial(_salvaged, names))
        self.extract = ChainOfThought(task.append("trajectory", InputField(default="")))

    async def aforward(self, *, max_iters: int | None = None, **inputs: Any) -> Prediction:
        """Answer; `max_iters` overrides that of the module for this call."""
        if "trajectory" in inputs:
            message = "the trajectory is what ReAct itself writes; it takes the inputs of its signature only."
            raise UsageError(message)
        steps: list[_Step] = []
        start, reason = 0, "max_iters"
        for _ in range(self.max_iters if max_iters is None else max_iters):
            try:
                step, start = await self._think(inputs, steps, start)
            except ParseError:
                reason = "unreadable"
                break
            await self._act(step, steps)
            steps.append(step)
            ended = _ended(steps)
            if ended is not None:
                reason = ended
                break
        found: Prediction
        found, _ = await self._told(self.extract, inputs, [step for step in steps[start:] if not step.repeated], 0)
        found["trajectory"], found["termination_reason"] = _trajectory(steps), reason
        return found

    async def _act(self, step: _Step, steps: list[_Step]) -> None:
        """Make the calls of a step, all at once, but for those whose results are known."""
        edges = [Edge(step.node, name, "declared", 1.0) for name in step.node.outputs if name != "next_thought"]
        known = [_known(steps, name, args) for name, args in step.calls]
        step.repeated = bool(known) and all(known)

        async def made(call: tuple[str, dict[str, Any]], before: Node | None) -> Node:
            return await self.tools.call(*call, edges) if before is None else self.tools.again(*call, edges, before)

        step.results = await asyncio.gather(*map(made, step.calls, known))

    async def _think(self, inputs: dict[str, Any], steps: list[_Step], start: int) -> tuple[_Step, int]:
        """The next step, in the LM's own way of calling tools or in words."""
        lm = self.react.lm or active_lm()
        adapter = adapter_for(lm)
        native = "tools" in supports_of(lm) and getattr(adapter, "use_native_function_calling", False)
        demos = [(_as_native if native else _as_text)(demo) for demo in self.react.demos]
        if native:
            own = {"signature": self._native.with_instructions(self.react.instruction), "tools": self.tools.described()}
        else:
            compact = str(getattr(adapter, "name", "")).startswith("compact")  # the embedded model has learned the plain list
            listed = f"Tools:\n{self.tools.listing()}" if compact else self.tools.by_example()
            own = {"signature": self.react.signature.with_instructions(f"{self.react.instruction}\n\n{listed}")}
        said, start = await self._told(self.react, {**inputs, **own, "demos": demos}, steps, start)
        node = said._node
        node.reads = (*node.reads, *self.tools.reads())
        if native:
            calls = [self.tools.meant(SaidCall(call.name, call.args)) for call in said.tool_calls]
            return _Step(node, said.next_thought or "", calls), start
        call = _said(said, list(self.tools))
        name, args = self.tools.meant(call)
        node.outputs = {"next_thought": call.thought, "next_tool_name": name, "next_tool_args": args}  # as demos are to show it
        return _Step(node, call.thought, [(name, args)]), start

    async def _told(self, module: Module, inputs: dict[str, Any], steps: list[_Step], start: int) -> tuple[Any, int]:
        """Ask with the steps from `start` on; while that is too long, with the newer half of them."""
        while True:
            shown = steps[start:]
            edges = [edge for step in shown for edge in step.edges()]
            try:
                return await module.acall(**inputs, trajectory=Linked("\n".join(map(str, shown)), edges)), start
            except ContextLengthError:
                if len(shown) < 2:
                    raise
                start += len(shown) // 2


def _completed(**given: Any) -> str:
    """What is observed at the end, whatever a model gives to say that it is."""
    del given
    return "Completed."


def _salvaged(names: list[str], response: Response) -> dict[str, Any]:
    """A step in whatever form a model has written it; without a call of a tool it is a thought."""
    found = next(iter(said_calls.calls_in(response.text, names)), SaidCall("", {}, response.text.strip()))
    return {"next_thought": found.thought, "next_tool_name": found.name, "next_tool_args": _mapped(found.args or {})}


def _said(said: Prediction, names: list[str]) -> SaidCall:
    """The call that a step in words asks for: the first one of its reply if that says several, as if their results were known."""
    calls = said_calls.calls_in((said._node and said._node.reply) or "", names)
    found = calls[0] if len(calls) > 1 else SaidCall(said.next_tool_name, said.next_tool_args, said.next_thought or "")
    finished = found.name.strip(" _*.`'\"").casefold() in _FINISHED and found.name not in names
    return found._replace(name=FINISH) if finished else found


def _known(steps: list[_Step], name: str, args: dict[str, Any]) -> Node | None:
    """The result of the same call, if it was made in the step before, or twice already. Calls without arguments may give new results."""
    if not args or name == FINISH:
        return None
    before = [(step, node) for step in steps for call, node in zip(step.calls, step.results, strict=True) if call == (name, args)]
    return before[0][1] if before and (before[-1][0] is steps[-1] or len(before) > 1) else None


def _ended(steps: list[_Step]) -> str | None:
    """Why no further step is taken; None if one is."""
    last = steps[-1]
    if not last.calls or any(name == FINISH for name, _ in last.calls):
        return FINISH
    if last.repeated and sum(step.repeated for step in steps) > 1:
        return "repeated"
    unreadable = [all(not name for name, _ in step.calls) for step in steps[-2:]]
    return "unreadable" if unreadable == [True, True] else None


def _text(task: type[Signature], names: list[str]) -> type[Signature]:
    """A step in words: a thought, the name of a tool, and its arguments. What a reply says in another form is read here."""
    made = make(
        {name: (spec.type, spec) for name, spec in task.input_fields.items()} | {"next_thought": (str, OutputField(default=""))}
    )
    made = made.append("trajectory", InputField(default=""))
    made = made.append("next_tool_name", OutputField(), Literal[tuple(names)])
    args = OutputField(desc="the arguments of the tool, as a JSON object", default_factory=dict)
    return made.append("next_tool_args", args, Arguments)


def _mapped(given: Any) -> Any:
    """Arguments that are no mapping are kept, to be understood once their tool is known."""
    return given if isinstance(given, dict) else {_UNNAMED: given}


def _native(task: type[Signature]) -> type[Signature]:
    """A step in which the LM calls tools by itself."""
    made = make(
        {name: (spec.type, spec) for name, spec in task.input_fields.items()} | {"next_thought": (str, OutputField(default=""))}
    )
    made = made.append("tools", InputField(), list[Tool]).append("trajectory", InputField(default=""))
    return made.append("tool_calls", OutputField(), ToolCalls)


def _as_text(demo: Mapping[str, Any]) -> dict[str, Any]:
    """A demo of a step in words, whichever way it was recorded."""
    made = {name: value for name, value in demo.items() if name not in ("tools", "tool_calls")}
    for call in (demo.get("tool_calls") or [])[:1]:
        made.update(next_tool_name=call["name"], next_tool_args=call.get("args", {}))
    return made


def _as_native(demo: Mapping[str, Any]) -> dict[str, Any]:
    """A demo of a step with native calls, whichever way it was recorded."""
    made = {name: value for name, value in demo.items() if name not in ("tools", "next_tool_name", "next_tool_args")}
    if "next_tool_name" in demo:
        made["tool_calls"] = [{"name": demo["next_tool_name"], "args": demo.get("next_tool_args", {})}]
    return made


def _trajectory(steps: list[_Step]) -> dict[str, Any]:
    """All steps as one mapping. Several calls of one step have one thought, and a number each."""
    found: dict[str, Any] = {}
    number = 0
    for step in steps:
        found[f"thought_{number}"] = step.thought
        for (name, args), result in zip(step.calls, step.results, strict=True):
            seen = result.outputs.get(RESULT, observation(result) if result.error else None)
            found |= {f"tool_name_{number}": name, f"tool_args_{number}": args, f"observation_{number}": seen}
            number += 1
        number += not step.calls
    return found

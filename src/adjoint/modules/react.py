"""ReAct: an agent that thinks, calls tools, sees what they give, and in the end answers from all of that."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from adjoint.adapters.written import write
from adjoint.base.errors import ContextLengthError, ParseError, SignatureError, UsageError
from adjoint.lm.base import supports_of
from adjoint.modules.chain_of_thought import ChainOfThought
from adjoint.modules.predict import Predict
from adjoint.modules.tool import Toolbox, observation
from adjoint.program.context import active_lm, current
from adjoint.program.module import Module
from adjoint.program.tape import Edge, Linked
from adjoint.program.tool_calls import RESULT
from adjoint.signature.fields import InputField, OutputField
from adjoint.signature.signature import make
from adjoint.signature.types.tool import Tool
from adjoint.signature.types.tool_calls import ToolCalls

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from adjoint.program.prediction import Prediction
    from adjoint.program.tape import Node
    from adjoint.signature.signature import Signature

FINISH = "finish"
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


@dataclass
class _Step:
    """One step: the thought, and the calls with what came of them."""

    node: Node
    thought: str
    calls: list[tuple[str, dict[str, Any]]]
    results: list[Node] = field(default_factory=list)

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
    prompt becomes too long the older half of the steps is left out. The prediction has the outputs, `reasoning`, the whole
    `trajectory` (`thought_0`, `tool_name_0`, `tool_args_0`, `observation_0`, ...) and `termination_reason`: "finish",
    "max_iters", or "unreadable" if a step could not be read even after one repair.
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
        end = Tool(lambda: "Completed.", FINISH, f"Ends the work, once all that is needed to give {outputs} is known.")
        self.max_iters = max_iters
        self.tools = Toolbox([*tools, end])
        self._native = _native(task)
        self.react = Predict(
            _text(task, list(self.tools)).with_instructions(_STEP.format(task=task.instructions, outputs=outputs))
        )
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
                if not steps:
                    raise
                reason = "unreadable"
                break
            edges = [Edge(step.node, name, "declared", 1.0) for name in step.node.outputs if name != "next_thought"]
            step.results = await asyncio.gather(*(self.tools.call(name, args, edges) for name, args in step.calls))
            steps.append(step)
            if not step.calls or any(name == FINISH for name, _ in step.calls):
                reason = FINISH
                break
        found: Prediction
        found, _ = await self._told(self.extract, inputs, steps, start)
        found["trajectory"], found["termination_reason"] = _trajectory(steps), reason
        return found

    async def _think(self, inputs: dict[str, Any], steps: list[_Step], start: int) -> tuple[_Step, int]:
        """The next step, in the LM's own way of calling tools or in words."""
        native = "tools" in supports_of(self.react.lm or active_lm()) and getattr(
            current().adapter, "use_native_function_calling", False
        )
        demos = [(_as_native if native else _as_text)(demo) for demo in self.react.demos]
        if native:
            own = {"signature": self._native.with_instructions(self.react.instruction), "tools": self.tools.described()}
        else:
            told = f"{self.react.instruction}\n\nTools:\n{self.tools.listing()}"
            own = {"signature": self.react.signature.with_instructions(told)}
        said, start = await self._told(self.react, {**inputs, **own, "demos": demos}, steps, start)
        node = said._node
        node.reads = (*node.reads, *self.tools.reads())
        calls = [(call.name, call.args) for call in said.tool_calls] if native else [(said.next_tool_name, said.next_tool_args)]
        return _Step(node, said.next_thought or "", calls), start

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


def _text(task: type[Signature], names: list[str]) -> type[Signature]:
    """A step in words: a thought, the name of a tool, and its arguments."""
    made = make({name: (spec.type, spec) for name, spec in task.input_fields.items()} | {"next_thought": (str, OutputField())})
    made = made.append("trajectory", InputField(default=""))
    made = made.append("next_tool_name", OutputField(), Literal[tuple(names)])
    return made.append("next_tool_args", OutputField(desc="the arguments of the tool, as a JSON object"), dict[str, Any])


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

"""The tools of an agent, whose descriptions optimizers may change."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from adjoint.adapters.written import write
from adjoint.base.errors import UnknownNameError, UsageError
from adjoint.program.context import current
from adjoint.program.module import Module
from adjoint.program.parameter import Parameter
from adjoint.program.tape import ParameterRead, Tape
from adjoint.program.tool_calls import RESULT, call_tool
from adjoint.signature.types import said_calls
from adjoint.signature.types.tool import Tool

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from adjoint.program.tape import Edge, Node
    from adjoint.signature.types.said_calls import SaidCall


_AGAIN = " The same call gave this error before: change it."


def observation(node: Node) -> str:
    """What the model is told of a call: the result as text, or the error in words."""
    return f"Error: {node.error}" if node.error is not None else write(node.outputs[RESULT])


class Toolbox(Module):
    """Tools by name. Their descriptions are parameters; how they are called is not."""

    def __init__(self, tools: Iterable[Tool | Callable[..., Any]]) -> None:
        made = [tool if isinstance(tool, Tool) else Tool(tool) for tool in tools]
        twice = [tool.name for tool in made if sum(tool.name == other.name for other in made) > 1]
        if twice:
            message = f"there are two tools named {twice[0]!r}; give one of them another name: Tool(function, name=...)."
            raise UsageError(message)
        self._tools = {tool.name: tool for tool in made}
        self.descriptions = {
            tool.name: Parameter(tool.desc, kind="text", role=f"description of the tool {tool.name}") for tool in made
        }

    def __contains__(self, name: object) -> bool:
        return name in self._tools

    def __getitem__(self, name: str) -> Tool:
        return self._tools[name]

    def __iter__(self) -> Any:
        return iter(self._tools)

    def described(self) -> list[Tool]:
        """The tools with their descriptions as they are now."""
        return [tool.model_copy(update={"desc": self.descriptions[name].value}) for name, tool in self._tools.items()]

    def listing(self) -> str:
        """The tools as a prompt shows them, a line each."""
        return "\n".join(f"- {tool.name}({tool.usage if tool.args else ''}){_described(tool)}" for tool in self.described())

    def by_example(self) -> str:
        """The tools with their arguments as JSON to fill in, a line each: small models write what they see."""
        lines = (f"- {tool.name} {_arguments(tool)}{_described(tool)}" for tool in self.described())
        return "Tools and their arguments:\n" + "\n".join(lines)

    def reads(self) -> tuple[ParameterRead, ...]:
        """The descriptions, as a call that has shown them has read them."""
        return tuple(ParameterRead(f"tool {name}", item, item.value) for name, item in self.descriptions.items())

    def meant(self, said: SaidCall) -> tuple[str, dict[str, Any]]:
        """The name of the tool that is meant and its arguments by name; what is not plainly meant stays as it was said."""
        found = said_calls.named(said.name, list(self._tools))
        if found is None:
            return said.name, dict(said.args) if isinstance(said.args, Mapping) else {}
        name, behind = found
        tool = self._tools[name]
        args = said_calls.arguments(said.args or behind, list(tool.args), tool.required)
        return name, dict(args) if isinstance(args, Mapping) else {"arguments": args}

    async def call(self, name: str, args: Mapping[str, Any], edges: Sequence[Edge]) -> Node:
        """Call the tool of that name; one that is not there is an error of the call like any other."""
        if name in self._tools:
            return await call_tool(self._tools[name], args, edges)
        node = _opened(name, args, edges)
        unknown = UnknownNameError.of("tool", name, self._tools)
        node.error = str(unknown) if name else f"no tool was called. Known: {', '.join(self._tools)}"
        return node

    def again(self, name: str, args: Mapping[str, Any], edges: Sequence[Edge], before: Node) -> Node:
        """What is observed of a call that was made before: its result once more, and that it is known."""
        node = _opened(name, args, edges)
        if before.error is None:
            node.outputs = {RESULT: f"{observation(before)}\n(You know this already. Call another tool, or finish.)"}
        else:
            node.error = f"{before.error.removesuffix(_AGAIN)}{_AGAIN}"
        return node


def _described(tool: Tool) -> str:
    return f": {' '.join(tool.desc.split())}" if tool.desc else ""


def _arguments(tool: Tool) -> str:
    """The arguments of a tool as a JSON object to fill in: `{"city": <string>, "days": <integer, optional>}`."""
    shown = (
        f"{json.dumps(name, ensure_ascii=False)}: <{_kind(schema)}{'' if name in tool.required else ', optional'}>"
        for name, schema in tool.args.items()
    )
    return f"{{{', '.join(shown)}}}"


def _kind(schema: Mapping[str, Any]) -> str:
    allowed = schema.get("enum")
    return " or ".join(map(write, allowed)) if allowed else str(schema.get("type", "any"))


def _opened(name: str, args: Mapping[str, Any], edges: Sequence[Edge]) -> Node:
    """The node of a call for which no tool is run."""
    here = current()
    tape = here.tape if here.tape is not None else Tape()
    node = tape.open("tool", args, declared={key: list(edges) for key in args} if edges else None)
    node.details = {"tool": name}
    return node

"""The tools of an agent, whose descriptions optimizers may change."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from adjoint.adapters.written import write
from adjoint.base.errors import UnknownNameError, UsageError
from adjoint.program.context import current
from adjoint.program.module import Module
from adjoint.program.parameter import Parameter
from adjoint.program.tape import ParameterRead, Tape
from adjoint.program.tool_calls import RESULT, call_tool
from adjoint.signature.types.tool import Tool

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from adjoint.program.tape import Edge, Node


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
        return "\n".join(
            f"- {tool.name}({tool.usage if tool.args else ''}){': ' + ' '.join(tool.desc.split()) if tool.desc else ''}"
            for tool in self.described()
        )

    def reads(self) -> tuple[ParameterRead, ...]:
        """The descriptions, as a call that has shown them has read them."""
        return tuple(ParameterRead(f"tool {name}", item, item.value) for name, item in self.descriptions.items())

    async def call(self, name: str, args: Mapping[str, Any], edges: Sequence[Edge]) -> Node:
        """Call the tool of that name; one that is not there is an error of the call like any other."""
        if name in self._tools:
            return await call_tool(self._tools[name], args, edges)
        here = current()
        tape = here.tape if here.tape is not None else Tape()
        node = tape.open("tool", args, declared={key: list(edges) for key in args} if edges else None)
        node.details = {"tool": name}
        node.error = str(UnknownNameError.of("tool", name, self._tools))
        return node

"""Calls of tools that live elsewhere: on an MCP server, or in LangChain."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from adjoint.base.errors import ToolError, UsageError
from adjoint.base.portal import on_loop, running_loop

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    Call: TypeAlias = Callable[..., Awaitable[Any]]

ResultMode: TypeAlias = Literal["text", "structured"]


def mcp_call(session: Any, name: str, result_mode: ResultMode) -> Call:
    """Calls a tool through its session, on the loop that runs now: a session can be used nowhere else."""
    if result_mode not in ("text", "structured"):
        message = f"result_mode is 'text' or 'structured', not {result_mode!r}."
        raise UsageError(message)
    home = running_loop()

    async def call(**arguments: Any) -> Any:
        result = await on_loop(home, session.call_tool(name, arguments=arguments))
        said = wire(result)
        texts = [part.text for part in result.content if hasattr(part, "text")]
        answer = "\n".join(texts) if len(texts) == len(result.content) else list(result.content)
        if said.get("isError"):
            message = f"the tool {name!r} failed: {answer}"
            raise ToolError(message)
        return said["structuredContent"] if result_mode == "structured" and "structuredContent" in said else answer

    return call


def wire(given: Any) -> dict[str, Any]:
    """An object of mcp under the names of the protocol: its attributes have other names in each version of the package."""
    named: dict[str, Any] = given.model_dump(by_alias=True, exclude_unset=True)
    return named


def langchain_call(tool: Any) -> Call:
    """Calls a tool of LangChain."""

    async def call(**arguments: Any) -> Any:
        return await tool.ainvoke(arguments)

    return call

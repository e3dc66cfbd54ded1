"""Tools of real MCP servers and of LangChain."""

import asyncio
import sys

import pytest

import adjoint
from adjoint import Tool
from adjoint.base.errors import ToolArgumentError, ToolError, UsageError
from adjoint.testing import ScriptedLM

SERVER = '''
try:
    from mcp.server.mcpserver import MCPServer
except ImportError:  # mcp 1
    from mcp.server.fastmcp import FastMCP as MCPServer

server = MCPServer("shop", log_level="CRITICAL")

@server.tool()
def price(item: str, count: int = 1) -> float:
    """The price of some items."""
    if item == "ghost":
        raise ValueError("no such item")
    return 2.5 * count

server.run()
'''


async def at_the_shop(visit):
    """What `visit` gives, with a session on a server that runs in a process of its own."""
    mcp = pytest.importorskip("mcp", reason="mcp is not installed (dependency group peers)")
    from mcp.client.stdio import stdio_client

    parameters = mcp.StdioServerParameters(command=sys.executable, args=["-c", SERVER])
    async with stdio_client(parameters) as streams, mcp.ClientSession(*streams) as session:
        await session.initialize()
        return await visit(session, (await session.list_tools()).tools[0])


def test_a_tool_of_an_mcp_server_says_what_it_takes_and_is_called_with_checked_arguments():
    async def visit(session, described):
        tool = Tool.from_mcp_tool(session, described)
        assert (tool.name, tool.desc, tool.usage) == ("price", "The price of some items.", "item: string, count?: integer")
        assert await tool.acall(item="pen", count="3") == "7.5"
        assert await Tool.from_mcp_tool(session, described, result_mode="structured").acall(item="pen") == {"result": 2.5}
        with pytest.raises(ToolError, match="the tool 'price' failed: Error executing tool price"):
            await tool.acall(item="ghost")
        with pytest.raises(ToolArgumentError, match="needs the argument 'item'"):
            await tool.acall()
        with pytest.raises(UsageError, match="'text' or 'structured', not 'both'"):
            Tool.from_mcp_tool(session, described, result_mode="both")

    asyncio.run(at_the_shop(visit))


def test_an_agent_and_other_threads_reach_a_session_on_the_loop_where_it_was_opened():
    steps = [
        '[[next_thought]]\nLook.\n[[next_tool_name]]\nprice\n[[next_tool_args]]\n{"item": "pen", "count": 4}',
        "[[next_thought]]\nDone.\n[[next_tool_name]]\nfinish\n[[next_tool_args]]\n{}",
        "[[reasoning]]\nFour pens.\n[[answer]]\n10",
    ]

    async def visit(session, described):
        tool = Tool.from_mcp_tool(session, described)
        with adjoint.context(lm=ScriptedLM(steps)):
            found = await adjoint.ReAct("question -> answer", tools=[tool]).acall(question="What do four pens cost?")
        with pytest.raises(UsageError, match=r"await module\.acall"):
            tool(item="pen")  # on the loop that would have to answer
        return found.answer, found.trajectory["observation_0"], await asyncio.to_thread(tool, item="pen")

    assert asyncio.run(at_the_shop(visit)) == ("10", "10.0", "2.5")


def test_a_tool_of_langchain_says_what_it_takes_and_is_called_with_checked_arguments():
    langchain = pytest.importorskip("langchain_core.tools", reason="langchain-core is not installed (dependency group peers)")

    @langchain.tool
    def add(a: int, b: int = 1) -> int:
        """Add two numbers."""
        return a + b

    @langchain.tool
    async def shout(text: str) -> str:
        """Say it loudly."""
        return text.upper()

    tool = Tool.from_langchain(add)
    assert (tool.name, tool.desc, tool.usage) == ("add", "Add two numbers.", "a: integer, b?: integer")
    assert (tool(a="2"), tool(a=2, b=5), Tool.from_langchain(shout)(text="hi")) == (3, 7, "HI")
    with pytest.raises(ToolArgumentError, match="the argument 'a' of the tool 'add' cannot be 'two'"):
        tool(a="two")

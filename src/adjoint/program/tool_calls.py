"""Calls of tools as nodes on the tape: those of an agent, and those that a program makes itself."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from adjoint.base.errors import FATAL, AdjointError, UsageError
from adjoint.program import runs
from adjoint.program.context import current
from adjoint.program.events import span
from adjoint.program.tape import Tape
from adjoint.signature.types.tool import Outcome, recorder

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from adjoint.program.tape import Edge, Node
    from adjoint.signature.types.tool import Tool

RESULT = "result"
"""The output of a tool's node."""


async def call_tool(tool: Tool, args: Mapping[str, Any], edges: Sequence[Edge] = ()) -> Node:
    """Call a tool and record it: its arguments come from `edges`, its result or its error stands on the node.

    Only errors that would stop everything (a spent budget, a refused key) are raised.
    """
    here = current()
    tape = here.tape if here.tape is not None else Tape()
    node, known = opened(tape, tool, args, edges)
    if known:
        return node
    try:
        with recorded(node, tool, args) as outcome:
            outcome.value = await tool.unrecorded(**args)
    except FATAL as error:
        if not isinstance(error, UsageError):
            raise
    except AdjointError:
        pass  # it stands on the node
    return node


def opened(tape: Tape, tool: Tool, args: Mapping[str, Any], edges: Sequence[Edge] = ()) -> tuple[Node, bool]:
    """The node of a call, and whether it was answered already, when the forward around ran before."""
    asked = runs.Call(tool, dict(args))
    known = runs.before(asked)
    if known.node is not None:
        return tape.restore(known.node, asked), True
    node = tape.open("tool", args, declared={name: list(edges) for name in args} if edges else None, call=asked)
    if not args:
        node.parents["call"] = list(edges)
    node.details = {"tool": tool.name}
    return node, False


@contextmanager
def recorded(node: Node, tool: Tool, args: Mapping[str, Any]) -> Iterator[Outcome]:
    """A block that makes the call: what came of it is written on the node, and told to who listens."""
    outcome = Outcome()
    try:
        with span(current().callbacks, "tool", tool, dict(args)) as call:
            yield outcome
            call.outputs = outcome.value
    except AdjointError as error:
        node.error = str(error)
        raise
    node.outputs = {RESULT: outcome.value}


@contextmanager
def in_program(tool: Tool, args: Mapping[str, Any]) -> Iterator[Outcome]:
    """How a tool that a program calls by itself is recorded: nothing outside of a program."""
    tape = current().tape
    if tape is None:
        yield Outcome()
        return
    node, known = opened(tape, tool, args)
    if known:
        yield Outcome(node.outputs[RESULT], known=True)
        return
    with recorded(node, tool, args) as outcome:
        yield outcome


def record_tools() -> None:
    """Let tools that are called here, and in what is begun here, be recorded."""
    if recorder.get() is None:
        recorder.set(in_program)

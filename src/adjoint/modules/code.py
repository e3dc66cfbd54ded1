"""Code that a model has written, run in the sandbox and recorded: what the modules that write programs share."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

from adjoint.adapters.written import write
from adjoint.base.errors import FATAL, AdjointError, ToolError
from adjoint.base.json import plain
from adjoint.base.portal import portal
from adjoint.program.context import current
from adjoint.program.tape import Edge, Tape
from adjoint.program.tool_calls import RESULT, call_tool
from adjoint.signature.types.code import Code

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping

    from adjoint.exec.interpreter import Interpreter, Session
    from adjoint.modules.tool import Toolbox
    from adjoint.program.tape import Node

OUTPUT = "output"
_any: Any = Code
PYTHON = _any["python"]
"""The type of Python code."""


def interpreter_or_default(given: Interpreter | None) -> Interpreter:
    """The interpreter that was given, else the sandbox, or `MissingExtraError` with what to install."""
    if given is not None:
        return given
    from adjoint.exec.monty import MontyInterpreter

    return MontyInterpreter()


class Bench:
    """One session of a program, with its calls on the tape. An error that must stop the program waits until the run ends."""

    session: Session

    def __init__(self) -> None:
        self.fatal: AdjointError | None = None
        self.made: list[Edge] = []
        """What the run under way has been given by tools and language models."""
        self.author: list[Edge] = []
        """Who wrote the code that runs."""

    async def run(self, code: str, variables: Mapping[str, Any], author: Edge) -> Node:
        """Run code and record it; `output` is what it printed, and the value of its last expression."""
        here = current().tape
        tape = here if here is not None else Tape()
        node = tape.open("code", {"code": code}, declared={"code": [author]})
        self.made, self.author = [], [author]
        ran = await portal.in_thread(self.session.run, code, variables)
        if self.fatal is not None:
            raise self.fatal
        if self.made:
            node.parents["calls"] = self.made
        node.error = ran.error
        shown = [ran.output.rstrip("\n")] if ran.output else []
        shown += [write(ran.value)] if ran.value is not None else []
        node.outputs = {OUTPUT: "\n".join(shown)}
        return node

    def function(self, call: Callable[..., Any]) -> Callable[..., Any]:
        """An asynchronous function as one that the code can call and wait for."""

        def now(*args: Any, **kwargs: Any) -> Any:
            try:
                return portal.run(call(*args, **kwargs))
            except FATAL as error:
                self.fatal = error
                raise RuntimeError(str(error)) from error
            except AdjointError as error:
                raise RuntimeError(str(error)) from error

        return now

    def tools(self, box: Toolbox) -> dict[str, Callable[..., Any]]:
        """The tools as functions for the code."""
        return {name: self.function(self._tool(box, name)) for name in box}

    def _tool(self, box: Toolbox, name: str) -> Callable[..., Any]:
        async def call(*args: Any, **kwargs: Any) -> Any:
            given = {**dict(zip(box[name].args, args, strict=False)), **kwargs}
            node = await call_tool(box[name], given, self.author)
            if node.error is not None:
                raise ToolError(node.error)
            self.made.append(Edge(node, RESULT, "declared", 1.0))
            return plain(node.outputs[RESULT])

        return call


@contextlib.asynccontextmanager
async def bench(interpreter: Interpreter, functions: Callable[[Bench], Mapping[str, Callable[..., Any]]]) -> AsyncIterator[Bench]:
    """A session for the block. Workers start and end in threads of their own, so nobody else waits for them."""
    made = Bench()
    opened = interpreter.session(functions(made))
    made.session = await portal.in_thread(opened.__enter__)
    try:
        yield made
    finally:
        await portal.in_thread(opened.__exit__, None, None, None)


def shown(node: Node, limit: int | None = None) -> str:
    """What the model is told of a run: what was printed, and the error; cut in the middle if it is too long."""
    text = (
        "\n".join(part for part in (node.outputs[OUTPUT], f"Error: {node.error}" if node.error else "") if part) or "(no output)"
    )
    if limit is None or len(text) <= limit:
        return text
    half = limit // 2
    return f"{text[:half]}\n... ({len(text) - 2 * half} characters left out) ...\n{text[-half:]}"

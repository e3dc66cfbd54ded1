"""Code that a model has written, run in the sandbox and recorded: what the modules that write programs share."""

from __future__ import annotations

import ast
import contextlib
import re
from typing import TYPE_CHECKING, Any

from adjoint.adapters.written import write
from adjoint.base.errors import FATAL, AdjointError, ToolError
from adjoint.base.json import plain
from adjoint.base.portal import portal
from adjoint.program.context import current
from adjoint.program.tape import Edge, Tape
from adjoint.program.tool_calls import RESULT, call_tool
from adjoint.signature.types.code import Code, blocks, unnamed

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping

    from adjoint.exec.interpreter import Interpreter, Session
    from adjoint.lm.types import Response
    from adjoint.modules.tool import Toolbox
    from adjoint.program.tape import Node

OUTPUT = "output"
_any: Any = Code
PYTHON = _any["python"]
"""The type of Python code."""
_MOST_LINES = 200
"""Lines of a reply without a fence, beyond which no words are looked for around the code."""
_COPIED = 40
"""Characters in which a text that is assigned to an input must agree with it, to be known as a copy."""
_MODULES = "collections, dataclasses, datetime, functools, itertools, json, math, random, re, typing"
"""What can be imported in the sandbox, as a model is told."""
_CODE = re.compile(r"(?:async|class|def|for|from|if|import|try|while|with|@\w+)\b.*[:(]$|[\w.\[\]]+\s*[-+*/]?=|[\w.]+\(")
"""How a line of Python begins that is not whole by itself."""
_LABEL = re.compile(r"\A[*_# ]*(?:reasoning|thought)s?[*_ ]*:[*_ ]*|[*_# ]*(?:generated )?code[*_ ]*:[*_ ]*\Z", re.IGNORECASE)
"""What stands around the words before a fence in a labelled reply."""
_HINTS = (
    (r"NameError: name 'input'", "Nobody can be asked. {inputs}"),
    (r"NameError", "{inputs}"),
    (r"ModuleNotFoundError|ImportError", f"Do without it. There are only: {_MODULES}."),
    (r"PermissionError|FileNotFoundError", "There are no files. {inputs}"),
    (r"NotImplementedError: The monty", "Write it in another way."),
    (r"SyntaxError: unexpected EOF", "The code was cut off: write a shorter program."),
    (r"SyntaxError", "Write Python code and nothing else."),
)
"""What to do about an error, by how it begins."""


class Program(PYTHON):  # type: ignore[misc,valid-type]
    """Python code that a module runs: of several blocks all that are Python, one after the other."""

    @classmethod
    def find(cls, text: str) -> str:
        r"""The program in a reply.

        >>> Program.find("First:\n```python\na = 1\n```\nThen:\n```python\nprint(a)\n```\nIt prints:\n```\n1\n```")
        'a = 1\n\nprint(a)'
        """
        found = [block for block in blocks(text) if block.code.strip()]
        unlabelled = [block for block in found if not block.language]
        program = [block for block in found if block.language == "python"] or unlabelled or found
        return "\n\n".join(dict.fromkeys(block.code for block in program)) or _without_words(unnamed(text, "python"))


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
        self.inputs: dict[str, Any] = {}
        """The variables that the code was given."""
        self.called: list[str] = []
        """The calls of tools in the run under way, with what they gave."""

    async def run(self, code: str, variables: Mapping[str, Any], author: Edge) -> Node:
        """Run code and record it; `output` is what it printed, and the value of its last expression or assignment."""
        here = current().tape
        tape = here if here is not None else Tape()
        node = tape.open("code", {"code": code}, declared={"code": [author]})
        self.made, self.author, self.called = [], [author], []
        self.inputs |= variables
        code, copied = _without_copies(code, self.inputs)
        ran = await portal.in_thread(self.session.run, code, variables)
        if self.fatal is not None:
            raise self.fatal
        if self.made:
            node.parents["calls"] = self.made
        node.error = ran.error and f"{ran.error}{self._hint(ran.error)}"
        shown = [ran.output.rstrip("\n")] if ran.output else []
        shown += [write(ran.value)] if ran.value is not None else []
        if not shown and ran.error is None:
            shown = await self._assigned(code)
        if not ran.output and len(self.called) > 1:
            shown = [*self.called, *(line for line in shown if not self.called[-1].endswith(f" = {line}"))]
        shown += [f"({name} is a variable already, with all of its text. Do not write it again.)" for name in copied]
        node.outputs = {OUTPUT: "\n".join(shown)}
        return node

    async def _assigned(self, code: str) -> list[str]:
        """What the last line of the code has assigned, where nothing was printed."""
        name = _last_assigned(code)
        if name is None:
            return []
        ran = await portal.in_thread(self.session.run, name, {})
        return [] if ran.error or ran.value is None else [f"{name} = {write(ran.value)}"]

    def _hint(self, error: str) -> str:
        """What the model is to do about an error; empty where the error says it."""
        said = next((hint for begin, hint in _HINTS if re.match(begin, error)), "")
        named = ", ".join(dict.fromkeys(self.inputs))
        hint = said.format(inputs=f"The inputs are variables already: {named}." if named else "").strip()
        return f"{'' if error.endswith('.') else '.'} {hint}" if hint else ""

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
            result = plain(node.outputs[RESULT])
            self.called.append(f"{name}({', '.join(map(repr, given.values()))}) = {write(result)}")
            return result

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


def ran(code: str, output: str) -> str:
    """A step as the model is shown it again: its code as it was to be written, and what came of it."""
    return f"{Program(code=code).format()}\noutput:\n{output}"


def salvaged(name: str, before: str, response: Response) -> dict[str, Any] | None:
    """The outputs of a step whose code stands in a fence: under `name` the code, under `before` the words before it."""
    reply = response.text
    if response.finish == "length" or not any(block.code.strip() for block in blocks(reply)):
        return None
    words = _LABEL.sub("", reply.partition("```")[0].strip()).strip()
    return {**({before: words} if before else {}), name: Program(code=Program.find(reply))}


def without_output(code: str) -> str:
    """What to tell the model of code that ran and gave nothing: what it has forgotten."""
    defined = [item.name for item in _statements(code) if isinstance(item, ast.FunctionDef)]
    if defined:
        return f"The code printed nothing. Call {defined[-1]} and print what it gives: print({defined[-1]}(...))."
    return "The code printed nothing. Print the result: print(...)."


def _without_copies(code: str, inputs: Mapping[str, Any]) -> tuple[str, list[str]]:
    """The code without lines that assign to an input how its text begins, and which inputs these are: models write down what they see."""
    lines, copied = code.split("\n"), []
    for item in reversed(_statements(code)):
        target = item.targets[0] if isinstance(item, ast.Assign) and len(item.targets) == 1 else None
        name = target.id if isinstance(target, ast.Name) else ""
        said = item.value.value if isinstance(item, ast.Assign) and isinstance(item.value, ast.Constant) else None
        text = inputs.get(name)
        if isinstance(said, str) and isinstance(text, str) and _begins(said) and _begins(text).startswith(_begins(said)):
            del lines[item.lineno - 1 : item.end_lineno]
            copied.append(name)
    return "\n".join(lines), copied[::-1]


def _begins(text: str) -> str:
    return " ".join(text.split())[:_COPIED]


def _last_assigned(code: str) -> str | None:
    """The name to which the last statement of the code assigns, if it does."""
    last = next(reversed(_statements(code)), None)
    if isinstance(last, ast.Assign):
        target: ast.expr = last.targets[-1]
    elif isinstance(last, ast.AugAssign | ast.AnnAssign):
        target = last.target
    else:
        return None
    return target.id if isinstance(target, ast.Name) else None


def _statements(code: str) -> list[ast.stmt]:
    """The statements of the code; none if it is no Python."""
    try:
        return ast.parse(code).body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return []


def _without_words(text: str) -> str:
    """The code in a text without a fence: the lines before and behind it that are no Python by themselves are left out."""
    lines = text.strip("\n").split("\n")
    if _statements(text) or len(lines) > _MOST_LINES:
        return text
    code = [number for number, line in enumerate(lines) if _is_code(line.strip())]
    if not code:
        return text
    begin, end = code[0], code[-1] + 1
    while end <= len(lines):  # a last statement may have further lines
        found = "\n".join(lines[begin:end])
        if _statements(found):
            return found
        end += 1
    return text


def _is_code(line: str) -> bool:
    return bool(line) and (_CODE.match(line) is not None or bool(_statements(line)))

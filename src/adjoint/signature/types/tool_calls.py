"""The calls of tools that a model wants to make, and what came of them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Self, TypeAlias

from pydantic import BaseModel, Field, PrivateAttr, model_serializer, model_validator

from adjoint.base.errors import ToolError, UnknownNameError
from adjoint.base.json import plain
from adjoint.signature.types.arguments import name_of
from adjoint.signature.types.listed import Listed
from adjoint.signature.types.said_calls import calls_in
from adjoint.signature.types.tool import Tool

if TYPE_CHECKING:
    from collections.abc import Iterable


class ToolCall(BaseModel):
    """One call that a model wants to make."""

    name: str
    args: dict[str, Any] = Field(default_factory=dict)
    id: str = ""
    _tools: tuple[Any, ...] = PrivateAttr(())

    def __eq__(self, other: object) -> bool:
        """Whether the same is to be called; with which tools it would be done is no part of that."""
        return isinstance(other, ToolCall) and (self.name, self.args, self.id) == (other.name, other.args, other.id)

    __hash__ = None  # type: ignore[assignment]

    def using(self, tools: Iterable[Any]) -> Self:
        """The same call, to be executed with one of these tools."""
        made = self.model_copy()
        made._tools = tuple(tools)
        return made

    def execute(self, functions: Any = None) -> Any:
        """Call the tool of this name; `functions` are tools, functions, or a mapping from names to them.

        Without them it is one of those that the predictor was given.
        """
        return self._tool(functions)(**self.args)

    async def aexecute(self, functions: Any = None) -> Any:
        """`execute` in asynchronous code."""
        return await self._tool(functions).acall(**self.args)

    def _tool(self, functions: Any) -> Tool:
        return _tool(self.name, self._tools if functions is None else functions)

    @model_validator(mode="before")
    @classmethod
    def _from_openai(cls, given: Any) -> Any:
        """OpenAI's form is read as well: a function with its arguments as text."""
        if not isinstance(given, dict):
            return given
        call = {**given, **given["function"]} if isinstance(given.get("function"), dict) else given
        args = call.get("args", call.get("arguments")) or {}
        return {"name": call.get("name"), "args": json.loads(args) if isinstance(args, str) else args, "id": call.get("id") or ""}

    @model_serializer
    def _as_json(self) -> dict[str, Any]:
        return {"name": self.name, "args": self.args, **({"id": self.id} if self.id else {})}


class ToolCallResult(BaseModel):
    """What a call gave: a value, or the error in words."""

    call: ToolCall
    value: Any = None
    error: str | None = None

    @model_serializer
    def _as_json(self) -> dict[str, Any]:
        return {"name": self.call.name, **({"error": self.error} if self.error else {"value": plain(self.value)})}


class ToolCallResults(Listed[ToolCallResult]):
    """What all calls gave, in their order."""

    results: list[ToolCallResult]

    @property
    def values(self) -> list[Any]:
        return [item.value for item in self.results]

    @model_serializer
    def _as_json(self) -> list[dict[str, Any]]:
        return [item.model_dump(mode="json") for item in self.results]


_Call: TypeAlias = ToolCall


class ToolCalls(Listed[ToolCall]):
    """The calls that a model wants to make, none or more. A predictor that was given tools lets them be executed.

    >>> calls = ToolCalls.from_dict_list([{"name": "add", "args": {"a": 1, "b": 2}}])
    >>> calls.execute({"add": lambda a, b: a + b}).values
    [3]
    """

    adapter_role: ClassVar[str] = "tool_calls"
    ToolCall: ClassVar[type[_Call]] = _Call
    """The class of one call, where DSPy's users look for it."""

    tool_calls: list[_Call]

    @classmethod
    def description(cls) -> str:
        return 'a JSON list of tool calls {"name": ..., "args": {...}}, empty if none is needed'

    @classmethod
    def parse(cls, text: str) -> Any:
        """The calls in a reply: in JSON under any of the usual names, in tags, or in labelled lines. JSON that is not whole is none."""
        if any(text.count(begin) != text.count(end) for begin, end in ("[]", "{}")):
            return NotImplemented
        found = calls_in(text, ())
        return [{"name": call.name, "args": call.args} for call in found] or NotImplemented

    def using(self, tools: Iterable[Any]) -> Self:
        """The same calls, to be executed with these tools."""
        known = tuple(tools)
        return self.model_copy(update={"tool_calls": [call.using(known) for call in self.tool_calls]})

    def execute(self, functions: Any = None) -> ToolCallResults:
        """Make the calls one after another; an error of one is its result and stops no other."""
        found = []
        for call in self.tool_calls:
            try:
                found.append(ToolCallResult(call=call, value=call.execute(functions)))
            except ToolError as error:
                found.append(ToolCallResult(call=call, error=str(error)))
        return ToolCallResults(results=found)

    async def aexecute(self, functions: Any = None) -> ToolCallResults:
        """`execute` in asynchronous code."""
        found = []
        for call in self.tool_calls:
            try:
                found.append(ToolCallResult(call=call, value=await call.aexecute(functions)))
            except ToolError as error:
                found.append(ToolCallResult(call=call, error=str(error)))
        return ToolCallResults(results=found)

    @model_validator(mode="before")
    @classmethod
    def _from_one(cls, given: Any) -> Any:
        """A single call is read as well."""
        return {"tool_calls": [given]} if isinstance(given, dict) and ("name" in given or "function" in given) else given

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: Any, handler: Any) -> dict[str, Any]:
        del schema, handler
        call = {"name": {"type": "string"}, "args": {"type": "object"}}
        return {"type": "array", "items": {"type": "object", "properties": call, "required": ["name", "args"]}}

    @model_serializer
    def _as_json(self) -> list[dict[str, Any]]:
        return [call.model_dump(mode="json") for call in self.tool_calls]


def _tool(name: str, functions: Any) -> Tool:
    """The tool of this name among tools, functions, or a mapping of them."""
    given = functions or ()
    known = dict(given) if isinstance(given, Mapping) else {getattr(item, "name", None) or name_of(item): item for item in given}
    if name not in known:
        error = UnknownNameError.of("tool", name, known)
        raise ToolError(str(error))
    found = known[name]
    return found if isinstance(found, Tool) else Tool(found, name)

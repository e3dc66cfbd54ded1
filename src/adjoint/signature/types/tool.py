"""Tools: typed functions that a model may call, and the calls that it wants to make."""

from __future__ import annotations

import inspect
import json
import typing
from collections.abc import Callable, Iterable, Iterator, Mapping  # noqa: TC003 - pydantic reads them from the annotations
from contextlib import nullcontext
from contextvars import ContextVar
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar, Self, TypeAlias

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    PrivateAttr,
    PydanticInvalidForJsonSchema,
    PydanticSchemaGenerationError,
    TypeAdapter,
    ValidationError,
    model_serializer,
    model_validator,
)

from adjoint.base.errors import SignatureError, ToolArgumentError, ToolError, UnknownNameError
from adjoint.base.foreign import foreign, foreign_call
from adjoint.base.json import plain
from adjoint.base.portal import portal
from adjoint.signature.types.base import Type
from adjoint.signature.types.foreign_tools import langchain_call, mcp_call, wire

if typing.TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from adjoint.signature.types.foreign_tools import ResultMode

_JSON_TYPES: dict[str, Any] = {
    "string": str, "integer": int, "number": float, "boolean": bool, "array": list, "object": dict, "null": None,
}  # fmt: skip


@dataclass(slots=True)
class Outcome:
    """What a call of a tool gave. One that is `known` was made before and is not made again."""

    value: Any = None
    known: bool = False


recorder: ContextVar[Callable[[Tool, Mapping[str, Any]], AbstractContextManager[Outcome]] | None] = ContextVar(
    "adjoint_recorder", default=None
)
"""Records the calls of tools that are made here; programs set it, so that their tape has them."""


class Tool(Type):
    """A function with a name, a description and typed arguments, taken from its signature and docstring.

    >>> def add(a: int, b: int = 1) -> int:
    ...     '''Add two numbers.'''
    ...     return a + b
    >>> tool = Tool(add)
    >>> tool.name, tool.desc, tool(a="2", b=3)
    ('add', 'Add two numbers.', 5)
    """

    adapter_role: ClassVar[str] = "tools"
    model_config = ConfigDict(arbitrary_types_allowed=True, frozen=True)

    func: Callable[..., Any]
    name: str
    desc: str = ""
    args: dict[str, Any] = Field(default_factory=dict)
    """The JSON schema of each argument."""
    arg_types: dict[str, Any] = Field(default_factory=dict)
    arg_desc: dict[str, str] = Field(default_factory=dict)
    required: tuple[str, ...] = ()
    has_kwargs: bool = False
    """Whether the function takes arguments that are not named."""
    definitions: dict[str, Any] = Field(default_factory=dict)
    """Schemas to which those of the arguments refer."""

    def __init__(self, func: Callable[..., Any], name: str | None = None, desc: str | None = None, **fields: Any) -> None:
        made = {} if "args" in fields and fields["args"] is not None else _read(func, fields)
        given = {key: value for key, value in fields.items() if value is not None}
        own = {"func": func, "name": name or _name(func), "desc": (inspect.getdoc(func) or "") if desc is None else desc}
        super().__init__(**own, **{**made, **given})

    @classmethod
    def from_mcp_tool(cls, session: Any, tool: Any, *, result_mode: ResultMode = "text") -> Self:
        """A tool of an MCP server, called through `session` (of mcp 1 and 2); whoever opened the session keeps it open.

        Calls are made on the event loop that runs now, where the session lives. It must stay free, so on this loop programs are
        called with `await program.acall(...)`. "text" gives the words of a result, or all of its parts if some are no text;
        "structured" gives its structured content if it has any. A result that says that it is an error raises `ToolError`.
        """
        return cls._described(mcp_call(session, tool.name, result_mode), tool.name, tool.description or "", wire(tool)["inputSchema"])

    @classmethod
    def from_langchain(cls, tool: Any) -> Self:
        """A tool of LangChain."""
        schema = tool.args_schema if isinstance(tool.args_schema, dict) else tool.get_input_jsonschema()
        return cls._described(langchain_call(tool), tool.name, tool.description or "", schema)

    @classmethod
    def _described(cls, func: Callable[..., Any], name: str, desc: str, schema: Mapping[str, Any]) -> Self:
        """A tool whose arguments are known by their schema only."""
        properties = dict(schema.get("properties", {}))
        return cls(
            func,
            name,
            desc,
            args=properties,
            arg_types={key: _JSON_TYPES.get(str(value.get("type")), Any) for key, value in properties.items()},
            required=tuple(schema.get("required", ())),
            has_kwargs=bool(schema.get("additionalProperties", False)),
            definitions=dict(schema.get("$defs", {})),
        )

    def __call__(self, **arguments: Any) -> Any:
        """Check the arguments, call, and wait if the function is asynchronous. Inside a program the tape has the call."""
        with self._recorded(arguments) as outcome:
            if not outcome.known:
                outcome.value = self._called(arguments)
        return outcome.value

    async def acall(self, **arguments: Any) -> Any:
        """Check the arguments and call; a function that may block gets a thread of its own."""
        with self._recorded(arguments) as outcome:
            if not outcome.known:
                outcome.value = await self.unrecorded(**arguments)
        return outcome.value

    def _recorded(self, arguments: dict[str, Any]) -> AbstractContextManager[Outcome]:
        record = recorder.get()
        return nullcontext(Outcome()) if record is None else record(self, arguments)

    def _called(self, arguments: dict[str, Any]) -> Any:
        checked = self.checked(arguments)
        if inspect.iscoroutinefunction(self.func):
            return portal.run(self._awaited(checked))
        return foreign_call(lambda: self.func(**checked), ToolError, self._who)

    async def unrecorded(self, **arguments: Any) -> Any:
        """`acall` for who records the call itself."""
        checked = self.checked(arguments)
        if inspect.iscoroutinefunction(self.func):
            return await self._awaited(checked)
        return await foreign(portal.in_thread(self.func, **checked), ToolError, self._who)

    async def _awaited(self, checked: dict[str, Any]) -> Any:
        return await foreign(self.func(**checked), ToolError, self._who)

    @property
    def _who(self) -> str:
        return f"the tool {self.name!r}"

    def checked(self, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """The arguments with their types, or `ToolArgumentError` that says which one is wrong."""
        missing = [name for name in self.required if name not in arguments]
        if missing:
            message = f"the tool {self.name!r} needs the argument {missing[0]!r}; it takes {self.usage}."
            raise ToolArgumentError(message)
        unknown = [name for name in arguments if name not in self.args]
        if unknown and not self.has_kwargs:
            message = f"the tool {self.name!r} has no argument {unknown[0]!r}; it takes {self.usage}."
            raise ToolArgumentError(message)
        return {name: self._check(name, value) for name, value in arguments.items()}

    def _check(self, name: str, value: Any) -> Any:
        checker = self._checkers.get(name)
        try:
            return value if checker is None else checker.validate_python(value)
        except ValidationError as error:
            reason = "; ".join(item["msg"] for item in error.errors(include_url=False))
            message = f"the argument {name!r} of the tool {self.name!r} cannot be {value!r:.200} ({reason}); it takes {self.usage}."
            raise ToolArgumentError(message) from None

    @cached_property
    def _checkers(self) -> dict[str, TypeAdapter[Any]]:
        return {name: TypeAdapter(type_) for name, type_ in self.arg_types.items()}

    @property
    def usage(self) -> str:
        """The arguments in one line: `city: string, days?: integer`."""
        shown = (
            f"{name}{'' if name in self.required else '?'}: {schema.get('type', 'any')}"
            for name, schema in self.args.items()
        )
        return ", ".join(shown) or "no arguments"

    @property
    def parameters(self) -> dict[str, Any]:
        """The JSON schema of all arguments, as providers take it."""
        schema: dict[str, Any] = {"type": "object", "properties": self.args, "required": list(self.required)}
        if not self.has_kwargs:
            schema["additionalProperties"] = False
        if self.definitions:
            schema["$defs"] = self.definitions
        return schema

    def format_as_litellm_function_call(self) -> dict[str, Any]:
        """The tool as OpenAI's interface takes it."""
        parameters = {name: value for name, value in self.parameters.items() if name != "additionalProperties"}  # DSPy's form has none
        return {"type": "function", "function": {"name": self.name, "description": self.desc, "parameters": parameters}}

    def format(self) -> str:
        return json.dumps(self._as_json(), ensure_ascii=False)

    def __repr__(self) -> str:
        return f"Tool({self.name}({self.usage}))"

    __str__ = __repr__

    @model_serializer
    def _as_json(self) -> dict[str, Any]:
        """What a model needs to know. The function itself is never written."""
        described = {"name": self.name, "description": self.desc, "parameters": self.parameters}
        return {key: value for key, value in described.items() if value}


class ToolCall(BaseModel):
    """One call that a model wants to make."""

    name: str
    args: dict[str, Any] = Field(default_factory=dict)
    id: str = ""

    def execute(self, functions: Any = None) -> Any:
        """Call the tool of this name; `functions` are tools, functions, or a mapping from names to them."""
        return _tool(self.name, functions)(**self.args)

    async def aexecute(self, functions: Any = None) -> Any:
        return await _tool(self.name, functions).acall(**self.args)

    @model_validator(mode="before")
    @classmethod
    def _from_openai(cls, given: Any) -> Any:
        """OpenAI's form is read as well: a function with its arguments as text."""
        if not isinstance(given, dict):
            return given
        call = {**given, **given["function"]} if isinstance(given.get("function"), dict) else dict(given)
        args = call.get("args", call.get("arguments", {}))
        return {"name": call.get("name"), "args": _arguments(args), "id": call.get("id") or ""}

    @model_serializer
    def _as_json(self) -> dict[str, Any]:
        return {"name": self.name, "args": self.args, **({"id": self.id} if self.id else {})}


class ToolCallResult(BaseModel):
    """What a call gave: a value, or the error in words."""

    call: ToolCall
    value: Any = None
    error: str | None = None


class ToolCallResults(Type):
    """What all calls gave, in their order."""

    results: list[ToolCallResult]

    @property
    def values(self) -> list[Any]:
        return [item.value for item in self.results]

    def __iter__(self) -> Iterator[ToolCallResult]:  # type: ignore[override]
        return iter(self.results)

    def __len__(self) -> int:
        return len(self.results)

    def __getitem__(self, index: int) -> ToolCallResult:
        return self.results[index]

    @model_serializer
    def _as_json(self) -> list[dict[str, Any]]:
        return [
            {"name": item.call.name, **({"error": item.error} if item.error else {"value": plain(item.value)})} for item in self.results
        ]

    def format(self) -> str:
        return json.dumps(self._as_json(), ensure_ascii=False)


_Call: TypeAlias = ToolCall


class ToolCalls(Type):
    """The calls that a model wants to make, none or more. A predictor that was given tools lets them be executed.

    >>> calls = ToolCalls.from_dict_list([{"name": "add", "args": {"a": 1, "b": 2}}])
    >>> calls.execute({"add": lambda a, b: a + b}).values
    [3]
    """

    adapter_role: ClassVar[str] = "tool_calls"
    ToolCall: ClassVar[type[_Call]] = _Call
    """The class of one call, where DSPy's users look for it."""

    tool_calls: list[_Call]
    _tools: tuple[Any, ...] = PrivateAttr(())

    @classmethod
    def from_dict_list(cls, calls: list[dict[str, Any]]) -> Self:
        return cls.model_validate({"tool_calls": calls})

    @classmethod
    def description(cls) -> str:
        return 'a JSON list of tool calls {"name": ..., "args": {...}}, empty if none is needed'

    def using(self, tools: Iterable[Any]) -> Self:
        """The same calls, to be executed with these tools."""
        made = self.model_copy()
        made._tools = tuple(tools)
        return made

    def execute(self, functions: Any = None) -> ToolCallResults:
        """Make the calls one after another; an error of one is its result and stops no other."""
        known = self._tools if functions is None else functions
        found = []
        for call in self.tool_calls:
            try:
                found.append(ToolCallResult(call=call, value=call.execute(known)))
            except ToolError as error:
                found.append(ToolCallResult(call=call, error=str(error)))
        return ToolCallResults(results=found)

    async def aexecute(self, functions: Any = None) -> ToolCallResults:
        """Make the calls one after another, in asynchronous code."""
        known = self._tools if functions is None else functions
        found = []
        for call in self.tool_calls:
            try:
                found.append(ToolCallResult(call=call, value=await call.aexecute(known)))
            except ToolError as error:
                found.append(ToolCallResult(call=call, error=str(error)))
        return ToolCallResults(results=found)

    def __iter__(self) -> Iterator[_Call]:  # type: ignore[override]
        return iter(self.tool_calls)

    def __len__(self) -> int:
        return len(self.tool_calls)

    def __getitem__(self, index: int) -> _Call:
        return self.tool_calls[index]

    @model_validator(mode="before")
    @classmethod
    def _from_list(cls, given: Any) -> Any:
        """A list is the calls themselves, and so is a single call."""
        if isinstance(given, list):
            return {"tool_calls": given}
        return {"tool_calls": [given]} if isinstance(given, dict) and ("name" in given or "function" in given) else given

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: Any, handler: Any) -> dict[str, Any]:
        del schema, handler
        call = {"name": {"type": "string"}, "args": {"type": "object"}}
        return {"type": "array", "items": {"type": "object", "properties": call, "required": ["name", "args"]}}

    @model_serializer
    def _as_json(self) -> list[dict[str, Any]]:
        return [call.model_dump(mode="json") for call in self.tool_calls]

    def format(self) -> str:
        return json.dumps(self._as_json(), ensure_ascii=False)


def _name(func: Callable[..., Any]) -> str:
    return getattr(func, "__name__", type(func).__name__)


def _tool(name: str, functions: Any) -> Tool:
    """The tool of this name among tools, functions, or a mapping of them."""
    given = functions or ()
    known = dict(given) if isinstance(given, Mapping) else {getattr(item, "name", None) or _name(item): item for item in given}
    if name not in known:
        error = UnknownNameError.of("tool", name, known)
        raise ToolError(str(error))
    found = known[name]
    return found if isinstance(found, Tool) else Tool(found, name)


def _read(func: Callable[..., Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments of a function: types from its hints, schemas from the types, descriptions as given."""
    try:
        parameters = inspect.signature(func).parameters
        hints = typing.get_type_hints(func if inspect.isroutine(func) else type(func).__call__, include_extras=True)
    except (NameError, TypeError, ValueError) as error:
        message = f"the arguments of {_name(func)!r} cannot be read ({error}); give args= with a JSON schema for each."
        raise SignatureError(message) from None
    named = {name: item for name, item in parameters.items() if item.kind not in (item.VAR_POSITIONAL, item.VAR_KEYWORD)}
    types = {name: (given.get("arg_types") or {}).get(name, hints.get(name, Any)) for name in named}
    args, definitions = _schemas(func, types)
    for name, text in (given.get("arg_desc") or {}).items():
        if name in args:
            args[name] = {**args[name], "description": text}
    for name, item in named.items():
        if item.default is not item.empty and isinstance(item.default, str | int | float | bool | None):
            args[name] = {**args[name], "default": item.default}
    return {
        "args": args,
        "arg_types": types,
        "required": tuple(name for name, item in named.items() if item.default is item.empty),
        "has_kwargs": any(item.kind is item.VAR_KEYWORD for item in parameters.values()),
        "definitions": definitions,
    }


def _schemas(func: Callable[..., Any], types: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """The JSON schema of each argument, and those to which they refer."""
    try:
        inputs = [(name, "validation", TypeAdapter(type_)) for name, type_ in types.items()]
        found, shared = TypeAdapter.json_schemas(inputs)  # type: ignore[arg-type]
    except (PydanticSchemaGenerationError, PydanticInvalidForJsonSchema) as error:
        reason = str(error).splitlines()[0]
        message = f"an argument of {_name(func)!r} has a type that cannot be described to a model: {reason}"
        raise SignatureError(message) from None
    args = {name: {key: value for key, value in schema.items() if key != "title"} for (name, _), schema in found.items()}
    return args, dict(shared.get("$defs", {}))


def _arguments(given: Any) -> Any:
    """Arguments as an object; a text is JSON, as in OpenAI's form."""
    if given is None or given == "":
        return {}
    return json.loads(given) if isinstance(given, str) else given


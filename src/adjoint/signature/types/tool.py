"""Tools: functions with typed arguments that a model may call."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping  # noqa: TC003 - pydantic reads them from the annotations
from contextlib import nullcontext
from contextvars import ContextVar
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar, Self

from pydantic import ConfigDict, Field, TypeAdapter, ValidationError, model_serializer

from adjoint.base.errors import ToolArgumentError, ToolError
from adjoint.base.foreign import foreign, foreign_call
from adjoint.base.portal import portal
from adjoint.signature.types.arguments import arguments_of, doc_of, name_of
from adjoint.signature.types.base import Type
from adjoint.signature.types.foreign_tools import langchain_call, mcp_call, wire

if TYPE_CHECKING:
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
        given = {key: value for key, value in fields.items() if value is not None}
        read = {} if "args" in given else arguments_of(func, given.get("arg_types", {}), given.get("arg_desc", {}))
        own = {"func": func, "name": name or name_of(func), "desc": doc_of(func) if desc is None else desc}
        super().__init__(**own, **{**read, **given})

    @classmethod
    def from_mcp_tool(cls, session: Any, tool: Any, *, result_mode: ResultMode = "text") -> Self:
        """A tool of an MCP server, called through `session` (of mcp 1 and 2); whoever opened the session keeps it open.

        Calls are made on the event loop that runs now, where the session lives. It must stay free, so on this loop programs are
        called with `await program.acall(...)`. "text" gives the words of a result, or all of its parts if some are no text;
        "structured" gives its structured content if it has any. A result that says that it is an error raises `ToolError`.
        """
        return cls._described(
            mcp_call(session, tool.name, result_mode), tool.name, tool.description or "", wire(tool)["inputSchema"]
        )

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
            message = (
                f"the argument {name!r} of the tool {self.name!r} cannot be {value!r:.200} ({reason}); it takes {self.usage}."
            )
            raise ToolArgumentError(message) from None

    @cached_property
    def _checkers(self) -> dict[str, TypeAdapter[Any]]:
        return {name: TypeAdapter(type_) for name, type_ in self.arg_types.items()}

    @property
    def usage(self) -> str:
        """The arguments in one line: `city: string, days?: integer`."""
        shown = (
            f"{name}{'' if name in self.required else '?'}: {schema.get('type', 'any')}" for name, schema in self.args.items()
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
        parameters = {
            name: value for name, value in self.parameters.items() if name != "additionalProperties"
        }  # DSPy's form has none
        return {"type": "function", "function": {"name": self.name, "description": self.desc, "parameters": parameters}}

    def __repr__(self) -> str:
        return f"Tool({self.name}({self.usage}))"

    __str__ = __repr__

    @model_serializer
    def _as_json(self) -> dict[str, Any]:
        """What a model needs to know. The function itself is never written."""
        described = {"name": self.name, "description": self.desc, "parameters": self.parameters}
        return {key: value for key, value in described.items() if value}

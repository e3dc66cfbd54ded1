"""The arguments of a function as a model is told of them: their types, their JSON schemas, and which must be given."""

from __future__ import annotations

import inspect
import typing
from typing import TYPE_CHECKING, Any

from pydantic import PydanticInvalidForJsonSchema, PydanticSchemaGenerationError, TypeAdapter

from adjoint.base.errors import SignatureError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


def name_of(func: Callable[..., Any]) -> str:
    """The name of a function, or of the class of a callable object."""
    return str(getattr(func, "__name__", type(func).__name__))


def doc_of(func: Callable[..., Any]) -> str:
    """What a function says of itself; of a callable object what its call says, or else its class."""
    call = type(func).__call__
    said = call.__doc__ if inspect.isfunction(call) else None
    return inspect.cleandoc(said) if said else inspect.getdoc(func) or ""


def arguments_of(func: Callable[..., Any], types: Mapping[str, Any], descriptions: Mapping[str, str]) -> dict[str, Any]:
    """The fields of a `Tool` that its function tells: types from its hints unless they are given, schemas from the types."""
    try:
        parameters = inspect.signature(func).parameters
        hints = typing.get_type_hints(func if inspect.isroutine(func) else type(func).__call__, include_extras=True)
    except (NameError, TypeError, ValueError) as error:
        message = f"the arguments of {name_of(func)!r} cannot be read ({error}); give args= with a JSON schema for each."
        raise SignatureError(message) from None
    named = {name: item for name, item in parameters.items() if item.kind not in (item.VAR_POSITIONAL, item.VAR_KEYWORD)}
    arg_types = {name: types.get(name, hints.get(name, Any)) for name in named}
    args, definitions = _schemas(func, arg_types)
    for name, item in named.items():
        if name in descriptions:
            args[name]["description"] = descriptions[name]
        if item.default is not item.empty and isinstance(item.default, str | int | float | bool | None):
            args[name]["default"] = item.default
    return {
        "args": args,
        "arg_types": arg_types,
        "required": tuple(name for name, item in named.items() if item.default is item.empty),
        "has_kwargs": any(item.kind is item.VAR_KEYWORD for item in parameters.values()),
        "definitions": definitions,
    }


def _schemas(func: Callable[..., Any], types: Mapping[str, Any]) -> tuple[dict[str, dict[str, Any]], dict[str, Any]]:
    """The JSON schema of each argument, and those to which they refer."""
    try:
        inputs = [(name, "validation", TypeAdapter(type_)) for name, type_ in types.items()]
        found, shared = TypeAdapter.json_schemas(inputs)  # type: ignore[arg-type]
    except (PydanticSchemaGenerationError, PydanticInvalidForJsonSchema) as error:
        reason = str(error).splitlines()[0]
        message = f"an argument of {name_of(func)!r} has a type that cannot be described to a model: {reason}"
        raise SignatureError(message) from None
    args = {name: {key: value for key, value in schema.items() if key != "title"} for (name, _), schema in found.items()}
    return args, dict(shared.get("$defs", {}))

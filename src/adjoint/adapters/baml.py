"""The BAML adapter: JSON replies whose form is shown in a notation much shorter than JSON schema."""

from __future__ import annotations

import json
import typing
from typing import TYPE_CHECKING, Any

from adjoint.adapters.json import JSONAdapter
from adjoint.adapters.records import record_fields
from adjoint.adapters.schemas import untitled
from adjoint.adapters.simple import choices
from adjoint.signature.types.known import knows_its_form
from adjoint.signature.unions import UNIONS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from adjoint.signature.fields import Field

_NAMES: dict[Any, str] = {
    str: "string",
    int: "int",
    float: "float",
    bool: "bool",
    type(None): "null",
    Any: "any",
    object: "any",
    dict: "map",
}


class BAMLAdapter(JSONAdapter):
    """As `JSONAdapter`, with types in the prompt as in `{ name: string, tags: string[], born: int or null }`."""

    name = "baml"

    def form(self, outputs: Sequence[Field], supports: frozenset[str]) -> str:
        del supports
        lines = [f"  {field.name}: {_limited(field)}," for field in outputs]
        return "Reply only with JSON of this form:\n" + "\n".join(["{", *lines, "}"])


def _limited(field: Field) -> str:
    limits = ", ".join(f"{key} {value}" for key, value in field.constraints.items())
    return f"{shape(field.type)} ({limits})" if limits else shape(field.type)


def shape(type_: Any, above: tuple[Any, ...] = ()) -> str:
    """A type in short notation; a type inside itself is named only. What has none is given as JSON schema.

    >>> shape(dict[str, list[int] | None])
    'map<string, int[] or null>'
    """
    allowed = choices(type_)
    if allowed is not None:
        return " or ".join(json.dumps(value, ensure_ascii=False) for value in allowed)
    if type_ in _NAMES:
        return _NAMES[type_]
    if type_ in above:
        return str(type_.__name__)
    if knows_its_form(type_):
        return str(type_.description()) or "string"
    return _generic(type_, above) or _record(type_, (*above, type_)) or _schema(type_)


def _generic(type_: Any, above: tuple[Any, ...]) -> str:
    """Lists, maps, unions and what is annotated; empty for all else."""
    origin, arguments = typing.get_origin(type_), typing.get_args(type_)
    if origin is typing.Annotated:
        return shape(arguments[0], above)
    if origin in UNIONS:
        return " or ".join(shape(item, above) for item in arguments)
    if origin in (list, set, frozenset):
        inner = shape(arguments[0], above)
        return f"({inner})[]" if " or " in inner else f"{inner}[]"
    if origin is dict:
        return f"map<{shape(arguments[0], above)}, {shape(arguments[1], above)}>"
    if origin is tuple and Ellipsis not in arguments:
        return f"[{', '.join(shape(item, above) for item in arguments)}]"
    return ""


def _record(type_: Any, above: tuple[Any, ...]) -> str:
    """Models, dataclasses and typed dictionaries with their fields; empty for all else."""
    fields = record_fields(type_)
    shown = (f"{name}: {shape(inner, above)}{f' ({said})' if said else ''}" for name, (inner, said) in fields.items())
    return f"{{ {', '.join(shown)} }}" if fields else ""


def _schema(type_: Any) -> str:
    from pydantic import TypeAdapter

    return "JSON that matches " + json.dumps(untitled(TypeAdapter(type_).json_schema()), ensure_ascii=False)

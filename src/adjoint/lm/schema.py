"""JSON schemas as providers want them: strict objects for OpenAI and Anthropic, the OpenAPI subset for Gemini."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from adjoint.base.errors import UsageError

_KEPT = (
    "type", "format", "description", "enum", "nullable", "minimum", "maximum", "minItems", "maxItems", "minLength",
    "maxLength", "minProperties", "maxProperties", "pattern", "required", "title",
)  # fmt: skip
"""What Gemini knows of JSON schema and takes as it is."""


def name_of(schema: Mapping[str, Any]) -> str:
    """A name for a schema: its title where that can be one.

    >>> name_of({"title": "My Answer"}), name_of({})
    ('My_Answer', 'reply')
    """
    title = schema.get("title")
    return re.sub(r"[^A-Za-z0-9_-]", "_", title)[:64] if isinstance(title, str) and title else "reply"


def strict(schema: Mapping[str, Any]) -> dict[str, Any] | None:
    """The schema with every object closed and every field required, or None if an object must stay open.

    Strict decoding asks for it. An optional field is then always written, with its default or null as the schema allows.

    >>> strict({"type": "object", "properties": {"a": {"type": "string"}}})
    {'type': 'object', 'properties': {'a': {'type': 'string'}}, 'additionalProperties': False, 'required': ['a']}
    >>> strict({"type": "object", "additionalProperties": {"type": "integer"}}) is None
    True
    """
    closed = _closed(schema)
    return closed if isinstance(closed, dict) else None


def _closed(item: Any) -> Any:
    """The strict form of a schema or of a list in one; None if there is none."""
    if isinstance(item, list):
        made = [_closed(value) for value in item]
        return None if any(was is not None and now is None for was, now in zip(item, made, strict=True)) else made
    if not isinstance(item, Mapping):
        return item
    if item.get("type") == "object" or "properties" in item:
        return _closed_object(item)
    return _each(item)


def _closed_object(item: Mapping[str, Any]) -> dict[str, Any] | None:
    properties = item.get("properties")
    if not isinstance(properties, Mapping) or item.get("additionalProperties"):
        return None
    closed = _each({key: value for key, value in item.items() if key != "properties"})
    fields = {name: _closed(value) for name, value in properties.items()}
    if closed is None or any(value is None for value in fields.values()):
        return None
    return {**closed, "properties": fields, "additionalProperties": False, "required": list(fields)}


def _each(item: Mapping[str, Any]) -> dict[str, Any] | None:
    made: dict[str, Any] = {}
    for key, value in item.items():
        if key in ("enum", "const", "default", "examples"):
            made[key] = value
        elif key in ("$defs", "definitions") and isinstance(value, Mapping):
            made[key] = {name: _closed(part) for name, part in value.items()}
            if None in made[key].values():
                return None
        else:
            made[key] = _closed(value)
            if made[key] is None and value is not None:
                return None
    return made


def openapi(schema: Mapping[str, Any]) -> dict[str, Any]:
    """The schema in Gemini's subset: references written out, constants as enums, null as `nullable`, the rest left out.

    >>> openapi({"anyOf": [{"const": "x"}, {"type": "null"}], "$schema": "s"})
    {'nullable': True, 'enum': ['x'], 'type': 'string'}
    """
    return _subset(schema, schema, ())


def _subset(schema: Mapping[str, Any], root: Mapping[str, Any], inside: tuple[str, ...]) -> dict[str, Any]:
    if "$ref" in schema:
        reference = str(schema["$ref"])
        if reference in inside:
            message = f"Gemini takes no schema that refers to itself ({reference})."
            raise UsageError(message)
        rest = {key: value for key, value in schema.items() if key != "$ref"}
        return _subset({**_found(root, reference), **rest}, root, (*inside, reference))
    made = {key: schema[key] for key in _KEPT if key in schema}
    if isinstance(made.get("type"), list):
        types = [name for name in made.pop("type") if name != "null"]
        made.update({"nullable": True} if len(types) < len(schema["type"]) else {})
        made.update({"type": types[0]} if len(types) == 1 else {"anyOf": [{"type": name} for name in types]})
    if "const" in schema:
        made.update({"enum": [schema["const"]], "type": "string"})
    if isinstance(schema.get("properties"), Mapping):
        made["properties"] = {name: _subset(part, root, inside) for name, part in schema["properties"].items()}
    if isinstance(schema.get("items"), Mapping):
        made["items"] = _subset(schema["items"], root, inside)
    choices = schema.get("anyOf") or schema.get("oneOf") or schema.get("allOf")
    return {**_choice(choices, root, inside), **made} if choices else made


def _choice(choices: list[Mapping[str, Any]], root: Mapping[str, Any], inside: tuple[str, ...]) -> dict[str, Any]:
    real = [_subset(choice, root, inside) for choice in choices if choice.get("type") != "null"]
    nullable = {"nullable": True} if len(real) < len(choices) else {}
    return {**nullable, **real[0]} if len(real) == 1 else {**nullable, "anyOf": real}


def _found(root: Mapping[str, Any], reference: str) -> Mapping[str, Any]:
    found: Any = root
    for step in reference.removeprefix("#/").split("/"):
        found = found.get(step) if isinstance(found, Mapping) else None
    if not isinstance(found, Mapping):
        message = f"the schema refers to {reference}, which it does not hold."
        raise UsageError(message)
    return found

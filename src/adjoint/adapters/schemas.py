"""JSON schemas of outputs: for one field in a prompt, and for a whole reply that a provider enforces."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from adjoint.base.errors import SignatureError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from adjoint.signature.fields import Field


def object_schema(fields: Sequence[Field], title: str) -> dict[str, Any]:
    """The JSON schema of an object that holds these fields."""
    from pydantic import TypeAdapter

    for field in fields:
        field_schema(field)  # says which field cannot be described
    found, shared = TypeAdapter.json_schemas([(field.name, "validation", field.validator) for field in fields])
    properties = {}
    for field in fields:
        said = {"description": field.desc} if field.desc else {}
        properties[field.name] = {**untitled(found[field.name, "validation"]), **said}
    body: dict[str, Any] = {"title": title, "type": "object", "properties": properties, "additionalProperties": False}
    body["required"] = [field.name for field in fields if field.required]
    return {**body, "$defs": untitled(shared["$defs"])} if "$defs" in shared else body


def field_schema(field: Field) -> Any:
    """The JSON schema of one field; raises `SignatureError` for a type that has none."""
    from pydantic import PydanticInvalidForJsonSchema

    try:
        schema = field.validator.json_schema()
    except PydanticInvalidForJsonSchema as error:
        message = f"the type {field.type} of {field.name!r} cannot be described to a language model: {error}"
        raise SignatureError(message) from None
    return untitled(schema)


def untitled(schema: Any) -> Any:
    """A JSON schema without the titles that pydantic makes of names: they say nothing new."""
    if isinstance(schema, list):
        return [untitled(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    kept = {key: value for key, value in schema.items() if key != "title" or not isinstance(value, str)}
    named = ("properties", "$defs")  # what stands there are names of fields and types, which may be "title"
    return {
        key: {name: untitled(item) for name, item in value.items()}
        if key in named and isinstance(value, dict)
        else untitled(value)
        for key, value in kept.items()
    }

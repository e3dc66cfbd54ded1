"""Which types know their own form, asked without importing any of them: pydantic is loaded on first use only."""

from __future__ import annotations

import typing
from typing import Any


def knows_its_form(item: Any) -> bool:
    """Whether a value or a type is written and read by its own methods (`adjoint.Type`)."""
    return getattr(item, "knows_its_form", None) is True


def role_of(type_: Any) -> str:
    """What adapters do with a type besides writing it: `tools`, `tool_calls`, `reasoning`, `history`, or nothing."""
    found = getattr(only(type_), "adapter_role", "")
    return found if isinstance(found, str) else ""


def mentions(type_: Any, inside: tuple[Any, ...] = ()) -> bool:
    """Whether such a type stands in this one, as in `list[Image]` or in a field of a pydantic model."""
    if knows_its_form(type_):
        return True
    fields = getattr(type_, "model_fields", None)
    if isinstance(fields, dict) and type_ not in inside:
        return any(mentions(field.annotation, (*inside, type_)) for field in fields.values())
    return any(mentions(item, inside) for item in typing.get_args(type_) if not isinstance(item, str))


def only(type_: Any) -> Any:
    """`X` of `X`, `X | None` and `list[X]`: what a field of this type holds one or more of."""
    items = [item for item in typing.get_args(type_) if item is not type(None)]
    return only(items[0]) if len(items) == 1 else type_

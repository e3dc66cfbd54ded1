"""Records: pydantic models, dataclasses and typed dictionaries, seen as named fields."""

from __future__ import annotations

import dataclasses
import typing
from collections.abc import Mapping
from typing import Any


def record_fields(type_: Any) -> dict[str, tuple[Any, str]]:
    """The fields of a model, dataclass or typed dictionary with type and description; empty for all other types."""
    if not isinstance(type_, type):
        return {}
    if hasattr(type_, "model_fields"):
        return {item.alias or name: (item.annotation, item.description or "") for name, item in type_.model_fields.items()}
    if dataclasses.is_dataclass(type_) or typing.is_typeddict(type_):
        return {name: (_bare(hint), "") for name, hint in typing.get_type_hints(type_, include_extras=True).items()}
    return {}


def _bare(hint: Any) -> Any:
    return typing.get_args(hint)[0] if typing.get_origin(hint) in (typing.Required, typing.NotRequired) else hint


def fields_of(value: Any) -> dict[str, Any]:
    """The fields of a record's value under the names that `record_fields` gives them."""
    if isinstance(value, Mapping):
        return dict(value)
    described = getattr(type(value), "model_fields", None)
    if isinstance(described, dict):
        return {item.alias or name: getattr(value, name) for name, item in described.items()}
    return {name: getattr(value, name) for name in getattr(value, "__dataclass_fields__", {})}

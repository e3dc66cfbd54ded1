"""Canonical JSON and content digests: the same value gives the same bytes on every machine and in every process."""

from __future__ import annotations

import enum
import hashlib
import json
from collections.abc import Mapping
from typing import Any, TypeAlias

Json: TypeAlias = "bool | int | float | str | list[Json] | dict[str, Json] | None"

_SCALARS = frozenset({bool, int, float, str, type(None)})
_ENCODER = json.JSONEncoder(sort_keys=True, separators=(",", ":"), allow_nan=False)


def canonical(value: Any) -> bytes:
    """Encode `value` with sorted keys and no spaces.

    NaN and infinities are refused (ValueError): they have no JSON form and never equal themselves.
    Lone surrogates survive, because keys and texts are escaped to ASCII.

    >>> canonical({"b": 1, "a": [True, None]})
    b'{"a":[true,null],"b":1}'
    """
    return compact(value).encode("ascii")


def compact(value: Any) -> str:
    """`canonical` as a text."""
    return _ENCODER.encode(value)


def digest(value: Any, *, length: int = 64) -> str:
    """SHA-256 of the canonical form, as the first `length` hexadecimal characters (1..64).

    >>> digest({"a": 1}) == digest(dict([("a", 1)]))
    True
    """
    return hashlib.sha256(canonical(value)).hexdigest()[:length]


def plain(value: Any) -> Json:
    """Turn a value into JSON: models and dataclasses by their fields, enums by value, sets sorted, the rest by `str`.

    >>> plain({"x": (1, 2)})
    {'x': [1, 2]}
    """
    kind = type(value)
    if kind in _SCALARS:  # most are
        result: Json = value
    elif kind is dict:
        result = {str(key): plain(item) for key, item in value.items()}
    elif kind is list or kind is tuple:
        result = [plain(item) for item in value]
    else:
        result = _unusual(value)
    return result


def _unusual(value: Any) -> Json:
    """`plain` of what is no plain data yet."""
    result: Json
    if isinstance(value, enum.Enum):
        result = plain(value.value)
    elif isinstance(value, bool | int | float | str):
        result = value
    elif isinstance(value, Mapping):
        result = {str(key): plain(item) for key, item in value.items()}
    elif isinstance(value, list | tuple):
        result = [plain(item) for item in value]
    elif isinstance(value, set | frozenset):
        result = sorted((plain(item) for item in value), key=canonical)
    elif isinstance(value, type):
        result = str(value)
    elif hasattr(value, "model_dump"):
        result = plain(value.model_dump(mode="json", by_alias=True))
    elif hasattr(value, "__dataclass_fields__"):
        result = {name: plain(getattr(value, name)) for name in value.__dataclass_fields__}
    else:
        result = str(value)
    return result

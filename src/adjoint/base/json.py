"""Canonical JSON and content digests: the same value gives the same bytes on every machine and in every process."""

from __future__ import annotations

import hashlib
import json
from typing import Any, TypeAlias

Json: TypeAlias = "None | bool | int | float | str | list[Json] | dict[str, Json]"


def canonical(value: Any) -> bytes:
    """Encode `value` with sorted keys and no spaces.

    NaN and infinities are refused (ValueError): they have no JSON form and never equal themselves.
    Lone surrogates survive, because keys and texts are escaped to ASCII.

    >>> canonical({"b": 1, "a": [True, None]})
    b'{"a":[true,null],"b":1}'
    """
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False).encode("ascii")


def digest(value: Any, *, length: int = 64) -> str:
    """SHA-256 of the canonical form, as the first `length` hexadecimal characters (1..64).

    >>> digest({"a": 1}) == digest(dict([("a", 1)]))
    True
    """
    return hashlib.sha256(canonical(value)).hexdigest()[:length]


def plain(value: Any) -> Json:
    """Turn a value into JSON: pydantic models and dataclasses by their fields, sets sorted, the rest by `str`.

    >>> plain({"x": (1, 2)})
    {'x': [1, 2]}
    """
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, set | frozenset):
        return sorted((plain(item) for item in value), key=canonical)
    if hasattr(value, "model_dump"):
        return plain(value.model_dump(mode="json"))
    if hasattr(value, "__dataclass_fields__"):
        return {name: plain(getattr(value, name)) for name in value.__dataclass_fields__}
    return str(value)

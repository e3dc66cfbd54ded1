"""Secrets: one redactor for every text that leaves the process (errors, ledger rows, exports, saved programs, logs)."""

from __future__ import annotations

import base64
import json
import os
import re
from functools import lru_cache
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

if TYPE_CHECKING:
    from collections.abc import Callable

MASK = "[secret]"
_NAMES = re.compile(
    r"(?:_API_KEY|_API_TOKEN|_ACCESS_TOKEN|_AUTH_TOKEN|_SECRET_ACCESS_KEY|_SECRET_KEY)$|^(?:HF|HUGGINGFACE|GITHUB|GH)_TOKEN$"
)
"""Variables of the environment that hold keys."""
_SHORTEST = 8
"""A shorter value is no key, and to mask it would spoil ordinary words."""
_NO_KEYS = frozenset(
    {"changeme", "lm-studio", "no-key-required", "not-needed", "not-required", "placeholder", "sk-no-key-required"}
)
"""What people write where a server wants some key and checks none."""

_registered: dict[str, None] = {}
_looked_through: tuple[dict[Any, Any], tuple[str, ...]] = {}, ()
"""The environment when it was looked through, and the keys that it held."""


class Secret:
    """A value that shows itself only when asked: `repr`, `str` and formatting give a mask.

    >>> key = Secret("sk-0123456789")
    >>> print(key, repr(key), key.reveal()[:3])
    [secret] Secret('[secret]') sk-
    """

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value
        register(value)

    def reveal(self) -> str:
        return self._value

    def __repr__(self) -> str:
        return f"Secret({MASK!r})"

    def __str__(self) -> str:
        return MASK


def register(value: str | None) -> None:
    """Mask this value from now on, wherever it came from."""
    if value and len(value.strip()) >= _SHORTEST and value.strip().lower() not in _NO_KEYS:
        _registered[value.strip()] = None


def redact(text: str) -> str:
    """The text with every known key replaced: as it is, in base64, URL-encoded, JSON-escaped and reversed.

    >>> register("sk-canary-42")
    >>> redact("refused: sk-canary-42 / 24-yranac-ks")
    'refused: [secret] / [secret]'
    """
    for form in _forms((*_registered, *_in_environment())):
        if form in text:
            text = text.replace(form, MASK)
    return text


def _in_environment() -> tuple[str, ...]:
    """The keys in the environment as it is now. It is looked through only when it has changed, since that takes longer than most texts do."""
    global _looked_through  # noqa: PLW0603 - replaced as a whole, so that every thread sees one that fits
    raw, (before, found) = vars(os.environ)["_data"], _looked_through
    if raw != before:
        before = dict(raw)
        values = [value.strip() for name, value in os.environ.items() if _NAMES.search(name)]
        found = tuple(value for value in values if len(value) >= _SHORTEST and value.lower() not in _NO_KEYS)
        _looked_through = before, found
    return found


@lru_cache(maxsize=64)
def _forms(secrets: tuple[str, ...]) -> tuple[str, ...]:
    """All spellings of all secrets, longest first, so that no piece of a longer one stays."""
    found = {form for secret in secrets for form in _spellings(secret)}
    return tuple(sorted(found, key=lambda form: (-len(form), form)))


def _spellings(secret: str) -> set[str]:
    data = secret.encode("utf-8", "surrogatepass")
    plain = {secret, quote(data, safe=""), quote(data), json.dumps(secret)[1:-1]}
    coded = {_inside(data, shift, encode) for shift in range(3) for encode in (base64.b64encode, base64.urlsafe_b64encode)}
    return plain | {form[::-1] for form in plain} | {form for form in coded if len(form) >= _SHORTEST}


def _inside(data: bytes, shift: int, encode: Callable[[bytes], bytes]) -> str:
    """The base64 of the data as it stands inside a longer text: without the ends, which depend on what is beside it."""
    coded = encode(b"\0" * shift + data)
    start = -(-shift * 8 // 6)
    end = (shift + len(data)) * 8 // 6
    return coded[start:end].decode("ascii")

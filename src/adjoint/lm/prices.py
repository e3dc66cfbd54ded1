"""Prices: US dollars per million tokens, from the user, from the client, or from a shipped table with a date."""

from __future__ import annotations

import functools
import json
import math
import os
import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from adjoint.base.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from adjoint.lm.base import BaseLM
    from adjoint.lm.types import Usage

_SHIPPED = Path(__file__).with_name("prices.json")
_SAME_MODEL = re.compile(r"(?:-\d{4}-\d\d-\d\d|-\d{8}|-\d{6}|-\d{4}|-\d{3}|-latest)?")
"""What may follow a known name without making another model of it: a date, a revision."""


@dataclass(frozen=True, slots=True)
class Price:
    """US dollars per million tokens. `cached` is for input that the provider has cached, where it is known."""

    input: float
    output: float
    cached: float | None = None

    def __post_init__(self) -> None:
        for value in (self.input, self.output, self.cached or 0.0):
            if not (isinstance(value, int | float) and math.isfinite(value) and value >= 0):
                message = f"{value!r} is no price; give US dollars per million tokens, as in price=(0.15, 0.60)."
                raise UsageError(message)

    def usd(self, input_tokens: int, output_tokens: int) -> float:
        return (input_tokens * self.input + output_tokens * self.output) / 1e6


FREE = Price(0.0, 0.0, 0.0)


def price_of(lm: BaseLM) -> Price | None:
    """What a model costs: as told by `LM(..., price=(input, output))`, nothing if its client sends no bill, else by name."""
    found = list(layers(lm))
    for layer in found:
        told = getattr(layer, "price", None)
        if told is not None:
            return told if isinstance(told, Price) else Price(*told)
    if any(getattr(layer, "_free", False) is True for layer in found):
        return FREE
    return listed(lm.name)


def layers(lm: Any) -> Iterator[Any]:
    """The model and what it wraps."""
    while lm is not None:
        yield lm
        lm = getattr(lm, "inner", None) or getattr(lm, "client", None)


def listed(name: str) -> Price | None:
    """The price of `provider/model` in the table that `ADJOINT_PRICES` names, else in the shipped one; None if unsure.

    >>> listed("openai/gpt-4o-mini-2024-07-18") == listed("openai/gpt-4o-mini"), listed("openai/gpt-4o-mini-tts")
    (True, None)
    """
    own = os.environ.get("ADJOINT_PRICES")
    return (_find(name, own) if own else None) or _find(name, str(_SHIPPED))


def as_of() -> str:
    """The date of the shipped table."""
    return str(json.loads(_SHIPPED.read_text(encoding="utf-8"))["as_of"])


@functools.lru_cache(maxsize=256)
def _find(name: str, path: str) -> Price | None:
    table = _table(path)
    fitting = [
        known for known in table if name.startswith(known) and (known.endswith("/") or _SAME_MODEL.fullmatch(name[len(known) :]))
    ]
    return table[max(fitting, key=len)] if fitting else None


@functools.lru_cache(maxsize=4)
def _table(path: str) -> dict[str, Price]:
    try:
        body = json.loads(Path(path).read_text(encoding="utf-8"))
        return {name: Price(*values) for name, values in body["prices"].items()}
    except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        message = f'{path} is no table of prices ({error}); write {{"prices": {{"provider/model": [input, output]}}}} in dollars per million.'
        raise UsageError(message) from None


def priced(usage: Usage, price: Price | None) -> Usage:
    """The usage with its dollars, where the client names none. Cached input counts in full: never too little.

    A client names 0 dollars for a server on this machine too, but behind it may be one that bills: a price that is told wins.
    """
    if usage.usd or price is None:
        return usage
    usd = price.usd(usage.input_tokens, usage.output_tokens)
    return usage if usd == usage.usd else replace(usage, usd=usd)

"""How long a provider asks to wait: `Retry-After` in its two forms, `retry-after-ms`, and `x-ratelimit-reset-*`."""

from __future__ import annotations

import re
import time
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

_NUMBER = re.compile(r"\d{1,15}(?:\.\d{1,12})?")
_SPAN = re.compile(r"(\d{1,12}(?:\.\d{1,12})?)(ms|s|m|h|d)")
_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_EPOCH = 1e9
"""A bare number above this is a point in time, not a span: seconds since 1970, or milliseconds above a thousand times it."""


def asked(headers: Mapping[str, str], *, now: float | None = None) -> float | None:
    """Seconds to wait from `now` (Unix time), or None if the headers do not say. `headers` must ignore case or be lower case.

    >>> asked({"retry-after": "7"}), asked({"x-ratelimit-reset-requests": "1m0.5s"}), asked({})
    (7.0, 60.5, None)
    """
    moment = time.time() if now is None else now
    milliseconds = _number(headers.get("retry-after-ms", ""))
    if milliseconds is not None:
        return milliseconds / 1000
    after = headers.get("retry-after", "")
    return first(_number(after), _date(after, moment), _reset(headers, moment))


def first(*found: float | None) -> float | None:
    return next((value for value in found if value is not None), None)


def _number(text: str) -> float | None:
    return float(text) if _NUMBER.fullmatch(text.strip()) else None


def _date(text: str, now: float) -> float | None:
    try:
        date = parsedate_to_datetime(text)
        zoned = date if date.tzinfo else date.replace(tzinfo=UTC)
        return max(0.0, zoned.timestamp() - now)
    except (ValueError, OverflowError):
        return None


def _reset(headers: Mapping[str, str], now: float) -> float | None:
    """The limit that is used up decides; if none says that it is, the one that resets first."""
    waits: list[float] = []
    spent: list[float] = []
    for suffix in ("-requests", "-tokens", ""):
        wait = _span(headers.get(f"x-ratelimit-reset{suffix}", ""), now)
        if wait is not None:
            waits.append(wait)
            if headers.get(f"x-ratelimit-remaining{suffix}", "").strip() == "0":
                spent.append(wait)
    return max(spent) if spent else min(waits, default=None)


def _span(text: str, now: float) -> float | None:
    """Read `6m0s`, `20ms`, `1.5` (seconds) or a point in time as seconds from now."""
    number = _number(text)
    if number is None:
        parts = _SPAN.findall(text.strip())
        whole = "".join(amount + unit for amount, unit in parts) == text.strip()
        return sum(float(amount) * _SECONDS[unit] for amount, unit in parts) if parts and whole else None
    if number < _EPOCH:
        return number
    return max(0.0, (number / 1000 if number > _EPOCH * 1000 else number) - now)

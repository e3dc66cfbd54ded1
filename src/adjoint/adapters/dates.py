"""Dates as people write them: a day, the name of a month and a year. Numbers alone are read in ISO's order only."""

from __future__ import annotations

import calendar
import datetime as dt
import re

_MONTHS = {name.casefold(): number for number, name in enumerate(calendar.month_name) if name}
_MONTHS |= {name.casefold(): number for number, name in enumerate(calendar.month_abbr) if name}
_DAY = r"(?P<day>\d{1,2})(?:st|nd|rd|th)?"
_MONTH = r"(?P<month>[^\W\d_]+)\.?"
_YEAR = r"(?P<year>\d{4})"
_WRITTEN = (
    re.compile(rf"{_DAY}\s+(?:of\s+)?{_MONTH},?\s+{_YEAR}", re.IGNORECASE),
    re.compile(rf"{_MONTH}\s+{_DAY},?\s+{_YEAR}", re.IGNORECASE),
)


def date_in(text: str) -> dt.date | None:
    """The date that a text is; None if it is none, or not plainly one.

    >>> date_in("July 26, 2026"), date_in("7th of October 2024"), date_in("03/04/2024")
    (datetime.date(2026, 7, 26), datetime.date(2024, 10, 7), None)
    """
    found = next((match for form in _WRITTEN if (match := form.fullmatch(text.strip(" .\"'`*")))), None)
    month = None if found is None else _MONTHS.get(found["month"].casefold())
    if found is None or month is None:
        return None
    try:
        return dt.date(int(found["year"]), month, int(found["day"]))
    except ValueError:
        return None

"""Numbers compared as quantities: thousands separators, percent, fractions and units are read, not matched as text."""

from __future__ import annotations

import math
import re
import unicodedata
from decimal import Decimal
from fractions import Fraction
from typing import TYPE_CHECKING, Any, NamedTuple

from adjoint.base.errors import MetricError
from adjoint.data.records import Score
from adjoint.eval.metrics.labels import alternatives, mean, pairs, wanted

if TYPE_CHECKING:
    from adjoint.data.records import Example, Record

_SCALES: dict[str, dict[str, float]] = {
    "share": {"%": 0.01, "percent": 0.01, "‰": 0.001},
    "count": {"thousand": 1e3, "million": 1e6, "billion": 1e9, "trillion": 1e12},
    "length": {"nm": 1e-9, "µm": 1e-6, "um": 1e-6, "mm": 1e-3, "cm": 1e-2, "dm": 0.1, "m": 1.0, "km": 1e3, "inch": 0.0254, "inches": 0.0254, "ft": 0.3048, "feet": 0.3048, "mi": 1609.344, "mile": 1609.344, "miles": 1609.344},
    "mass": {"mg": 1e-6, "g": 1e-3, "kg": 1.0, "t": 1e3, "lb": 0.45359237, "lbs": 0.45359237, "oz": 0.028349523125},
    "time": {"ms": 1e-3, "s": 1.0, "sec": 1.0, "second": 1.0, "seconds": 1.0, "min": 60.0, "minute": 60.0, "minutes": 60.0, "h": 3600.0, "hour": 3600.0, "hours": 3600.0, "day": 86400.0, "days": 86400.0},
    "volume": {"ml": 1e-3, "cl": 1e-2, "l": 1.0},
}  # fmt: skip
UNITS = {unit: (dimension, scale) for dimension, scales in _SCALES.items() for unit, scale in scales.items()}
"""Unit -> (what it measures, how many base units it is). Other words after a number are not read as units."""

_GAPS = re.compile(r"(?<=\d)[\u00a0\u2009\u202f](?=\d{3}(?!\d))")
_VULGAR = re.compile(r"(?<=\d)(?=[\u00bc-\u00be\u2150-\u215e])")
_NUMBER = re.compile(
    r"(?<![\w.,])(?P<sign>[-+]?)\s?[$€£¥]?\s?"
    r"(?:(?:(?P<whole>\d+)\s)?(?P<top>\d+)\s?/\s?(?P<bottom>\d+)|(?P<digits>\d{1,3}(?:\.\d{3})+,\d+|\d{1,3}(?:\.\d{3}){2,}|\d+(?:[,']\d+)*(?:\.\d+)?|\.\d+)(?P<power>e[-+]?\d+)?)"
    r"(?![.,]?\d)\s?(?P<unit>[%‰]|[^\W\d_]+(?![\w/]))?",
    re.IGNORECASE,
)
_THOUSANDS = re.compile(r"\d{1,3},\d{3}")


class Number(NamedTuple):
    """A number and its unit, one of `UNITS` or empty."""

    value: float
    unit: str = ""


def read_number(value: Any) -> Number | None:
    """The last number in a text, where an answer usually stands, or None if there is none.

    Read are thousands separators (`1,234`, `1'234`, `1.234,5`), a decimal comma (`1,5`), fractions (`3/4`, `1 1/2`, `½`), powers
    (`1e-3`), currencies (left out), and the units in `UNITS`. `1,234` is read as a thousand and more.

    >>> read_number("It weighs about 1,234.5 kg."), read_number("1 ½ h"), read_number("none")
    (Number(value=1234.5, unit='kg'), Number(value=1.5, unit='h'), None)
    """
    if isinstance(value, int | float | Decimal | Fraction) and not isinstance(value, bool):
        return Number(float(value))
    text = unicodedata.normalize("NFKC", _VULGAR.sub(" ", _GAPS.sub("", str(value)))).replace("\N{FRACTION SLASH}", "/")
    found = [one for one in _NUMBER.finditer(text.replace("\N{MINUS SIGN}", "-")) if int(one["bottom"] or 1)]
    if not found:
        return None
    last = found[-1]
    unit = next((unit for unit in (last["unit"] or "", (last["unit"] or "").lower()) if unit in UNITS), "")
    return Number(-_size(last) if last["sign"] == "-" else _size(last), unit)


def numeric_match(example: Example, prediction: Record, *, tolerance: float = 0.0, relative: float = 1e-9) -> Score:
    """1 if the last number of every labelled output is that of its label, to within `tolerance` or the share `relative` of it.

    `tolerance` is in the label's unit. Units of one kind are converted (`1.5 km` is `1500 m`, `2 million` is `2,000,000`). A number
    without a unit is taken to be in the other's, and against a percentage also as a share (`12` and `0.12` are `12 %`). An output without a number is wrong; a
    label without one raises `MetricError`. Of a list of labels one must fit.

    >>> from adjoint.data.records import Example
    >>> row = Example(q="how far?", answer="1.5 km").with_inputs("q")
    >>> [numeric_match(row, Example(answer=text)).value for text in ("about 1,500 m", "1.5", "1.5 kg")]
    [1.0, 1.0, 0.0]
    """
    found = pairs(example, prediction)
    right = [
        float(any(_equal(_label(one), read_number(output), tolerance, relative) for one in alternatives(label)))
        for label, output in found.values()
    ]
    return Score(float(mean(right) == 1.0), "" if mean(right) == 1.0 else wanted(found))


def _label(label: Any) -> Number:
    number = read_number(label)
    if number is None:
        message = f"the label {label!r} holds no number; numeric_match needs rows that do."
        raise MetricError(message)
    return number


def _equal(label: Number, got: Number | None, tolerance: float, relative: float) -> bool:
    if got is None:
        return False
    return any(math.isclose(label.value, value, rel_tol=relative, abs_tol=tolerance) for value in _readings(label, got))


def _readings(label: Number, got: Number) -> list[float]:
    """What the number may be in the label's unit; nothing if it measures something else."""
    if label.unit and got.unit:
        (kind, one), (other, its) = UNITS[label.unit], UNITS[got.unit]
        return [got.value * its / one] if kind == other else []
    kind, scale = UNITS.get(label.unit or got.unit, ("", 1.0))
    scaled = got.value / scale if label.unit else got.value * scale
    return {"share": [got.value, scaled], "count": [scaled]}.get(kind, [got.value])


def _size(found: re.Match[str]) -> float:
    """A fraction, or a number as it is written in English, or with a decimal comma where it can be nothing else."""
    if found["top"]:
        return int(found["whole"] or 0) + int(found["top"]) / int(found["bottom"])
    digits = found["digits"]
    decimal_comma = digits.count(",") == 1 and digits.rindex(",") > digits.rfind(".") and not _THOUSANDS.fullmatch(digits)
    if decimal_comma or digits.count(".") > 1:
        digits = digits.replace(".", "").replace(",", ".")
    digits = digits.replace(",", "")
    return float(digits.replace("'", "") + (found["power"] or ""))

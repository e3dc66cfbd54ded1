"""Numbers, truth values and choices: what a text most plainly stands for, and nothing where that is not plain."""

from __future__ import annotations

import difflib
import enum
import re
import typing
from typing import TYPE_CHECKING, Any

from adjoint.adapters.written import write

if TYPE_CHECKING:
    from collections.abc import Mapping

UNCLEAR = object()
"""Stands for a text that has no plain reading: no validator accepts it."""

_NUMBER = re.compile(r"[-+]?(?:(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d*)?|\.\d+)(?:[eE][-+]?\d+)?")
_MINUS = str.maketrans({"\N{MINUS SIGN}": "-", "\N{EN DASH}": "-", "\N{FULLWIDTH HYPHEN-MINUS}": "-"})
_AROUND_NUMBER = "()[]{}<>*_`'\"$€£¥=:;,!?~"
_LONGEST_NUMBER = 300
"""Digits that every float can hold."""
_CHANGES_NUMBER = frozenset(
    {"+", "-", "billion", "bn", "dozen", "hundred", "k", "m", "million", "not", "or", "percent", "than", "thousand", "trillion"}
)
"""Words near a number that make it mean another one."""
AROUND_WORD = "`'\" \n.*()[]"
_SPACE = re.compile(r"[\s_-]+")
_DENIED = re.compile(
    r"\b(?:but|cannot|except|neither|never|no|nor|not|or|rather|than|unless|without)\b|n['\N{RIGHT SINGLE QUOTATION MARK}]t\b"
)
_AFTER_WORD = re.compile(r"[.,:;!\n]")
_WORD = re.compile(r"\w+")
_TRUE, _FALSE = frozenset({"true", "yes", "y", "1"}), frozenset({"false", "no", "n", "0"})


def choices(type_: Any) -> list[Any] | None:
    """The allowed values of a `Literal` or an `Enum`, else None."""
    if typing.get_origin(type_) is typing.Literal:
        return list(typing.get_args(type_))
    if isinstance(type_, type) and issubclass(type_, enum.Enum):
        return [member.value for member in type_]
    return None


def reads(type_: Any) -> bool:
    """Whether a type is read here: a number, a truth value or a choice."""
    return type_ in (bool, int, float) or choices(type_) is not None


def read(type_: Any, text: str, *, whole: bool = True) -> Any:
    """The value that the text stands for, or `UNCLEAR`; of a text that was cut off (not `whole`) only what is surely all there.

    >>> read(int, "**1,200** euros"), read(bool, "Yes."), read(int, "3 or 4") is UNCLEAR
    (1200, True, True)
    """
    bare, allowed = _said_once(text), choices(type_)
    if not whole and not _ended(type_, allowed, bare):
        return UNCLEAR
    if allowed is not None:
        return _choice(type_, allowed, bare)
    if type_ is bool:
        return _truth(bare.strip(AROUND_WORD).casefold())
    return _number(type_, bare)


def _truth(text: str) -> Any:
    """The truth value that a text is, or begins with before it gives a reason; a reason that says the other one makes it unclear."""
    found = _AFTER_WORD.search(text)
    word, reason = (text, "") if found is None else (text[: found.start()], text[found.end() :])
    value = True if word in _TRUE else False if word in _FALSE else UNCLEAR
    if reason and (value is UNCLEAR or word.isdigit() or set(_WORD.findall(reason)) & (_FALSE if value else _TRUE)):
        return UNCLEAR
    return value


def _ended(type_: Any, allowed: list[Any] | None, text: str) -> bool:
    """Whether a simple value is all there although the text was cut off: more of it could have changed what it says."""
    if allowed is not None:
        begun = _folded(text.strip(AROUND_WORD))
        return sum(_folded(write(value)).startswith(begun) for value in allowed) == 1
    if type_ is bool:
        return text.strip(AROUND_WORD).casefold() in ("true", "false")
    return not text[-1:].isnumeric() and text[-1:] not in (".", ",")


def _said_once(text: str) -> str:
    """A line that is said again and again is one answer."""
    first, *more = text.splitlines() or [text]
    return first if all(line == first for line in more) else text


def _choice(type_: Any, allowed: list[Any], text: str) -> Any:
    """The allowed value that is meant, or the member of an enum whose name stands there and no value does."""
    values = {value if type(value) is str else write(value): value for value in allowed}
    name = _meant(text, values)
    if not isinstance(type_, enum.EnumType):
        return UNCLEAR if name is None else values[name]
    if name is not None:
        return type_(values[name])
    member = _meant(text, type_.__members__)
    return UNCLEAR if member is None else type_.__members__[member]


def _meant(text: str, names: Mapping[str, Any]) -> str | None:
    """The name that the text is: equal, equal but for case and quotes, or with a slip of the pen."""
    bare = text.strip(AROUND_WORD)
    return text if text in names else bare if bare in names else _nearest(bare, list(names)) or _in_words(bare, list(names))


def _in_words(text: str, names: list[str]) -> str | None:
    """The one name that a sentence says: `Positive: a joy to watch`, `The review is positive`. Where another one or a "not" stands, none."""
    folded = _folded(text)
    said = [name for name in names if re.search(rf"(?<!\w){re.escape(_folded(name))}(?!\w)", folded)]
    if len(said) != 1 or _DENIED.search(folded):
        return None
    name = re.escape(_folded(said[0]))
    found = re.match(rf"{name}[.,:;!\n]", folded) or re.fullmatch(
        rf"(?:\S+ ){{1,8}}(?:is|are|was|were) (?:an? |the )?[\"'*`]*{name}", folded
    )
    return None if found is None else said[0]


def _nearest(text: str, names: list[str]) -> str | None:
    """The one name that differs by case, separators or a typo. Digits and negations are no typos."""
    folded = _folded(text)
    same = [name for name in names if _folded(name) == folded]
    near = same or [name for name in names if _similar(folded, _folded(name))]
    if len(near) != 1:
        return None
    return near[0] if same or _shape(folded) == _shape(_folded(near[0])) else None


def _similar(text: str, name: str) -> bool:
    return len(text) < 2 * len(name) and difflib.SequenceMatcher(None, text, name).ratio() >= 0.8


def _folded(text: str) -> str:
    return _SPACE.sub(" ", text).strip().casefold()


def _shape(text: str) -> tuple[Any, ...]:
    """What a typo leaves alone: the first letter (un-, in-, dis-), the number of words (not), n't, and all digits."""
    negated = "n't" in text.replace("\N{RIGHT SINGLE QUOTATION MARK}", "'")
    return text[:1], text.count(" "), negated, [letter for letter in text if letter.isnumeric()]


def _number(type_: type, text: str) -> Any:
    """The number in the text, if there is exactly one that nothing beside it changes; 3.0 is an integer, 3.5 is none."""
    words = [word.strip(_AROUND_NUMBER).rstrip(".") for word in text.translate(_MINUS).replace("=", " ").split()]
    numbers = [word for word in words if any(letter.isnumeric() for letter in word)]
    clear = all(len(word) <= _LONGEST_NUMBER and _NUMBER.fullmatch(word) for word in numbers)
    if not numbers or not clear or any(word.casefold() in _CHANGES_NUMBER for word in words):
        return UNCLEAR
    found = {_exact(word.replace(",", "")) for word in numbers}
    value = found.pop()
    if found:
        return UNCLEAR
    return int(value) if type_ is int and float(value).is_integer() else value


def _exact(number: str) -> int | float:
    """An integer where it is written as one, since a float would round a long one."""
    return float(number) if any(mark in number for mark in ".eE") else int(number)

"""Values read from a reply: what a type demands of it in words, and the typed value that a text most plainly means."""

from __future__ import annotations

import difflib
import enum
import json
import re
import types
import typing
from typing import TYPE_CHECKING, Any

from adjoint.adapters import loose_json
from adjoint.adapters.schemas import field_schema
from adjoint.adapters.written import write as write  # noqa: PLC0414 - reading and writing are looked for in one place
from adjoint.base.errors import ParseError
from adjoint.base.json import canonical, plain
from adjoint.signature.types.known import knows_its_form, role_of

if TYPE_CHECKING:
    from adjoint.signature.fields import Field

_NUMBER = re.compile(r"[-+]?(?:(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d*)?|\.\d+)(?:[eE][-+]?\d+)?")
_MINUS = str.maketrans({"\N{MINUS SIGN}": "-", "\N{EN DASH}": "-", "\N{FULLWIDTH HYPHEN-MINUS}": "-"})
_AROUND_NUMBER = "()[]{}<>*_`'\"$€£¥=:;,!?~"
_LONGEST_NUMBER = 300
"""Digits that every float can hold."""
_CHANGES_NUMBER = frozenset(
    {"+", "-", "billion", "bn", "dozen", "hundred", "k", "m", "million", "not", "or", "percent", "than", "thousand", "trillion"}
)
"""Words near a number that make it mean another one."""
_AROUND_WORD = "`'\" \n.*()[]"
_SPACE = re.compile(r"[\s_-]+")
_TRUE, _FALSE = frozenset({"true", "yes", "y", "1"}), frozenset({"false", "no", "n", "0"})
_NOTHING = frozenset({"", "none", "null"})
_HAVE_JSON = (str, int, bool)
_UNCLEAR = object()
"""Stands for a text that has no plain reading: no validator accepts it."""


def choices(type_: Any) -> list[Any] | None:
    """The allowed values of a `Literal` or an `Enum`, else None."""
    if typing.get_origin(type_) is typing.Literal:
        return list(typing.get_args(type_))
    if isinstance(type_, type) and issubclass(type_, enum.Enum):
        return [member.value for member in type_]
    return None


def hint(field: Field) -> str:
    """What the type demands of the reply, in words; empty for plain text.

    >>> from adjoint.signature.signature import Signature
    >>> hint(Signature("q -> label: Literal['a', 'b']").output_fields["label"])
    'one of: a, b'
    """
    bare = inner(field.type) if _admits_none(field.type) else field.type
    if role_of(bare) == "reasoning":
        return ""
    said = words(bare) or "JSON that matches " + json.dumps(field_schema(field), ensure_ascii=False)
    if bare is not field.type and words(bare):
        said += " or null"
    if field.type is str and not field.constraints:
        said = ""
    limits = ", ".join(f"{key} {value}" for key, value in field.constraints.items())
    return f"{said} ({limits})" if limits else said


def words(type_: Any) -> str:
    """What a simple type demands; empty for those that need a schema."""
    allowed = choices(type_)
    if allowed is not None:
        return "one of: " + ", ".join(map(write, allowed))
    if knows_its_form(type_):
        return str(type_.description())
    named = ((str, "text"), (int, "an integer"), (float, "a number"), (bool, "true or false"))
    return next((said for simple, said in named if type_ is simple), "")


def read(field: Field, text: str, *, whole: bool = True) -> Any:
    """The typed value in `text`; what is plainly meant is accepted, what is ambiguous raises `ParseError`.

    A text that was cut off is not `whole`: then broken JSON is not mended, since what is missing would go unnoticed.
    """
    stripped = text.strip()
    if field.type is str and not field.constraints:
        return stripped
    if whole and stripped in field.texts:
        return _own(stripped)
    return checked(field, guess(field.type, stripped, whole=whole), stripped)


def checked(field: Field, meant: Any, text: str) -> Any:
    """The value that a text was taken for, if it fits the field; `ParseError` says what was expected otherwise."""
    value, reason = _validated(field, meant)
    if reason and meant is not text and _takes_text(field.type):
        value, reason = _validated(field, text)
    if reason:
        message = f"{field.name} should be {hint(field) or field.type}, got {_short(text)!r} ({reason})."
        raise ParseError(message, raw=text)
    return _own(value) if type(value) is str else value


def _own(text: str) -> str:
    """A copy of a text that the program's code may share, so that the tape can tell that this very value was passed on."""
    return text.encode("utf-8", "surrogatepass").decode("utf-8", "surrogatepass")


def _validated(field: Field, guess: Any) -> tuple[Any, str]:
    """The value and the reason why it does not fit, which is empty if it does."""
    from pydantic import ValidationError

    try:
        value = field.validator.validate_python(guess)
        if type(value) not in _HAVE_JSON:
            canonical(plain(value))
    except ValidationError as error:
        return None, "; ".join(item["msg"] for item in error.errors(include_url=False))
    except (ValueError, RecursionError):
        return None, "NaN, infinities and endless nesting have no form in JSON"
    return value, ""


def guess(type_: Any, text: str, *, whole: bool = True) -> Any:
    """The Python value that the text most plainly stands for; validation decides whether it fits."""
    within = inner(type_)
    if within is not type_:
        nothing = _admits_none(type_) and loose_json.unfenced(text).strip(_AROUND_WORD).casefold() in _NOTHING
        return None if nothing else guess(within, text, whole=whole)
    allowed = choices(type_)
    if allowed is None and type_ not in (bool, int, float):
        return text if type_ is str else _structure(type_, text, whole=whole)
    bare = _said_once(loose_json.unfenced(text))
    if not whole and not _ended(type_, allowed, bare):
        return _UNCLEAR
    if allowed is not None:
        return _choice(type_, allowed, bare)
    if type_ is bool:
        word = bare.strip(_AROUND_WORD).casefold()
        return True if word in _TRUE else False if word in _FALSE else _UNCLEAR
    return _number(type_, bare)


def _structure(type_: Any, text: str, *, whole: bool) -> Any:
    """What a type that reads its own text makes of it; JSON for all others."""
    try:
        made = type_.parse(text) if knows_its_form(type_) else NotImplemented
    except ValueError:
        return _UNCLEAR
    return loose_json.read(text, strict=_takes_text(type_), whole=whole) if made is NotImplemented else made


def _ended(type_: Any, allowed: list[Any] | None, text: str) -> bool:
    """Whether a simple value is all there although the text was cut off: more of it could have changed what it says."""
    if allowed is not None:
        begun = _folded(text.strip(_AROUND_WORD))
        return sum(_folded(write(value)).startswith(begun) for value in allowed) == 1
    if type_ is bool:
        return text.strip(_AROUND_WORD).casefold() in ("true", "false")
    return not text[-1:].isnumeric() and text[-1:] not in (".", ",")


def _said_once(text: str) -> str:
    """A line that is said again and again is one answer."""
    first, *more = text.splitlines() or [text]
    return first if all(line == first for line in more) else text


def inner(type_: Any) -> Any:
    """`X` of `Annotated[X, ...]` and of `X | None`, else the type itself."""
    if typing.get_origin(type_) is typing.Annotated:
        return typing.get_args(type_)[0]
    others = [item for item in _members(type_) if item is not types.NoneType]
    return others[0] if _admits_none(type_) and len(others) == 1 else type_


def _members(type_: Any) -> tuple[Any, ...]:
    """The alternatives of a union; none for every other type."""
    return typing.get_args(type_) if typing.get_origin(type_) in (typing.Union, types.UnionType) else ()


def _admits_none(type_: Any) -> bool:
    return types.NoneType in _members(type_)


def _takes_text(type_: Any) -> bool:
    """Whether any text would do, so that nothing may be cut out of it."""
    return type_ in (typing.Any, object) or str in _members(type_)


def _choice(type_: Any, allowed: list[Any], text: str) -> Any:
    """The allowed value that is meant: equal, equal but for case and quotes, or with a slip of the pen."""
    names = {value if type(value) is str else write(value): value for value in allowed}
    bare = text.strip(_AROUND_WORD)
    name = text if text in names else bare if bare in names else _nearest(bare, list(names))
    if name is None:
        return _UNCLEAR
    return type_(names[name]) if isinstance(type_, type) else names[name]


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
        return _UNCLEAR
    found = {_exact(word.replace(",", "")) for word in numbers}
    value = found.pop()
    if found:
        return _UNCLEAR
    return int(value) if type_ is int and float(value).is_integer() else value


def _exact(number: str) -> int | float:
    """An integer where it is written as one, since a float would round a long one."""
    return float(number) if any(mark in number for mark in ".eE") else int(number)


def take(field: Field, member: Any, *, whole: bool = True) -> Any:
    """The typed value of a JSON member: as it is where it fits, read like a text where it does not."""
    if isinstance(member, str):
        if field.type is str and not field.constraints:
            return member
        fits = _takes_text(field.type) or field.type is str
    else:
        # pydantic would take true for 1, and a number for a text or a date
        fits = not (isinstance(member, bool | int | float) and inner(field.type) not in (type(member), float, typing.Any, object))
        fits = fits and not (isinstance(member, bool) and inner(field.type) is float)
    if fits:
        value, reason = _validated(field, member)
        if not reason:
            return value
    return read(field, write(member), whole=whole)


def _short(text: str, limit: int = 80) -> str:
    return text if len(text) <= limit else text[:limit] + "…"

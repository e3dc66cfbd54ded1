"""Values read from a reply: what a type demands of it in words, and the typed value that a text most plainly means."""

from __future__ import annotations

import datetime as dt
import json
import typing
from typing import TYPE_CHECKING, Any

from adjoint.adapters import example, loose_json, simple
from adjoint.adapters.dates import date_in
from adjoint.adapters.schemas import field_schema
from adjoint.adapters.written import write
from adjoint.base.errors import ParseError
from adjoint.base.json import canonical, plain
from adjoint.signature.types.known import knows_its_form, role_of
from adjoint.signature.unions import admits_none, inner, members

if TYPE_CHECKING:
    from adjoint.signature.fields import Field

_NOTHING = frozenset({"", "none", "null"})
_HAVE_JSON = (str, int, bool)
_SHOWN = 80
"""Characters of a reply that an error quotes."""


def hint(field: Field) -> str:
    """What the type demands of the reply, in words; empty for plain text.

    >>> from adjoint.signature.signature import Signature
    >>> hint(Signature("q -> label: Literal['a', 'b']").output_fields["label"])
    'one of: a, b'
    """
    bare = inner(field.type) if admits_none(field.type) else field.type
    if role_of(bare) == "reasoning" or (field.type is str and not field.constraints):
        return ""
    said = words(bare)
    if not said:
        said = "JSON that matches " + json.dumps(field_schema(field), ensure_ascii=False)
    elif bare is not field.type:
        said += " or null"
    limits = ", ".join(f"{key} {value}" for key, value in field.constraints.items())
    return f"{said} ({limits})" if limits else said


def words(type_: Any) -> str:
    """What a simple type demands; empty for those that need a schema."""
    allowed = simple.choices(type_)
    if allowed is not None:
        return "one of: " + ", ".join(map(write, allowed))
    if knows_its_form(type_):
        return str(type_.description())
    named = ((str, "text"), (int, "an integer"), (float, "a number"), (bool, "true or false"))
    return next((said for known, said in named if type_ is known), "")


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
        message = f"{field.name} should be {example.wanted(field) or field.type}, got {_short(text)!r} ({reason})."
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
        nothing = admits_none(type_) and loose_json.unfenced(text).strip(simple.AROUND_WORD).casefold() in _NOTHING
        return None if nothing else guess(within, text, whole=whole)
    if simple.reads(type_):
        return simple.read(type_, loose_json.unfenced(text), whole=whole)
    if type_ is dt.date:
        return date_in(text) or _structure(type_, text, whole=whole)
    return text if type_ is str else _structure(type_, text, whole=whole)


def _structure(type_: Any, text: str, *, whole: bool) -> Any:
    """What a type that reads its own text makes of it; JSON for all others."""
    try:
        made = type_.parse(text) if knows_its_form(type_) else NotImplemented
    except ValueError:
        return simple.UNCLEAR
    return loose_json.read(text, strict=_takes_text(type_), whole=whole) if made is NotImplemented else made


def _takes_text(type_: Any) -> bool:
    """Whether any text would do, so that nothing may be cut out of it."""
    return type_ in (typing.Any, object) or str in members(type_)


def take(field: Field, member: Any, *, whole: bool = True) -> Any:
    """The typed value of a JSON member: as it is where it fits, read like a text where it does not."""
    if isinstance(member, str) and field.type is str and not field.constraints:
        return member
    if _may_stand(field.type, member):
        value, reason = _validated(field, member)
        if not reason:
            return value
    return read(field, write(member), whole=whole)


def _may_stand(type_: Any, member: Any) -> bool:
    """Whether a JSON member needs no reading: pydantic would take true for 1, and a number for a text or a date."""
    if isinstance(member, str):
        return type_ is str or _takes_text(type_)
    if isinstance(member, bool | int | float):
        widened = () if isinstance(member, bool) else (float,)
        return inner(type_) in (type(member), *widened, typing.Any, object)
    return True


def _short(text: str) -> str:
    return text if len(text) <= _SHOWN else text[:_SHOWN] + "…"

"""Values as text and back: how one typed value is written into a prompt and read from a reply."""

from __future__ import annotations

import difflib
import enum
import json
import re
import typing
from typing import TYPE_CHECKING, Any

from adjoint.base.errors import ParseError
from adjoint.base.json import plain

if TYPE_CHECKING:
    from adjoint.signature.fields import Field

_NUMBER = re.compile(r"[-+]?(?:\d[\d,]*\.?\d*|\.\d+)(?:[eE][-+]?\d+)?")
_FENCE = re.compile(r"\A```[\w+-]*\n(.*?)\n?```\Z", re.DOTALL)
_TRUE, _FALSE = frozenset({"true", "yes", "y", "1"}), frozenset({"false", "no", "n", "0"})
_MAX_REPAIR = 200_000
"""Characters of a reply beyond which no repair of broken JSON is tried."""


def write(value: Any) -> str:
    """Text as it is; everything else as JSON.

    >>> write("a"), write([1, "ü"]), write(True)
    ('a', '[1, "ü"]', 'true')
    """
    if isinstance(value, str) and not isinstance(value, enum.Enum):
        return value
    if isinstance(value, enum.Enum):
        return str(value.value)
    return json.dumps(plain(value), ensure_ascii=False)


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
    allowed = choices(field.type)
    if allowed is not None:
        words = "one of: " + ", ".join(map(str, allowed))
    elif field.type is str:
        words = "text" if field.constraints else ""
    elif field.type in (int, float, bool):
        words = {int: "an integer", float: "a number", bool: "true or false"}[field.type]
    else:
        words = "JSON that matches " + json.dumps(_schema(field), ensure_ascii=False)
    limits = ", ".join(f"{key} {value}" for key, value in field.constraints.items())
    return f"{words} ({limits})" if limits else words


def read(field: Field, text: str) -> Any:
    """The typed value in `text`; what is plainly meant is accepted, what is ambiguous raises `ParseError`."""
    from pydantic import ValidationError

    stripped = text.strip()
    if field.type is str and not field.constraints:
        return stripped
    try:
        return field.validator.validate_python(_guess(field, stripped))
    except ValidationError as error:
        reason = "; ".join(item["msg"] for item in error.errors(include_url=False))
        message = f"{field.name} should be {hint(field) or field.type}, got {_short(stripped)!r} ({reason})."
        raise ParseError(message, raw=text) from None


def _guess(field: Field, text: str) -> Any:
    """The Python value that the text most plainly stands for; validation decides whether it fits."""
    allowed = choices(field.type)
    if allowed is not None:
        return _choice(field.type, allowed, text)
    bare = text.strip("`'\" \n.")
    if field.type is bool:
        return True if bare.lower() in _TRUE else False if bare.lower() in _FALSE else text
    if field.type in (int, float):
        return _number(field.type, bare)
    if field.type is str:
        return text
    return _json(text)


def _choice(type_: Any, allowed: list[Any], text: str) -> Any:
    """The allowed value that is meant: equal but for case and quotes, else the one that is very near."""
    bare = text.strip("`'\" \n.[]()").casefold()
    names = {str(value).casefold(): value for value in allowed}
    near = [bare] if bare in names else difflib.get_close_matches(bare, list(names), n=2, cutoff=0.8)
    value = names[near[0]] if len(near) == 1 else text
    return type_(value) if isinstance(type_, type) and value in allowed else value


def _number(type_: type, text: str) -> Any:
    """The number in the text, if there is exactly one; an integer may be written as 3.0 but never as 3.5."""
    found = {match.replace(",", "") for match in _NUMBER.findall(text)}
    if len(found) != 1:
        return text
    value = float(found.pop())
    return int(value) if type_ is int and value.is_integer() else value


def _json(text: str) -> Any:
    fenced = _FENCE.match(text)
    body = fenced.group(1) if fenced else text
    try:
        return json.loads(body)
    except ValueError:
        pass
    if len(body) > _MAX_REPAIR or not any(mark in body for mark in "{["):
        return body
    import json_repair

    return json_repair.loads(body)


def _schema(field: Field) -> Any:
    schema = field.validator.json_schema()
    return {key: value for key, value in schema.items() if key != "title"}


def _short(text: str, limit: int = 80) -> str:
    return text if len(text) <= limit else text[:limit] + "…"

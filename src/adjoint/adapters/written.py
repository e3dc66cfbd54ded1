"""Values as they are written into a prompt: text, JSON, and parts where there are images, sounds and files."""

from __future__ import annotations

import enum
import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from adjoint.adapters.records import fields_of
from adjoint.base.errors import UsageError
from adjoint.base.json import plain
from adjoint.base.parts import Part, part_of
from adjoint.signature.types.known import knows_its_form

if TYPE_CHECKING:
    from collections.abc import Iterable

    from adjoint.signature.fields import Field

_SIMPLE = (str, int, float, bool, type(None), enum.Enum)


def write(value: Any) -> str:
    """Text as it is; everything else as JSON.

    >>> write("a"), write([1, "ü"]), write(True)
    ('a', '[1, "ü"]', 'true')
    """
    if type(value) is str:  # by far the most
        return value
    if isinstance(value, enum.Enum):
        return write(value.value)
    if knows_its_form(value) or (not isinstance(value, _SIMPLE) and _shows(value)):
        return "".join(piece if isinstance(piece, str) else f"[{piece.kind}]" for piece in pieces(value))
    return str(value) if isinstance(value, str) else json.dumps(plain(value), ensure_ascii=False)


def write_fields(fields: Mapping[str, Any]) -> str:
    r"""One value bare, several by name.

    >>> write_fields({"answer": 4}), write_fields({"a": "x", "b": "y"})
    ('4', 'a: x\nb: y')
    """
    if len(fields) == 1:
        return write(next(iter(fields.values())))
    return "\n".join(f"{name}: {write(value)}" for name, value in fields.items())


def pieces(value: Any) -> list[str | Part]:
    """The value as text, with the images, sounds and files in it as parts where they stand."""
    if type(value) is str:
        return [value]
    if knows_its_form(value):
        form = value.format()
        made = [form] if isinstance(form, str) else [part_of(item) for item in form]
        return [item.text if isinstance(item, Part) and item.kind == "text" else item for item in made]
    return _nested(value) if not isinstance(value, _SIMPLE) and _shows(value) else [write(value)]


def _shows(value: Any) -> bool:
    """Whether parts stand somewhere inside."""
    if knows_its_form(value):
        return not isinstance(value.format(), str)
    return any(_shows(item) for item in _items(value) if not isinstance(item, _SIMPLE))


def _items(value: Any) -> Iterable[Any]:
    """What a container, a model or a record holds."""
    if isinstance(value, Mapping):
        return value.values()
    if isinstance(value, list | tuple | set | frozenset):
        return value
    return fields_of(value).values()


def _nested(value: Any) -> list[str | Part]:
    """JSON in which parts stand where their values would."""
    if isinstance(value, _SIMPLE) or not _shows(value):
        return [json.dumps(plain(value), ensure_ascii=False)]
    if knows_its_form(value):
        return pieces(value)
    joined: list[str | Part] = []
    if isinstance(value, list | tuple | set | frozenset):
        for item in value:
            joined += [", ", *_nested(item)] if joined else _nested(item)
        return ["[", *joined, "]"]
    for name, item in (value if isinstance(value, Mapping) else fields_of(value)).items():
        joined += [", "] if joined else []
        joined += [f"{json.dumps(str(name), ensure_ascii=False)}: ", *_nested(item)]
    return ["{", *joined, "}"]


def coerced(field: Field, value: Any) -> Any:
    """A value that the program gives, as the field's own type: rows hold images and tools as plain data."""
    from pydantic import ValidationError

    try:
        return field.validator.validate_python(value)
    except ValidationError as error:
        reason = "; ".join(item["msg"] for item in error.errors(include_url=False))
        message = f"{field.name!r} cannot be {value!r:.80}: {reason}."
        raise UsageError(message) from None

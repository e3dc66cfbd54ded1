"""The JSON form: one object with all outputs, asked for by an example of it."""

from __future__ import annotations

import json
import typing
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from adjoint.adapters import example, loose_json, values
from adjoint.adapters.forms.form import Form, collect, copied, lacking
from adjoint.adapters.pieces import JSONReader
from adjoint.adapters.records import record_fields
from adjoint.base.json import plain
from adjoint.signature.types.known import knows_its_form
from adjoint.signature.unions import inner, members

if TYPE_CHECKING:
    from collections.abc import Sequence

    from adjoint.adapters.pieces import Reader
    from adjoint.signature.fields import Field


class JSONForm(Form):
    """`{"name": "<name>", "age": <integer>}`, filled in. Measured best for all but plain texts, down to 0.1 billion parameters."""

    name = "json"

    def describe(self, outputs: Sequence[Field]) -> str:
        above = example.listed(outputs)
        shown = f"Reply only with JSON in this form:\n{example.example(outputs)}"
        return f"{above}\n\n{shown}" if above else shown

    def remind(self, outputs: Sequence[Field]) -> str:
        return f"Reply only with the JSON. {example.closed(outputs)}".rstrip()

    def write(self, outputs: Sequence[Field], given: Mapping[str, Any]) -> str:
        return json.dumps({field.name: plain(given[field.name]) for field in outputs if field.name in given}, ensure_ascii=False)

    def read(self, outputs: Sequence[Field], text: str, *, whole: bool = True) -> dict[str, Any]:
        names = {field.name for field in outputs}
        given = loose_json.members(text, names, whole=whole)
        if not given and len(outputs) == 1:
            # One value needs no object around it, and a record may be the object itself.
            return collect(outputs, text, lambda field: _not_the_form(field, _whole(field, text, whole=whole), text))

        def one(field: Field) -> Any:
            if field.name not in given:
                return lacking(field, f'"{field.name}"', text)
            said = _gathered(field, given, names)
            if example.repeats(field, said):
                raise copied(f'"{field.name}"', text)
            return values.take(field, said, whole=whole)

        return collect(outputs, text, one)

    def reader(self, outputs: Sequence[Field]) -> Reader:
        return JSONReader([field.name for field in outputs])


def _gathered(field: Field, given: Mapping[str, Any], names: set[str]) -> Any:
    """The value of an output; members of a record that stand beside it, where small models put them, belong to it."""
    said = given[field.name]
    known = record_fields(inner(field.type)) if isinstance(said, dict) else {}
    beside = {name: given[name] for name in known if name in given and name not in said and name not in names}
    return {**said, **beside} if beside else said


def _whole(field: Field, text: str, *, whole: bool) -> Any:
    """The value that the reply is. A record may stand in it more than once, and any other value under another name."""
    # Of a list that was cut off one object is not all.
    said = loose_json.objects(text) if whole and not knows_its_form(inner(field.type)) else []
    if len(said) == 1 and record_fields(inner(field.type)):
        return values.take(field, said[0], whole=whole)
    if len(said) == 1 and len(said[0]) == 1 and not _may_be_an_object(field):
        (value,) = said[0].values()
        return values.take(field, value, whole=whole)
    return values.read(field, text, whole=whole)


def _may_be_an_object(field: Field) -> bool:
    """Whether the object itself may be the value, or any text."""
    bare = inner(field.type)
    origin = typing.get_origin(bare) or bare
    open_ = example.is_text(field) or bare in (typing.Any, object) or bool(members(bare)) or knows_its_form(bare)
    return open_ or bool(record_fields(bare)) or (isinstance(origin, type) and issubclass(origin, Mapping))


def _not_the_form(field: Field, value: Any, text: str) -> Any:
    if not example.is_text(field) and example.repeats(field, plain(value)):
        raise copied(f'"{field.name}"', text)
    return value

"""The XML adapter: fields stand in tags of their names, and records and lists nest."""

from __future__ import annotations

import re
import typing
from typing import TYPE_CHECKING, Any

from adjoint.adapters import values, written
from adjoint.adapters.pieces import TaggedReader
from adjoint.adapters.records import fields_of, record_fields
from adjoint.adapters.turns import TurnAdapter, present
from adjoint.base.errors import ParseError
from adjoint.signature import unions
from adjoint.signature.types.known import knows_its_form

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from adjoint.adapters.pieces import Reader
    from adjoint.adapters.turns import Pieces
    from adjoint.signature.fields import Field

_TAG = re.compile(r"<(?=/?[^\W\d])")
_ENTITY = re.compile(r"&(?=(?:amp|lt|gt);)")
_ENTITIES = {"&lt;": "<", "&gt;": ">", "&amp;": "&"}
_ENTITY_OF = re.compile("|".join(_ENTITIES))
_ITEM = "item"
_SHOWN_DEPTH = 4
"""Levels of nesting that a prompt shows; what lies deeper is described in words."""
_DEEPEST = 32
"""Levels of nesting beyond which values are written as JSON."""


class XMLAdapter(TurnAdapter):
    """`<name>value</name>` for inputs and outputs; a single plain input or output needs no tags."""

    name = "xml"

    def form(self, outputs: Sequence[Field], supports: frozenset[str]) -> str:
        del supports
        if _is_plain(outputs):
            said = values.hint(outputs[0])
            return f"Reply only with {said}." if said else ""
        return "Reply in this form:\n" + "\n".join(_tagged(field.name, _described(field.type, field)) for field in outputs)

    def ask(self, inputs: Sequence[Field], given: Mapping[str, Any], *, partial: bool = False) -> Pieces:
        shown = present(inputs, given, partial=partial)
        if len(inputs) == 1 and shown:
            return shown[0][1]
        joined: Pieces = []
        for name, pieces in shown:
            escaped = [_escaped(piece) if isinstance(piece, str) else piece for piece in pieces]
            joined += [f"{chr(10) if joined else ''}<{name}>", *escaped, f"</{name}>"]
        return joined

    def write(self, outputs: Sequence[Field], given: Mapping[str, Any]) -> str:
        if _is_plain(outputs):
            text = written.write(given[outputs[0].name])
            # Only a text that holds its own tag could be taken for a tagged one.
            return _tagged(outputs[0].name, _escaped(text)) if f"<{outputs[0].name}>" in text else text
        return "\n".join(
            _tagged(field.name, _nested(field.type, written.coerced(field, given[field.name])))
            for field in outputs
            if field.name in given
        )

    def read(self, outputs: Sequence[Field], text: str, *, whole: bool) -> dict[str, Any]:
        names = {field.name for field in outputs}
        found = dict(_children(text, names, whole=whole))
        if _is_plain(outputs):
            only = outputs[0]
            body = _unescaped(found[only.name].strip()) if only.name in found else text
            return {only.name: values.read(only, body, whole=whole or only.name in found)}
        missing = [f"<{field.name}>" for field in outputs if field.name not in found and field.required]
        if missing:
            has = ", ".join(f"<{name}>" for name in found) or "no such tags"
            message = f"the reply lacks {', '.join(missing)}; it has {has}."
            raise ParseError(message, raw=text)
        return {field.name: _value(field, found[field.name]) if field.name in found else field.fallback for field in outputs}

    def reader(self, outputs: Sequence[Field]) -> Reader:
        return TaggedReader([field.name for field in outputs], _unescaped, plain=_is_plain(outputs))


def _is_plain(outputs: Sequence[Field]) -> bool:
    """Whether the outputs are a single one without structure."""
    return len(outputs) == 1 and not _structured(outputs[0].type)


def _structured(type_: Any) -> bool:
    inner = unions.inner(type_)
    return not knows_its_form(inner) and (typing.get_origin(inner) is list or bool(record_fields(inner)))


def _tagged(name: str, body: str) -> str:
    return f"<{name}>{body}</{name}>"


def _escaped(text: str) -> str:
    """What could be taken for a tag, or for what it is escaped by, as entities; everything else as it is.

    >>> _escaped("a < b, <b>, &lt;")
    'a < b, &lt;b>, &amp;lt;'
    """
    return _TAG.sub("&lt;", _ENTITY.sub("&amp;", text))


def _unescaped(text: str) -> str:
    return _ENTITY_OF.sub(lambda match: _ENTITIES[match.group()], text)


def _described(type_: Any, field: Field | None = None, depth: int = 0) -> str:
    """What stands between the tags, in words."""
    inner = unions.inner(type_)
    if depth < _SHOWN_DEPTH and not knows_its_form(inner):
        if typing.get_origin(inner) is list:
            return _tagged(_ITEM, _described(typing.get_args(inner)[0], None, depth + 1)) + "..."
        fields = record_fields(inner)
        if fields:
            return "".join(_tagged(name, _described(item, None, depth + 1)) for name, (item, _) in fields.items())
    if field is not None:
        return values.hint(field) or "..."
    return values.words(inner) or ("JSON" if inner is not str else "...")


def _nested(type_: Any, value: Any, depth: int = 0) -> str:
    """A value as tags within tags where its type has parts, else as escaped text."""
    inner = unions.inner(type_)
    if value is not None and depth < _DEEPEST and not knows_its_form(inner):
        if typing.get_origin(inner) is list and isinstance(value, list):
            item = typing.get_args(inner)[0]
            return "".join(_tagged(_ITEM, _nested(item, each, depth + 1)) for each in value)
        fields = record_fields(inner)
        if fields:
            held = fields_of(value)
            return "".join(
                _tagged(name, _nested(item, held[name], depth + 1))
                for name, (item, _) in fields.items()
                if held.get(name) is not None
            )
    return _escaped(written.write(value))


def _value(field: Field, body: str) -> Any:
    """The typed value between tags."""
    if not _structured(field.type) or (body.strip() and not _parts(field.type, body)):
        return values.read(field, _unescaped(body))
    return values.checked(field, _plain(field.type, body), body)


def _parts(type_: Any, body: str) -> list[tuple[str, str]]:
    """The elements of a list or a record; none if anything stands beside them, since that would be lost."""
    inner = unions.inner(type_)
    names = {_ITEM} if typing.get_origin(inner) is list else set(record_fields(inner))
    found = _children(body, names, whole=False)
    rest = len("".join(body.split())) - sum(len("".join(f"<{name}>{part}</{name}>".split())) for name, part in found)
    return [] if rest else found


def _plain(type_: Any, body: str, depth: int = 0) -> Any:
    """What the tags hold, as plain data that the field's type then checks."""
    inner = unions.inner(type_)
    if depth < _DEEPEST and _structured(inner):
        parts = _parts(inner, body)
        if parts or not body.strip():
            if len({name for name, _ in parts}) < len(parts) and typing.get_origin(inner) is not list:
                return body  # a field that is there twice
            if typing.get_origin(inner) is list:
                item = typing.get_args(inner)[0]
                return [_plain(item, part, depth + 1) for _, part in parts]
            fields = record_fields(inner)
            return {name: _plain(fields[name][0], part, depth + 1) for name, part in parts}
    return values.guess(type_, _unescaped(body).strip())


def _children(text: str, names: Iterable[str], *, whole: bool) -> list[tuple[str, str]]:
    """The outermost elements of these names with what stands in them; of equal tags inside one another the outer counts.

    The last may lack its end if the reply is whole.
    """
    tag = re.compile(rf"<(/?)({'|'.join(map(re.escape, names))})\s*>")
    found: list[tuple[str, str]] = []
    inside, start, depth = "", 0, 0
    for match in tag.finditer(text):
        closing, name = match.groups()
        if not inside:
            if not closing:
                inside, start, depth = name, match.end(), 1
        elif name == inside:
            depth += -1 if closing else 1
            if depth == 0:
                found.append((inside, text[start : match.start()]))
                inside = ""
    if inside and whole and depth == 1:
        found.append((inside, text[start:]))
    return found

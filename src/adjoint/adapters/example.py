"""Examples of values, made from types: what a model is shown in the place of a JSON schema.

Small models copy a schema instead of filling it in, and take a placeholder such as `0` for the value. So a type is shown as the
JSON that is wanted, and what must be filled in stands between angle brackets, which are no JSON: `{"name": "<name>", "age": <integer>}`.
"""

from __future__ import annotations

import datetime as dt
import decimal
import json
import re
import typing
import uuid
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from adjoint.adapters.records import record_fields
from adjoint.adapters.schemas import field_schema
from adjoint.adapters.simple import choices
from adjoint.adapters.written import write
from adjoint.signature.types.known import knows_its_form, role_of
from adjoint.signature.unions import inner, members

if TYPE_CHECKING:
    from collections.abc import Sequence

    from adjoint.signature.fields import Field

MOST_CHOICES = 12
"""Allowed values that stand in the example itself; more of them are listed once, above it."""
_LIKE = "JSON like "
_DEEPEST = 6
"""Levels of nesting that an example shows."""
_BARE: dict[Any, str] = {int: "integer", float: "number", bool: "true or false", decimal.Decimal: "number"}
_QUOTED: dict[Any, str] = {
    dt.date: "YYYY-MM-DD",
    dt.datetime: "YYYY-MM-DDTHH:MM:SS",
    dt.time: "HH:MM:SS",
    dt.timedelta: "duration, such as PT1H30M",
    uuid.UUID: "UUID",
}
_PLACEHOLDER = re.compile(r"<[^<>]+>|\.\.\.")
_LIMITS = {
    "ge": "at least {}",
    "gt": "more than {}",
    "le": "at most {}",
    "lt": "less than {}",
    "multiple_of": "a multiple of {}",
    "min_length": "at least {} long",
    "max_length": "at most {} long",
    "pattern": "matching {}",
    "max_digits": "at most {} digits",
    "decimal_places": "{} decimal places",
}


def example(outputs: Sequence[Field]) -> str:
    """The JSON object that holds these outputs, to be filled in.

    >>> from adjoint.signature.signature import Signature
    >>> print(example(list(Signature("q -> name, age: int, tags: list[str], mood: Literal['good', 'bad']").output_fields.values())))
    {"name": "<name>", "age": <integer>, "tags": ["...", "..."], "mood": "<good or bad>"}
    """
    return "{" + ", ".join(f"{_quoted(field.name)}: {of_field(field)}" for field in outputs) + "}"


def of_field(field: Field) -> str:
    """The example of one output's value. Raises `SignatureError` for a type that has no form in JSON."""
    field_schema(field)
    return _of(field.type, _words(field.name), _limits(field.constraints), ())


def wanted(field: Field) -> str:
    """What one output must be, in words or as the JSON to fill in; empty for plain text.

    >>> from adjoint.signature.signature import Signature
    >>> [wanted(field) for field in Signature("q -> age: int, mood: Literal['good', 'bad'], note").output_fields.values()]
    ['an integer', 'one of: good, bad', '']
    """
    bare = inner(field.type)
    allowed = choices(bare)
    limits = _limits(field.constraints)
    if allowed is not None:
        said = "one of: " + ", ".join(map(write, allowed))
    elif knows_its_form(bare) and bare.description():
        said = str(bare.description())
    elif is_text(field):
        said = "text" if limits else ""
    elif bare in _BARE or bare in _QUOTED:
        said = {int: "an integer", bool: "true or false"}.get(bare) or _article(_BARE.get(bare) or _QUOTED[bare])
    else:
        return _LIKE + of_field(field)
    said += f" ({limits})" if limits and said else ""
    return f"{said or 'text'}, or null" if bare is not field.type else said


def has_parts(field: Field) -> bool:
    """Whether an output has no words for what it must be, so that only the JSON to fill in can be shown."""
    return wanted(field).startswith(_LIKE)


def is_text(field: Field) -> bool:
    """Whether any text is a value of this output."""
    bare = inner(field.type)
    return bare is str or role_of(bare) == "reasoning"


def listed(outputs: Sequence[Field]) -> str:
    """The allowed values of outputs that have too many to stand in the example, a line each."""
    long = [(field.name, allowed_by(field)) for field in outputs]
    return "\n".join(f"{_quoted(name)} is one of: {', '.join(allowed)}" for name, allowed in long if len(allowed) > MOST_CHOICES)


def closed(outputs: Sequence[Field]) -> str:
    """What an output with a few allowed values may be, a sentence each: small models must read it last."""
    short = [(field.name, allowed_by(field)) for field in outputs]
    return " ".join(
        f"{_quoted(name)} is one of: {', '.join(allowed)}." for name, allowed in short if 0 < len(allowed) <= MOST_CHOICES
    )


def allowed_by(field: Field) -> list[str]:
    """The values of a closed set, as they are written; empty for every other type."""
    bare = inner(field.type)
    return ["true", "false"] if bare is bool else [write(value) for value in choices(bare) or []]


def repeats(field: Field, value: Any) -> bool:
    """Whether a value is, or holds, what the example shows in its place: then the model has copied the form.

    >>> from adjoint.signature.signature import Signature
    >>> name = Signature("q -> name").output_fields["name"]
    >>> repeats(name, "<name>"), repeats(name, "Ada")
    (True, False)
    """
    if isinstance(value, str):
        text = value.strip()
        return _PLACEHOLDER.fullmatch(text) is not None and (text == f"<{_words(field.name)}>" or text in of_field(field))
    if isinstance(value, Mapping):
        return any(repeats(field, item) for item in value.values())
    return isinstance(value, list | tuple) and any(repeats(field, item) for item in value)


def _of(type_: Any, words: str, limits: str, above: tuple[Any, ...]) -> str:
    """The example of a type; `above` are the types that it stands in."""
    bare = inner(type_)
    if bare is not type_ and typing.get_origin(type_) is not typing.Annotated:
        return f"{_of(bare, words, limits, above)} or null"
    if members(bare):
        return " or ".join("null" if item is type(None) else _of(item, words, "", above) for item in members(bare))
    simple = _simple(bare, words, limits)
    if simple:
        return simple
    named = getattr(bare, "__name__", bare)
    if len(above) >= _DEEPEST or bare in above:
        return f"<{named}>"
    return _container(bare, words, (*above, bare)) or _filled(f"JSON of type {named}", limits)


def _simple(type_: Any, words: str, limits: str) -> str:
    """The example of a value without parts; empty for every other type."""
    allowed = choices(type_)
    if allowed is not None:
        return _choice(allowed, words)
    if type_ in _BARE or type_ in (Any, object):
        return _filled(_BARE.get(type_, "any JSON"), limits)
    if type_ is str or role_of(type_) == "reasoning":
        return _quoted(_filled(words, limits))
    if type_ in _QUOTED:
        return _quoted(_filled(_QUOTED[type_], limits))
    return _quoted(f"<{type_.description()}>") if knows_its_form(type_) and type_.description() else ""


def _container(type_: Any, words: str, above: tuple[Any, ...]) -> str:
    """The example of a record, a list, a tuple or a mapping; empty for every other type."""
    fields = record_fields(type_)
    if fields:
        shown = (f"{_quoted(name)}: {_of(item, said or _words(name), '', above)}" for name, (item, said) in fields.items())
        return "{" + ", ".join(shown) + "}"
    origin, args = typing.get_origin(type_) or type_, typing.get_args(type_)
    if origin is tuple and args and args[-1] is not Ellipsis:
        return f"[{', '.join(_of(item, words, '', above) for item in args)}]"
    if origin in (list, set, frozenset, tuple) or _is_abstract(origin, "Sequence", "Iterable", "Set", "Collection"):
        item = args[0] if args else Any
        return '["...", "..."]' if item is str else f"[{_of(item, words.removesuffix('s'), '', above)}, ...]"
    if origin is dict or _is_abstract(origin, "Mapping", "MutableMapping"):
        key, value = args or (str, Any)
        return f"{{{_key(key, above)}: {_of(value, 'value', '', above)}, ...}}"
    return ""


def _is_abstract(origin: Any, *names: str) -> bool:
    return getattr(origin, "__module__", "") == "collections.abc" and origin.__name__ in names


def _key(type_: Any, above: tuple[Any, ...]) -> str:
    shown = _of(type_, "name", "", above)
    return shown if shown.startswith('"') else f'"{shown}"'


def _choice(allowed: list[Any], words: str) -> str:
    """A few allowed values all stand there, as text or bare; of many only that it is one of them."""
    text = all(isinstance(value, str) for value in allowed)
    said = f"<{' or '.join(map(write, allowed)) if len(allowed) <= MOST_CHOICES else words}>"
    return _quoted(said) if text else said


def _filled(words: str, limits: str) -> str:
    return f"<{words}, {limits}>" if limits else f"<{words}>"


def _limits(constraints: Mapping[str, Any]) -> str:
    return ", ".join(_LIMITS[name].format(value) for name, value in constraints.items() if name in _LIMITS)


def _words(name: str) -> str:
    return " ".join(name.split("_")).strip()


def _article(words: str) -> str:
    return f"{'an' if words[0] in 'aeio' else 'a'} {words}" if words[0].islower() else words


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)

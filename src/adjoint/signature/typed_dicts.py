"""`typing.TypedDict` on Python 3.11: pydantic takes it from 3.12 on, so the same type is built as pydantic takes it."""

from __future__ import annotations

import sys
import typing
from typing import Any

import typing_extensions as extended

from adjoint.signature.unions import UNIONS


def portable(type_: Any) -> Any:
    """The type with every `typing.TypedDict` in it as one that pydantic checks; any other type as it is."""
    if sys.version_info >= (3, 12):
        return type_
    return _made(type_, {})


def _made(type_: Any, known: dict[Any, Any]) -> Any:
    if typing.is_typeddict(type_):
        if type_ not in known:
            known[type_] = type_  # a type that holds itself stays as it is
            known[type_] = _typed_dict(type_, known)
        return known[type_]
    origin, arguments = typing.get_origin(type_), typing.get_args(type_)
    if origin in (None, typing.Literal):
        return type_
    made = tuple(_made(item, known) for item in arguments)
    if made == arguments:
        return type_
    if origin in UNIONS:
        return typing.Union[made]  # noqa: UP007 - built at run time
    return typing.Annotated[made] if origin is typing.Annotated else origin[made]


def _typed_dict(type_: Any, known: dict[Any, Any]) -> Any:
    fields = {}
    for name, hint in typing.get_type_hints(type_, include_extras=True).items():
        said = typing.get_origin(hint)
        # What is written in the hint counts first: under postponed evaluation `__required_keys__` does not see it.
        needed = said is typing.Required if said in (typing.Required, typing.NotRequired) else name in type_.__required_keys__
        bare = typing.get_args(hint)[0] if said in (typing.Required, typing.NotRequired) else hint
        fields[name] = (extended.Required if needed else extended.NotRequired)[_made(bare, known)]
    build: Any = extended.TypedDict
    made = build(type_.__name__, fields)
    made.__doc__ = type_.__doc__
    return made

"""Types that are one of several: what they admit, and what is left of them without None."""

from __future__ import annotations

import types
import typing
from typing import Any

UNIONS = (typing.Union, types.UnionType)
"""The origins of `Union[X, Y]` and of `X | Y`."""


def members(type_: Any) -> tuple[Any, ...]:
    """The alternatives of a union; none for every other type."""
    return typing.get_args(type_) if typing.get_origin(type_) in UNIONS else ()


def admits_none(type_: Any) -> bool:
    """Whether None is one of the alternatives.

    >>> admits_none(int | None), admits_none(int | str), admits_none(None)
    (True, False, False)
    """
    return types.NoneType in members(type_)


def inner(type_: Any) -> Any:
    """`X` of `Annotated[X, ...]` and of `X | None`, else the type itself.

    >>> inner(int | None), inner(int | str)
    (<class 'int'>, int | str)
    """
    if typing.get_origin(type_) is typing.Annotated:
        return typing.get_args(type_)[0]
    others = [item for item in members(type_) if item is not types.NoneType]
    return others[0] if len(others) == 1 else type_

"""Digests of code: when a function or class changes, whatever was made with it must be made anew."""

from __future__ import annotations

import functools
from types import CodeType, FunctionType, MethodType
from typing import TYPE_CHECKING, Any

from adjoint.base.json import digest

if TYPE_CHECKING:
    from adjoint.base.json import Json


def code_digest(item: Any) -> str:
    """A digest of the code of a function, method, class or callable object; the same in every process.

    Covers the body, its constants and the functions nested in it, not the functions that it calls elsewhere; of an object also
    the plain values that it holds.

    >>> code_digest(lambda x: x + 1) == code_digest(lambda x: x + 2)
    False
    """
    return digest(_describe(item), length=16)


def _describe(item: Any) -> Json:
    if isinstance(item, functools.partial):
        return ["partial", _describe(item.func), repr(item.args), repr(sorted(item.keywords.items()))]
    if isinstance(item, MethodType):
        return _describe(item.__func__)
    if isinstance(item, FunctionType):
        return [item.__qualname__, _code(item.__code__), repr(item.__defaults__), repr(item.__kwdefaults__)]
    if isinstance(item, type):
        members = {name: _describe(member) for name, member in sorted(vars(item).items()) if isinstance(member, FunctionType)}
        return [item.__qualname__, members]
    return [_describe(type(item)), _options(getattr(item, "__dict__", {}))] if type(item).__module__ != "builtins" else repr(item)


def _options(value: Any) -> Json:
    """What an object was told: plain values and the code of functions in it. Other objects are no options, and differ in each process."""
    if value is None or isinstance(value, bool | int | float | str):
        return repr(value)
    if isinstance(value, dict):
        return {str(name): _options(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [_options(one) for one in value]
    return (
        _describe(value) if isinstance(value, functools.partial | MethodType | FunctionType | type) else type(value).__qualname__
    )


def _code(code: CodeType) -> Json:
    constants = [_constant(value) for value in code.co_consts]
    return [code.co_code.hex(), list(constants), list(code.co_names), list(code.co_varnames)]


def _constant(value: Any) -> Json:
    if isinstance(value, CodeType):
        return _code(value)
    if isinstance(value, frozenset):  # of `x in {"a", "b"}`: its order differs from process to process
        return ["set", *sorted(map(repr, value))]
    return repr(value)

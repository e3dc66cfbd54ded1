"""The shorthand `"question, context: list[str] -> answer: float"`, read with Python's own grammar and never evaluated."""

from __future__ import annotations

import ast
import builtins
import datetime as dt
import decimal
import enum
import importlib
import re
import sys
import types
import typing
from typing import TYPE_CHECKING, Any

from adjoint.base.errors import SignatureError
from adjoint.signature.types.known import knows_its_form
from adjoint.signature.unions import UNIONS

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import FrameType

_TYPING = ("Any", "Dict", "FrozenSet", "List", "Literal", "Mapping", "Optional", "Sequence", "Set", "Tuple", "Union")
_KNOWN: dict[str, Any] = {
    **{
        name: getattr(builtins, name)
        for name in ("bool", "bytes", "dict", "float", "frozenset", "int", "list", "object", "set", "str", "tuple")
    },
    **{name: getattr(typing, name) for name in _TYPING},
    "typing": typing,
    "datetime": dt,
    "date": dt.date,
    "Decimal": decimal.Decimal,
    "Enum": enum.Enum,
}
_OWN = {
    **dict.fromkeys(("Audio", "File", "Image"), "media"),
    **dict.fromkeys(("Citations", "Document"), "document"),
    "Tool": "tool",
    **dict.fromkeys(("ToolCallResults", "ToolCalls"), "tool_calls"),
    "Code": "code",
    "History": "history",
    "Reasoning": "reasoning",
}
"""Our own types and their files in `types/`, imported when a signature names them."""
_MAX_FRAMES = 100
_ARROW = re.compile(r"'[^']*'|\"[^\"]*\"|(->)")
"""An arrow, unless it stands between quotes."""
_OPEN = frozenset({"Enum", "Literal", "Optional", "Union", "datetime", "object", "typing"})
"""Known names that are no type on their own, or stand for more than themselves."""
_DATES = ("datetime.datetime", "datetime.time", "datetime.timedelta")
_LONGEST = 20_000
"""Characters of a type in a file."""
_MOST_PARTS = 200
"""Types inside a type in a file. A bound of our own: how deep Python itself goes depends on who has set its limit."""


def parse(text: str, custom_types: Mapping[str, Any] | None = None) -> tuple[dict[str, Any], dict[str, Any]]:
    """Read the shorthand into `(inputs, outputs)`, each mapping a name to its type (`str` where none is given).

    Names of types are looked up among the builtins, `typing`, `custom_types` and then the variables of the callers.
    Raises `SignatureError` that points at what cannot be read.

    >>> parse("question, n: int -> answer: list[str]")
    ({'question': <class 'str'>, 'n': <class 'int'>}, {'answer': list[str]})
    """
    arrows = [match for match in _ARROW.finditer(text) if match.group(1)]
    if len(arrows) != 1:
        message = f"the signature {text!r} needs exactly one '->' between inputs and outputs, as in 'question -> answer'."
        raise SignatureError(message)
    sides = (text[: arrows[0].start()], text[arrows[0].end() :])
    inputs, outputs = (_side(side, text, custom_types or {}) for side in sides)
    if not outputs:
        message = f"the signature {text!r} has no output; write at least one name after '->'."
        raise SignatureError(message)
    both = [name for name in inputs if name in outputs]
    if both:
        message = f"the signature {text!r} uses {both[0]!r} as input and as output; give the two different names."
        raise SignatureError(message)
    return inputs, outputs


def _side(side: str, whole: str, custom_types: Mapping[str, Any]) -> dict[str, Any]:
    try:
        (function,) = ast.parse(f"def f({side.strip()}\n): pass").body  # the new line ends a comment, which has no meaning here
    except (SyntaxError, ValueError):
        message = f"cannot read {side.strip()!r} in the signature {whole!r}; write 'name' or 'name: type', separated by commas."
        raise SignatureError(message) from None
    arguments = typing.cast("ast.FunctionDef", function).args
    if arguments.vararg or arguments.kwarg or arguments.kwonlyargs or arguments.posonlyargs or arguments.defaults:
        message = f"cannot read {side.strip()!r} in the signature {whole!r}; stars, slashes and defaults have no meaning here."
        raise SignatureError(message)
    names = [arg.arg for arg in arguments.args]
    twice = [name for name in names if names.count(name) > 1]
    if twice:
        message = f"the signature {whole!r} uses {twice[0]!r} twice; give the two different names."
        raise SignatureError(message)
    return {arg.arg: str if arg.annotation is None else resolved(arg.annotation, custom_types) for arg in arguments.args}


def resolved(annotation: ast.expr | str, custom_types: Mapping[str, Any]) -> Any:
    """The type that an annotation names; raises `SignatureError` for whatever is none."""
    try:
        return resolve(ast.parse(annotation, mode="eval").body if isinstance(annotation, str) else annotation, custom_types)
    except (AttributeError, SyntaxError, TypeError, ValueError) as error:
        if isinstance(error, SignatureError):
            raise
        text = annotation if isinstance(annotation, str) else ast.unparse(annotation)
        message = f"{text!r} is no type ({error}); write a type such as str, list[int] or Literal['a', 'b']."
        raise SignatureError(message) from None


def resolve(node: ast.expr, custom_types: Mapping[str, Any]) -> Any:
    """Turn the syntax of an annotation into the type it names; only names, attributes, subscripts and `|` are allowed."""
    match node:
        case ast.Constant(value=None):
            return None
        case ast.Constant(value=str() as text):
            return resolve(ast.parse(text, mode="eval").body, custom_types)
        case ast.Name(id=name):
            return _lookup(name, custom_types)
        case ast.Attribute(value=base, attr=attribute):
            owner = (
                _lookup(base.id, custom_types, types.ModuleType) if isinstance(base, ast.Name) else resolve(base, custom_types)
            )
            return getattr(owner, attribute)
        case ast.BinOp(left=left, op=ast.BitOr(), right=right):
            return typing.Union[resolve(left, custom_types), resolve(right, custom_types)]  # noqa: UP007 - built at run time
        case ast.Subscript(value=base, slice=inner):
            origin = resolve(base, custom_types)
            # Code["python"] takes a value, as Literal does, and no type.
            return origin[_arguments(inner, custom_types, literal=origin is typing.Literal or knows_its_form(origin))]
    message = f"{ast.unparse(node)!r} is no type; write a type such as str, list[int] or Literal['a', 'b']."
    raise SignatureError(message)


def _arguments(node: ast.expr, custom_types: Mapping[str, Any], *, literal: bool) -> Any:
    if literal:
        return ast.literal_eval(node)
    if isinstance(node, ast.Tuple):
        return tuple(_arguments(item, custom_types, literal=False) for item in node.elts)
    if isinstance(node, ast.List):
        return [_arguments(item, custom_types, literal=False) for item in node.elts]
    if isinstance(node, ast.Constant) and node.value is Ellipsis:
        return ...
    return resolve(node, custom_types)


def _lookup(name: str, custom_types: Mapping[str, Any], *also: type) -> Any:
    """What a name stands for; variables of callers count if they hold a type, or an object of the types in `also`."""
    for scope in (custom_types, _KNOWN):
        if name in scope:
            return scope[name]
    frame: FrameType | None = sys._getframe(1)
    for _ in range(_MAX_FRAMES):
        if frame is None:
            break
        for scope in () if _ours(frame) else (frame.f_locals, frame.f_globals):
            found = scope.get(name)
            if isinstance(found, (type, *also)) or typing.get_origin(found) is not None:
                return found
        frame = frame.f_back
    if name in _OWN:
        return _own(name)
    message = (
        f"unknown type {name!r} in a signature; import it where the signature is written, or pass custom_types={{{name!r}: ...}}."
    )
    raise SignatureError(message)


def _ours(frame: FrameType) -> bool:
    """Whether the frame is of this package, whose own classes (`Message`, `Field`) are not meant by anybody's signature."""
    return str(frame.f_globals.get("__name__")).partition(".")[0] == __name__.partition(".")[0]


def _own(name: str) -> Any:
    """One of our own types."""
    return getattr(importlib.import_module(f"adjoint.signature.types.{_OWN[name]}"), name)


def closed(text: Any) -> Any:
    """The type that a text from a file names: builtins, `typing`, dates, `Decimal` and our own, nothing from elsewhere.

    >>> closed("list[str] | None") == (list[str] | None)
    True
    """
    try:
        if not isinstance(text, str) or len(text) > _LONGEST:
            raise TypeError
        node = ast.parse(text, mode="eval").body
        if sum(isinstance(item, ast.BinOp | ast.Subscript) for item in ast.walk(node)) > _MOST_PARTS:
            raise TypeError
        _check_closed(node)
        # Our own types are given by name, so that no variable of a caller can stand in for one.
        names = {item.id for item in ast.walk(node) if isinstance(item, ast.Name)}
        return resolve(node, {name: _own(name) for name in names & set(_OWN)})
    except (SyntaxError, TypeError, ValueError, RecursionError, MemoryError):
        message = (
            f"{str(text)[:80]!r} is no type that a file may name; allowed are builtins, typing, dates, Decimal and adjoint's own."
        )
        raise SignatureError(message) from None


def spell(type_: Any) -> str | None:
    """The text of a type that `closed` reads back, or None if there is none, as for classes of a program.

    >>> spell(dict[str, list[int]]), spell(typing.Literal["a", 1]), spell(SignatureError)
    ('dict[str, list[int]]', "Literal['a', 1]", None)
    """
    text = _spelled(type_)
    try:
        return text if closed(text) == type_ else None
    except SignatureError:
        return None


def _check_closed(node: ast.expr) -> None:
    """Refuse everything but the allowed names and ways to combine them. Strings count as values only, never as names."""
    match node:
        case ast.Constant(value=None | builtins.Ellipsis):
            return
        case ast.Name(id=name) if name in _OWN or (name in _KNOWN and name not in _OPEN):
            return
        case ast.Attribute() if ast.unparse(node) in _DATES:
            return
        case ast.Subscript(value=ast.Name(id="Literal")):
            return
        case ast.Subscript(value=ast.Name(id=name), slice=inner) if name in _KNOWN and name not in _OPEN - {"Optional", "Union"}:
            _check_closed(inner)
        case ast.BinOp(left=left, op=ast.BitOr(), right=right):
            _check_closed(left)
            _check_closed(right)
        case ast.Tuple(elts=items) | ast.List(elts=items):
            for item in items:
                _check_closed(item)
        case _:
            raise TypeError


def _spelled(type_: Any) -> str:
    origin, arguments = typing.get_origin(type_), typing.get_args(type_)
    if origin is typing.Literal:
        return f"Literal[{', '.join(map(repr, arguments))}]"
    if origin in UNIONS:
        return " | ".join(map(_spelled, arguments))
    if origin is not None:
        name = getattr(type_, "_name", None) or origin.__name__
        return f"{name}[{', '.join(map(_spelled, arguments))}]"
    if type_ in (None, types.NoneType):
        return "None"
    if type_ is Ellipsis:
        return "..."
    name = getattr(type_, "__name__", None) or str(type_)
    return f"datetime.{name}" if f"datetime.{name}" in _DATES else name

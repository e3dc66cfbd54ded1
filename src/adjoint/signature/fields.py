"""Fields: one named, typed input or output of a signature, and how its value is checked."""

from __future__ import annotations

import copy
import keyword
import re
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeAlias, get_args, get_origin

from adjoint.base.errors import SignatureError, UnknownNameError
from adjoint.signature.types.known import mentions
from adjoint.signature.unions import admits_none

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pydantic import TypeAdapter

Direction: TypeAlias = Literal["input", "output"]


class _Missing:
    """The absence of a default: `None` is a default."""

    def __repr__(self) -> str:
        return "MISSING"

    def __reduce__(self) -> str:
        """Another process has one of its own."""
        return "MISSING"


MISSING: Any = _Missing()

CALL_OPTIONS = frozenset({"config", "demos", "lm", "signature"})
RESULT_METHODS = frozenset({
    "completions", "copy", "from_completions", "get", "get_lm_usage", "inputs", "items", "keys", "labels", "of", "row",
    "set_lm_usage", "tape", "toDict", "values", "with_inputs", "without",
})  # fmt: skip
_WORDS = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])|(?<=[^\W\d_])(?=\d)|(?<=\d)(?=[^\W\d_])|_")
"""Where a word of a name ends."""
_OF_TEXT = frozenset({"max_length", "min_length", "pattern", "strict"})
_OF_NUMBERS = frozenset({"allow_inf_nan", "ge", "gt", "le", "lt", "multiple_of", "strict"})
_CONSTRAINTS = _OF_TEXT | _OF_NUMBERS | {"decimal_places", "max_digits"}
_NO_EFFECT = frozenset({"format", "parser", "prefix"})
_FITTING: dict[Any, frozenset[str]] = {str: _OF_TEXT, int: _OF_NUMBERS, float: _OF_NUMBERS, bool: frozenset({"strict"})}
"""Where pydantic would notice only at the first value, and with a TypeError, that a constraint has no meaning."""


@dataclass(frozen=True, kw_only=True)
class Field:
    """One field of a signature.

    `constraints` are pydantic's keyword arguments (`gt`, `max_length`, `pattern`, ...). A field with a `default`, or
    whose type admits None, may be left out.
    """

    name: str = ""
    type: Any = str
    direction: Direction
    desc: str = ""
    default: Any = MISSING
    factory: Callable[[], Any] | None = None
    """Makes the default anew for each use, for values that are changed in place."""
    constraints: Mapping[str, Any] = field(default_factory=dict)

    @property
    def required(self) -> bool:
        return self.default is MISSING and self.factory is None

    @property
    def fallback(self) -> Any:
        """What stands for a value that is left out."""
        return copy.deepcopy(self.default) if self.factory is None else self.factory()

    @property
    def annotation(self) -> Any:
        """The type, under pydantic's name."""
        return self.type

    @property
    def json_schema_extra(self) -> dict[str, Any]:
        """What DSPy's programs read of a field."""
        prefix = f"{in_words(self.name)}:"
        return {"desc": self.desc or f"${{{self.name}}}", "prefix": prefix, "__dspy_field_type": self.direction}

    def is_required(self) -> bool:
        """`required`, under pydantic's name."""
        return self.required

    @cached_property
    def rich(self) -> bool:
        """Whether values are, or hold, types that know their own form, such as `Image`."""
        return mentions(self.type)

    @cached_property
    def texts(self) -> frozenset[str]:
        """The texts that a choice allows; none for every other type."""
        allowed = get_args(self.type) if get_origin(self.type) is Literal and not self.constraints else ()
        return frozenset(allowed) if all(type(item) is str for item in allowed) else frozenset()

    @cached_property
    def validator(self) -> TypeAdapter[Any]:
        """Pydantic's validator for type and constraints, built once."""
        from pydantic import Field as PydanticField
        from pydantic import PydanticSchemaGenerationError, TypeAdapter

        from adjoint.signature.typed_dicts import portable

        checked = portable(self.type)
        constrained: Any = Annotated[checked, PydanticField(**self.constraints)] if self.constraints else checked
        try:
            return TypeAdapter(constrained)
        except PydanticSchemaGenerationError:
            message = (
                f"the type {self.type} of {self.name!r} cannot be checked; use a pydantic model, a dataclass or built-in types."
            )
            raise SignatureError(message) from None
        except TypeError as error:  # pydantic's word for a constraint that has no meaning for the type
            message = f"the constraints of {self.name!r} do not fit its type {self.type}: {error}"
            raise SignatureError(message) from None

    def named(self, name: str, type_: Any) -> Field:
        """This field under its final name and type, refused if the name would collide."""
        check_name(name, self.direction)
        fitting = next((known for plain, known in _FITTING.items() if type_ is plain), _CONSTRAINTS)
        unfit = [key for key in self.constraints if key not in fitting]
        if unfit:
            message = f"the constraint {unfit[0]!r} has no meaning for {name!r}, which is {type_.__name__}."
            raise SignatureError(message)
        default = self.default
        if self.required and admits_none(type_):
            default = None
        return replace(self, name=name, type=type_, default=default)


def check_name(name: str, direction: Direction) -> None:
    """Refuse a name that Python, a call or a prediction already uses."""
    if not name.isidentifier() or keyword.iskeyword(name) or name.startswith("_"):
        reason = "a field name is a Python identifier without a leading underscore"
    elif direction == "input" and name in CALL_OPTIONS:
        reason = f"{', '.join(sorted(CALL_OPTIONS))} are options of a call, so an input of that name would never arrive"
    elif direction == "output" and name in RESULT_METHODS:
        reason = "it would hide a method of the prediction"
    else:
        return
    message = f"the {direction} field {name!r} cannot be used: {reason}. Choose another name, such as {name.strip('_')}_text."
    raise SignatureError(message)


def check_constraints(given: Mapping[str, Any]) -> dict[str, Any]:
    """The constraints that pydantic knows; DSPy's `prefix`, `format` and `parser` are dropped, which have no effect there either."""
    known = {name: value for name, value in given.items() if name not in _NO_EFFECT}
    for name in known:
        if name not in _CONSTRAINTS:
            raise UnknownNameError.of("constraint", name, _CONSTRAINTS | {"desc", "default", "default_factory"})
    return known


def in_words(name: str) -> str:
    """A name in words, as people read it.

    >>> in_words("someAttribute2name")
    'Some Attribute 2 Name'
    """
    return " ".join(word if word.isupper() else word.capitalize() for word in _WORDS.sub(" ", name).split())


def InputField(  # noqa: N802 - DSPy's name
    *, desc: str = "", default: Any = MISSING, default_factory: Callable[[], Any] | None = None, **constraints: Any
) -> Any:
    """Declare an input of a signature class. Constraints are pydantic's (`gt`, `le`, `max_length`, ...)."""
    return _declared("input", desc, default, default_factory, constraints)


def OutputField(  # noqa: N802 - DSPy's name
    *, desc: str = "", default: Any = MISSING, default_factory: Callable[[], Any] | None = None, **constraints: Any
) -> Any:
    """Declare an output of a signature class. Constraints are pydantic's (`gt`, `le`, `max_length`, ...)."""
    return _declared("output", desc, default, default_factory, constraints)


def _declared(direction: Direction, desc: str, default: Any, factory: Callable[[], Any] | None, more: dict[str, Any]) -> Field:
    if default is not MISSING and factory is not None:
        message = "a field has a default or a default_factory; give one of them."
        raise SignatureError(message)
    said = desc or more.pop("description", "")
    return Field(direction=direction, desc=said, default=default, factory=factory, constraints=check_constraints(more))

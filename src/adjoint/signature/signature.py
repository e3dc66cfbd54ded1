"""Signatures: an immutable class whose annotations are typed inputs and outputs and whose docstring is the instruction."""

from __future__ import annotations

import copyreg
import inspect
import operator
import sys
import typing
from dataclasses import replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from adjoint.base.errors import SignatureError
from adjoint.signature import grammar
from adjoint.signature.fields import MISSING, Field, InputField, OutputField, check_constraints

if TYPE_CHECKING:
    from collections.abc import Mapping


def _annotations(cls: type) -> dict[str, Any]:
    """The types of the class's own annotations, written as objects or (with postponed evaluation) as strings."""
    module = sys.modules.get(cls.__module__)
    scope = dict(vars(module)) if module else {}

    own = {name: annotation for name, annotation in inspect.get_annotations(cls).items() if not name.startswith("_")}
    return {name: grammar.resolved(item, scope) if isinstance(item, str) else item for name, item in own.items()}


def _inherited_instructions(cls: SignatureMeta) -> str:
    """The instruction that the nearest base was given, if any: one that only names its fields would not fit here."""
    bases = [base for base in cls.__mro__[1:] if isinstance(base, SignatureMeta)]
    given = (base._instructions for base in bases if base._fields and base._instructions != _default_instructions(base._fields))
    return next(given, "")


def _default_instructions(fields: Mapping[str, Field]) -> str:
    inputs = [name for name, field in fields.items() if field.direction == "input"]
    outputs = [name for name, field in fields.items() if field.direction == "output"]
    return f"Given {', '.join(inputs)}, give {', '.join(outputs)}." if outputs else ""


class _WorkedOut(dict[Any, Any]):
    """What adapters have worked out from a signature; another process works it out anew."""

    def __reduce__(self) -> tuple[type[_WorkedOut], tuple[()]]:
        return _WorkedOut, ()


class SignatureMeta(type):
    """Builds signature classes and keeps them immutable: every edit returns a new class."""

    _fields: Mapping[str, Field]
    _instructions: str
    _worked_out: dict[Any, Any]
    """What adapters have worked out from this signature: it never changes, and it goes when the signature goes."""

    def __new__(mcs, name: str, bases: tuple[type, ...], namespace: dict[str, Any]) -> SignatureMeta:
        declared = {key: value for key, value in namespace.items() if isinstance(value, Field)}
        cls = super().__new__(mcs, name, bases, {k: v for k, v in namespace.items() if k not in declared})
        fields: dict[str, Field] = {}
        for base in reversed(cls.__mro__[1:]):
            if isinstance(base, SignatureMeta):
                fields.update(base._fields)
        types = _annotations(cls)
        for key, spec in declared.items():
            fields[key] = spec.named(key, types.get(key, str))
        bare = [key for key in types if key not in declared]
        if bare:
            message = (
                f"the field {bare[0]!r} of {name} is neither input nor output; "
                f"write {bare[0]}: ... = InputField() or = OutputField()."
            )
            raise SignatureError(message)
        type.__setattr__(cls, "_fields", MappingProxyType(fields))
        type.__setattr__(cls, "_worked_out", _WorkedOut())
        doc = inspect.cleandoc(namespace.get("__doc__") or "")
        type.__setattr__(cls, "_instructions", doc or _inherited_instructions(cls) or _default_instructions(fields))
        return cls

    def __call__(
        cls, signature: Any = None, instructions: str | None = None, *, custom_types: Mapping[str, Any] | None = None
    ) -> Any:
        """`Signature("question -> answer", "Answer briefly.")` gives a new signature class."""
        if cls is not Signature or signature is None:
            message = f"{cls.__name__} is a declaration and has no instances; pass it to a module, as in Predict({cls.__name__})."
            raise SignatureError(message)
        return make(signature, instructions, custom_types=custom_types)

    def __setattr__(cls, name: str, value: object) -> None:
        changes = name == "__doc__" and cls._fields and value != cls.__doc__
        if name.startswith("_") and not changes:  # so that another process can put it together, attribute by attribute
            type.__setattr__(cls, name, value)
            return
        message = f"a signature never changes; use {cls.__name__}.with_instructions(...) or .with_updated_fields(...), which return a new one."
        raise SignatureError(message)

    @property
    def fields(cls) -> Mapping[str, Field]:
        """All fields in order, inputs and outputs as declared."""
        return cls._fields

    @property
    def input_fields(cls) -> dict[str, Field]:
        return {name: field for name, field in cls._fields.items() if field.direction == "input"}

    @property
    def output_fields(cls) -> dict[str, Field]:
        return {name: field for name, field in cls._fields.items() if field.direction == "output"}

    @property
    def instructions(cls) -> str:
        return cls._instructions

    @property
    def signature(cls) -> str:
        """The shorthand without types: `"question -> answer"`."""
        return f"{', '.join(cls.input_fields)} -> {', '.join(cls.output_fields)}"

    def __repr__(cls) -> str:
        def show(field: Field) -> str:
            return field.name if field.type is str else f"{field.name}: {_type_name(field.type)}"

        sides = (", ".join(map(show, side.values())) for side in (cls.input_fields, cls.output_fields))
        return f"{cls.__name__}({' -> '.join(sides)})"


class Signature(metaclass=SignatureMeta):
    """Typed inputs -> typed outputs plus an instruction.

    Two spellings give the same thing:

    >>> class Triage(Signature):
    ...     '''Say how urgent the ticket is.'''
    ...     ticket: str = InputField()
    ...     level: int = OutputField(ge=1, le=5)
    >>> Signature("ticket -> level: int", "Say how urgent the ticket is.")
    StringSignature(ticket -> level: int)
    >>> Triage.with_instructions("Rate it.").instructions, Triage.instructions
    ('Rate it.', 'Say how urgent the ticket is.')
    """

    @classmethod
    def with_instructions(cls, instructions: str) -> type[Signature]:
        return _build(cls.__name__, cls.fields, instructions)

    @classmethod
    def append_instructions(cls, text: str) -> type[Signature]:
        return cls.with_instructions(f"{cls.instructions}\n\n{text}")

    @classmethod
    def with_updated_fields(cls, name: str, type_: Any = None, **changes: Any) -> type[Signature]:
        """A copy in which one field has another type, `desc`, `default` or constraint."""
        old = _existing(cls, name)
        known = {key: changes.pop(key) for key in ("desc", "default", "default_factory") if key in changes}
        constraints = {**old.constraints, **check_constraints(changes)}
        new = Field(
            direction=old.direction,
            desc=known.get("desc", old.desc),
            default=known.get("default", MISSING if "default_factory" in known else old.default),
            factory=known.get("default_factory", None if "default" in known else old.factory),
            constraints=constraints,
        ).named(name, old.type if type_ is None else type_)
        return _build(cls.__name__, {**cls.fields, name: new}, cls.instructions)

    @classmethod
    def append(cls, name: str, field: Field, type_: Any = None) -> type[Signature]:
        """A copy with one more field after those of its direction."""
        return cls.insert(-1, name, field, type_)

    @classmethod
    def prepend(cls, name: str, field: Field, type_: Any = None) -> type[Signature]:
        """A copy with one more field before those of its direction."""
        return cls.insert(0, name, field, type_)

    @classmethod
    def insert(cls, index: int, name: str, field: Field, type_: Any = None) -> type[Signature]:
        """A copy with one more field at `index` among those of its direction (-1 is behind the last).

        Without a type it is text. Raises `SignatureError` if there is no such place.
        """
        if name in cls.fields:
            message = f"{cls.__name__} already has a field {name!r}; delete it first or choose another name."
            raise SignatureError(message)
        inputs, outputs = list(cls.input_fields.values()), list(cls.output_fields.values())
        side = inputs if field.direction == "input" else outputs
        if not -len(side) - 1 <= index <= len(side):
            message = f"{name!r} cannot stand at {index} among {len(side)} {field.direction}s; write 0 to {len(side)}, or -1 for the end."
            raise SignatureError(message)
        side.insert(index if index >= 0 else len(side) + 1 + index, field.named(name, str if type_ is None else type_))
        return _build(cls.__name__, {f.name: f for f in inputs + outputs}, cls.instructions)

    @classmethod
    def delete(cls, name: str) -> type[Signature]:
        _existing(cls, name)
        return _build(cls.__name__, {key: field for key, field in cls.fields.items() if key != name}, cls.instructions)

    @classmethod
    def dump_state(cls) -> dict[str, Any]:
        """What an optimizer may change, as DSPy writes it: the instruction, and what is said of each field."""
        fields = [
            {"prefix": field.json_schema_extra["prefix"], "description": field.json_schema_extra["desc"]}
            for field in cls.fields.values()
        ]
        return {"instructions": cls.instructions, "fields": fields}

    @classmethod
    def load_state(cls, state: Mapping[str, Any]) -> type[Signature]:
        """A copy with the instruction and the descriptions of `dump_state`; fields stand in the same order."""
        said = [item.get("description", "") for item in state.get("fields", ())]
        if said and len(said) != len(cls.fields):
            message = f"the state describes {len(said)} fields and {cls.__name__} has {len(cls.fields)}; it belongs to another signature."
            raise SignatureError(message)
        named = zip(cls.fields.items(), said, strict=True) if said else ()
        fields = {name: replace(field, desc="" if desc == f"${{{name}}}" else desc) for (name, field), desc in named}
        return _build(cls.__name__, {**cls.fields, **fields}, state.get("instructions", cls.instructions))

    @classmethod
    def equals(cls, other: type[Signature]) -> bool:
        return cls.instructions == other.instructions and dict(cls.fields) == dict(other.fields)


def renamed(signature: type[Signature], name: str) -> type[Signature]:
    """The same signature under another name."""
    return _build(name, signature.fields, signature.instructions)


def make(signature: Any, instructions: str | None = None, *, custom_types: Mapping[str, Any] | None = None) -> type[Signature]:
    """Get a signature class from a class, a shorthand string or a dict of fields.

    Raises `SignatureError` for anything else.
    """
    if isinstance(signature, SignatureMeta):
        made = typing.cast("type[Signature]", signature)
        return made if instructions is None else made.with_instructions(instructions)
    if isinstance(signature, str):
        inputs, outputs = grammar.parse(signature, custom_types)
        fields = {name: InputField().named(name, type_) for name, type_ in inputs.items()}
        fields.update({name: OutputField().named(name, type_) for name, type_ in outputs.items()})
        return _build("StringSignature", fields, instructions)
    if isinstance(signature, dict):
        pairs = {name: (str, given) if isinstance(given, Field) else given for name, given in signature.items()}
        for name, pair in pairs.items():
            if not (isinstance(pair, tuple) and len(pair) == 2 and isinstance(pair[1], Field)):
                message = f"the field {name!r} is {pair!r}; write a pair of type and field, as in (str, InputField())."
                raise SignatureError(message)
        fields = {name: spec.named(name, type_) for name, (type_, spec) in pairs.items()}
        return _build("StringSignature", fields, instructions)
    message = f"a signature is a string such as 'question -> answer' or a Signature class, not {signature!r}."
    raise SignatureError(message)


def _build(name: str, fields: Mapping[str, Field], instructions: str | None) -> type[Signature]:
    """A signature class from finished fields."""
    # Python refuses lone surrogates in a docstring; models write them, so they stay in the instruction only.
    doc = None if instructions is None else instructions.encode("utf-8", "replace").decode()
    cls = SignatureMeta(name, (Signature,), {"__doc__": doc, "__module__": __name__})
    type.__setattr__(cls, "_fields", MappingProxyType(dict(fields)))
    type.__setattr__(cls, "_instructions", _default_instructions(fields) if instructions is None else instructions)
    return typing.cast("type[Signature]", cls)


def _sent(cls: SignatureMeta) -> str | tuple[Any, ...]:
    """How a signature goes to another process: by its name if it is found there, else as what it consists of."""
    try:
        declared = operator.attrgetter(cls.__qualname__)(sys.modules[cls.__module__]) is cls
    except (AttributeError, KeyError):
        declared = False
    return cls.__qualname__ if declared else (_build, (cls.__name__, dict(cls.fields), cls.instructions))


copyreg.pickle(SignatureMeta, _sent)


def _existing(cls: type[Signature], name: str) -> Field:
    if name not in cls.fields:
        message = f"{cls.__name__} has no field {name!r}; it has {', '.join(cls.fields)}."
        raise SignatureError(message)
    return cls.fields[name]


def _type_name(type_: Any) -> str:
    return getattr(type_, "__name__", str(type_)) if typing.get_origin(type_) is None else str(type_).replace("typing.", "")

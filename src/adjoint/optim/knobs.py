"""Knobs: what an optimizer is given is held against its constructor's annotations, before anything is spent.

The plain types in an annotation (`int | None`) are the rule. Which numbers are allowed is said here by name, since a name means
the same in all optimizers. Other annotations are left to whoever reads the value.
"""

from __future__ import annotations

import ast
import functools
import inspect
import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeAlias, TypeVar, cast

from adjoint.base.errors import UnknownNameError, UsageError
from adjoint.data.splits import Split
from adjoint.lm.base import BaseLM
from adjoint.optim.stop import Stop
from adjoint.program.module import Module

Rule: TypeAlias = tuple[tuple[str, ...], Callable[[Any], bool]]
"""What is allowed, in words for each of it and as a function."""
Init = TypeVar("Init", bound=Callable[..., None])

_FROM_ZERO = frozenset({
    "exemplars", "few_shot_count", "gate", "gradient_memory", "k", "max_bootstrapped_demos", "max_demos", "max_errors", "max_examples",
    "max_full_evals", "max_labeled_demos", "max_merge_invocations", "max_metric_calls", "max_shots", "memory_size",
    "momentum_window", "num_candidate_programs", "num_trials", "paraphrases", "passing", "rounds", "steps", "teacher_demos",
    "zooms",
})  # fmt: skip
"""Whole numbers that may be 0; others are 1 or more."""
_SHARES = frozenset({"epsilon", "metric_threshold", "perfect_score"})
"""Numbers from 0 to 1, as scores are."""
_INSIDE = frozenset({"delta", "margin"})
"""Numbers above 0 and below 1."""
_SIGNED = frozenset({"format_failure_score", "seed", "verbose"})
"""Numbers that may be anything."""
_TYPES: Mapping[str, tuple[str, Any]] = {
    "None": ("None", type(None)),
    "bool": ("True or False", bool),
    "str": ("a text", str),
    "Mapping": ("a mapping", Mapping),
    "BaseLM": ("a language model", BaseLM),
    "Module": ("a program, such as adjoint.Predict('question -> answer')", Module),
    "Split": ("rows that are divided, as adjoint.data.splits.split(rows, seed=0) does", Split),
    "Stop": ("adjoint.Stop(...)", Stop),
}


def checked(init: Init) -> Init:
    """The constructor, which from now on refuses names that it does not have, and values that `require` refuses."""
    signature = inspect.signature(init)
    rest = next((one.name for one in signature.parameters.values() if one.kind is one.VAR_KEYWORD), None)

    @functools.wraps(init)
    def made(self: Any, *given: Any, **named: Any) -> None:
        owner = type(self)
        for name in named if rest is None else ():
            if name not in signature.parameters:
                raise UnknownNameError.of(f"argument of {owner.__name__}", name, annotations_of(owner))
        try:
            bound = signature.bind(self, *given, **named).arguments
        except TypeError as error:
            message = f"{owner.__name__}: {error}; its arguments are {', '.join(annotations_of(owner))}."
            raise UsageError(message) from None
        for name, value in bound.items():
            if name not in ("self", rest):
                require(owner.__name__, name, value, signature.parameters[name].annotation)
        init(self, *given, **named)

    return cast("Init", made)


def annotations_of(owner: type) -> dict[str, Any]:
    """The arguments of a class by name, with their annotations: its own, and if it hands on others those of what it is made from."""
    found: dict[str, Any] = {}
    for init in (vars(kind)["__init__"] for kind in owner.__mro__[:-1] if "__init__" in vars(kind)):
        parameters = list(inspect.signature(init).parameters.values())[1:]
        for one in parameters:
            if one.kind is not one.VAR_KEYWORD:
                found.setdefault(one.name, one.annotation)
        if all(one.kind is not one.VAR_KEYWORD for one in parameters):
            break
    return found


def require(owner: str, name: str, value: Any, annotation: Any) -> None:
    """Raise `UsageError` if a value is none of what its annotation (a text) and the range of its name allow.

    >>> require("COPRO", "breadth", 5, "int")
    """
    rules = [_rule(name, *part) for part in _parts(annotation)] if isinstance(annotation, str) else [None]
    known = [rule for rule in rules if rule is not None]
    if len(known) == len(rules) and not any(holds(value) for _, holds in known):
        message = f"{owner}({name}={value!r:.60}) cannot be; give {_listed(word for words, _ in known for word in words)}."
        raise UsageError(message)


def _listed(words: Iterable[str]) -> str:
    """`a, b or c`."""
    *most, last = words
    return f"{', '.join(most)} or {last}" if most else last


@functools.cache
def _parts(annotation: str) -> tuple[tuple[str, str], ...]:
    """The members of a union, each with what stands in its brackets."""

    def split(node: ast.expr) -> list[tuple[str, str]]:
        if isinstance(node, ast.BinOp):
            return [*split(node.left), *split(node.right)]
        if isinstance(node, ast.Subscript):
            return [(ast.unparse(node.value), ast.unparse(node.slice))]
        return [(ast.unparse(node), "")]

    return tuple(split(ast.parse(annotation, mode="eval").body))


def _rule(name: str, part: str, inside: str) -> Rule | None:
    """What one member of a union allows; None if that is not known here."""
    if part == "Literal":
        names = [node.value for node in ast.walk(ast.parse(inside)) if isinstance(node, ast.Constant)]
        return tuple(map(repr, names)), lambda value: isinstance(value, str) and value in names
    if part in ("int", "float"):
        return _number(name, whole=part == "int")
    if part == "Callable":
        return ("a function",), callable
    if part in ("Iterable", "Sequence", "tuple"):
        return ("a list",), lambda value: isinstance(value, Iterable) and not isinstance(value, str | Mapping)
    if part in _TYPES:
        word, kind = _TYPES[part]
        return (word,), lambda value: isinstance(value, kind)
    return None


def _number(name: str, *, whole: bool) -> Rule:
    """The numbers that a knob of this name may be; True and False are none, and neither is what is not finite."""
    inside, low = name in _INSIDE, -math.inf if name in _SIGNED else int(whole and name not in _FROM_ZERO)
    high = 1 if inside or name in _SHARES else math.inf
    if inside:
        bounds = " above 0 and below 1"
    else:
        bounds = "" if low == -math.inf else f" from {low} to {high}" if high < math.inf else f" of {low} or more"
    kind = (int,) if whole else (int, float)

    def holds(value: Any) -> bool:
        if not isinstance(value, kind) or isinstance(value, bool) or not -math.inf < value < math.inf:
            return False
        return low < value < high if inside else low <= value <= high

    return (f"a {'whole ' if whole else ''}number{bounds}",), holds

"""The structure of a program, which is what its attributes hold: walked, copied, and given other members."""

from __future__ import annotations

import copy
import operator
from typing import TYPE_CHECKING, Any

from adjoint.program.parameter import Parameter

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


class Composite:
    """What has parameters and other composites in its attributes, also inside lists, tuples and dicts. Modules are."""


_HOLDERS = (Composite, Parameter, dict, list, tuple)
"""What is such a part of a program, or may hold one."""


def walk(item: Any, name: str = "", seen: set[int] | None = None) -> Iterator[tuple[str, Composite | Parameter[Any]]]:
    """Composites and parameters with their dotted names, `item` first, depth first, in the order in which attributes were set."""
    seen = set() if seen is None else seen
    if id(item) in seen:
        return
    seen.add(id(item))
    if isinstance(item, Composite | Parameter):
        yield name, item
    for key, value in _members(item):
        if isinstance(value, _HOLDERS):  # of the rest there may be very much, such as the texts of a corpus
            yield from walk(value, f"{name}.{key}" if name else key, seen)


def _members(item: Any) -> Iterable[tuple[str, Any]]:
    """What an item holds, by name; a leading underscore of an attribute does not count."""
    if isinstance(item, Composite):
        return ((key.removeprefix("_"), value) for key, value in vars(item).items())
    if isinstance(item, dict):
        return ((str(key), value) for key, value in item.items())
    return ((str(place), value) for place, value in enumerate(item)) if isinstance(item, list | tuple) else ()


def copied(item: Any, memo: dict[int, Any]) -> Any:
    """Copy composites, parameters and the containers that hold them; share all else. `memo` is for what occurs twice."""
    if id(item) in memo:
        return memo[id(item)]
    made: Any
    if isinstance(item, Composite):
        made = memo[id(item)] = object.__new__(type(item))
        vars(made).update({key: copied(value, memo) for key, value in vars(item).items()})
    elif isinstance(item, Parameter):
        made = memo[id(item)] = item.copy()
    elif isinstance(item, tuple):
        made = _tuple_like(item, [copied(value, memo) for value in item])
    elif isinstance(item, dict | list):
        made = memo[id(item)] = copy.copy(item)  # keeps the class and what it knows, such as a default factory
        for key, value in item.items() if isinstance(item, dict) else enumerate(item):
            if isinstance(value, _HOLDERS):
                made[key] = copied(value, memo)
    else:
        made = item
    return made


def swapped(item: Any, others: dict[int, Any], seen: set[int]) -> Any:
    """What takes the place of `item`: one of `others`, by the id of what it replaces. All else stays and gets new members."""
    if id(item) in others:
        return others[id(item)]
    if id(item) in seen or not isinstance(item, Composite | dict | list | tuple):
        return item
    seen.add(id(item))
    if isinstance(item, tuple):
        values = [swapped(value, others, seen) for value in item]
        return item if all(map(operator.is_, values, item)) else _tuple_like(item, values)
    held: Any = vars(item) if isinstance(item, Composite) else item
    for key, value in list(held.items() if isinstance(held, dict) else enumerate(held)):
        held[key] = swapped(value, others, seen)
    return item


def _tuple_like(item: tuple[Any, ...], values: list[Any]) -> Any:
    """A tuple of the same class; that of a named tuple takes its fields one by one."""
    return type(item)(*values) if hasattr(item, "_fields") else type(item)(values)

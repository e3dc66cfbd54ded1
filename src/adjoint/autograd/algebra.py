"""`sum` and `aggregate`: several Variables as one, whose feedback goes back to each of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from adjoint.autograd.variable import Variable, only_variables
from adjoint.base.errors import UsageError
from adjoint.program.tape import Node

if TYPE_CHECKING:
    from collections.abc import Sequence


def sum(variables: Sequence[Variable]) -> Variable:  # noqa: A001 - TextGrad's name
    """All values, one a line. Summed losses speak each of its own value only, and in order."""
    return _joined("sum", variables)


def aggregate(variables: Sequence[Variable]) -> Variable:
    """As `sum`; but where the feedback of several of them meets at one variable, an LM writes the mean of it."""
    return _joined("aggregate", variables)


def _joined(op: str, variables: Sequence[Variable]) -> Variable:
    joined = only_variables(variables, op)
    if not joined:
        message = f"{op} needs at least one Variable."
        raise UsageError(message)
    slots = {f"value_{index}": variable for index, variable in enumerate(joined)}
    edges = {slot: variable.edges() for slot, variable in slots.items()}
    node = Node(0, op, None, {slot: variable.value for slot, variable in slots.items()}, edges)
    roles = list(dict.fromkeys(variable.role_description for variable in joined))
    text = "\n".join(str(variable) for variable in joined)
    return Variable.of(text, f"a combination of the following: {', '.join(roles)}", node, "value", joined)

"""StringBasedFunction: TextGrad's functions of Variables, explained to critics by their purpose."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from adjoint.autograd.variable import Variable, only_variables
from adjoint.base.errors import ProgramError, UsageError
from adjoint.base.foreign import foreign_call
from adjoint.program.tape import Node

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


class StringBasedFunction:
    """A function of Variables that gives a text or a number; `function_purpose` tells critics what it does.

    `StringBasedFunction(fn, purpose)({"prediction": answer, "truth": truth})` calls `fn(prediction=..., truth=...)`.
    """

    def __init__(self, fn: Callable[..., Any], function_purpose: str) -> None:
        self.fn, self.function_purpose = fn, function_purpose

    def __call__(self, inputs: Mapping[str, Variable], response_role_description: str | None = None) -> Variable:
        variables = only_variables(inputs.values(), "a StringBasedFunction")
        made = foreign_call(lambda: self.fn(**inputs), ProgramError, f"the function {getattr(self.fn, '__name__', self.fn)!s}")
        if not isinstance(made, str | int | Variable):
            message = (
                f"a StringBasedFunction must give a text or an integer, not {type(made).__name__}; convert it with str(...)."
            )
            raise UsageError(message)
        role = response_role_description or f"result of the function: {self.function_purpose}"
        details = {"purpose": self.function_purpose, "roles": {name: one.role_description for name, one in inputs.items()}}
        edges = {name: variable.edges() for name, variable in inputs.items()}
        given = {name: variable.value for name, variable in inputs.items()}
        node = Node(0, "function", None, given, edges, outputs={"value": str(made)}, details=details)
        return Variable.of(str(made), role, node, "value", variables)

    forward = __call__

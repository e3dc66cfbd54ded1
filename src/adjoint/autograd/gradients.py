"""The gradients of a Variable, and the calls they are about, as TextGrad's users ask and change them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from adjoint.program.parameter import Gradient
from adjoint.program.tape import Traced

if TYPE_CHECKING:
    from collections.abc import Mapping

    from adjoint.program.parameter import Parameter


class Gradients(list[Gradient]):
    """The gradients of a variable in the order of the calls, which TextGrad's users treat as a set of texts or Variables."""

    __hash__ = None

    def add(self, gradient: Gradient | Traced | str) -> None:
        self.append(gradient if isinstance(gradient, Gradient) else Gradient("value", str(gradient)))

    def __contains__(self, one: object) -> bool:
        return super().__contains__(one) or (isinstance(one, Traced | str) and any(each.text == str(one) for each in self))

    def __eq__(self, other: object) -> bool:
        return set(self) == other if isinstance(other, set | frozenset) else super().__eq__(other)


class Contexts(dict[Any, Any]):
    """Gradient -> the call that it is about, None for one that does not keep it. What is set is kept on the gradient."""

    def __init__(self, parameter: Parameter[Any]) -> None:
        self._parameter, role = parameter, parameter.role
        known = [one for one in parameter.grad if one.context]
        super().__init__({one: {"context": one.context, "response_desc": role, "variable_desc": role} for one in known})

    def __missing__(self, gradient: object) -> None:
        return None

    def __setitem__(self, gradient: Any, told: Mapping[str, Any] | None) -> None:
        said = told["context"] if told else ""
        text = said if isinstance(said, str) else "\n".join(part for part in said if isinstance(part, str))
        grad = self._parameter.grad
        grad[:] = [replace(one, context=text) if one in (gradient, Gradient("value", str(gradient))) else one for one in grad]
        super().__setitem__(gradient, told)

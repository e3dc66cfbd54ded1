"""Groups: parameters that an optimizer by hand changes under the same constraints, as PyTorch's users know them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from adjoint.autograd.engine import engine_of
from adjoint.autograd.variable import Variable
from adjoint.base.errors import UsageError
from adjoint.program.parameter import Parameter

if TYPE_CHECKING:
    from collections.abc import Iterable

    from adjoint.lm.base import BaseLM


@dataclass(frozen=True)
class Group:
    """Parameters that share constraints and an engine; None means those of the optimizer."""

    given: tuple[Variable | Parameter[str], ...]
    """Variables or Parameters, as the user wrote them."""
    constraints: tuple[str, ...] | None = None
    engine: BaseLM | None = None

    @property
    def params(self) -> tuple[Parameter[str], ...]:
        return tuple(one.parameter if isinstance(one, Variable) else one for one in self.given)


def groups_of(given: Iterable[Any]) -> list[Group]:
    """Parameters as groups; those that stand alone are one group."""
    items = list(given)
    single = tuple(_checked(item) for item in items if not isinstance(item, dict))
    groups = [Group(single)] if single else []
    for item in items:
        if isinstance(item, dict):
            if "params" not in item:
                message = f"a group of TGD has 'params', and may have 'constraints' and 'engine'; this one has {', '.join(map(repr, item)) or 'nothing'}."
                raise UsageError(message)
            own = tuple(_checked(one) for one in item["params"])
            constraints = tuple(item["constraints"]) if "constraints" in item else None
            groups.append(Group(own, constraints, engine_of(item.get("engine"))))
    return groups


def _checked(item: Any) -> Variable | Parameter[str]:
    if isinstance(item, Variable | Parameter):
        return item
    message = f"TGD takes Variables and Parameters (program.parameters()), got {item!r}."
    raise UsageError(message)

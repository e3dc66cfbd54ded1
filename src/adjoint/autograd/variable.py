"""Variable: an explicit value on the tape that may require a gradient, as PyTorch's and TextGrad's users know it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from adjoint.base.errors import UsageError
from adjoint.program.parameter import Parameter
from adjoint.program.tape import Edge, Node, ParameterRead, Traced

if TYPE_CHECKING:
    from collections.abc import Sequence

    from adjoint.lm.base import BaseLM
    from adjoint.program.parameter import Gradient

_ALLOWED = (str, int)


class Variable(Traced):
    """A text with a role and, if it requires one, gradients.

    A leaf is made by the user; other variables are made by calls (`BlackboxLLM`, `TextLoss`, ...) and know their node. A
    variable may be passed to any module: that is an explicit edge. `role_description` is mandatory, because every
    critique is told what the text is for.

    >>> v = Variable("Paris", role_description="answer to a question")
    >>> v.value, v.requires_grad, v.gradients
    ('Paris', True, [])
    """

    def __init__(
        self,
        value: str | int = "",
        *,
        role_description: str,
        requires_grad: bool = True,
        predecessors: Sequence[Variable] | None = None,
    ) -> None:
        if isinstance(value, bool) or not isinstance(value, _ALLOWED):
            message = f"the value of a Variable is text, got {type(value).__name__} {value!r}; convert it with str(...)."
            raise UsageError(message)
        self.parameter: Parameter[str] = Parameter(str(value), kind="text", role=role_description, trainable=requires_grad)
        self.predecessors = list(predecessors or [])
        declared = {f"from_{index}": variable.edges() for index, variable in enumerate(self.predecessors)}
        self._adopt(Node(0, "variable", None, {}, declared), "value")

    @classmethod
    def of(
        cls,
        value: str,
        role_description: str,
        node: Node,
        field: str,
        predecessors: Sequence[Variable] = (),
        *,
        requires_grad: bool = True,
    ) -> Variable:
        """The variable that a recorded call has made."""
        made = cls(value, role_description=role_description, requires_grad=requires_grad, predecessors=predecessors)
        made._adopt(node, field)
        return made

    def _adopt(self, node: Node, field: str) -> None:
        """Make `node` the origin of this variable; its gradient lands here as well as going further back."""
        self.node, self.field = node, field
        if not node.outputs:
            node.outputs = {field: self.parameter.value}
        if self.parameter.trainable:
            node.reads = (*node.reads, ParameterRead(f"={field}", self.parameter, self.parameter.value))

    def edges(self) -> list[Edge]:
        """The explicit edge from this variable to whatever uses it."""
        return [Edge(self.node, self.field, "declared", 1.0)]

    @property
    def value(self) -> str:
        return self.parameter.value

    @value.setter
    def value(self, value: str) -> None:
        self.parameter.value = value
        self.node.outputs = {**self.node.outputs, self.field: value}

    def get_value(self) -> str:
        return self.value

    def set_value(self, value: str) -> None:
        self.value = value

    @property
    def role_description(self) -> str:
        return self.parameter.role

    def set_role_description(self, text: str) -> None:
        self.parameter.role = text

    def get_role_description(self) -> str:
        return self.parameter.role

    @property
    def requires_grad(self) -> bool:
        return self.parameter.trainable

    @property
    def grad(self) -> list[Gradient]:
        """The gradients in the order in which the calls were made."""
        return self.parameter.grad

    @property
    def gradients(self) -> list[Gradient]:
        return self.parameter.grad

    def get_gradient_text(self) -> str:
        return "\n".join(gradient.text for gradient in self.grad)

    def reset_gradients(self) -> None:
        self.parameter.grad.clear()

    def backward(self, engine: BaseLM | str | None = None) -> None:
        """Send feedback from this value back to every parameter that it depends on. See `autograd.backward`."""
        from adjoint.autograd.backward import backward

        backward(self, engine)

    def __add__(self, other: Any) -> Variable:
        if not isinstance(other, Variable):
            message = f"only two Variables can be added, got {type(other).__name__}; wrap the text in Variable(..., requires_grad=False)."
            raise TypeError(message)
        node = Node(0, "sum", None, {}, {"left": self.edges(), "right": other.edges()})
        role = f"{self.role_description} and {other.role_description}"
        return Variable.of(self.value + other.value, role, node, "value", [self, other])

    def __str__(self) -> str:
        return self.value

    def __repr__(self) -> str:
        return f"Variable(value={self.value!r}, role={self.role_description!r}, grads={len(self.grad)})"

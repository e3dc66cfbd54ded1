"""Variable: an explicit value on the tape that may require a gradient, as PyTorch's and TextGrad's users know it."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

from adjoint.autograd.gradients import Contexts, Gradients
from adjoint.autograd.mode import grad_enabled
from adjoint.autograd.text import short
from adjoint.base.errors import UsageError, VariableError
from adjoint.program.parameter import Gradient, Parameter
from adjoint.program.tape import Edge, Node, ParameterRead, Traced

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from adjoint.autograd.engine import Engine
    from adjoint.autograd.plan import Policy
    from adjoint.base.json import Json
    from adjoint.program.drawing import Drawing
    from adjoint.signature.types.media import Image

_WEB = ("http://", "https://")
_STRIDE = 8
"""Every which of the calls behind a value is pickled ahead of it."""


class Variable(Traced):
    """A text with a role and, if it requires one, gradients.

    A leaf is made by the user; other variables are made by calls (`BlackboxLLM`, `TextLoss`, ...) and know their node. A
    variable may be passed to any module: that is an explicit edge. `role_description` is mandatory, because every
    critique is told what the text is for. Bytes and `image_path` (a file or an address) make a picture, which is frozen.

    >>> v = Variable("Paris", role_description="answer to a question")
    >>> v.value, v.requires_grad, v.gradients
    ('Paris', True, [])
    """

    def __init__(
        self,
        value: str | int | bytes = "",
        image_path: str = "",
        predecessors: Sequence[Variable] | None = None,
        requires_grad: bool = True,  # noqa: FBT001, FBT002 - TextGrad's signature
        *,
        role_description: str,
    ) -> None:
        given = _checked(value, image_path)
        before = list(predecessors or [])
        if isinstance(given, bytes) and requires_grad and not image_path:
            message = "a picture cannot require a gradient: Variable(data, role_description=..., requires_grad=False)."
            raise UsageError(message)
        if not requires_grad and any(one.requires_grad for one in before) and grad_enabled():
            message = "a frozen Variable cannot have predecessors that require a gradient; let it require one, or use no_grad()."
            raise UsageError(message)
        declared = {f"from_{index}": variable.edges() for index, variable in enumerate(before)}
        node = Node(0, "variable", None, {slot: one.value for slot, one in zip(declared, before, strict=True)}, declared)
        self._begin(given, role_description, before, requires_grad=requires_grad and isinstance(given, str))
        self._adopt(node, "value")

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
        """The variable that a recorded call has made; under `no_grad` a frozen one that knows nothing of the call."""
        made = cls.__new__(cls)
        if not grad_enabled():
            node, predecessors, requires_grad = Node(0, "variable", None, {}, {}), (), False
        made._begin(value, role_description, list(predecessors), requires_grad=requires_grad)
        made._adopt(node, field)
        return made

    def _begin(self, value: Any, role: str, predecessors: list[Variable], *, requires_grad: bool) -> None:
        self.parameter: Parameter[Any] = Parameter(value, kind="text", role=role, trainable=requires_grad)
        self.parameter.grad = Gradients()
        self.predecessors = predecessors

    def _adopt(self, node: Node, field: str) -> None:
        """Make `node` the origin of this variable; its gradient lands here as well as going further back."""
        self.node, self.field = node, field
        if not node.outputs:
            node.outputs = {field: self.content}
        node.details = {"role": self.role_description, **node.details}
        node.reads = (*node.reads, ParameterRead(f"={field}", self.parameter, self.parameter.value))

    def edges(self) -> list[Edge]:
        """The explicit edge from this variable to whatever uses it."""
        return [Edge(self.node, self.field, "declared", 1.0)]

    # Value -------------------------------------------------------------------------------------------------------

    @property
    def value(self) -> Any:
        """The text, or the bytes of a picture."""
        return self.parameter.value

    @value.setter
    def value(self, value: str) -> None:
        self.parameter.value = _checked(value, "")
        self.node.outputs = {**self.node.outputs, self.field: self.content}

    @property
    def content(self) -> str | Image:
        """What a language model gets: the text, or the picture."""
        if isinstance(self.parameter.value, str):
            return self.parameter.value
        from adjoint.signature.types.media import Image

        data: bytes = self.parameter.value
        return Image.from_bytes(data, media_type="image/png" if data.startswith(b"\x89PNG") else "image/jpeg")

    @property
    def is_image(self) -> bool:
        return not isinstance(self.parameter.value, str)

    def get_value(self) -> Any:
        return self.value

    def set_value(self, value: str) -> None:
        self.value = value

    def get_short_value(self, n_words_offset: int = 10) -> str:
        """The first and last words of a long value."""
        return "(picture)" if self.is_image else short(self.value, n_words_offset)

    @property
    def role_description(self) -> str:
        return self.parameter.role

    def set_role_description(self, text: str) -> None:
        self.parameter.role = text
        self.node.details = {**self.node.details, "role": text}

    def get_role_description(self) -> str:
        return self.parameter.role

    @property
    def requires_grad(self) -> bool:
        return self.parameter.trainable

    @requires_grad.setter
    def requires_grad(self, value: bool) -> None:
        self.parameter.trainable = value

    @property
    def grad_fn(self) -> Any:
        """The op that made this value, or what `set_grad_fn` was given; None for a leaf."""
        return self.node.details.get("grad_fn") or (None if self.node.op == "variable" else self.node.op)

    def get_grad_fn(self) -> Any:
        return self.grad_fn

    def set_grad_fn(self, grad_fn: Callable[..., None]) -> None:
        """Let `grad_fn(backward_engine=...)` say what the gradients of this value mean for its predecessors: it adds to theirs."""
        from adjoint.autograd.written import GradFnRule

        self.node.op = "op grad_fn"
        self.node.details = {**self.node.details, "rule": GradFnRule(self, grad_fn), "grad_fn": grad_fn}

    def detach(self) -> Variable:
        """The same value, frozen, that knows nothing of where it came from."""
        return Variable(self.value, role_description=self.role_description, requires_grad=False)

    # Gradients ---------------------------------------------------------------------------------------------------

    @property
    def grad(self) -> list[Gradient]:
        """The gradients in the order in which the calls were made."""
        return self.parameter.grad

    @property
    def gradients(self) -> Gradients:
        grad = self.parameter.grad
        if not isinstance(grad, Gradients):  # set by somebody as a plain list
            grad = self.parameter.grad = Gradients(grad)
        return grad

    @gradients.setter
    def gradients(self, given: Iterable[Gradient | Variable | str]) -> None:
        self.parameter.grad = kept = Gradients()
        for gradient in given:
            kept.add(gradient)

    @property
    def gradients_context(self) -> Contexts:
        """The call that each gradient is about, None for those that do not keep it (only policies `chain` and `local` do)."""
        return Contexts(self.parameter)

    def get_gradient_text(self) -> str:
        return "\n".join(gradient.text for gradient in self.grad if gradient.text)

    def reset_gradients(self) -> None:
        self.parameter.grad.clear()

    def register_hook(self, hook: Callable[[Gradient], Gradient | str | None]) -> Callable[[], None]:
        """Let `hook` see every gradient before it lands; a Gradient or a text that it returns takes its place.

        Gives a function that removes the hook.
        """
        self.parameter.hooks = (*self.parameter.hooks, hook)

        def remove() -> None:
            self.parameter.hooks = tuple(one for one in self.parameter.hooks if one is not hook)

        return remove

    def backward(
        self, engine: Engine | None = None, *, policy: Policy | None = None, budget: int | None = None, **options: Any
    ) -> None:
        """Send feedback from this value back to every parameter that it depends on. See `autograd.backward.abackward`."""
        from adjoint.autograd.backward import backward

        backward(self, engine, policy=policy, budget=budget, **options)

    # Shown and kept ----------------------------------------------------------------------------------------------

    def graph(self, *, gradients: bool = True) -> Drawing:
        """The calls behind this value, with values, gradients and costs, as SVG; notebooks show it."""
        from adjoint.autograd.graph import reached
        from adjoint.program.drawing import draw

        return draw(_bottom_up(reached([self.node])), gradients=gradients)

    def generate_graph(self, print_gradients: bool = False) -> Drawing:  # noqa: FBT001, FBT002 - TextGrad's name and argument
        return self.graph(gradients=print_gradients)

    def to_json(self) -> dict[str, Json]:
        """Value, role and gradients as JSON; where the value came from is not kept."""
        from adjoint.base.json import plain

        value: Any = {"image": base64.b64encode(self.value).decode()} if self.is_image else self.value
        return {
            "value": value,
            "role_description": self.role_description,
            "requires_grad": self.requires_grad,
            "grad": plain(self.grad),
        }

    @classmethod
    def from_json(cls, body: Mapping[str, Any]) -> Variable:
        """The variable that `to_json` has written."""
        value = body["value"]
        given = value if isinstance(value, str) else base64.b64decode(value["image"])
        made = cls(given, role_description=body["role_description"], requires_grad=body["requires_grad"])
        made.parameter.grad.extend(Gradient(**one) for one in body["grad"])
        return made

    def __getstate__(self) -> dict[str, Any]:
        """Everything, with some of what lies behind it first, so that a deep graph is pickled without deep recursion."""
        from adjoint.autograd.graph import reached

        before: dict[int, Variable] = {}
        stack = list(self.predecessors)
        while stack:
            one = stack.pop()
            if id(one) not in before:
                before[id(one)] = one
                stack.extend(one.predecessors)
        oldest = [*_bottom_up(reached([self.node]))][:-1:_STRIDE]
        return {"nodes": oldest, "variables": list(before.values())[::-1][::_STRIDE], **vars(self)}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update({name: value for name, value in state.items() if name not in ("nodes", "variables")})

    def __add__(self, other: Any) -> Variable:
        if not isinstance(other, Variable):
            message = f"only two Variables can be added, got {type(other).__name__}; wrap the text in Variable(..., requires_grad=False)."
            raise TypeError(message)
        node = Node(0, "sum", None, {"left": self.value, "right": other.value}, {"left": self.edges(), "right": other.edges()})
        role = f"{self.role_description} and {other.role_description}"
        return Variable.of(self.value + other.value, role, node, "value", [self, other])

    def __str__(self) -> str:
        return "(picture)" if self.is_image else str(self.value)

    def __repr__(self) -> str:
        return f"Variable(value={str(self)!r}, role={self.role_description!r}, grads={len(self.grad)})"


def only_variables(given: Iterable[Any], who: str) -> list[Variable]:
    """The Variables that `who` was given; `VariableError` if there is anything else among them."""
    found = list(given)
    for one in found:
        if not isinstance(one, Variable):
            message = f"{who} takes Variables, got {one!r:.60}; wrap a text in Variable(text, role_description=...)."
            raise VariableError(message)
    return found


def _checked(value: Any, image_path: str) -> str | bytes:
    """The text or the bytes that were meant."""
    if image_path:
        if value not in ("", b""):
            message = "give a value or an image_path, not both."
            raise UsageError(message)
        return _picture(image_path)
    if getattr(value, "ndim", None) == 0 and callable(getattr(value, "item", None)):
        value = value.item()  # a number of numpy
    if isinstance(value, bytes):
        return value
    if isinstance(value, bool) or not isinstance(value, str | int):
        message = f"the value of a Variable is text, got {type(value).__name__} {value!r}; convert it with str(...)."
        raise VariableError(message)
    return str(value)


def _bottom_up(nodes: dict[Node, None]) -> list[Node]:
    """The nodes behind a value, each after those it was made from."""
    from adjoint.autograd.graph import schedule

    return schedule(nodes, {node: place for place, node in enumerate(nodes)})[::-1]


def _picture(place: str) -> bytes:
    """The bytes of a picture, from the web or from a file."""
    from adjoint.signature.types.media import Image

    found = Image.from_url(place, download=True) if place.startswith(_WEB) else Image.from_path(place)
    return base64.b64decode(found.format()[0].data)

"""Backward: feedback walks from losses to parameters. Nodes fire as soon as all their consumers have spoken."""

from __future__ import annotations

import asyncio
import warnings
from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from adjoint.adapters import values
from adjoint.autograd.rules import Target, rule_of
from adjoint.base.errors import FATAL, AdjointError, GradientError
from adjoint.base.portal import portal
from adjoint.exec.local import stop

if TYPE_CHECKING:
    from collections.abc import Sequence

    from adjoint.autograd.variable import Variable
    from adjoint.lm.base import BaseLM
    from adjoint.program.parameter import Gradient, Parameter
    from adjoint.program.tape import Edge, Node

MIN_CONFIDENCE = 0.15
"""Edges less sure than this carry no feedback: order alone is no evidence."""

_engine: dict[str, BaseLM] = {}


class NoPathWarning(UserWarning):
    """A trainable parameter was used, but no path leads from it to the loss."""


def set_backward_engine(engine: BaseLM | str, *, override: bool = True) -> None:
    """The LM that writes critiques, for the whole process; without one the LM of the context does."""
    if override or "engine" not in _engine:
        chosen = engine_of(engine)
        if chosen is not None:
            _engine["engine"] = chosen


def engine_of(engine: BaseLM | str | None) -> BaseLM | None:
    """An engine by name, or as it is."""
    from adjoint.program.lm import LM

    if isinstance(engine, str):
        named: BaseLM = LM(engine)
        return named
    return engine


def backward(loss: Variable, engine: BaseLM | str | None = None) -> None:
    """Send the feedback of a loss to every trainable parameter it depends on; see `abackward`."""
    portal.run(abackward([loss], engine))


async def abackward(losses: Sequence[Variable], engine: BaseLM | str | None = None) -> None:
    """Send the feedback of losses back, all of them at once.

    Gradients are added to `grad` of parameters and variables in the order of the calls, whatever the order in which
    critiques arrive. If a critique fails its gradient is missing and the others stand; `GradientError` is raised only
    if none arrived. An explicit `engine` wins over `set_backward_engine`, and that over the context's LM.
    """
    from adjoint.autograd.losses import feedback_of

    roots = [(loss.node, feedback_of(loss)) for loss in _summands(losses)]
    walk = Walk(engine_of(engine) or _engine.get("engine"))
    await walk.run(roots)
    walk.deliver()


@dataclass
class Walk:
    """One backward pass over the nodes that lie between losses and trainable parameters."""

    engine: BaseLM | None
    incoming: dict[Node, list[tuple[int, Gradient]]] = field(default_factory=lambda: defaultdict(list))
    landed: list[tuple[int, str, Parameter[Any], Gradient]] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    stopped: AdjointError | None = None

    async def run(self, roots: Sequence[tuple[Node, Gradient]]) -> None:
        """Fire every node once, consumers before producers, independent nodes together (Kahn's algorithm, no recursion)."""
        useful = _useful([node for node, _ in roots])
        waits: dict[Node, int] = defaultdict(int)
        for node in useful:
            for source in _sources(node):
                if source in useful:
                    waits[source] += 1
        for place, (node, gradient) in enumerate(roots):
            self.incoming[node].append((place, gradient))
        order = _order([node for node, _ in roots], useful)
        ready = [node for node in useful if not waits[node]]
        running: set[asyncio.Task[Node]] = set()
        try:
            while ready or running:
                running |= {asyncio.ensure_future(self._fire(node, useful, order)) for node in ready}
                done, running = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
                if self.stopped is not None:
                    ready = []
                    continue
                sources = [source for task in done for source in _sources(task.result()) if source in useful]
                for source in sources:
                    waits[source] -= 1
                ready = sorted({source for source in sources if not waits[source]}, key=order.__getitem__)
        finally:
            await stop(running)
        if self.stopped is not None:
            raise self.stopped

    async def _fire(self, node: Node, useful: dict[Node, None], order: dict[Node, int]) -> Node:
        """Apply the node's rule to the feedback it has got, and hand the results on."""
        gradients = [gradient for _, gradient in sorted(self.incoming[node], key=lambda item: item[0])]
        wanted = [gradient for gradient in gradients if gradient.verdict == "change"]
        if not wanted:
            return node
        parameters, inputs = _targets(node, useful)
        sent: dict[str, Gradient] = {}
        for parameter_name, parameter in parameters.items():
            if parameter_name.startswith("="):  # the value itself: what is said of it lands there unchanged
                self._land(order[node], parameter_name, parameter, wanted)
        targets = [Target(n, p.role, values.write(p.value)) for n, p in parameters.items() if not n.startswith("=")]
        targets += [Target(name, role, value) for name, (role, value, _) in inputs.items()]
        if not targets:
            return node
        try:
            sent = await rule_of(node.op)(node, wanted, targets, self.engine)
        except FATAL as error:
            self.stopped = self.stopped or error  # raised when the critiques under way, which are paid for, have come
            return node
        except AdjointError as error:
            self.failures.append(f"{type(error).__name__}: {error}")
            return node
        for name, gradient in sent.items():
            if name in parameters:
                self._land(order[node], name, parameters[name], [gradient])
            else:
                for edge in inputs[name][2]:
                    self.incoming[edge.source].append((order[node], gradient))
        return node

    def _land(self, place: int, name: str, parameter: Parameter[Any], gradients: Sequence[Gradient]) -> None:
        self.landed += [(place, name, parameter, gradient) for gradient in gradients]

    def deliver(self) -> None:
        """Add the gradients to their parameters, in the order of the nodes and not of the replies."""
        if self.failures and not self.landed:
            message = f"no critique arrived; the first failure was {self.failures[0]}"
            raise GradientError(message)
        for _, _, parameter, gradient in sorted(self.landed, key=lambda item: (item[0], item[1])):
            parameter.grad.append(gradient)


def _summands(losses: Sequence[Variable]) -> list[Variable]:
    """The losses that a sum of losses is made of: each says what it says to its own value only."""
    found: list[Variable] = []
    stack = list(reversed(losses))
    while stack:
        loss = stack.pop()
        if loss.node.op == "sum":
            stack.extend(reversed(loss.predecessors))
        else:
            found.append(loss)
    return found


def _order(roots: Sequence[Node], useful: dict[Node, None]) -> dict[Node, int]:
    """The place of each node in the order of the calls: loss by loss, and what feeds a call before the call."""
    keys: dict[Node, tuple[int, int, int]] = {}
    for place, root in enumerate(roots):
        stack = [(root, False)]
        while stack:
            node, fed = stack.pop()
            if node in keys or node not in useful:
                continue
            if fed:
                keys[node] = (place, node.seq, len(keys))
            else:
                stack.append((node, True))
                stack.extend((source, False) for source in reversed(_sources(node)))
    return {node: index for index, node in enumerate(sorted(keys, key=keys.__getitem__))}


def _sources(node: Node) -> list[Node]:
    """The nodes that feed a node, each once, by edges that are sure enough."""
    return list(dict.fromkeys(edge.source for edge in node.edges() if edge.confidence >= MIN_CONFIDENCE))


def _trainable(node: Node) -> dict[str, Parameter[Any]]:
    return {read.name: read.parameter for read in node.reads if read.parameter.trainable and read.parameter.kind == "text"}


def _useful(roots: Sequence[Node]) -> dict[Node, None]:
    """The nodes from which feedback can reach a trainable parameter, in the order of a walk from the roots."""
    seen: dict[Node, None] = {}
    stack = list(reversed(roots))
    while stack:
        node = stack.pop()
        if node not in seen:
            seen[node] = None
            stack.extend(reversed(_sources(node)))
    consumers: dict[Node, list[Node]] = defaultdict(list)
    for node in seen:
        for source in _sources(node):
            consumers[source].append(node)
    useful: dict[Node, None] = {}
    stack = [node for node in seen if _trainable(node)]
    if not stack:
        warnings.warn("no trainable parameter has a path to the loss, so there is nothing to learn.", NoPathWarning, stacklevel=5)
    while stack:
        node = stack.pop()
        if node not in useful:
            useful[node] = None
            stack.extend(consumers[node])
    return {node: None for node in seen if node in useful}


def _targets(
    node: Node, useful: dict[Node, None]
) -> tuple[dict[str, Parameter[Any]], dict[str, tuple[str, str, list[Edge]]]]:
    """What a node may blame: the trainable texts it read, and its inputs that come from useful nodes."""
    inputs: dict[str, tuple[str, str, list[Edge]]] = {}
    for slot, edges in node.parents.items():
        known = [edge for edge in edges if edge.confidence >= MIN_CONFIDENCE and edge.source in useful]
        if known:
            inputs[f"input {slot}"] = (_role(known, slot), values.write(node.inputs.get(slot, "")), known)
    return _trainable(node), inputs


def _role(edges: Sequence[Edge], slot: str) -> str:
    """What an input is for: the role of the variable that it is, else its name."""
    roles = (read.parameter.role for edge in edges for read in edge.source.reads if read.name == f"={edge.field}")
    return next(roles, f"input {slot}")

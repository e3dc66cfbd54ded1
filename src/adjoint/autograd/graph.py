"""The graph of a backward pass: which nodes feedback can use, in which order, and what each of them may blame. No recursion."""

from __future__ import annotations

import warnings
from collections import defaultdict
from typing import TYPE_CHECKING, Any

from adjoint.adapters.written import write

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from adjoint.autograd.variable import Variable
    from adjoint.program.parameter import Parameter
    from adjoint.program.tape import Edge, Node

MIN_CONFIDENCE = 0.15
"""Edges less sure than this carry no feedback: order alone is no evidence."""


class NoPathWarning(UserWarning):
    """A trainable parameter was used, but no path leads from it to the loss."""


def sources(node: Node) -> list[Node]:
    """The nodes that feed a node, each once, by edges that are sure enough."""
    return list(dict.fromkeys(edge.source for edge in node.edges() if edge.confidence >= MIN_CONFIDENCE))


def trainable(node: Node) -> dict[str, Parameter[Any]]:
    """The texts that a node has read and that may be changed."""
    return {read.name: read.parameter for read in node.reads if read.parameter.trainable and read.parameter.kind == "text"}


def reached(roots: Iterable[Node]) -> dict[Node, None]:
    """All nodes from which a root was made, the roots first."""
    seen: dict[Node, None] = {}
    stack = list(reversed(list(roots)))
    while stack:
        node = stack.pop()
        if node not in seen:
            seen[node] = None
            stack.extend(reversed(sources(node)))
    return seen


def consumers(nodes: Iterable[Node]) -> dict[Node, list[Node]]:
    """Who uses each node."""
    found: dict[Node, list[Node]] = defaultdict(list)
    for node in nodes:
        for source in sources(node):
            found[source].append(node)
    return found


def useful(roots: Sequence[Node]) -> dict[Node, None]:
    """The nodes from which feedback can reach a trainable parameter, in the order of a walk from the roots."""
    seen = reached(roots)
    used_by = consumers(seen)
    found: dict[Node, None] = {}
    stack = [node for node in seen if trainable(node)]
    if not stack:
        warnings.warn("no trainable parameter has a path to the loss, so there is nothing to learn.", NoPathWarning, stacklevel=5)
    while stack:
        node = stack.pop()
        if node not in found:
            found[node] = None
            stack.extend(used_by[node])
    return {node: None for node in seen if node in found}


def order(roots: Sequence[Node], nodes: Mapping[Node, None]) -> dict[Node, int]:
    """The place of each node in the order of the calls: loss by loss, and what feeds a call before the call."""
    keys: dict[Node, tuple[int, int, int]] = {}
    for place, root in enumerate(roots):
        stack = [(root, False)]
        while stack:
            node, fed = stack.pop()
            if node in keys or node not in nodes:
                continue
            if fed:
                keys[node] = (place, node.seq, len(keys))
            else:
                stack.append((node, True))
                stack.extend((source, False) for source in reversed(sources(node)))
    return {node: index for index, node in enumerate(sorted(keys, key=keys.__getitem__))}


def schedule(nodes: Mapping[Node, None], places: Mapping[Node, int]) -> list[Node]:
    """The nodes as they fire: consumers first, and of those that are ready the one with the longest way before it."""
    waits = dict.fromkeys(nodes, 0)
    for node in nodes:
        for source in sources(node):
            if source in waits:
                waits[source] += 1
    level = [node for node in nodes if not waits[node]]
    found: list[Node] = []
    while level:
        found.extend(sorted(level, key=places.__getitem__))
        following: list[Node] = []
        for node in level:
            for source in sources(node):
                if source in waits:
                    waits[source] -= 1
                    if not waits[source]:
                        following.append(source)
        level = following
    return found


def ways(nodes: Sequence[Node]) -> dict[Node, int]:
    """How many nodes the longest way from each of them back to a parameter has; `nodes` are in firing order."""
    found: dict[Node, int] = {}
    for node in reversed(nodes):
        found[node] = 1 + max((found.get(source, 0) for source in sources(node)), default=0)
    return found


def components(roots: Sequence[Node], nodes: Mapping[Node, None]) -> list[list[int]]:
    """Which roots belong together because they share a node: positions of roots, in order."""
    owner: dict[Node, int] = {}
    leader = list(range(len(roots)))

    def find(index: int) -> int:
        while leader[index] != index:
            index = leader[index]
        return index

    for place, root in enumerate(roots):
        for node in reached([root]):
            if node in nodes:
                other = find(owner.setdefault(node, place))
                mine = find(place)
                leader[max(mine, other)] = min(mine, other)
    groups: dict[int, list[int]] = defaultdict(list)
    for place in range(len(roots)):
        groups[find(place)].append(place)
    return list(groups.values())


Inputs = dict[str, tuple[str, str, "list[Edge]"]]
"""Inputs that may be blamed: name -> (role, text, edges)."""


def targets(node: Node, nodes: Mapping[Node, None]) -> tuple[dict[str, Parameter[Any]], Inputs]:
    """What a node may blame: the trainable texts it read, and its inputs that come from useful nodes."""
    inputs: Inputs = {}
    for slot, edges in node.parents.items():
        known = [edge for edge in edges if edge.confidence >= MIN_CONFIDENCE and edge.source in nodes]
        if known:
            inputs[f"input {slot}"] = (_role(known, slot), write(node.inputs.get(slot, "")), known)
    return trainable(node), inputs


def _role(edges: Sequence[Edge], slot: str) -> str:
    """What an input is for: the role of the variable that it is, else its name."""
    roles = (read.parameter.role for edge in edges for read in edge.source.reads if read.name == f"={edge.field}")
    return next(roles, f"input {slot}")


def summands(losses: Sequence[Variable]) -> list[tuple[Variable, str]]:
    """The losses that a sum of losses is made of: each says what it says to its own value only.

    With each comes the name of the group in which an `aggregate` wants feedback to be averaged; empty for sums.
    """
    found: list[tuple[Variable, str]] = []
    stack = [(loss, "") for loss in reversed(losses)]
    named = 0
    while stack:
        loss, group = stack.pop()
        if loss.node.op == "sum" and loss.predecessors:
            stack.extend((one, group) for one in reversed(loss.predecessors))
        elif loss.node.op == "aggregate":
            named += 1
            stack.extend((one, f"aggregate {named}") for one in reversed(loss.predecessors))
        else:
            found.append((loss, group))
    return found


def warn_of_starved(losses: Sequence[Variable]) -> None:
    """Warn of trainable texts that a program has used although nothing leads from them to the loss."""
    for loss in losses:
        tape = getattr(loss.node.inputs.get("value"), "_tape", None)
        if tape is None:
            continue
        seen = reached([loss.node])
        fed = {id(parameter) for node in seen for parameter in trainable(node).values()}
        for node in tape.nodes:
            for name, parameter in trainable(node).items():
                if id(parameter) not in fed:
                    fed.add(id(parameter))
                    message = (
                        f"the {name} of {tape.name_of(node)} was used, but nothing leads from it to the loss, so it learns nothing; "
                        "tape.explain() shows the edges, tape.link(value, from_=...) adds one."
                    )
                    warnings.warn(message, NoPathWarning, stacklevel=4)

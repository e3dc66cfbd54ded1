"""The plan of a walk back: what is pruned, in which order nodes fire, by which rules, and who may ask an LM under the cap on calls."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

from adjoint.autograd import chain, graph, trace
from adjoint.autograd.rules import ASKED, FREE, RULES, pass_through, rule_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from adjoint.autograd.rules import Rule
    from adjoint.program.parameter import Gradient
    from adjoint.program.tape import Node

Policy: TypeAlias = Literal["fused", "chain", "trace", "local", "auto"]
POLICIES: tuple[Policy, ...] = ("fused", "chain", "trace", "local", "auto")
Roots: TypeAlias = "Sequence[tuple[Node, Gradient]]"


@dataclass
class Plan:
    """What a walk will do: the nodes in firing order, their places, who may ask an LM, and the graphs judged at once."""

    nodes: dict[Node, None]
    places: dict[Node, int]
    firing: list[Node]
    asking: set[Node]
    traced: list[list[int]]
    calls: int


def planned(roots: Roots, policy: Policy, cap: int | None = None) -> Plan:
    """Prune, order, and spend the cap on calls in firing order, so that it does not depend on who answers first."""
    starts = [node for node, _ in roots]
    nodes = graph.useful(starts)
    places = graph.order(starts, nodes)
    traced, spent = _traced(roots, nodes, policy, cap)
    walked = graph.reached(starts[place] for place in range(len(roots)) if not any(place in group for group in traced))
    firing = graph.schedule({node: None for node in nodes if node in walked}, places)
    loud = graph.reached(node for node, gradient in roots if gradient.verdict == "change")
    asking: set[Node] = set()
    for node in firing:
        cost = _cost(rule_under(policy, node), node, nodes) if node in loud else 0
        if cost and (cap is None or spent + cost <= cap):
            asking.add(node)
            spent += cost
    return Plan(nodes, places, firing, asking, traced, spent)


def rule_under(policy: Policy, node: Node) -> Rule:
    """The rule of a node: one of its own, if whoever made it gave one, else what the policy says."""
    if node.details.get("rule"):
        return rule_of(node)
    if policy == "local":
        return pass_through
    return chain.edge if policy == "chain" and node.op in ASKED else rule_of(node)


def _cost(rule: Rule, node: Node, nodes: Mapping[Node, None]) -> int:
    """Calls of an LM that the rule of the node makes."""
    if rule in FREE or (rule is not chain.edge and node.op not in RULES):
        return 0
    parameters, inputs = graph.targets(node, nodes)
    wanted = sum(not name.startswith("=") for name in parameters) + len(inputs)
    return wanted if rule is chain.edge else min(wanted, 1)


def _traced(roots: Roots, nodes: Mapping[Node, None], policy: Policy, cap: int | None) -> tuple[list[list[int]], int]:
    """The losses that are judged together in one call, as places of roots, and how many calls that takes."""
    traced: list[list[int]] = []
    spent = 0
    groups = graph.components([node for node, _ in roots], nodes) if policy in ("trace", "auto") else []
    for group in groups:
        cost = int(any(roots[place][1].verdict == "change" for place in group))
        covered = cap is None or spent + cost <= cap
        if covered and _is_traced([roots[place][0] for place in group], nodes, policy):
            traced.append(group)
            spent += cost
    return traced, spent


def _is_traced(group: Sequence[Node], nodes: Mapping[Node, None], policy: Policy) -> bool:
    """Whether the losses of the group are judged in one call. `auto` does so where the graph fits into a prompt."""
    own = [node for node in graph.reached(group) if node in nodes]
    if not trace.leaves(own):
        return False
    if policy == "trace":
        return True
    asked = [node for node in own if node.op in ASKED]
    long = sum(len(message.text) for node in asked for message in node.messages)
    return 1 < len(asked) <= trace.MOST_CALLS and long <= trace.ROOM

"""Calls read back from the JSON of a tape: values, edges and messages, without the program that made them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from adjoint.lm.types import Request, Usage
from adjoint.program.parameter import Parameter
from adjoint.program.tape import Edge, Node, ParameterRead

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


def nodes_of(bodies: Sequence[Mapping[str, Any]]) -> tuple[list[Node], dict[Node, str]]:
    """The nodes in order, and the names of their modules."""
    made: dict[int, Node] = {}
    names: dict[Node, str] = {}
    for body in bodies:
        node = made[body["seq"]] = _node(body, made)
        names[node] = body["module"]
    return list(made.values()), names


def _node(body: Mapping[str, Any], earlier: Mapping[int, Node]) -> Node:
    parents: dict[str, list[Edge]] = {name: [] for name in body["inputs"]}
    for edge in body["edges"]:
        span = tuple(edge["span"]) if edge["span"] else None
        found = Edge(earlier[edge["source"]], edge["field"], edge["how"], edge["confidence"], span)
        parents.setdefault(edge["input"], []).append(found)
    reads = [
        ParameterRead(
            name, Parameter(value, kind="demos" if isinstance(value, list) else "text", role=name, trainable=False), value
        )
        for name, value in body["parameters"].items()
    ]
    return Node(
        body["seq"],
        body["op"],
        None,
        body["inputs"],
        parents,
        tuple(reads),
        outputs=body["outputs"],
        messages=Request.from_dict({"messages": body["messages"]}).messages,
        reply=body["reply"],
        usage=Usage(**body["usage"]),
        error=body["error"],
        repair=Request.from_dict({"messages": body["repair"]}).messages,
    )

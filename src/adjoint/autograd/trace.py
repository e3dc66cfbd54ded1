"""The policy `trace`: the whole pruned graph of a loss in one call, which divides the blame among all parameters."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from adjoint.autograd.graph import trainable
from adjoint.autograd.prompts import Blame
from adjoint.autograd.rules import gradient_of, input_of, merge, output_of
from adjoint.autograd.text import cut
from adjoint.modules.predict import Predict
from adjoint.program.context import context
from adjoint.signature.fields import OutputField

if TYPE_CHECKING:
    from collections.abc import Sequence

    from adjoint.lm.base import BaseLM
    from adjoint.program.parameter import Gradient, Parameter
    from adjoint.program.tape import Node

ROOM = 12_000
"""Characters of a graph that one call is shown."""
MOST_CALLS = 8
"""Calls of a language model that a graph may have to be judged at once, if the choice is free."""


def leaves(nodes: Sequence[Node]) -> list[tuple[Node, str, Parameter[Any]]]:
    """The parameters that the nodes have read, each once, where it was read first; values that were computed are none."""
    found: dict[int, tuple[Node, str, Parameter[Any]]] = {}
    for node in nodes:
        for name, parameter in trainable(node).items():
            if not name.startswith("=") or (node.op == "variable" and not node.parents):
                found.setdefault(id(parameter), (node, name, parameter))
    return list(found.values())


def described(nodes: Sequence[Node], texts: Sequence[Parameter[Any]], room: int = ROOM) -> str:
    """The steps in the order of the calls, with what fed what and which text each has used; never longer than `room`."""
    numbers = {node: number for number, node in enumerate(nodes, 1)}
    names = {id(parameter): f"text_{index}" for index, parameter in enumerate(texts)}
    share = max(80, room // (3 * max(len(nodes) + len(texts), 1)))
    lines = [f"{names[id(one)]} ({one.role}): {cut(str(one.value), share)}" for one in texts]
    for node, number in numbers.items():
        used = [names[id(read.parameter)] for read in node.reads if id(read.parameter) in names]
        fed = sorted({numbers[edge.source] for edge in node.edges() if edge.source in numbers})
        about = "".join((f", uses {', '.join(used)}" if used else "", f", from step {', '.join(map(str, fed))}" if fed else ""))
        lines.append(
            f"step {number}, {node.op}{about}\n  input: {cut(input_of(node), share)}\n  output: {cut(output_of(node), share)}"
        )
    return cut("\n".join(lines), room)


async def blame(
    nodes: Sequence[Node], incoming: Sequence[Gradient], engine: BaseLM | None
) -> list[tuple[Node, str, Parameter[Any], Gradient]]:
    """One LM call for all nodes, given in the order of the calls; a gradient for each parameter."""
    found, merged = leaves(nodes), merge(incoming)
    signature: Any = Blame
    for index, (_, _, parameter) in enumerate(found):
        about = f"what should change in text_{index}, the {parameter.role}, or ok, or not mine"
        signature = signature.append(f"critique_{index}", OutputField(desc=about))
    with context(role="critic", tape=None):
        judge = Predict(signature)
        judge.lm = engine
        said = await judge.acall(steps=described(nodes, [parameter for _, _, parameter in found]), feedback=merged.text)
    return [
        (node, name, parameter, gradient_of(name, str(said[f"critique_{index}"]), merged))
        for index, (node, name, parameter) in enumerate(found)
    ]

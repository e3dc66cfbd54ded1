"""The policy `chain`: one critique for every edge, each told the whole conversation, in the structure that TextGrad gave it.

Texts are joined and never formatted, so that braces, tags and backslashes of users arrive as they are.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from adjoint.adapters.written import write
from adjoint.autograd.rules import gradient_of, input_of, instruction_of, merge, output_of
from adjoint.autograd.text import between, short
from adjoint.lm.types import Message
from adjoint.program.context import active_lm, context, send
from adjoint.program.lm import request_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from adjoint.autograd.rules import Target
    from adjoint.lm.base import BaseLM
    from adjoint.program.parameter import Gradient
    from adjoint.program.tape import Node

LONGEST = 4000
"""Characters of one critique."""

SYSTEM = (
    "You are the feedback engine of a system that improves texts step by step. Another engine will write the new version of "
    "the text; you never do. You say, precisely and critically, what is wrong with the text and how it could serve the "
    "objective better. If the text already does what it should, say: ok. If it is not to blame, say: not mine.\n"
    "Tags: <LM_SYSTEM_PROMPT> holds the system prompt of a call, <LM_INPUT> what it was asked, <LM_OUTPUT> what it answered; "
    "<FUNCTION_PURPOSE>, <INPUTS_TO_FUNCTION> and <OUTPUT_OF_FUNCTION> describe a call of a function; <OBJECTIVE_FUNCTION> says "
    "what is to be achieved; <ROLE> says what the text is for, and <VARIABLE> is the text, shortened if it is long."
)


async def edge(node: Node, incoming: Sequence[Gradient], targets: Sequence[Target], engine: BaseLM | None) -> dict[str, Gradient]:
    """The rule of a node for one of its edges: one call of the engine."""
    (target,) = targets
    merged = merge(incoming)
    prompt = "\n\n".join((_opening(target, incoming), conversation(node), _objective(node, incoming), _closing(target)))
    lm = engine or active_lm()
    with context(role="critic", tape=None):
        request = request_of((Message("system", SYSTEM), Message("user", prompt)), dict(getattr(lm, "options", {})))
        response = await send(request, lm)
    return {target.name: gradient_of(target.name, response.text, merged, cap=LONGEST, context=conversation(node))}


def _starts_here(incoming: Sequence[Gradient]) -> bool:
    """Whether the node is itself the loss: its output is the evaluation, and nobody has said anything about it."""
    return all(gradient.target == "loss" for gradient in incoming)


def _opening(target: Target, incoming: Sequence[Gradient]) -> str:
    what = (
        "an evaluation of the text" if _starts_here(incoming) else "a conversation with a language model that the text is part of"
    )
    return f"You give feedback to a text with this role: {between('ROLE', target.role)}. Below stands {what}."


def conversation(node: Node) -> str:
    """A call in full, as critiques and updates are shown it."""
    if node.op == "function":
        blocks = {
            "FUNCTION_PURPOSE": instruction_of(node),
            "INPUTS_TO_FUNCTION": "\n".join(_input(node, slot) for slot in node.inputs),
            "OUTPUT_OF_FUNCTION": output_of(node) if node.error else write(node.outputs.get("value", "")),
        }
    else:
        blocks = {"LM_SYSTEM_PROMPT": instruction_of(node), "LM_INPUT": input_of(node), "LM_OUTPUT": output_of(node)}
    return "\n".join(between(tag, text) for tag, text in blocks.items())


def _input(node: Node, slot: str) -> str:
    roles = node.details.get("roles", {})
    return f"{slot} (role: {roles.get(slot, slot)}): {short(write(node.inputs[slot]))}"


def _objective(node: Node, incoming: Sequence[Gradient]) -> str:
    if _starts_here(incoming):
        return between(
            "OBJECTIVE_FUNCTION", "The output above is the evaluation. The text should change so that the evaluation gets better."
        )
    role = node.details.get("role", "the output")
    said = "\n".join(gradient.text for gradient in incoming)
    return between(
        "OBJECTIVE_FUNCTION", f"The output above is used as {role}. It got this feedback, which must be addressed: {said}"
    )


def _closing(target: Target) -> str:
    return (
        f"The text with the role {between('ROLE', target.role)} is {between('VARIABLE', short(target.value))}.\n"
        "Give creative and critical feedback: how should it change so that the objective is served better?"
    )

"""Rules: for each op, how feedback on its outputs becomes feedback on its parameters and inputs. One table, one rule each."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, TypeAlias

from adjoint.adapters.written import write
from adjoint.autograd.prompts import Critique
from adjoint.autograd.text import cut
from adjoint.base.errors import ParseError
from adjoint.modules.predict import Predict
from adjoint.program.context import context
from adjoint.program.parameter import Gradient
from adjoint.signature.fields import OutputField

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from adjoint.lm.base import BaseLM
    from adjoint.program.tape import Node

_OK = ("ok", "ok.")
_NOT_MINE = ("not mine", "not mine.")
CAP = 1200
"""Characters of one gradient."""


@dataclass(frozen=True, slots=True)
class Target:
    """Something that a node's rule may send feedback to: a parameter it read, or a field of an earlier node.

    `name` identifies it within the node; `role` says what it is for; `value` is its text at the time of the call.
    """

    name: str
    role: str
    value: str


Rule: TypeAlias = "Callable[[Node, Sequence[Gradient], Sequence[Target], BaseLM | None], Awaitable[dict[str, Gradient]]]"


async def pass_through(
    _: Node, incoming: Sequence[Gradient], targets: Sequence[Target], __: BaseLM | None
) -> dict[str, Gradient]:
    """Every target gets the feedback as it came: for sums, tools, plain functions and measured losses. No LM call."""
    merged = merge(incoming)
    return {target.name: replace(merged, target=target.name) for target in targets}


async def judged(node: Node, incoming: Sequence[Gradient], targets: Sequence[Target], _: BaseLM | None) -> dict[str, Gradient]:
    """What a judge said goes to what it judged, together with what else it was shown: a question, a truth. No LM call."""
    merged = merge(incoming)
    texts = {f"input {slot}": write(value) for slot, value in node.inputs.items()}
    asked = [instruction_of(node)] if instruction_of(node) else []
    beside = {target.name: [*asked, *(text for name, text in texts.items() if name != target.name)] for target in targets}
    return {name: replace(merged, target=name, context="\n".join(shown)) for name, shown in beside.items()}


async def critique(
    node: Node, incoming: Sequence[Gradient], targets: Sequence[Target], engine: BaseLM | None
) -> dict[str, Gradient]:
    """One LM call for the whole node: it sees the call and the feedback on it, and says what each target should be blamed for.

    All targets are judged together, so that blame can be divided among them (Wang et al., semantic backpropagation, 2024).
    """
    merged = merge(incoming)
    signature = Critique
    extra = [target for target in targets if target.name != "instruction"]
    for index, target in enumerate(extra):
        about = f"what should change in the {target.role}, or ok, or not mine"
        signature = signature.append(f"critique_{index}", OutputField(desc=about))  # type: ignore[assignment]
    if extra and len(extra) == len(targets):
        signature = signature.delete("critique")  # type: ignore[assignment]
    with context(role="critic", tape=None):
        judge = Predict(signature)
        judge.lm = engine
        said = await judge.acall(
            instruction=instruction_of(node), input=input_of(node), output=output_of(node), feedback=_told(merged.text, incoming)
        )
    names = {target.name: "critique" for target in targets if target.name == "instruction"}
    names.update({target.name: f"critique_{index}" for index, target in enumerate(extra)})
    return {name: gradient_of(name, str(said[field]), merged) for name, field in names.items()}


def _told(text: str, incoming: Sequence[Gradient]) -> str:
    """The feedback, with what judges were shown beside the output: a judge that says 0 or 1 has said what is wrong only there."""
    shown = dict.fromkeys(one.context for one in incoming if one.verdict == "change" and one.context)
    return "\n".join([text, *(f"(The judge was shown: {cut(context, CAP)})" for context in shown)])


RULES: dict[str, Rule] = {
    "predict": critique,
    "llm": critique,
    "function": critique,
    "judge": judged,
    "loss": pass_through,
    "sum": pass_through,
    "variable": pass_through,
}
"""The rule of each op; an op without one passes its feedback on."""

FREE: tuple[Rule, ...] = (pass_through, judged)
"""Rules that ask nobody."""

ASKED = frozenset({"predict", "llm", "function", "judge"})
"""Ops whose every edge gets a critique of its own under the policy `chain`, as in TextGrad."""


def undivided(failure: object) -> str:
    """What an engine has said that was to say it for several texts, each under its mark, and has written no marks; else nothing."""
    return failure.raw.strip() if isinstance(failure, ParseError) and "[[critique" not in failure.raw else ""


def rule_of(node: Node) -> Rule:
    """The rule of a node: its own, if whoever wrote the op gave one, else the one of its op."""
    own: Rule | None = node.details.get("rule")
    return own or RULES.get(node.op, pass_through)


def merge(incoming: Sequence[Gradient]) -> Gradient:
    """Several pieces of feedback on one node as one: different texts in order, the worst score, the greatest severity."""
    if len(incoming) == 1:
        return incoming[0]
    texts = list(dict.fromkeys(gradient.text for gradient in incoming if gradient.verdict == "change"))
    first = incoming[0]
    return Gradient(
        target=first.target,
        text="\n".join(texts)[:CAP],
        verdict="change" if texts else "ok",
        severity=max(gradient.severity for gradient in incoming),
        score=min((gradient.score for gradient in incoming if gradient.score is not None), default=None),
        example=first.example,
        step=first.step,
        group=first.group,
    )


def instruction_of(node: Node) -> str:
    """The instruction of a call, or what a function says that it is for."""
    read = next((str(read.value) for read in node.reads if read.name == "instruction"), "")
    return read or str(node.details.get("purpose", ""))


def input_of(node: Node) -> str:
    """The inputs as the LM saw them: the last user message, else all values."""
    last = [message.text for message in node.messages if message.role == "user"]
    return last[-1] if last else write(dict(node.inputs))


def output_of(node: Node) -> str:
    """The reply as it came, else the outputs, else the error."""
    if node.reply is not None:
        return node.reply
    return write(dict(node.outputs)) if node.outputs else str(node.error)


def gradient_of(name: str, text: str, merged: Gradient, *, cap: int = CAP, context: str = "") -> Gradient:
    """Read a critique: a verdict, or the text of what should change."""
    plain = " ".join(text.split()) if cap == CAP else text.strip()
    said = plain.casefold()
    verdict: Any = "ok" if said in _OK else "not_mine" if said in _NOT_MINE else "change"
    return replace(merged, target=name, text=plain[:cap] if verdict == "change" else "", verdict=verdict, context=context)

"""From what a program did to training rows: the calls of good runs, as prompts and replies of each predictor."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from adjoint.adapters.base import render
from adjoint.base.json import plain
from adjoint.lm.base import supports_of
from adjoint.optim.demos import own_calls
from adjoint.optim.weights.rows import Row
from adjoint.program.context import active_lm, adapter_for

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from adjoint.lm.base import BaseLM
    from adjoint.lm.types import Message
    from adjoint.program.module import Module
    from adjoint.program.tape import Node, Tape


def weights_name(path: str) -> str:
    """The name of a predictor's weights parameter by the path to the predictor."""
    return f"{path}.weights" if path else "weights"


def predictors(program: Module) -> dict[str, Any]:
    """The predictors of a program whose weights can be trained, by path."""
    return {
        path: module for path, module in program.named_modules() if hasattr(module, "weights") and hasattr(module, "signature")
    }


def lm_of(predictor: Any) -> BaseLM:
    """Who answers for a predictor here."""
    found: BaseLM = predictor.lm or active_lm()
    return found


def sampled(program: Module, tape: Tape) -> Iterator[tuple[str, Node]]:
    """The calls of a tape to which there was a reply, whether or not it could be read."""
    return ((path, node) for path, node in own_calls(program, tape) if node.reply is not None)


def as_student(student: Module, program: Module, tape: Tape, *, exclude_demos: bool) -> Iterator[tuple[str, Row]]:
    """The calls of a run, of whatever teacher, as the student's own predictors would be asked and would have to answer."""
    known = predictors(student)
    for path, node in sampled(program, tape):
        if path in known and node.error is None:
            yield path, row_of(known[path], node.inputs, node.outputs, exclude_demos=exclude_demos)


def row_of(predictor: Any, inputs: Mapping[str, Any], outputs: Mapping[str, Any], *, exclude_demos: bool) -> Row:
    """One call as a training row, written by the adapter in force: what a reader of replies expects, without chatter."""
    lm, signature = lm_of(predictor), predictor.signature
    adapter, supports = adapter_for(lm), supports_of(lm)
    demos = [] if exclude_demos else predictor.demos
    asked = render(adapter, signature, predictor.instruction, demos, inputs, supports=supports)
    whole = {name: plain(value) for name, value in {**inputs, **outputs}.items()}
    answered = adapter.prefix(signature, predictor.instruction, [whole], supports=supports)[-1]
    return Row(asked.messages, answered.text)


def as_sampled(node: Node) -> tuple[tuple[Message, ...], str]:
    """Exactly what was asked and said in a call, which is what a policy gradient needs."""
    return (*node.messages, *node.repair), node.reply or ""

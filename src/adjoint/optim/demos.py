"""Demos: how examples and recorded calls become demonstrations of a predictor."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from adjoint.adapters.text import inputs_text, outputs_text
from adjoint.base.json import Json, digest, plain
from adjoint.data.records import expected_outputs

if TYPE_CHECKING:
    import random
    from collections.abc import Iterator, Sequence

    from adjoint.data.records import Example
    from adjoint.program.module import Module
    from adjoint.program.state import State
    from adjoint.program.tape import Node, Tape

Demo = dict[str, Json]


def demo_names(program: Module) -> list[tuple[str, Any]]:
    """For each predictor whose demos may change: the name of its demos parameter, and the predictor."""
    owners = {
        id(parameter): name for name, parameter in program.named_parameters() if parameter.kind == "demos" and parameter.trainable
    }
    return [(owners[id(p._demos)], p) for p in program.predictors() if id(p._demos) in owners]


def demos_in(state: State, name: str) -> list[Any]:
    """The demos that a state has under this name."""
    shown: Any = state.get(name, [])
    return list(shown)


def labeled(program: Module, name: str, predictor: Any, rows: Sequence[Example]) -> list[Demo]:
    """The rows as demos of one predictor: those that hold a label for one of its outputs.

    An answer kept under `expected` belongs to the last predictor of the program.
    """
    last = demo_names(program)[-1][0] == name
    signature = predictor.signature
    demos = []
    for row in rows:
        labels = row.labels().toDict()
        outputs = expected_outputs(row, list(signature.output_fields)) if last or "expected" not in labels else {}
        inputs = {field: value for field, value in row.inputs().items() if field in signature.input_fields}
        if outputs:
            demos.append({key: plain(value) for key, value in {**inputs, **outputs}.items()})
    return demos


def recorded(program: Module, tape: Tape) -> dict[str, list[Demo]]:
    """The calls of a tape as demos, by the name of the demos parameter of the predictor that made them."""
    found: dict[str, list[Demo]] = {}
    for path, node in own_calls(program, tape):
        if node.error is None:
            demo = {key: plain(value) for key, value in {**node.inputs, **node.outputs}.items()}
            found.setdefault(f"{path}.demos" if path else "demos", []).append(demo)
    return found


def own_calls(program: Module, tape: Tape) -> Iterator[tuple[str, Node]]:
    """The calls of the program's own predictors on a tape, each with the path of its predictor."""
    paths = {id(module): path for path, module in program.named_modules()}
    for node in tape.nodes:
        if node.op == "predict" and id(node.module) in paths:
            yield paths[id(node.module)], node


def sample(demos: Sequence[Demo], k: int, rng: random.Random) -> list[Demo]:
    """At most `k` of the demos, drawn without replacement."""
    return rng.sample(list(demos), min(k, len(demos)))


def key_of(demo: Demo) -> str:
    """Equal demos have equal keys."""
    return digest(demo, length=16)


def pairs_of(predictor: Any, demos: Sequence[Demo]) -> list[tuple[str, str]]:
    """Demos as inputs and outputs in words. No value can begin a line of its own, and so none can pose as another one."""
    signature = predictor.signature
    ins, outs = list(signature.input_fields.values()), list(signature.output_fields.values())
    return [
        (_kept(inputs_text(ins, demo, partial=True)), _kept(outputs_text([field for field in outs if field.name in demo], demo)))
        for demo in demos
        if any(field.name in demo for field in outs)
    ]


def _kept(text: str) -> str:
    return text.replace("\n", "\n  ")

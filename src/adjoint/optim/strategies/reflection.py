"""Reflection: what came of runs becomes new texts, in one step (Reflect) or in two (critiques of the calls, then a rewrite)."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal, TypeAlias

from adjoint.autograd.reduce import Theme, feedback_text, themes
from adjoint.autograd.rules import input_of, output_of
from adjoint.autograd.text import cut
from adjoint.base import rng
from adjoint.data.records import Score, id_of
from adjoint.exec.local import all_of
from adjoint.optim import propose
from adjoint.optim.copies import sources_of
from adjoint.optim.lessons import gradients, is_avoidable
from adjoint.optim.prompts import Merge, Reasons, Reflect, ReflectAgain, Repair, runs_text
from adjoint.optim.propose import Guard, asked, taught
from adjoint.optim.replies import improved
from adjoint.optim.update import rewrite
from adjoint.program.context import context
from adjoint.program.metric import is_reflective, measure
from adjoint.program.tape import Tape

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from adjoint.data.records import Example
    from adjoint.eval.cells import Cell
    from adjoint.lm.base import BaseLM
    from adjoint.optim.base import Workbench
    from adjoint.optim.copies import Sources
    from adjoint.optim.desk import Desk
    from adjoint.program.metric import Metric
    from adjoint.program.module import Module
    from adjoint.program.state import State
    from adjoint.program.tape import Node

Manner: TypeAlias = Literal["reflect", "critique"]
MANNERS: tuple[Manner, ...] = ("reflect", "critique")

_ROOM = 12_000
"""Characters of runs that one reflection is shown."""


@dataclass(frozen=True)
class Runs:
    """A state and what came of it on some feedback rows."""

    state: State
    rows: tuple[Example, ...]
    cells: tuple[Cell, ...]

    def perfect(self, score: float = 1.0) -> bool:
        return all(cell.score is not None and cell.score.value >= score for cell in self.cells)

    def of(self, rows: Sequence[Example]) -> Runs:
        """The runs of some of the rows."""
        cells = {id_of(row): cell for row, cell in zip(self.rows, self.cells, strict=True)}
        return Runs(self.state, tuple(rows), tuple(cells[id_of(row)] for row in rows))

    def without_errors(self) -> Runs:
        """The runs that have a score."""
        return self.of([row for row, cell in zip(self.rows, self.cells, strict=True) if cell.score is not None])

    def improves(self, other: Runs, *, or_equal: bool = False) -> bool:
        """Whether the sum of scores over the rows that both have answered is larger, or equal while fewer runs fail."""
        pairs = [(mine.score, theirs.score) for mine, theirs in zip(self.cells, other.cells, strict=True)]
        gain = math.fsum(mine.value - theirs.value for mine, theirs in pairs if mine is not None and theirs is not None)
        saved = sum(theirs is None for _, theirs in pairs) - sum(mine is None for mine, _ in pairs)
        return (gain, saved) >= (0, 0) if or_equal else (gain, saved) > (0, 0)


async def run(work: Workbench, state: State, rows: Sequence[Example]) -> Runs:
    """Run a state on feedback rows."""
    return Runs(state, tuple(rows), tuple(await work.run(state, rows)))


def texts_of(program: Module) -> list[str]:
    """The names of the texts that may be changed."""
    return [name for name, parameter in program.named_parameters() if parameter.kind == "text" and parameter.trainable]


def minibatch(rows: Sequence[Example], size: int, number: int, seed: int) -> list[Example]:
    """Minibatch `number` of an endless walk over the rows, in an order drawn anew in every epoch; the last one is filled up."""
    size = min(size, len(rows))
    epoch, place = divmod(number, math.ceil(len(rows) / size))
    order = list(rows)
    rng.stream(seed, "minibatch", epoch).shuffle(order)
    return (order + order)[place * size : (place + 1) * size]


async def revised(
    work: Workbench,
    runs: Runs,
    names: Sequence[str],
    manner: Manner,
    engine: BaseLM | None,
    *,
    tried: Mapping[str, Sequence[str]],
    merge: bool = False,
) -> State | None:
    """The state with new values of the named texts, after what came of the runs. `tried` are texts that were no better;
    with `merge`, an LM first makes one remark of several critiques.

    None if nothing is to be learned, or if one of the texts could not be made: a half-made candidate says nothing.
    """
    engine, sources = engine or work.proposer_lm, sources_of(work)

    async def made() -> State | None:
        if manner == "reflect":
            texts = await all_of(_reflected(runs, name, engine, tried.get(name, ()), sources) for name in names)
            changed = {name: text for name, text in zip(names, texts, strict=True) if text is not None}
        else:
            changed = await _rewritten(work.program, runs, names, engine, tried=tried, merge=merge, sources=sources)
        return {**runs.state, **changed} if changed else None

    found: State | None = await propose.tried(made())
    return found


async def _reflected(runs: Runs, name: str, engine: BaseLM | None, tried: Sequence[str], sources: Sources) -> str | None:
    """One call that sees the text with its calls and what was said of each, and writes the new text."""
    old = str(runs.state[name])

    async def ask(rows: list[Example]) -> str:
        examples = runs_text(_fitting(calls_of(runs.of(rows), name)))
        shown = {"instruction": old, "examples": examples, **({"tried": _listed(tried)} if tried else {})}

        def accept(reply: str) -> str:
            return Guard().accept(improved(reply, old), old, said=examples, sources=sources)

        return await asked(ReflectAgain if tried else Reflect, shown, engine, accept=accept)

    return await taught(runs.rows, ask) if calls_of(runs, name) else None


def _fitting(calls: Sequence[tuple[str, str, str]]) -> list[tuple[str, str, str]]:
    share = _ROOM // max(1, 3 * len(calls))
    return [(cut(given, share), cut(said, share), cut(feedback, share)) for given, said, feedback in calls]


def _listed(texts: Sequence[str]) -> str:
    return "\n".join(f"- {text}" for text in texts)


async def _rewritten(
    program: Module,
    runs: Runs,
    names: Sequence[str],
    engine: BaseLM | None,
    *,
    tried: Mapping[str, Sequence[str]],
    merge: bool,
    sources: Sources,
) -> dict[str, str]:
    """Critiques of the calls go back to the texts, and each text that was criticised is written anew."""
    roles = {name: parameter.role for name, parameter in program.named_parameters()}
    told = await gradients(runs.rows, runs.cells, engine)
    due = {name: found for name in names if (found := themes(told.get(name, ())))}
    if merge:
        due = dict(zip(due, await all_of(_one_of(found, engine) for found in due.values()), strict=True))
    made = await all_of(
        rewrite(roles[name], str(runs.state[name]), found, engine=engine, tried=tried.get(name, ()), sources=sources)
        for name, found in due.items()
    )
    return dict(zip(due, made, strict=True))


async def _one_of(found: list[Theme], engine: BaseLM | None) -> list[Theme]:
    """Several remarks as one (Merge)."""
    if len(found) < 2:
        return found
    text = await asked(Merge, {"feedback": feedback_text(found)}, engine)
    return [Theme(text, sum(theme.count for theme in found), found[0].score, max(theme.severity for theme in found))]


async def repaired(desk: Desk, wrong: Runs, name: str, *, sample: int) -> str:
    """A text edited after its mistakes: first the reasons for them, then the edit."""
    old = str(wrong.state[name])

    async def edit(rows: list[Example]) -> str:
        mistakes = runs_text(calls_of(wrong.of(rows), name))
        reasons = await desk.note(Reasons, sample=sample, instruction=old, mistakes=mistakes)
        told = {"instruction": old, "mistakes": mistakes, "reasons": reasons}
        return await desk.write(Repair, old, sample=sample, said=mistakes, **told)

    return await taught(wrong.rows, edit)


def calls_of(runs: Runs, name: str) -> list[tuple[str, str, str]]:
    """For each run that used the text: the input and output of its last call that did, and what was said of the run."""
    found = []
    for cell in runs.cells:
        nodes = _nodes_of(cell, name)
        if nodes and (cell.score is not None or is_avoidable(cell)):
            found.append((input_of(nodes[-1]), output_of(nodes[-1]), _said_of(cell, nodes[-1])))
    return found


def _said_of(cell: Cell, node: Node) -> str:
    if cell.score is None:
        return f"the call failed: {node.error or cell.error}"
    return cell.score.feedback or ("right" if cell.score.value >= 1.0 else f"the score was {cell.score.value:g} of 1")


def _nodes_of(cell: Cell, name: str) -> list[Node]:
    """The calls of a run that have read the text."""
    if cell.tape is None or cell.tape.root is None:
        return []
    parameter = dict(cell.tape.root.named_parameters()).get(name)
    return [node for node in cell.tape.nodes if any(read.parameter is parameter for read in node.reads)]


async def told_of(runs: Runs, name: str, metric: Metric) -> Runs:
    """The runs with what the metric says of the predictor that owns the text, if it is a metric that speaks of predictors."""
    if not is_reflective(metric):
        return runs
    return replace(
        runs, cells=tuple(await all_of(_told(cell, row, name, metric) for row, cell in zip(runs.rows, runs.cells, strict=True)))
    )


async def _told(cell: Cell, row: Example, name: str, metric: Metric) -> Cell:
    if cell.score is None or cell.prediction is None or cell.tape is None:
        return cell
    predictor = name.rpartition(".")[0] or "self"
    calls = [(node.module, dict(node.inputs), dict(node.outputs)) for node in _nodes_of(cell, name)]
    with context(tape=Tape(), role="judge"):
        said = await measure(metric, row, cell.prediction, cell.tape, compiling=True, about=(predictor, calls))
    return replace(cell, score=Score(cell.score.value, said.feedback, cell.score.parts))

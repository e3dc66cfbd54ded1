"""Textual gradient descent: critiques of failing runs become a new text. By hand as in PyTorch, or as a strategy.

Yuksekgonul et al., "TextGrad: Automatic Differentiation via Text" (2024). Unlike there, a step changes all parameters or
none, and as a strategy every rewrite must win a race before it replaces what it came from.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from adjoint.autograd.backward import Walk, engine_of
from adjoint.autograd.losses import feedback_of, measured
from adjoint.autograd.reduce import themes
from adjoint.autograd.variable import Variable
from adjoint.base.errors import FATAL, AdjointError, UsageError
from adjoint.base.portal import portal
from adjoint.eval.evaluate import answerer
from adjoint.exec.local import all_of
from adjoint.optim.strategy import Strategy
from adjoint.optim.update import rewrite
from adjoint.program.parameter import Parameter

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from adjoint.autograd.reduce import Theme
    from adjoint.base.json import Json
    from adjoint.eval.cells import Cell
    from adjoint.lm.base import BaseLM
    from adjoint.optim.base import Memory, Trial, Workbench
    from adjoint.program.metric import Metric
    from adjoint.program.state import State

_TRIED = 3
"""Rejected texts that a rewrite is shown."""


class TextualGradientDescent(Strategy):
    """`TGD(parameters)`, then `loss.backward()` and `step()`; or `optimize(..., optimizer=TGD())`.

    By hand, `step` asks the engine once for each parameter that has gradients and changes all of them or, if one rewrite
    fails, none. As a strategy, each round runs `batch_size` feedback rows, walks back from those that fail, and proposes up
    to `proposals` rewrites: one after all feedback, the others after one theme each. It ends after `patience` rounds in
    which nothing was better, or after `rounds`.
    """

    name = "tgd"

    def __init__(
        self,
        parameters: Iterable[Variable | Parameter[str]] | None = None,
        *,
        engine: BaseLM | str | None = None,
        constraints: Sequence[str] = (),
        metric: Metric | None = None,
        batch_size: int = 12,
        proposals: int = 3,
        rounds: int = 6,
        patience: int = 2,
    ) -> None:
        super().__init__(metric)
        self.parameters = [_parameter(item) for item in parameters or ()]
        self.engine = engine_of(engine)
        self.constraints = tuple(constraints)
        self.batch_size, self.proposals, self.rounds, self.patience = batch_size, proposals, rounds, patience

    # By hand -----------------------------------------------------------------------------------------------------

    def zero_grad(self) -> None:
        """Forget all gradients of the parameters."""
        for parameter in self.parameters:
            parameter.grad.clear()

    def step(self) -> None:
        """Rewrite every parameter that has gradients: all of them, or none and `GradientError`."""
        portal.run(self.astep())

    async def astep(self) -> None:
        """`step` in asynchronous code."""
        wanted = [(parameter, themes(parameter.grad)) for parameter in self.parameters]
        due = [(parameter, found) for parameter, found in wanted if found and parameter.trainable]
        texts = await all_of(self._rewrite(parameter.role, parameter.value, found, self.engine) for parameter, found in due)
        for (parameter, _), text in zip(due, texts, strict=True):
            parameter.value = text

    async def _rewrite(
        self, role: str, text: str, found: Sequence[Theme], engine: BaseLM | None, tried: Sequence[str] = ()
    ) -> str:
        return await rewrite(role, text, found, engine=engine, constraints=self.constraints, tried=tried)

    # As a strategy -----------------------------------------------------------------------------------------------

    def settings(self) -> Mapping[str, Json]:
        return {
            "engine": answerer(self.engine),
            "constraints": list(self.constraints),
            "batch_size": self.batch_size,
            "proposals": self.proposals,
            "rounds": self.rounds,
            "patience": self.patience,
        }

    def init(self, seed_state: State) -> Memory:
        del seed_state
        return {"asked": 0, "stale": 0, "tried": []}

    def tell(self, memory: Memory, trials: Sequence[Trial]) -> Memory:
        better = any(trial.accepted for trial in trials)
        rejected = [dict(trial.state) for trial in trials if not trial.accepted]
        return {
            "asked": memory["asked"] + 1,
            "stale": 0 if better else memory["stale"] + 1,
            "tried": [*memory["tried"], *rejected][-_TRIED * self.proposals :],
        }

    async def ask(self, memory: Memory, work: Workbench) -> Sequence[State]:
        if memory["asked"] >= self.rounds or memory["stale"] >= self.patience:
            return []
        rows = list(work.feedback)
        work.rng("batch").shuffle(rows)
        cells = await work.run(work.best, rows[: self.batch_size])
        gradients = await self._gradients(work, cells)
        # Nothing to learn from these rows does not end the run: the best again is no candidate, but it is a round.
        return await self._propose(work, gradients, memory["tried"]) or [work.best]

    async def _gradients(self, work: Workbench, cells: Sequence[Cell]) -> dict[str, list[Any]]:
        """Walk back from every row that was measured and is not perfect; gradients by name of parameter."""
        walk = Walk(self.engine or work.proposer_lm)
        losses = [
            measured(row, cell.prediction, cell.score.value, cell.score.feedback)
            for row, cell in zip(work.rows_of(cells), cells, strict=True)
            if cell.score is not None and cell.prediction is not None and cell.score.value < 1.0
        ]
        if not losses:
            return {}
        await walk.run([(loss.node, feedback_of(loss)) for loss in losses])
        names = {id(parameter): name for cell in cells if cell.tape for name, parameter in cell.tape.root.named_parameters()}  # type: ignore[union-attr]
        found: dict[str, list[Any]] = {}
        for _, _, parameter, gradient in sorted(walk.landed, key=lambda item: (item[0], item[1])):
            if id(parameter) in names:
                found.setdefault(names[id(parameter)], []).append(gradient)
        return found

    async def _propose(self, work: Workbench, gradients: Mapping[str, list[Any]], tried: Sequence[State]) -> list[State]:
        """Rewrites of the best state: after all feedback, then after each of the strongest themes alone."""
        roles = {name: parameter.role for name, parameter in work.program.named_parameters()}
        grouped = {name: themes(found) for name, found in sorted(gradients.items())}
        grouped = {name: found for name, found in grouped.items() if found}
        if not grouped:
            return []
        selections = [grouped]
        for rank in range(self.proposals - 1):
            alone = {name: [found[rank]] for name, found in grouped.items() if rank < len(found)}
            if alone and alone not in selections:
                selections.append(alone)
        jobs = [self._state(work, selection, roles, tried) for selection in selections]
        made = await all_of(jobs)
        return [state for state in made if state is not None]

    async def _state(
        self, work: Workbench, selection: Mapping[str, Sequence[Theme]], roles: Mapping[str, str], tried: Sequence[State]
    ) -> State | None:
        """The best state with some texts rewritten; None if a rewrite failed, since a half-made candidate says nothing."""
        best, engine = work.best, self.engine or work.proposer_lm
        state = dict(best)
        for name, found in selection.items():
            earlier = list(dict.fromkeys(str(one[name]) for one in tried if one.get(name) not in (None, best[name])))
            try:
                state[name] = await self._rewrite(roles[name], str(best[name]), found, engine, earlier[-_TRIED:])
            except FATAL:
                raise
            except AdjointError:
                return None
        return state


TGD = TextualGradientDescent


def _parameter(item: Any) -> Parameter[str]:
    if isinstance(item, Variable):
        return item.parameter
    if isinstance(item, Parameter):
        return item
    message = f"TGD takes Variables and Parameters (program.parameters()), got {item!r}."
    raise UsageError(message)

"""Textual gradient descent: critiques of failing runs become a new text. By hand as in PyTorch, or as a strategy.

Yuksekgonul et al., "TextGrad: Automatic Differentiation via Text" (2024). Unlike there, a step changes all parameters or
none, and as a strategy every rewrite must win a race before it replaces what it came from.
"""

from __future__ import annotations

import inspect
import logging
from typing import TYPE_CHECKING, Any, Literal

from adjoint.autograd.engine import backward_engine, engine_of
from adjoint.autograd.plan import POLICIES
from adjoint.autograd.reduce import themes
from adjoint.base.errors import AdjointError, MetricError, UsageError
from adjoint.base.foreign import foreign
from adjoint.base.json import plain
from adjoint.base.portal import portal
from adjoint.eval.fingerprint import answerer
from adjoint.exec.local import all_of
from adjoint.optim.copies import sources_of
from adjoint.optim.groups import groups_of
from adjoint.optim.lessons import gradients
from adjoint.optim.propose import usable
from adjoint.optim.spelling import one_of
from adjoint.optim.strategy import Strategy
from adjoint.optim.transforms import TRIED, Draft, Examples, Memory, Momentum, Reduce, Rejected, Rewriting
from adjoint.optim.update import Manner, rewrite
from adjoint.program.parameter import Gradient

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from adjoint.autograd.engine import Engine
    from adjoint.autograd.plan import Policy
    from adjoint.autograd.reduce import Theme
    from adjoint.base.json import Json
    from adjoint.optim.base import Memory as StrategyMemory
    from adjoint.optim.base import Trial, Workbench
    from adjoint.optim.transforms import Transform
    from adjoint.program.metric import Metric
    from adjoint.program.parameter import Parameter
    from adjoint.program.state import State

_ENDS = ("<new>", "</new>")
"""Tags between which a rewrite may be asked to stand, as an example."""
_log = logging.getLogger("adjoint.tgd")


class TextualGradientDescent(Strategy):
    """`TGD(parameters)`, then `loss.backward()` and `step()`; or `optimize(..., optimizer=TGD())`.

    By hand, `step` asks the engine once for each parameter that has gradients and changes all of them or, if one rewrite
    fails, none. `parameters` may be groups: `[{"params": [...], "constraints": [...], "engine": ...}, ...]`. `gate` and
    `validate` are functions that give a score of the parameters as they are: a step that does not raise both is taken back
    and remembered. `transforms` replaces the whole chain that makes an update.

    As a strategy, each round runs `batch_size` feedback rows, walks back from those that fail, and proposes up to
    `proposals` rewrites: one after all feedback, the others after one theme each. It ends after `patience` rounds in which
    nothing was better, or after `rounds`.
    """

    name = "tgd"
    hint: tuple[str, str] | None = None
    """Tags that rewrites are asked to stand between, and may leave out."""

    def __init__(  # noqa: PLR0917 - TextGrad's order of arguments
        self,
        parameters: Iterable[Any] | None = None,
        verbose: bool | int = 0,  # noqa: FBT001 - TextGrad's
        engine: Engine | None = None,
        constraints: Sequence[str] | None = None,
        new_variable_tags: Sequence[str] | None = None,
        optimizer_system_prompt: str | None = None,
        in_context_examples: Sequence[str] | None = None,
        gradient_memory: int = 0,
        *,
        momentum_window: int = 0,
        reduce: Literal["themes", "mean"] = "themes",
        passing: int = 0,
        keep_placeholders: bool = False,
        gate: Callable[[], Any] | None = None,
        validate: Callable[[], Any] | None = None,
        transforms: Sequence[Transform] | None = None,
        metric: Metric | None = None,
        policy: Policy = "fused",
        batch_size: int = 12,
        proposals: int = 3,
        rounds: int = 6,
        patience: int = 2,
    ) -> None:
        super().__init__(metric)
        self.engine = engine_of(engine)
        self.constraints = list(constraints or ())
        self.verbose, self.policy = verbose, one_of("policy", policy, POLICIES)
        self.param_groups = groups_of(parameters or ())
        self.gates = [one for one in (gate, validate) if one is not None]
        self.manner = Manner(_tags(new_variable_tags), optimizer_system_prompt, keep_placeholders, hint=self.hint)
        self.transforms: list[Transform] = list(transforms) if transforms is not None else [
            Reduce(reduce, passing=passing),
            *([Memory(gradient_memory)] if gradient_memory else []),
            *([Momentum(momentum_window)] if momentum_window else []),
            *([Examples(in_context_examples)] if in_context_examples else []),
            Rejected(),
            Rewriting(self.manner),
        ]  # fmt: skip
        self.batch_size, self.proposals, self.rounds, self.patience = batch_size, proposals, rounds, patience

    # By hand -----------------------------------------------------------------------------------------------------

    @property
    def parameters(self) -> list[Any]:
        """What is changed, as it was given: Variables or Parameters."""
        return [one for group in self.param_groups for one in group.given]

    def zero_grad(self) -> None:
        """Forget all gradients of the parameters."""
        for parameter in self.parameters:
            parameter.grad.clear()

    def step(self) -> bool:
        """Rewrite every parameter that has gradients: all of them, or none and `GradientError`.

        Says whether anything was changed; a gate may have taken it back.
        """
        return portal.run(self.astep())

    async def astep(self) -> bool:
        """`step` in asynchronous code."""
        due = self._due()
        if not due:
            return False
        before = [await _score(gate) for gate in self.gates]
        drafts = await all_of(self._drafted(draft) for _, draft in due)
        for (parameter, _), draft in zip(due, drafts, strict=True):
            parameter.value = draft.text if draft.proposed is None else draft.proposed
        kept, score = True, None
        try:
            for gate, old in zip(self.gates, before, strict=True):
                score = await _score(gate)
                if score <= old:
                    kept = False
                    break
        except AdjointError:
            _restore(due)
            raise
        if not kept:
            _restore(due)
        for draft in drafts:
            for transform in self.transforms:
                transform.told(draft, before[-1] if before else draft.score, kept=kept)
            if self.verbose:
                _log.info("%s: %r -> %r (%s)", draft.role, draft.text, draft.proposed, "kept" if kept else "taken back")
        return kept

    def _due(self) -> list[tuple[Parameter[str], Draft]]:
        """The trainable parameters that were told to change."""
        found: list[tuple[Parameter[str], Draft]] = []
        key = 0
        for group in self.param_groups:
            for parameter in group.params:
                if parameter.trainable and parameter.kind == "text" and themes(parameter.grad):
                    gradients = tuple(parameter.grad)
                    engine = group.engine or engine_of(self.engine) or backward_engine()
                    constraints = tuple(self.constraints) if group.constraints is None else group.constraints
                    draft = Draft(key, parameter.role, parameter.value, gradients, engine, constraints=constraints)
                    found.append((parameter, draft))
                key += 1
        return found

    async def _drafted(self, draft: Draft) -> Draft:
        for transform in self.transforms:
            draft = await transform(draft)
        return draft

    def state_dict(self) -> dict[str, Json]:
        """Values, gradients and what the transforms remember, as JSON: load it to go on in the middle of an epoch."""
        parameters = [{"value": one.value, "grad": plain(one.grad)} for one in self.parameters]
        return {"parameters": plain(parameters), "transforms": [transform.state() for transform in self.transforms]}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take up what `state_dict` has kept; the parameters and settings must be those of then."""
        if len(state["parameters"]) != len(self.parameters) or len(state["transforms"]) != len(self.transforms):
            message = "this state is of an optimizer with other parameters or settings."
            raise UsageError(message)
        for parameter, kept in zip(self.parameters, state["parameters"], strict=True):
            parameter.value = kept["value"]
            parameter.grad[:] = [Gradient(**one) for one in kept["grad"]]
        for transform, kept in zip(self.transforms, state["transforms"], strict=True):
            transform.load(kept)

    # As a strategy -----------------------------------------------------------------------------------------------

    def settings(self) -> Mapping[str, Json]:
        return {
            "engine": answerer(self.engine),
            "constraints": list(self.constraints),
            "batch_size": self.batch_size,
            "proposals": self.proposals,
            "rounds": self.rounds,
            "patience": self.patience,
            **({} if self.manner == Manner() else {"manner": plain(self.manner)}),
            **({} if self.policy == "fused" else {"policy": self.policy}),
        }

    def init(self, seed_state: State) -> StrategyMemory:
        del seed_state
        return {"asked": 0, "stale": 0, "tried": []}

    def tell(self, memory: StrategyMemory, trials: Sequence[Trial]) -> StrategyMemory:
        better = any(trial.accepted for trial in trials)
        rejected = [dict(trial.state) for trial in trials if not trial.accepted]
        return {
            "asked": memory["asked"] + 1,
            "stale": 0 if better else memory["stale"] + 1,
            "tried": [*memory["tried"], *rejected][-TRIED * self.proposals :],
        }

    async def ask(self, memory: StrategyMemory, work: Workbench) -> Sequence[State]:
        if memory["asked"] >= self.rounds or memory["stale"] >= self.patience:
            return []
        rows = list(work.feedback)
        work.rng("batch").shuffle(rows)
        cells = await work.run(work.best, rows[: self.batch_size])
        found = await gradients(work.rows_of(cells), cells, self.engine or work.proposer_lm, self.policy)
        # Nothing to learn from these rows does not end the run: the best again is no candidate, but it is a round.
        return await self._propose(work, found, memory["tried"]) or [work.best]

    async def _propose(self, work: Workbench, told: Mapping[str, list[Gradient]], tried: Sequence[State]) -> list[State]:
        """Rewrites of the best state: after all feedback, then after each of the strongest themes alone."""
        roles = {name: parameter.role for name, parameter in work.program.named_parameters()}
        grouped = {name: themes(found) for name, found in sorted(told.items())}
        grouped = {name: found for name, found in grouped.items() if found}
        if not grouped:
            return []
        selections = [grouped]
        for rank in range(self.proposals - 1):
            alone = {name: [found[rank]] for name, found in grouped.items() if rank < len(found)}
            if alone and alone not in selections:
                selections.append(alone)
        jobs = [self._state(work, selection, roles, tried) for selection in selections]
        return await usable(jobs)

    async def _state(
        self, work: Workbench, selection: Mapping[str, Sequence[Theme]], roles: Mapping[str, str], tried: Sequence[State]
    ) -> State:
        """The best state with some texts rewritten: all of them, since a half-made candidate says nothing."""
        best, engine, sources = work.best, self.engine or work.proposer_lm, sources_of(work)
        given: dict[str, Any] = {"engine": engine, "constraints": self.constraints, "manner": self.manner, "sources": sources}
        state = dict(best)
        for name, found in selection.items():
            earlier = list(dict.fromkeys(str(one[name]) for one in tried if one.get(name) not in (None, best[name])))
            state[name] = await rewrite(roles[name], str(best[name]), found, tried=earlier[-TRIED:], **given)
        return state


TGD = TextualGradientDescent


class TextualGradientDescentwithMomentum(TextualGradientDescent):
    """TextGrad's spelling of `TGD(parameters, momentum_window=...)`."""

    def __init__(  # noqa: PLR0917 - TextGrad's order of arguments
        self,
        engine: Engine | None = None,
        parameters: Iterable[Any] = (),
        momentum_window: int = 3,
        constraints: Sequence[str] | None = None,
        new_variable_tags: Sequence[str] | None = None,
        in_context_examples: Sequence[str] | None = None,
        optimizer_system_prompt: str | None = None,
        **options: Any,
    ) -> None:
        shown = (constraints, new_variable_tags, optimizer_system_prompt, in_context_examples)
        super().__init__(parameters, 0, engine, *shown, momentum_window=momentum_window, **options)


async def _score(gate: Callable[[], Any]) -> float:
    """The score that a gate gives to the parameters as they are."""
    if inspect.iscoroutinefunction(gate):
        return float(await foreign(gate(), MetricError, "the gate"))
    return float(await foreign(portal.in_thread(gate), MetricError, "the gate"))


def _restore(due: Sequence[tuple[Parameter[str], Draft]]) -> None:
    for parameter, draft in due:
        parameter.value = draft.text


def _tags(tags: Sequence[str] | None) -> tuple[str, str] | None:
    if not tags:
        return None
    if len(tags) != len(_ENDS):
        message = f"new_variable_tags={tags!r:.60} cannot be; give two texts, {_ENDS!r} for example."
        raise UsageError(message)
    return tags[0], tags[1]

"""GEPA: reflective evolution of texts. Agrawal et al., "GEPA: Reflective Prompt Evolution Can Outperform RL" (2025).

Parents are drawn from the instance front, a minibatch is run, an LM reflects on what came of it, and a child that does better
on the minibatch joins the pool. Unlike there, a child does not buy the whole validation set: it races against the best on the
same rows and leaves when it has lost; what was refused is remembered; and the whole run is one of the Study, with its budget.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from adjoint.autograd.engine import engine_of
from adjoint.base.code import code_digest
from adjoint.base.errors import ProgramError, UsageError
from adjoint.base.foreign import foreign_call
from adjoint.eval.fingerprint import answerer
from adjoint.exec.local import all_of
from adjoint.optim.base import Candidate
from adjoint.optim.knobs import require
from adjoint.optim.spelling import accept, one_of
from adjoint.optim.strategies.pool import SELECTIONS, Member, draw, merges
from adjoint.optim.strategies.proposing import written
from adjoint.optim.strategies.reflection import MANNERS, minibatch, revised, run, texts_of, told_of
from adjoint.optim.strategy import Strategy
from adjoint.program.metric import is_reflective
from adjoint.program.state import name_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from adjoint.autograd.engine import Engine
    from adjoint.base.json import Json
    from adjoint.optim.base import Memory, Trial, Workbench
    from adjoint.optim.strategies.pool import Selection
    from adjoint.optim.strategies.reflection import Runs
    from adjoint.program.metric import Metric
    from adjoint.program.state import State

Auto: TypeAlias = Literal["light", "medium", "heavy"]
Reflecting: TypeAlias = Literal["alternate", "reflect", "critique"]

_TRIES = {"light": 6, "medium": 12, "heavy": 18}
"""Reflections for each text of the program: the numbers of candidates that DSPy's names stand for."""
_REMEMBERED = 3
"""Refused texts that the next reflection on the same text is shown."""
_LARGE = 8
"""Rows of a minibatch from which on its critiques are first made one remark: many at once confuse a rewrite."""
_HARMLESS = {
    "track_best_outputs": "the ledger has every reply",
    "warn_on_score_mismatch": "the score of the whole run decides, whatever the metric says of one predictor",
    "failure_score": "a failure is no score",
}
_REFUSED = {
    "use_wandb": "the ledger has every trial",
    "wandb_api_key": "the ledger has every trial",
    "wandb_init_kwargs": "the ledger has every trial",
    "use_mlflow": "the ledger has every trial",
    "gepa_kwargs": "give the arguments themselves",
    "code_proposer": "code is a text parameter like any other; see instruction_proposer",
}


@dataclass(frozen=True)
class Child:
    """One attempt: the state made from a parent, if it was any good, and the texts that were refused on the way."""

    parent: int
    names: tuple[str, ...]
    batches: int
    state: State | None = None
    refused: State | None = None
    perfect: bool = False
    """Whether the parent was right on a whole epoch of feedback rows, so that there was nothing to reflect on."""


class GEPA(Strategy):
    """Reflective evolution with an instance front (arguments and defaults are DSPy's).

    `metric` says in its `Score`'s feedback what was wrong; one of five parameters (gold, pred, trace, pred_name, pred_trace)
    is asked about the predictor whose text is to change. It goes on until the best is right on all feedback rows, or for
    `max_metric_calls` cells, or `max_full_evals` times the rows, or by `auto`, 6, 12 or 18 reflections for each text
    (`"light"` if nothing is said); the budget of the run caps all.

    - `reflection_lm` reflects (default: the run's proposer). `reflection` is the manner: `"reflect"` in one step as published,
      `"critique"` in two (each call is criticised, then the text is rewritten), `"alternate"` takes turns.
    - `candidate_selection_strategy`: pareto, current_best, epsilon_greedy, top_k_pareto. `component_selector`: round_robin,
      all, or a function `(names, state) -> names`. `proposals` parents are mutated at once in each round.
    - `acceptance`: what a child must be on its minibatch to be raced, `strict_improvement` or `improvement_or_equal`.
    - `use_merge` joins two programs of the front that improved different parts, at most `max_merge_invocations` times.
    - `instruction_proposer(candidate, reflective_dataset, components_to_update)` writes the texts instead, also asynchronously.
    - Texts are all trainable texts of the program, tool descriptions and code included; `enable_tool_optimization=False`
      leaves the descriptions of tools alone.

    `log_dir`, `track_stats`, `warn_on_score_mismatch` and `num_threads` are accepted: every run is kept in the ledger and
    reported, scores are the program's, and `limit=` of `optimize` says how much runs at once.
    """

    name = "gepa"

    def __init__(
        self,
        metric: Metric | None = None,
        *,
        auto: Auto | None = None,
        max_full_evals: int | None = None,
        max_metric_calls: int | None = None,
        reflection_minibatch_size: int = 3,
        candidate_selection_strategy: Selection = "pareto",
        reflection_lm: Engine | None = None,
        skip_perfect_score: bool = True,
        add_format_failure_as_feedback: bool = False,
        instruction_proposer: Callable[..., Any] | None = None,
        component_selector: Literal["round_robin", "all"] | Callable[..., Any] = "round_robin",
        use_merge: bool = True,
        max_merge_invocations: int = 5,
        perfect_score: float = 1.0,
        enable_tool_optimization: bool = True,
        acceptance: Literal["strict_improvement", "improvement_or_equal"] = "strict_improvement",
        reflection: Reflecting = "alternate",
        proposals: int = 1,
        **others: Any,
    ) -> None:
        super().__init__(metric)
        if sum(one is not None for one in (auto, max_full_evals, max_metric_calls)) > 1:
            message = "GEPA takes one of auto, max_full_evals and max_metric_calls; the budget of the run caps it anyway."
            raise UsageError(message)
        self.auto = one_of("auto", auto, (None, *_TRIES))
        self.max_full_evals, self.max_metric_calls = max_full_evals, max_metric_calls
        self.max_cells = max_metric_calls
        self.selection = one_of("candidate_selection_strategy", candidate_selection_strategy, SELECTIONS)
        self.acceptance, self.component_selector = acceptance, component_selector
        self.reflection = one_of("reflection", reflection, ("alternate", *MANNERS))
        self.size, self.proposals = reflection_minibatch_size, proposals
        self.engine = engine_of(reflection_lm)
        self.skip_perfect, self.perfect = skip_perfect_score, perfect_score
        self.with_errors, self.with_tools = add_format_failure_as_feedback, enable_tool_optimization
        self.proposer = instruction_proposer
        self.most_merges = max_merge_invocations if use_merge else 0
        self.compile_options = accept("GEPA", others, harmless=_HARMLESS, refused=_REFUSED)

    def settings(self) -> Mapping[str, Json]:
        selector = self.component_selector
        limits: list[Json] = [self.auto, self.max_full_evals, self.max_metric_calls]
        return {
            "limits": limits,
            "minibatch": self.size,
            "selection": self.selection,
            "components": selector if isinstance(selector, str) else code_digest(selector),
            "engine": answerer(self.engine),
            "reflection": self.reflection,
            "proposer": None if self.proposer is None else code_digest(self.proposer),
            "acceptance": self.acceptance,
            "perfect": [self.skip_perfect, self.perfect],
            "merges": self.most_merges,
            "proposals": self.proposals,
            "errors": self.with_errors,
            "tools": self.with_tools,
        }

    def init(self, seed_state: State) -> Memory:
        """The pool with its lineage; whose turn it is among the texts of each member; and what was refused."""
        seed = {"state": dict(seed_state), "parents": []}
        return {"pool": [seed], "turns": [0], "tries": 0, "batches": 0, "refused": {}, "merged": [], "due": False, "perfect": []}

    def tell(self, memory: Memory, trials: Sequence[Trial]) -> Memory:
        noted = [trial for trial in trials if trial.note is not None]
        if not noted:
            return memory
        notes: list[Any] = [trial.note for trial in noted]
        told = {**memory, **notes[0]["after"]}
        for trial, note in zip(noted, notes, strict=True):
            if not note["parents"]:
                continue
            told["pool"] = [*told["pool"], {"state": dict(trial.state), "parents": note["parents"]}]
            told["turns"] = [*told["turns"], 1 + max(memory["turns"][parent] for parent in note["parents"])]
            if not trial.accepted:
                told["refused"] = _with_refused(told["refused"], trial.state, note["names"])
            elif note["names"]:  # a child of reflection, and no merge
                told["due"] = True
        return told

    async def ask(self, memory: Memory, work: Workbench) -> Sequence[State | Candidate]:
        pool = [Member(one["state"], tuple(one["parents"]), work.scores(one["state"])) for one in memory["pool"]]
        if memory["due"] and len(memory["merged"]) < self.most_merges:
            tried = {tuple(pair) for pair in memory["merged"]}
            for pair, state in merges(pool):
                if pair not in tried:
                    after = {"due": False, "merged": [*memory["merged"], list(pair)]}
                    return [_noted(state, pair, (), after)]
        left = self._left(memory, work)
        if left < 1 or name_of(work.best) in memory["perfect"]:
            return []
        children = await all_of(self._child(memory, work, pool, number) for number in range(min(self.proposals, left)))
        return self._candidates(memory, work, children)

    def _left(self, memory: Memory, work: Workbench) -> int:
        """How many reflections may still be made."""
        texts = self._texts(work)
        if not texts:
            return 0
        if self.max_metric_calls is not None:
            return self.proposals if work.bench.bought < self.max_metric_calls else 0
        if self.max_full_evals is not None:  # as many selection rows as feedback rows make one
            return self.proposals if work.bench.bought < self.max_full_evals * 2 * len(work.feedback) else 0
        tries: int = _TRIES[self.auto or "light"] * len(texts) - memory["tries"]
        return tries

    def _texts(self, work: Workbench) -> list[str]:
        return [name for name in texts_of(work.program) if self.with_tools or ".descriptions." not in f".{name}"]

    async def _child(self, memory: Memory, work: Workbench, pool: Sequence[Member], number: int) -> Child:
        """Draw a parent, find a minibatch on which it is not perfect, reflect, and see whether the child does better there."""
        best = next((place for place, one in enumerate(pool) if name_of(one.state) == name_of(work.best)), 0)
        parent = draw(pool, self.selection, best, work.rng("parent", number))
        state = pool[parent].state
        names = self._chosen(memory, work, parent, state)
        for used in range(1, len(work.feedback) + 1):
            batch = memory["batches"] + number + (used - 1) * self.proposals
            runs = await run(work, state, minibatch(work.feedback, self.size, batch, work.seed))
            if not (self.skip_perfect and runs.perfect(self.perfect)):
                break
            if used * self.size >= len(work.feedback):
                return Child(parent, names, used, perfect=True)
        made = await self._reflected(memory, work, runs, names, number)
        if made is None or name_of(made) in {name_of(one.state) for one in pool}:
            return Child(parent, names, used)
        again = await run(work, made, runs.rows)
        passed = again.improves(runs, or_equal=self.acceptance == "improvement_or_equal")
        return Child(parent, names, used, made if passed else None, None if passed else made)

    def _chosen(self, memory: Memory, work: Workbench, parent: int, state: State) -> tuple[str, ...]:
        """The texts whose turn it is."""
        names = self._texts(work)
        if self.component_selector == "all":
            return tuple(names)
        if callable(self.component_selector):
            chosen = foreign_call(partial(self.component_selector, names, state), ProgramError, "component_selector")
            require("component_selector", "result", chosen, "Sequence")
            return tuple(one_of("a text chosen by component_selector", name, names) for name in chosen)
        return (names[memory["turns"][parent] % len(names)],)

    async def _reflected(self, memory: Memory, work: Workbench, runs: Runs, names: Sequence[str], number: int) -> State | None:
        runs = runs if self.with_errors else runs.without_errors()
        metric = work.bench.metric
        told = {name: await told_of(runs, name, metric) for name in names}
        if self.proposer is not None:
            lm = self.engine or work.proposer_lm
            return await written(self.proposer, runs.state, told, self._texts(work), lm)
        turns = MANNERS if self.reflection == "alternate" else (self.reflection,)
        manner = turns[(memory["tries"] + number) % len(turns)]
        given = {"tried": memory["refused"], "merge": len(runs.rows) > _LARGE}
        if manner == "critique" and not is_reflective(metric):  # one walk back serves all texts
            return await revised(work, runs, names, manner, self.engine, **given)
        made = await all_of(revised(work, own, [name], manner, self.engine, **given) for name, own in told.items())
        if None in made:
            return None
        return {**runs.state, **{name: one[name] for name, one in zip(names, made, strict=True) if one is not None}}

    def _candidates(self, memory: Memory, work: Workbench, children: Sequence[Child]) -> list[Candidate]:
        """The children that passed; each tells on what the round has taught. Without any, the best again carries it."""
        refused = memory["refused"]
        turns = list(memory["turns"])
        for child in children:
            turns[child.parent] += 1
            if child.refused is not None:
                refused = _with_refused(refused, child.refused, child.names)
        after = {
            "tries": memory["tries"] + len(children),
            "batches": memory["batches"] + self.proposals * max(child.batches for child in children),
            "refused": refused,
            "turns": turns,
            "perfect": memory["perfect"]
            + [name_of(memory["pool"][child.parent]["state"]) for child in children if child.perfect],
        }
        made = [_noted(child.state, [child.parent], child.names, after) for child in children if child.state is not None]
        return made or [_noted(work.best, (), (), after)]


def _noted(state: State, parents: Sequence[int], names: Sequence[str], after: Any) -> Candidate:
    """A candidate with its parents, the texts that changed, and what the memory is to be after its round."""
    return Candidate(state, {"parents": list(parents), "names": list(names), "after": after})


def _with_refused(refused: Mapping[str, list[str]], state: State, names: Sequence[str]) -> dict[str, list[str]]:
    """The last texts of each name that were refused, with those of the state."""
    added = {name: list(dict.fromkeys([*refused.get(name, []), str(state[name])]))[-_REMEMBERED:] for name in names}
    return {**refused, **added}

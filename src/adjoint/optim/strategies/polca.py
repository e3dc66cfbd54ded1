"""POLCA: a priority search over everything that was ever tried. After "POLCA" (arXiv 2603.14769, 2026), built on Trace.

All programs stay in one queue; the next parents are those with the highest upper confidence bound, so that one that has been
seen on few rows is looked at again. A child that says nearly what somebody has said before is dropped before it costs a row.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from adjoint.autograd.engine import engine_of
from adjoint.eval.fingerprint import answerer
from adjoint.exec.local import all_of
from adjoint.optim.strategies import reflection
from adjoint.optim.strategies.novelty import is_new, text_of
from adjoint.optim.strategy import Strategy

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from adjoint.autograd.engine import Engine
    from adjoint.base.json import Json
    from adjoint.optim.base import Candidate, Memory, Trial, Workbench
    from adjoint.program.metric import Metric
    from adjoint.program.state import State

_MOST_REFUSED = 3


class POLCA(Strategy):
    """Priority search with a novelty filter.

    Each of `rounds` rounds takes the `num_candidates` most promising programs, mean + `exploration` * sqrt(ln N / n) over the
    rows seen so far, reflects on a minibatch of `batch_size` feedback rows for each, and races the children that lie at least
    `epsilon` (a share of their letter trigrams, in [0, 1]) from all that was tried. With `summarize` the critiques of a
    minibatch are first made one remark. `optimizer_lm` reflects (default: the run's proposer). It ends after `patience`
    rounds without anything better.
    """

    name = "polca"

    def __init__(
        self,
        metric: Metric | None = None,
        *,
        num_candidates: int = 3,
        batch_size: int = 6,
        rounds: int = 8,
        patience: int = 3,
        exploration: float = 0.3,
        epsilon: float = 0.05,
        summarize: bool = False,
        optimizer_lm: Engine | None = None,
    ) -> None:
        super().__init__(metric)
        self.num_candidates, self.batch_size, self.rounds, self.patience = num_candidates, batch_size, rounds, patience
        self.exploration, self.epsilon, self.summarize = exploration, epsilon, summarize
        self.engine = engine_of(optimizer_lm)

    def settings(self) -> Mapping[str, Json]:
        return {
            "sizes": [self.num_candidates, self.batch_size, self.rounds, self.patience],
            "exploration": self.exploration,
            "epsilon": self.epsilon,
            "summarize": self.summarize,
            "engine": answerer(self.engine),
        }

    def init(self, seed_state: State) -> Memory:
        return {"pool": [dict(seed_state)], "rounds": 0, "stale": 0}

    def tell(self, memory: Memory, trials: Sequence[Trial]) -> Memory:
        new = [dict(trial.state) for trial in trials if trial.state not in memory["pool"]]
        better = any(trial.accepted for trial in trials)
        return {
            "pool": [*memory["pool"], *new],
            "rounds": memory["rounds"] + 1,
            "stale": 0 if better else memory["stale"] + 1,
        }

    async def ask(self, memory: Memory, work: Workbench) -> Sequence[State | Candidate]:
        if memory["rounds"] >= self.rounds or memory["stale"] >= self.patience:
            return []
        names = reflection.texts_of(work.program)
        parents = self._promising(memory, work)
        made = await all_of(self._child(parent, names, number, memory, work) for number, parent in enumerate(parents))
        known = [text_of(state, names) for state in memory["pool"]]
        fresh: list[State] = []
        for child in made:
            if child is not None and is_new(text := text_of(child, names), known, self.epsilon):
                known.append(text)
                fresh.append(child)
        return fresh or [work.best]  # nothing new is a round too

    def _promising(self, memory: Memory, work: Workbench) -> list[State]:
        """The programs with the highest upper confidence bounds; before anything was bought, the one to begin with."""
        seen = [(state, work.scores(state)) for state in memory["pool"]]
        known = [(state, scores) for state, scores in seen if scores]
        if not known:
            return [memory["pool"][0]] * self.num_candidates
        total = math.log(1 + sum(len(scores) for _, scores in known))

        def bound(scores: Mapping[str, float]) -> float:
            return math.fsum(scores.values()) / len(scores) + self.exploration * math.sqrt(total / len(scores))

        ranked = [state for state, scores in sorted(known, key=lambda item: -bound(item[1]))]
        return (ranked * self.num_candidates)[: self.num_candidates]

    async def _child(self, parent: State, names: Sequence[str], number: int, memory: Memory, work: Workbench) -> State | None:
        """What reflection on a minibatch makes of the parent; the manners take turns."""
        batch = memory["rounds"] * self.num_candidates + number
        runs = await reflection.run(work, parent, reflection.minibatch(work.feedback, self.batch_size, batch, work.seed))
        if runs.perfect():
            return None
        tried: dict[str, list[Any]] = {
            name: [state[name] for state in memory["pool"] if state[name] != parent[name]][-_MOST_REFUSED:] for name in names
        }
        manner = reflection.MANNERS[batch % len(reflection.MANNERS)]
        return await reflection.revised(work, runs, names, manner, self.engine, tried=tried, merge=self.summarize)

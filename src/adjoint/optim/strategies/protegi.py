"""ProTeGi: a beam of instructions, each edited after reasons for its errors and said in other words.

Pryzant et al., "Automatic Prompt Optimization with 'Gradient Descent' and Beam Search" (2023). All that are compared have seen
the same rows here, in whatever round they were proposed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from adjoint.autograd.engine import engine_of
from adjoint.eval.fingerprint import answerer
from adjoint.optim.base import Candidate
from adjoint.optim.desk import Desk, predictors_of
from adjoint.optim.prompts import Paraphrase
from adjoint.optim.propose import usable
from adjoint.optim.strategies.reflection import repaired, revised, run
from adjoint.optim.strategy import Strategy

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from adjoint.autograd.engine import Engine
    from adjoint.base.json import Json
    from adjoint.optim.base import Memory, Trial, Workbench
    from adjoint.optim.strategies.reflection import Runs
    from adjoint.program.metric import Metric
    from adjoint.program.state import State


class ProTeGi(Strategy):
    """`rounds` times: each of the `beam` best runs on `minibatch` rows, and `groups` groups of `errors` errors each give an edit.

    Each edit is said in `paraphrases` other ways; at most `per_parent` of the new instructions of one parent are tried. A
    `compact` proposer gives critiques and rewrites, and no paraphrases.
    """

    name = "protegi"

    def __init__(
        self,
        metric: Metric | None = None,
        *,
        prompt_model: Engine | None = None,
        beam: int = 4,
        rounds: int = 6,
        minibatch: int = 64,
        groups: int = 4,
        errors: int = 4,
        paraphrases: int = 2,
        per_parent: int = 8,
        compact: bool | None = None,
    ) -> None:
        super().__init__(metric)
        self.prompt_model, self.compact = engine_of(prompt_model), compact
        self.beam, self.rounds, self.minibatch = beam, rounds, minibatch
        self.groups, self.errors, self.paraphrases, self.per_parent = groups, errors, paraphrases, per_parent

    def settings(self) -> Mapping[str, Json]:
        names = ("beam", "rounds", "minibatch", "groups", "errors", "paraphrases", "per_parent", "compact")
        return {"prompt_model": answerer(self.prompt_model), **{name: getattr(self, name) for name in names}}

    def init(self, seed_state: State) -> Memory:
        return {"asked": 0, "beam": [[dict(seed_state), None]]}

    def tell(self, memory: Memory, trials: Sequence[Trial]) -> Memory:
        """The beam goes on with the best means of old and new; one that nobody has measured yet comes last."""
        known = [*memory["beam"], *([dict(trial.state), trial.mean] for trial in trials if trial.mean is not None)]
        latest = {repr(sorted(state.items())): [state, mean] for state, mean in known}
        ordered = sorted(latest.values(), key=lambda one: -1.0 if one[1] is None else one[1], reverse=True)
        return {"asked": memory["asked"] + 1, "beam": ordered[: self.beam]}

    async def ask(self, memory: Memory, work: Workbench) -> Sequence[Candidate]:
        if memory["asked"] >= self.rounds or not predictors_of(work.program):
            return []
        rows = work.rng("minibatch").sample(work.feedback, min(self.minibatch, len(work.feedback)))
        desk = Desk(work, lm=self.prompt_model, compact=self.compact)
        found: dict[str, Candidate] = {}
        for place, (state, _) in enumerate(memory["beam"]):
            for made in await self._edits(desk, await run(work, state, rows), place):
                found.setdefault(repr(sorted(made.items())), Candidate(made))
        return list(found.values()) or [Candidate(work.best)]

    async def _edits(self, desk: Desk, runs: Runs, place: int) -> list[State]:
        """New states from the errors of one, all its texts in turn."""
        wrong = runs.of(
            [row for row, cell in zip(runs.rows, runs.cells, strict=True) if cell.score is None or cell.score.value < 1.0]
        )
        names, rng = list(predictors_of(desk.work.program)), desk.work.rng("groups", place)
        chosen = []
        for group in range(self.groups if wrong.rows else 0):
            rows = rng.sample(wrong.rows, min(self.errors, len(wrong.rows)))
            chosen.append((names[group % len(names)], wrong.of(rows), place * self.groups + group))
        made = [state for states in await usable(self._edit(desk, *one) for one in chosen) for state in states]
        return rng.sample(made, min(self.per_parent, len(made)))

    async def _edit(self, desk: Desk, name: str, wrong: Runs, number: int) -> list[State]:
        """One edit for a group of errors, and the same in other words."""
        if desk.compact:
            state = await revised(desk.work, wrong, [name], "critique", desk.lm, tried={})
            return [] if state is None else [state]
        old, sample = str(wrong.state[name]), desk.work.round * 100 + number
        text = await repaired(desk, wrong, name, sample=sample)
        others = (desk.write(Paraphrase, old, sample=sample * 10 + again, instruction=text) for again in range(self.paraphrases))
        return [{**wrong.state, name: one} for one in dict.fromkeys([text, *await usable(others)])]

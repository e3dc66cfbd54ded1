"""OptoPrime: one call that sees the whole trace and writes all values anew. Cheng, Nie and Swaminathan, "Trace is the Next
AutoDiff" (2024).

Where textual gradients ask once for each call of the program, this asks once for the minibatch: the steps of the runs, what fed
what, the values that may be changed (texts and numbers together), and the feedback. What it writes must win a race.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from adjoint.adapters.written import write
from adjoint.autograd.engine import engine_of
from adjoint.autograd.graph import reached
from adjoint.autograd.text import cut
from adjoint.autograd.trace import ROOM, described
from adjoint.base.errors import GradientError
from adjoint.eval.fingerprint import answerer
from adjoint.optim.copies import sources_of
from adjoint.optim.lessons import loss_of
from adjoint.optim.prompts import Suggest
from adjoint.optim.propose import Guard, Proposer, usable
from adjoint.optim.replies import improved
from adjoint.optim.spelling import accept
from adjoint.optim.strategies import reflection
from adjoint.optim.strategy import Strategy
from adjoint.program.context import context
from adjoint.signature.fields import OutputField

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from adjoint.autograd.engine import Engine
    from adjoint.base.json import Json
    from adjoint.optim.base import Candidate, Memory, Trial, Workbench
    from adjoint.optim.copies import Sources
    from adjoint.program.metric import Metric
    from adjoint.program.parameter import Parameter
    from adjoint.program.state import State

_SPREAD = 1.3
"""The temperature of the last of several responses; that of the first is 0 (OptoPrimeMulti's)."""
_FEEDBACK = 2000
"""Characters of feedback that the call is shown."""


class OptoPrime(Strategy):
    """One-call credit assignment over the whole trace.

    Each of `rounds` rounds runs `batch_size` feedback rows and asks `llm` (default: the run's proposer) `num_responses` times
    for new values, from temperature 0 up to 1.3 if more than once; the responses race. `memory_size` is the number of refused
    sets of values that the next call is shown. A program with one text and no number gets the compact prompt of reflection.
    It ends after `patience` rounds without anything better.
    """

    name = "optoprime"

    def __init__(
        self,
        metric: Metric | None = None,
        *,
        llm: Engine | None = None,
        memory_size: int = 0,
        num_responses: int = 1,
        batch_size: int = 4,
        rounds: int = 6,
        patience: int = 2,
        **others: Any,
    ) -> None:
        super().__init__(metric)
        self.engine = engine_of(llm)
        self.memory_size, self.num_responses, self.batch_size = memory_size, num_responses, batch_size
        self.rounds, self.patience = rounds, patience
        self.compile_options = accept("OptoPrime", others, harmless={"log": "every run is in the ledger"})

    def settings(self) -> Mapping[str, Json]:
        return {
            "engine": answerer(self.engine),
            "sizes": [self.memory_size, self.num_responses, self.batch_size, self.rounds, self.patience],
        }

    def init(self, seed_state: State) -> Memory:
        del seed_state
        return {"rounds": 0, "stale": 0, "refused": []}

    def tell(self, memory: Memory, trials: Sequence[Trial]) -> Memory:
        refused = [*memory["refused"], *(dict(trial.state) for trial in trials if not trial.accepted)]
        better = any(trial.accepted for trial in trials)
        return {
            "rounds": memory["rounds"] + 1,
            "stale": 0 if better else memory["stale"] + 1,
            "refused": refused[len(refused) - min(self.memory_size, len(refused)) :],
        }

    async def ask(self, memory: Memory, work: Workbench) -> Sequence[State | Candidate]:
        if memory["rounds"] >= self.rounds or memory["stale"] >= self.patience:
            return []
        rows = reflection.minibatch(work.feedback, self.batch_size, memory["rounds"], work.seed)
        runs = await reflection.run(work, work.best, rows)
        if runs.perfect():
            return [work.best]  # these rows have nothing to teach, which is a round too
        values = _values(work)
        if len(values) == 1 and values[0][1].kind == "text":
            refused = [state[values[0][0]] for state in memory["refused"] if state[values[0][0]] != work.best[values[0][0]]]
            tried = {values[0][0]: list(map(str, refused))}
            made = await reflection.revised(work, runs, [values[0][0]], "reflect", self.engine, tried=tried)
            return [work.best if made is None else made]
        return await usable(self._suggested(work, runs, memory, number) for number in range(self.num_responses)) or [work.best]

    async def _suggested(self, work: Workbench, runs: reflection.Runs, memory: Memory, number: int) -> State:
        """The state with every value as one call says that it should be."""
        values, sources = _values(work), sources_of(work)
        signature: Any = Suggest
        for place, (_, parameter) in enumerate(values):
            signature = signature.append(f"value_{place}", OutputField(desc=f"the {parameter.role}, as it should be"))
        steps, feedback = _told(runs)
        shown = {
            "values": "\n".join(
                f"value_{place} ({one.role}): {write(work.best[name])}" for place, (name, one) in enumerate(values)
            ),
            "steps": steps,
            "feedback": feedback,
            "tried": "\n".join(
                "- " + "; ".join(f"value_{place} = {write(state[name])}" for place, (name, _) in enumerate(values))
                for state in memory["refused"]
            ),
        }
        heat = _SPREAD * number / (self.num_responses - 1) if self.num_responses > 1 else None
        with context(role="proposer", tape=None):
            proposer = Proposer(signature, temperature=heat, rollout_id=number)
            proposer.lm = self.engine or work.proposer_lm
            made = await proposer.acall(**shown)
        state = dict(work.best)
        for place, (name, parameter) in enumerate(values):
            state[name] = _read(str(made[f"value_{place}"]), parameter, work.best[name], feedback, sources)
        return state


def _values(work: Workbench) -> list[tuple[str, Parameter[Any]]]:
    """The texts and numbers that may be changed."""
    named = work.program.named_parameters()
    return [(name, one) for name, one in named if one.trainable and one.kind in ("text", "number")]


def _told(runs: reflection.Runs) -> tuple[str, str]:
    """The steps of the runs that went wrong, each run in its share of the room, and what was said of each."""
    losses = [loss for row, cell in zip(runs.rows, runs.cells, strict=True) if (loss := loss_of(row, cell)) is not None]
    room = ROOM // max(1, len(losses))
    steps, said = [], []
    for number, loss in enumerate(losses, 1):
        nodes = sorted((node for node in reached([loss.node]) if node is not loss.node), key=lambda node: node.seq)
        steps.append(f"run {number}\n{described(nodes, [], room)}")
        said.append(f"run {number}: {cut(str(loss.value), _FEEDBACK // len(losses))}")
    return "\n".join(steps), "\n".join(said)


def _read(reply: str, parameter: Parameter[Any], old: Json, feedback: str, sources: Sources) -> Json:
    """The new value in a reply: a text that may take the place of the old one, or a number."""
    if parameter.kind == "text":
        text = improved(reply, str(old))
        return text if text == old else Guard().accept(text, str(old), said=feedback, sources=sources)
    try:
        return float(reply.strip())
    except ValueError as error:
        message = f"{reply!r} is no number, as the {parameter.role} must be"
        raise GradientError(message) from error

"""BestOfN: run a module several times and keep the best result."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

from adjoint.base import rng
from adjoint.base.errors import FATAL, AdjointError, MetricError, ProgramError, UsageError
from adjoint.base.foreign import foreign
from adjoint.base.portal import portal
from adjoint.data.records import Score
from adjoint.program.batch import raised
from adjoint.program.context import context, current
from adjoint.program.module import Module
from adjoint.program.runs import Run
from adjoint.program.tape import Tape

if TYPE_CHECKING:
    from collections.abc import Callable


class BestOfN(Module):
    """Up to `N` tries, one after another; the first whose reward reaches `threshold` is taken, else the best one.

    `reward_fn(inputs, prediction)` gives a number or a `Score`. More than `fail_count` tries that raise (by default none
    is too many, unless all do) raise the last error; each call counts for itself. Tries differ by their number of sample:
    equal prompts are asked anew and not taken from the cache. What makes the replies differ is the temperature of your LM,
    which is not touched. Calls of tries that are not taken stand in `tape.rejected`.
    """

    def __init__(
        self,
        module: Module,
        N: int,  # noqa: N803 - DSPy's name
        reward_fn: Callable[[dict[str, Any], Any], Any],
        threshold: float,
        fail_count: int | None = None,
    ) -> None:
        if N < 1:
            message = f"N={N} would run nothing; give 1 or more."
            raise UsageError(message)
        self.module, self.N, self.reward_fn, self.threshold = module, N, reward_fn, threshold
        self.fail_count = N - 1 if fail_count is None else fail_count

    async def aforward(self, **inputs: Any) -> Any:
        here = current()
        tape = here.tape if here.tape is not None else Tape(self, inputs)
        best: tuple[float, Run, Any] | None = None
        failures: list[AdjointError] = []
        for number in range(self.N):
            run = Run()
            try:
                with context(tape=tape, sample=nth_sample(here.sample, "try", number)), run:
                    made = await foreign(self.module.acall(**inputs), ProgramError, "the module")
                said = await reward_of(self.reward_fn, inputs, made)
            except FATAL:
                raise
            except AdjointError as error:
                failures.append(error)
                run.discard(tape)
                if len(failures) > self.fail_count:
                    break
                continue
            run.discard(tape)
            if best is None or said.value > best[0]:
                best = (said.value, run, made)
            if said.value >= self.threshold:
                break
            if number + 1 < self.N:
                await self._learn(run, said)
        if best is None or len(failures) > self.fail_count:
            raise raised(failures[-1])
        best[1].adopt(tape)
        return best[2]

    async def _learn(self, run: Run, said: Score) -> None:
        """What the next try is to know of this one: nothing, here."""


async def reward_of(reward_fn: Callable[..., Any], inputs: dict[str, Any], made: Any) -> Score:
    """The reward of a result, any number; what the function calls is no call of the program."""

    async def call() -> Any:
        if inspect.iscoroutinefunction(reward_fn):
            return await reward_fn(inputs, made)
        return await portal.in_thread(reward_fn, inputs, made)  # it may ask an LM, and wait

    with context(tape=Tape(), role="judge"):
        said = await foreign(call(), MetricError, "the reward function")
    value = said.value if isinstance(said, Score) else getattr(said, "score", said)
    if not isinstance(value, bool | int | float):
        message = f"the reward function returned {said!r}; return a number, or Score(value, feedback)."
        raise MetricError(message)
    return Score(float(value), str(getattr(said, "feedback", "") or ""))


def nth_sample(sample: int, name: str, number: int) -> int:
    """The sample of a try: that of the context for the first, numbers that nobody else uses for the others."""
    return sample if number == 0 else rng.seed_of(sample, name, number) >> 32

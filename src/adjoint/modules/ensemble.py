"""Ensemble: several programs answer, and one function makes one answer of theirs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from adjoint.base import rng
from adjoint.base.errors import UsageError
from adjoint.base.json import digest, plain
from adjoint.exec.local import all_of
from adjoint.program.module import Module

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


class Ensemble:
    """`Ensemble(reduce_fn=majority, size=3).compile(programs)` is a program that asks `size` of them (by default all).

    Which ones is drawn by `seed` and the inputs, so that the same inputs ask the same programs.
    """

    def __init__(
        self,
        *,
        reduce_fn: Callable[[list[Any]], Any] | None = None,
        size: int | None = None,
        deterministic: bool = True,
        seed: int = 0,
    ) -> None:
        if not deterministic:
            message = "an ensemble is always seeded here; leave out deterministic=False and vary seed= instead."
            raise UsageError(message)
        self.reduce_fn, self.size, self.seed = reduce_fn, size, seed

    def compile(self, programs: Sequence[Module]) -> EnsembledProgram:
        return EnsembledProgram(programs, self.reduce_fn, self.size, self.seed)


class EnsembledProgram(Module):
    """Asks its programs at once, and reduces the list of their predictions."""

    def __init__(
        self, programs: Sequence[Module], reduce_fn: Callable[[list[Any]], Any] | None, size: int | None, seed: int
    ) -> None:
        if not programs or (size is not None and not 1 <= size <= len(programs)):
            message = f"an ensemble of {size or 'all'} out of {len(programs)} programs cannot be; give at least one program."
            raise UsageError(message)
        self.programs, self.reduce_fn, self.size, self.seed = list(programs), reduce_fn, size, seed

    async def aforward(self, *args: Any, **inputs: Any) -> Any:
        chosen = self.programs
        if self.size is not None:
            draw = rng.stream(self.seed, "ensemble", digest(plain([list(args), inputs])))
            chosen = [self.programs[index] for index in sorted(draw.sample(range(len(self.programs)), self.size))]
        found = await all_of(program.acall(*args, **inputs) for program in chosen)
        return self.reduce_fn(found) if self.reduce_fn else found

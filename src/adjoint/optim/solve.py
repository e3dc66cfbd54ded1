"""Test-time optimisation: one answer is improved by what a loss says of it, and the answers on the way vote."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from adjoint.autograd.backward import abackward
from adjoint.autograd.prompts import REVISE
from adjoint.base.errors import MetricError
from adjoint.base.foreign import foreign
from adjoint.base.portal import portal
from adjoint.optim.strategies.tgd import TextualGradientDescent

if TYPE_CHECKING:
    from collections.abc import Callable

    from adjoint.autograd.engine import Engine
    from adjoint.autograd.variable import Variable


@dataclass(frozen=True)
class Solution:
    """What came of it: the answer that most steps gave, and all versions of the text in order."""

    answer: str
    path: tuple[str, ...]
    votes: dict[str, int]


def solve(
    solution: Variable,
    loss: Callable[[Variable], Any],
    *,
    steps: int = 3,
    engine: Engine | None = None,
    optimizer: TextualGradientDescent | None = None,
    answer_of: Callable[[str], str] = str.strip,
) -> Solution:
    """Improve one answer `steps` times by the loss of it, then let all versions vote (Yuksekgonul et al., 2024).

    `answer_of` reads the answer out of a text. Of answers with the same number of votes the later one wins. It ends early
    if a loss asks for no change. An `optimizer` with a gate takes back versions that are no better; they have no vote.
    """
    return portal.run(asolve(solution, loss, steps=steps, engine=engine, optimizer=optimizer, answer_of=answer_of))


async def asolve(
    solution: Variable,
    loss: Callable[[Variable], Any],
    *,
    steps: int = 3,
    engine: Engine | None = None,
    optimizer: TextualGradientDescent | None = None,
    answer_of: Callable[[str], str] = str.strip,
) -> Solution:
    """`solve` in asynchronous code."""
    updates = optimizer or TextualGradientDescent([solution], engine=engine, optimizer_system_prompt=REVISE)
    path = [str(solution.value)]
    for _ in range(steps):
        updates.zero_grad()
        judged = await _loss(loss, solution)
        await abackward([judged], engine)
        if not updates._due():
            break
        if await updates.astep():
            path.append(str(solution.value))
    return majority(path, answer_of)


def majority(path: list[str], answer_of: Callable[[str], str] = str.strip) -> Solution:
    """The answer that most of the texts give; of several the one that came last.

    >>> majority(["4", "5", "5 ", "6"]).answer
    '5'
    """
    answers = [answer_of(text) for text in path]
    votes = Counter(answers)
    last = {answer: place for place, answer in enumerate(answers)}
    best = max(votes, key=lambda answer: (votes[answer], last[answer]))
    return Solution(best, tuple(path), dict(votes))


async def _loss(loss: Callable[[Variable], Any], solution: Variable) -> Variable:
    asynchronous = getattr(loss, "acall", None)
    work = asynchronous(solution) if asynchronous else portal.in_thread(loss, solution)
    judged: Variable = await foreign(work, MetricError, "the loss")
    return judged

"""Which families there are and how often each is drawn."""

from __future__ import annotations

from typing import TYPE_CHECKING

from answers import answers, questions, reasoned, shrug
from labels import classes, lookups, routing
from optimiser import criticism, induction, judging, merging, reflection, revision
from stories import agent, contexts, problems, tools
from typed import choices, fields

if TYPE_CHECKING:
    from collections.abc import Callable
    from random import Random

    from render import Conversation


#: family -> (builder, share of sequences).
MIXTURE: dict[str, tuple[Callable[[Random], Conversation], float]] = {
    "answers": (answers, 0.34),
    "shrug": (shrug, 0.012),
    "questions": (questions, 0.025),
    "reasoned": (reasoned, 0.025),
    "fields": (fields, 0.035),
    "choices": (choices, 0.015),
    "contexts": (contexts, 0.05),
    "problems": (problems, 0.03),
    "tools": (tools, 0.005),
    "agent": (agent, 0.012),
    "lookups": (lookups, 0.03),
    "classes": (classes, 0.12),
    "routing": (routing, 0.06),
    "critique": (criticism, 0.055),
    "rewrite": (revision, 0.04),
    "induce": (induction, 0.055),
    "reflect": (reflection, 0.045),
    "judge": (judging, 0.1),
    "merge": (merging, 0.015),
}
_NAMES = tuple(MIXTURE)
_SHARES = tuple(share for _, share in MIXTURE.values())


def draw(rng: Random) -> Conversation:
    """One training sequence of the mixture."""
    return MIXTURE[rng.choices(_NAMES, _SHARES)[0]][0](rng)

"""The mean of feedback: an LM writes one remark that says what many say, in a tree if there are very many."""

from __future__ import annotations

from typing import TYPE_CHECKING

from adjoint.autograd.prompts import Summary
from adjoint.autograd.text import cut
from adjoint.exec.local import all_of
from adjoint.modules.predict import Predict
from adjoint.program.context import context

if TYPE_CHECKING:
    from collections.abc import Sequence

    from adjoint.lm.base import BaseLM

FAN_IN = 12
"""Remarks that one call is shown."""
LONGEST = 1200
"""Characters of one remark."""


async def mean(texts: Sequence[str], role: str, engine: BaseLM | None) -> str:
    """One remark for all; the calls of one level of the tree run together."""
    level = [cut(text, LONGEST) for text in texts]
    while len(level) > 1:
        groups = [level[start : start + FAN_IN] for start in range(0, len(level), FAN_IN)]
        level = await all_of(_one(group, role, engine) for group in groups)
    return level[0] if level else ""


async def _one(texts: Sequence[str], role: str, engine: BaseLM | None) -> str:
    if len(texts) == 1:
        return texts[0]
    with context(role="critic", tape=None):
        writer = Predict(Summary)
        writer.lm = engine
        said = await writer.acall(role=role, remarks="\n".join(f"- {text}" for text in texts))
    return cut(str(said["summary"]).strip(), LONGEST)

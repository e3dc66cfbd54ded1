"""Updates: reduced feedback becomes a new text, for all parameters together or for none."""

from __future__ import annotations

from typing import TYPE_CHECKING

from adjoint.autograd.prompts import Rewrite
from adjoint.autograd.reduce import feedback_text
from adjoint.base.errors import GradientError
from adjoint.modules.predict import Predict
from adjoint.program.context import context

if TYPE_CHECKING:
    from collections.abc import Sequence

    from adjoint.autograd.reduce import Theme
    from adjoint.lm.base import BaseLM

_GROWTH = 4
"""A new text may be so many times as long as the old one and its feedback together."""
_ROOM = 400
"""Characters that any new text may have."""


async def rewrite(
    role: str,
    text: str,
    feedback: Sequence[Theme],
    *,
    engine: BaseLM | None = None,
    constraints: Sequence[str] = (),
    tried: Sequence[str] = (),
    sample: int = 0,
) -> str:
    """One LM call: the text improved after the feedback. `tried` are earlier versions that were no better.

    Raises `GradientError` for an empty reply and for one that grew beyond all bounds.
    """
    said = feedback_text(feedback)
    with context(role="proposer", tape=None, sample=sample):
        proposer = Predict(Rewrite)
        proposer.lm = engine
        made = await proposer.acall(
            role=role,
            text=text,
            feedback=said,
            constraints="\n".join(f"{number}. {one}" for number, one in enumerate(constraints, 1)),
            tried="\n".join(f"- {one}" for one in tried),
        )
    improved = str(made["improved"]).strip()
    limit = max(_ROOM, _GROWTH * (len(text) + len(said)))
    if not improved or len(improved) > limit:
        message = f"the rewrite of the {role} has {len(improved)} characters; 1 to {limit} are allowed, so it stays as it was."
        raise GradientError(message)
    return improved

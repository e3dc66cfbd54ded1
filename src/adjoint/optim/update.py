"""Updates: reduced feedback becomes a new text. One call of an LM, read tolerantly; one more if it cannot be used."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from adjoint.autograd.prompts import Edit, Rewrite
from adjoint.autograd.reduce import feedback_text
from adjoint.autograd.text import formatted
from adjoint.base.errors import GradientError
from adjoint.optim.propose import Guard, Proposer
from adjoint.optim.replies import TAGS, edited, improved
from adjoint.program.context import context

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from adjoint.autograd.reduce import Theme
    from adjoint.lm.base import BaseLM
    from adjoint.optim.copies import Sources

EDIT_FROM = 4000
"""Characters from which on a text is changed by edits instead of being written again."""


@dataclass(frozen=True, slots=True)
class Manner:
    """How texts are to be rewritten. `instruction` replaces the proposer's own.

    The new text must stand between `tags`; it is asked to stand between those of `hint`, and may also come without.
    """

    tags: tuple[str, str] | None = None
    instruction: str | None = None
    keep_placeholders: bool = False
    edit_from: int = EDIT_FROM
    hint: tuple[str, str] | None = None


async def rewrite(
    role: str,
    text: str,
    feedback: Sequence[Theme],
    *,
    engine: BaseLM | None = None,
    constraints: Sequence[str] = (),
    tried: Sequence[str] = (),
    sample: int = 0,
    more: Mapping[str, str] | None = None,
    manner: Manner | None = None,
    sources: Sources | None = None,
) -> str:
    """The text improved after the feedback. `tried` are earlier versions that were no better.

    `more` are further parts of the prompt (`calls`, `examples`, `history`, `past_feedback`, `keep`); a text that repeats
    `sources` is refused. A reply that cannot be used is shown to the proposer with the reason, once; then `GradientError`
    is raised.
    """
    how = manner or Manner()
    said = feedback_text(feedback)
    inputs = {
        "role": role,
        "text": text,
        "feedback": said,
        "constraints": "\n".join(f"{number}. {one}" for number, one in enumerate(constraints, 1)),
        "tried": "\n".join(f"- {one}" for one in tried),
        **(more or {}),
    }
    with context(role="proposer", tape=None, sample=sample):
        proposer = Proposer(_signature(how, text))
        proposer.lm = engine
        reason = ""
        for _ in range(2):
            try:
                made = await proposer.acall(**inputs, mistake=f"Your last reply cannot be used: {reason}." if reason else "")
                found = _read(str(made["improved"]), text, how)
                return Guard(keep_placeholders=how.keep_placeholders).accept(found, text, said=said, sources=sources)
            except GradientError as error:
                reason = str(error)
    message = f"the rewrite of the {role} cannot be used: {reason}; it stays as it was."
    raise GradientError(message)


def _signature(how: Manner, text: str) -> Any:
    """The proposer's prompt: whole texts or edits, with the user's own instruction and tags if there are any."""
    base: Any = Edit if len(text) >= how.edit_from else Rewrite
    first, last = how.tags or how.hint or TAGS
    instruction: str = base.instructions
    if how.instruction is not None:
        instruction = formatted(how.instruction, {"new_variable_start_tag": first, "new_variable_end_tag": last})
    if (how.tags or how.hint) and first not in instruction:
        where = f"between {first} and {last}"
        instruction += (
            f" If nearly all must change, write the whole new text {where} instead."
            if base is Edit
            else f" Write the improved text {where}."
        )
    return base if instruction == base.instructions else base.with_instructions(instruction)


def _read(reply: str, text: str, how: Manner) -> str:
    """The new text in a reply. Of a long text there are edits, or all of it between tags that were named."""
    if len(text) < how.edit_from:
        return improved(reply, text, how.tags)
    tags = how.tags or how.hint
    whole = tags is not None and tags[0].casefold() in reply.casefold()
    return improved(reply, text, tags) if whole else edited(reply, text)

"""Proposals: what a language model writes becomes a candidate only if it can be one. All optimizers ask and check here.

A proposal may be refused because it was cut off, is empty, has grown too much, has lost a placeholder, breaks a constraint or
repeats what stands in a training row. The last is also what a row achieves that tries to steer the proposer: such a row is
left out and the question asked again without it, so that data stays data.
"""

from __future__ import annotations

import logging
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from adjoint.base.errors import FATAL, AdjointError, GradientError
from adjoint.data.records import id_of
from adjoint.exec.local import all_of
from adjoint.modules.predict import Predict
from adjoint.optim.copies import CopyError
from adjoint.optim.tally import note_down
from adjoint.program.context import context

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterable, Mapping, Sequence

    from adjoint.data.records import Example
    from adjoint.lm.base import BaseLM
    from adjoint.lm.types import Request, Response
    from adjoint.optim.copies import Sources
    from adjoint.signature.signature import Signature

PLACEHOLDER = re.compile(r"\{\{?\s*[A-Za-z_]\w*\s*\}?\}")
_TRIES = 6
_log = logging.getLogger("adjoint.propose")


@dataclass(frozen=True, slots=True)
class Guard:
    """What a proposed text must be. It may have `room` characters, or `growth` times as many as the old text and its feedback.

    `checks` are functions of the text that return what is wrong with it, or nothing.
    """

    growth: float = 4.0
    room: int = 400
    keep_placeholders: bool = False
    checks: tuple[Callable[[str], str | None], ...] = ()

    def accept(self, text: str, old: str, *, said: str = "", sources: Sources | None = None) -> str:
        """The text, if it may take the place of the old one; else `GradientError` that says why not.

        >>> Guard().accept("Be brief.", "Answer.")
        'Be brief.'
        """
        text, limit = text.strip(), max(self.room, int(self.growth * (len(old) + len(said))))
        if not text or len(text) > limit:
            message = f"it has {len(text)} characters; 1 to {limit} are allowed"
            raise GradientError(message)
        lost = [name for name in dict.fromkeys(PLACEHOLDER.findall(old)) if name not in text] if self.keep_placeholders else []
        if lost:
            message = f"it lacks {', '.join(lost)}, which must be kept"
            raise GradientError(message)
        for check in self.checks:
            if wrong := check(text):
                raise GradientError(wrong)
        if sources is not None:
            sources.refuse_copy(text, old)
        return text


class Proposer(Predict[Any]):
    """A predictor whose replies must be whole: half an instruction is none."""

    async def _ask(self, request: Request, call: Any) -> Response:
        response = await super()._ask(request, call)
        if response.finish == "length":
            message = "it was cut off by the limit of tokens; raise max_tokens of the proposer's LM"
            raise GradientError(message)
        return response


async def asked(
    signature: type[Signature],
    inputs: Mapping[str, str],
    lm: BaseLM | None,
    *,
    accept: Callable[[str], str] = str.strip,
    sample: int = 0,
    temperature: float | None = None,
) -> str:
    """What a proposer says in its one output, made acceptable: `accept` gives the text to use, or raises `GradientError`.

    A reply that cannot be accepted is shown to it with the reason if the signature has an input `mistake`, else drawn anew;
    once. What repeats the data is raised at once, since the data must change and not the wording.
    """
    name, reason = next(iter(signature.output_fields)), ""
    with context(role="proposer", tape=None):
        for turn in range(2):
            proposer = Proposer(signature, temperature=temperature, rollout_id=2 * sample + turn)
            proposer.lm = lm
            told = {"mistake": f"Your last reply cannot be used: {reason}." if reason else ""}
            made = await proposer.acall(**inputs, **(told if "mistake" in signature.input_fields else {}))
            try:
                return accept(str(made[name]))
            except CopyError:
                raise
            except GradientError as error:
                reason = str(error)
    message = f"the proposal cannot be used: {reason}."
    raise GradientError(message)


async def taught(rows: Sequence[Example], ask: Callable[[list[Example]], Coroutine[Any, Any, str]]) -> str:
    """A proposal that is made from rows. One that repeats some of them is asked for again without these."""
    left = list(rows)
    for _ in range(_TRIES - 1):
        try:
            return await ask(left)
        except CopyError as error:
            left = [row for row in left if id_of(row) not in error.rows]
    return await ask(left)


async def usable(proposals: Iterable[Coroutine[Any, Any, Any]]) -> list[Any]:
    """Those of the proposals that came about, in order; all are asked for at once."""
    return [made for made in await all_of(tried(work) for work in proposals) if made is not None]


async def tried(work: Coroutine[Any, Any, Any]) -> Any:
    """What a proposal gives; None if it fails, which costs a candidate and not the run. Both are counted in the `Tally` of the run."""
    try:
        made = await work
    except FATAL:
        raise
    except AdjointError as error:
        _log.info("a proposal failed: %s", error)
        note_down(0, [f"{type(error).__name__}: {error}"])
        return None
    note_down(int(made is not None), [])
    return made

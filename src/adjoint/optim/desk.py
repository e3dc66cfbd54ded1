"""The desk at which a strategy writes instructions in one round: who is asked, what it is shown, what is accepted.

The embedded language model has learned a compact family of prompts only (`Induce`, `Critique`, `Rewrite`, ...). Where it is the
proposer, strategies ask these instead of the richer prompts of their papers; `compact=True` or `False` settles it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from adjoint.adapters.written import write
from adjoint.base.errors import GradientError
from adjoint.optim.copies import sources_of
from adjoint.optim.demos import demo_names, labeled, pairs_of
from adjoint.optim.prompts import Induce, examples_text
from adjoint.optim.propose import Guard, asked, taught
from adjoint.program.context import active_lm

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from adjoint.data.records import Example
    from adjoint.lm.base import BaseLM
    from adjoint.optim.base import Workbench
    from adjoint.program.module import Module
    from adjoint.signature.signature import Signature

_EMBEDDED = "pocket"
_FEWEST, _MOST = 3, 6
"""Examples that an induction is shown; how many is drawn each time."""
GUARD = Guard(growth=3.0, room=2000, keep_placeholders=True)
"""What a new instruction must be."""


class Desk:
    """`lm` None is the proposer of the run, else the LM of the context; `temperature` None leaves it to the provider."""

    def __init__(
        self,
        work: Workbench,
        *,
        lm: BaseLM | None = None,
        temperature: float | None = None,
        compact: bool | None = None,
    ) -> None:
        self.work, self.temperature = work, temperature
        self.lm = lm or work.proposer_lm
        self.compact = _is_embedded(self.lm or active_lm()) if compact is None else compact
        self.sources = sources_of(work)

    async def write(self, signature: type[Signature], old: str, *, sample: int, said: str = "", **inputs: str) -> str:
        """A new text in place of an old one. `said` is what the proposer was told, which gives the text more room."""

        def accept(text: str) -> str:
            return GUARD.accept(_unquoted(text), old, said=said, sources=self.sources)

        return await asked(signature, inputs, self.lm, accept=accept, sample=sample, temperature=self.temperature)

    async def note(self, signature: type[Signature], *, sample: int = 0, **inputs: str) -> str:
        """A text that stands in no candidate, such as a summary: whatever is said, as long as it is no copy of the data."""

        def accept(text: str) -> str:
            self.sources.refuse_copy(text)
            return text.strip()

        return await asked(signature, inputs, self.lm, accept=accept, sample=sample, temperature=self.temperature)

    async def induce(self, predictor: Any, old: str, *, sample: int) -> str:
        """An instruction from a few rows alone: another few for every sample."""
        rng = self.work.rng("induce", old, sample)
        count = min(rng.randint(_FEWEST, _MOST), len(self.work.feedback))
        rows = rng.sample(self.work.feedback, count)
        spare = [row for row in self.work.feedback if row not in rows]

        async def ask(left: list[Example]) -> str:
            shown = self.examples(predictor, [*left, *spare][:count])
            return await self.write(Induce, old, sample=sample, examples=shown)

        return await taught(rows, ask)

    def examples(self, predictor: Any, rows: Sequence[Example]) -> str:
        """Rows as right inputs and outputs: of the predictor where there are labels for it, else of the whole program."""
        program = self.work.program
        name = next((name for name, one in demo_names(program) if one is predictor), None)
        right = [] if name is None else labeled(program, name, predictor, rows)
        pairs = pairs_of(predictor, right) or [_whole(row) for row in rows]
        if not pairs:
            message = "there is no row left to learn from"
            raise GradientError(message)
        return examples_text(pairs)


def predictors_of(program: Module) -> dict[str, Any]:
    """The predictors whose instruction may change, by the name of that instruction."""
    owners = {id(one): name for name, one in program.named_parameters() if one.kind == "text" and one.trainable}
    return {owners[id(p._instruction)]: p for p in program.predictors() if id(p._instruction) in owners}


def _is_embedded(lm: BaseLM) -> bool:
    """Also where it is served: `openai/pocket`."""
    return lm.name.rpartition("/")[2] == _EMBEDDED


def rows_text(rows: Sequence[Example]) -> str:
    """Rows of the whole program, as Induce shows pairs."""
    return examples_text([_whole(row) for row in rows])


def _whole(row: Example) -> tuple[str, str]:
    """What goes into the program and what should come out, each value on one line."""
    sides = (row.inputs().items(), row.labels().items())
    given, wanted = ("; ".join(f"{name}: {' '.join(write(value).split())}" for name, value in side) for side in sides)
    return given, wanted


def _unquoted(text: str) -> str:
    """Without the quotes that some models put around an instruction."""
    text = text.strip()
    return text[1:-1] if len(text) > 1 and text[0] == text[-1] == '"' and '"' not in text[1:-1] else text

"""What an instruction is grounded in: a summary of the data, of the program and its steps, demos, and a tip on the style."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields, replace
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar

from adjoint.base.errors import UnknownNameError
from adjoint.optim.copies import CopyError
from adjoint.optim.demos import pairs_of
from adjoint.optim.desk import predictors_of, rows_text
from adjoint.optim.knobs import require
from adjoint.optim.prompts import Explain, Grounded, Observe, Summarize, examples_text, fields_text
from adjoint.optim.propose import taught, tried

if TYPE_CHECKING:
    from collections.abc import Coroutine, Mapping, Sequence

    from adjoint.base.json import Json
    from adjoint.data.records import Example
    from adjoint.optim.desk import Desk

TIPS = (
    "",
    "Do not be afraid of an unusual instruction.",
    "Be clear and concise.",
    "Describe everything that may matter.",
    "Say that the stakes are high.",
    "Tell the model who it is, an expert in the matter.",
)
_BATCHES = 5
"""Batches of rows that are looked at for a summary of the data."""


@dataclass(frozen=True)
class Grounds:
    """Which of them an instruction is grounded in (DSPy's names); `view_data_batch_size` rows are looked at at once."""

    program_aware_proposer: bool = True
    data_aware_proposer: bool = True
    view_data_batch_size: int = 10
    tip_aware_proposer: bool = True
    fewshot_aware_proposer: bool = True

    OPTIONS: ClassVar = (
        "program_aware_proposer", "data_aware_proposer", "view_data_batch_size", "tip_aware_proposer", "fewshot_aware_proposer",
    )  # fmt: skip

    def __post_init__(self) -> None:
        for item in fields(self):
            require("Grounds", item.name, getattr(self, item.name), item.type)

    @classmethod
    def of(cls, given: Grounds | Mapping[str, Any] | None) -> Grounds:
        """Grounds from some, or from settings by name. Raises `UsageError` for anything else."""
        if isinstance(given, Grounds):
            return given
        require("Grounds", "grounds", given, "Mapping[str, Any] | None")
        for name in given or ():
            if name not in cls.OPTIONS:
                raise UnknownNameError.of("ground", name, cls.OPTIONS)
        return cls(**(given or {}))

    def settings(self) -> dict[str, Json]:
        return asdict(self)

    def with_options(self, options: Mapping[str, Any]) -> Grounds:
        return replace(self, **{name: options[name] for name in self.OPTIONS if options.get(name) is not None})

    async def facts(self, desk: Desk, name: str) -> dict[str, str]:
        """What holds for all instructions of one predictor."""
        found = {}
        if self.data_aware_proposer:
            found["data"] = await _if_it_can(self._data(desk))
        if self.program_aware_proposer:
            found["program"] = await _if_it_can(self._program(desk, name))
        return found

    async def propose(self, desk: Desk, name: str, facts: Mapping[str, str], demos: Sequence[Any], number: int) -> str:
        """One instruction; each has a tip and sees demos of its own."""
        predictor, old = predictors_of(desk.work.program)[name], str(desk.work.best[name])
        tip = desk.work.rng("tip", old, number).choice(TIPS) if self.tip_aware_proposer else ""
        examples = examples_text(pairs_of(predictor, demos)) if self.fewshot_aware_proposer else ""
        told = {**facts, "fields": fields_text(predictor.signature), "instruction": old, "tip": tip}
        write = partial(desk.write, Grounded, old, sample=number, said="".join(facts.values()), **told)
        try:
            return await write(examples=examples)
        except CopyError:  # a demo may say more than it should; the summaries have been through the same check
            return await write()

    async def _data(self, desk: Desk) -> str:
        """Batches of rows are looked at one after the other, each knowing what was observed before."""
        rows, size, observed = list(desk.work.feedback), max(1, self.view_data_batch_size), ""
        for start in range(0, min(len(rows), _BATCHES * size), size):
            seen = await taught(rows[start : start + size], partial(_observed, desk, observed))
            observed = f"{observed}\n{seen}".strip()
        return await desk.note(Summarize, observations=observed)

    @staticmethod
    async def _program(desk: Desk, name: str) -> str:
        steps = [
            f"{step}: {fields_text(predictor.signature)}: {desk.work.best[step]}"
            for step, predictor in predictors_of(desk.work.program).items()
        ]
        return await desk.note(Explain, program="\n".join(steps), step=name)


async def _observed(desk: Desk, observed: str, rows: list[Example]) -> str:
    return await desk.note(Observe, rows=rows_text(rows), observed=observed)


async def _if_it_can(work: Coroutine[Any, Any, str]) -> str:
    """A summary, or nothing if it fails: an instruction can do without."""
    return await tried(work) or ""

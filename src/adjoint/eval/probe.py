"""`probe`: in which form a language model does best, measured on a handful of rows that need no data of yours."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from adjoint.adapters.chat import ChatAdapter
from adjoint.adapters.forms.choice import DEFAULTS
from adjoint.base.errors import UsageError
from adjoint.base.portal import portal
from adjoint.data.records import Example
from adjoint.eval.evaluate import aevaluate
from adjoint.eval.metrics import exact_match
from adjoint.modules.predict import Predict
from adjoint.program.context import context, named_lm

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from adjoint.lm.base import BaseLM

FORMS = ("json", "lines")
"""The forms that are tried."""
_BETTER = 3
"""Rows by which another form must beat the default one: less is chance."""
_NAMES = ("Ada", "Boris", "Clara", "David", "Elena", "Felix", "Grace", "Hugo")
_CITIES = ("London", "Paris", "Oslo", "Rome", "Vienna", "Lisbon", "Dublin", "Prague")
_HOBBIES = ("chess", "tennis", "painting", "hiking", "sailing", "cooking", "reading", "dancing")


@dataclass(frozen=True, slots=True)
class Trial:
    """One shape of outputs in one form: of how many rows the first reply was read, any reply was read, and the answer was right."""

    shape: str
    form: str
    rows: int
    first: int
    read: int
    right: int
    tokens: float
    """Tokens of a row, in and out."""


@dataclass(frozen=True)
class Probe:
    """What was measured of a model, and the form that it does best for each shape of outputs."""

    model: str
    trials: tuple[Trial, ...]

    @property
    def forms(self) -> dict[str, str]:
        """The best form of each shape; the default one unless another is better by more than chance."""
        found: dict[str, str] = {}
        for shape in dict.fromkeys(trial.shape for trial in self.trials):
            best, *others = sorted(
                (trial for trial in self.trials if trial.shape == shape), key=lambda trial: trial.form != DEFAULTS[shape]
            )
            for other in others:
                if max(other.right - best.right, other.first - best.first if other.right >= best.right else 0) >= _BETTER:
                    best = other
            found[shape] = best.form
        return found

    def to_dict(self) -> dict[str, Any]:
        """The trials and the forms, as JSON."""
        names = Trial.__dataclass_fields__
        trials = [{name: getattr(trial, name) for name in names} for trial in self.trials]
        return {"model": self.model, "forms": self.forms, "trials": trials}


async def aprobe(lm: BaseLM | str, *, rows: int = 8) -> Probe:
    """Measure the forms of replies on `rows` rows for each of four shapes of outputs; that is about 8 calls a row.

    Raises `UsageError` for less than one row. Replies are kept in the ledger, so that the same probe asks nothing again.
    """
    if rows < 1:
        message = f"rows={rows} would measure nothing; give 1 or more."
        raise UsageError(message)
    asked = named_lm(lm) if isinstance(lm, str) else lm
    trials = []
    for shape, (signature, data) in _tasks(rows).items():
        for form in FORMS:
            with context(lm=asked, adapter=ChatAdapter(forms={shape: form})):
                trials.append(await _trial(shape, form, signature, data))
    return Probe(asked.name, tuple(trials))


def probe(lm: BaseLM | str, *, rows: int = 8) -> Probe:
    """Measure in which form a model does best, as `aprobe` does."""
    return portal.run(aprobe(lm, rows=rows))


async def _trial(shape: str, form: str, signature: str, data: Sequence[Example]) -> Trial:
    report = await aevaluate(Predict(signature, _INSTRUCTIONS[shape]), data, exact_match, max_errors=len(data) + 1)
    whole = [cell for cell in report.cells if cell.error is None]
    first = sum(cell.tape is not None and not cell.tape.nodes[0].repair and cell.usage.calls <= 1 for cell in whole)
    right = sum(cell.score is not None and cell.score.value == 1 for cell in whole)
    tokens = sum(cell.usage.tokens for cell in report.cells) / len(data)
    return Trial(shape, form, len(data), first, len(whole), right, tokens)


_INSTRUCTIONS: Mapping[str, str] = {
    "value": "Extract the age of the person.",
    "several": "Extract the name and the age of the person.",
    "reasoned": "Answer the question.",
    "structure": "List the hobbies of the person.",
}


def _tasks(rows: int) -> dict[str, tuple[str, list[Example]]]:
    """A signature and rows for each shape of outputs."""
    dice = random.Random(0)  # noqa: S311 - rows, not secrets
    found: dict[str, tuple[str, list[Example]]] = {
        "value": ("text -> age: int", []),
        "several": ("text -> name, age: int", []),
        "reasoned": ("question -> reasoning, answer: int", []),
        "structure": ("text -> hobbies: list[str]", []),
    }
    for _ in range(rows):
        name, city, age = dice.choice(_NAMES), dice.choice(_CITIES), dice.randint(18, 90)
        hobbies, more = dice.sample(_HOBBIES, 2), dice.randint(2, 9)
        text = f"{name} is {age} years old and lives in {city}. {name} likes {hobbies[0]} and {hobbies[1]}."
        question = f"{name} has {age} books and buys {more} more. How many books does {name} have now?"
        labels: dict[str, dict[str, Any]] = {
            "value": {"age": age},
            "several": {"name": name, "age": age},
            "structure": {"hobbies": hobbies},
        }
        for shape, expected in labels.items():
            found[shape][1].append(Example(text=text, **expected).with_inputs("text"))
        found["reasoned"][1].append(Example(question=question, answer=age + more).with_inputs("question"))
    return found

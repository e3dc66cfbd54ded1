"""The tasks of the benchmarks on the embedded model: rules in formats that training never combined, inputs that it never saw.

Which format a rule gets is drawn from the rule's name, so nobody has picked the easy ones. The program starts from an
instruction that says nothing, except in the two tasks without headroom, where the right instruction stands already. The
training world must lie beside the package, so this runs from a checkout only.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from random import Random

import adjoint

sys.path.insert(0, str(Path(__file__).parents[1] / "training" / "pocket"))

import world
from splits import combo_is_held_out

SAYS_NOTHING = "Handle the text."


@dataclass(frozen=True)
class Task:
    """One rule over one kind of input, in one held-out format."""

    name: str
    kind: str
    rule: str
    instruction: str = SAYS_NOTHING
    headroom: bool = True

    @property
    def formats(self) -> tuple[str, ...]:
        held = [formats for formats in world.COMBINATIONS if len(formats) == 1 and combo_is_held_out(self.rule, formats)]
        return Random(f"format of {self.name}").choice(held) if held else ()

    @property
    def precise(self) -> str:
        """The instruction that says everything, in the world's plainest words."""
        return str(world.canonical(self.rule, self.formats))

    def program(self) -> adjoint.Module:
        return adjoint.Predict("text -> answer", self.precise if self.instruction == "precise" else self.instruction)

    def rows(self, train: int, test: int) -> tuple[list[adjoint.Example], list[adjoint.Example]]:
        """So many rows to optimise with and so many untouched ones, all different; the same in every run."""
        rng, seen = Random(f"rows of {self.name}"), dict[str, str]()
        while len(seen) < train + test:
            item = world.draw(rng, self.kind, self.rule, self.formats, test=True)
            seen[item.text] = world.apply(self.formats, item.answers[self.rule])
        made = [adjoint.Example(text=text, answer=answer).with_inputs("text") for text, answer in seen.items()]
        return made[:train], made[train:]


TASKS = (
    Task("city of a ticket", "ticket", "city"),
    Task("price in a ticket", "ticket", "price"),
    Task("e-mail in a record", "record", "email"),
    Task("job in a record", "record", "job"),
    Task("item in a sentence", "sentence", "item"),
    Task("topic of a ticket", "ticket", "topic"),
    Task("sentiment of a review", "review", "sentiment"),
    Task("instrument in a list", "list", "instrument"),
    Task("day in a sentence, said precisely", "sentence", "day", instruction="precise", headroom=False),
    Task("colour in a list, said precisely", "list", "colour", instruction="precise", headroom=False),
)


def feedback(example: adjoint.Example, prediction: adjoint.Prediction) -> adjoint.Score:
    """Exact match; a wrong answer is told the right one."""
    right = str(prediction.answer).strip() == example.answer
    return adjoint.Score(float(right), "" if right else f"expected: {example.answer}")

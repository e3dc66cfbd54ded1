"""How many replies can be read: the compact Chat form beside DSPy's verbose markers, on the embedded model and on damaged replies.

Run: python benchmarks/parsing.py

The embedded model has learned the compact form and has never seen the other, so it is no neutral judge. With DSPy installed (the
dependency group peers) its own reader is shown as well, and the verbose prompts are compared with those that DSPy writes.
"""

from __future__ import annotations

import importlib.util
import itertools
import os
import time
import warnings
from dataclasses import dataclass, field
from random import Random
from typing import TYPE_CHECKING, Any, Literal

from tasks import world
from verbose import VerboseAdapter, differences, peer

import adjoint
from adjoint import BaseCallback, ChatAdapter, Example, InputField, OutputField, Predict, Signature
from adjoint.base.errors import ParseError
from adjoint.eval.intervals import paired_interval, wilson
from adjoint.lm.pocket import OutOfVocabularyWarning
from adjoint.lm.types import Response
from adjoint.program.events import active_call
from adjoint.testing.damage import TICKET, cosmetic, destructive, ticket

if TYPE_CHECKING:
    from collections.abc import Callable

    Reader = Callable[[type[Signature], Response], dict[str, Any] | None]

ROWS, DEMOS = 200, (0, 4)
DAMAGED, SEED = 5000, 7
FORMS = (ChatAdapter(), VerboseAdapter())
NEVER = Response("", finish="length")
"""Stands for the reply to a prompt that was too long for the model."""
DSPY = importlib.util.find_spec("dspy") is not None


@dataclass(frozen=True)
class Task:
    """What is to be read from one kind of input. Classes are typed, so that not every reply will do."""

    kind: str
    fields: tuple[str, ...]

    @property
    def signature(self) -> type[Signature]:
        outputs = {name: (self._type(name), OutputField()) for name in self.fields}
        return Signature({"text": (str, InputField()), **outputs})

    def rows(self, count: int) -> list[Example]:
        """Inputs that training has not seen, all different; the same in every run."""
        rng, seen = Random(f"rows of {self}"), dict[str, Example]()
        while len(seen) < count:
            item = world.draw(rng, self.kind, self.fields[0], (), test=True)
            if all(name in item.answers for name in self.fields):
                values = {name: int(item.answers[name]) if name == "order" else item.answers[name] for name in self.fields}
                seen[item.text] = Example(text=item.text, **values).with_inputs("text")
        return list(seen.values())

    def __str__(self) -> str:
        return f"{self.kind} -> {', '.join(self.fields)}"

    @staticmethod
    def _type(name: str) -> Any:
        if name in ("topic", "sentiment", "urgency"):
            return Literal[world.values(name)]
        return int if name == "order" else str


TASKS = (
    Task("ticket", ("topic",)),
    Task("ticket", ("order",)),
    Task("review", ("sentiment",)),
    Task("sentence", ("city", "day")),
    Task("ticket", ("item", "topic")),
    Task("record", ("name", "order", "city")),
    Task("ticket", ("name", "city", "item", "topic")),
)


@dataclass
class FirstReplies(BaseCallback):
    """What was replied to each text at first, before any repair."""

    replies: dict[str, Response] = field(default_factory=dict)
    _asked: dict[str | None, str] = field(default_factory=dict)

    def on_module_start(self, call_id: str, instance: Any, inputs: dict[str, Any]) -> None:
        del instance
        self._asked[call_id] = inputs["text"]

    def on_adapter_parse_start(self, call_id: str, instance: Any, inputs: dict[str, Any]) -> None:
        del call_id, instance
        self.replies[self._asked[active_call()]] = inputs["response"]


COLUMNS = ("read at first", "by DSPy", "after a repair", "right")
Tally = dict[str, list[bool]]
"""What was seen, row by row, under the name of its column."""


def ask(task: Task, form: ChatAdapter, demos: int) -> Tally:
    rows = task.rows(ROWS + max(DEMOS))
    program, heard = Predict(task.signature), FirstReplies()
    program.demos = rows[ROWS : ROWS + demos]
    rows = rows[:ROWS]
    with adjoint.context(lm=adjoint.LM("pocket"), adapter=form, ledger=None, callbacks=[heard]):
        found = program.batch(rows, max_errors=ROWS)
    replies = [heard.replies.get(row.text, NEVER) for row in rows]
    first = [read(task.signature, reply) is not None for reply in replies]
    peers = [read_by_dspy(task.signature, reply) is not None for reply in replies] if DSPY and form.name == "verbose" else []
    last = [prediction is not None for prediction in found]
    right = [said is not None and said.toDict() == row.labels().toDict() for said, row in zip(found, rows, strict=True)]
    return dict(zip(COLUMNS, (first, peers, last, right), strict=True))


def read(signature: type[Signature], reply: Response) -> dict[str, Any] | None:
    """The outputs, in either form; None if the adapter refuses the reply."""
    try:
        return ChatAdapter().parse(signature, reply)
    except ParseError:
        return None


def read_by_dspy(signature: type[Signature], reply: Response) -> dict[str, Any] | None:
    """The outputs as DSPy's ChatAdapter reads them, without the second call that it makes for what it refuses."""
    import dspy
    from dspy.utils.exceptions import AdapterParseError

    try:
        return dict(dspy.ChatAdapter().parse(peer(signature), reply.text))
    except (AdapterParseError, ValueError):
        return None


def share(values: list[bool]) -> str:
    low, high = wilson(sum(values), len(values))
    return f"{100 * sum(values) / len(values):.1f} [{100 * low:.1f}, {100 * high:.1f}]" if values else "-"


def lead(ours: list[bool], theirs: list[bool]) -> str:
    """By how many points the first is ahead, row by row."""
    pairs = [float(mine) - float(other) for mine, other in zip(ours, theirs, strict=True)]
    low, high = paired_interval(pairs)
    return f"{100 * sum(pairs) / len(pairs):+.1f} [{100 * low:+.1f}, {100 * high:+.1f}]"


def line(*cells: object) -> None:
    print("|", " | ".join(map(str, cells)), "|", flush=True)


def embedded() -> None:
    print(f"\nThe embedded model, {ROWS} rows a cell, % [95 % interval]")
    pooled: dict[tuple[str, int], dict[str, Tally]] = {}
    line("task", "demos", "form", *COLUMNS)
    line(*["---"] * (3 + len(COLUMNS)))
    for task, demos in itertools.product(TASKS, DEMOS):
        kind = "one output" if len(task.fields) == 1 else "several outputs"
        for form in FORMS:
            seen = ask(task, form, demos)
            line(task, demos, form.name, *map(share, seen.values()))
            whole = pooled.setdefault((kind, demos), {}).setdefault(form.name, {name: [] for name in COLUMNS})
            for name, values in seen.items():
                whole[name] += values
    print("\nAll tasks of a kind, and by how many points the compact form is ahead, paired by row")
    for (kind, demos), forms in pooled.items():
        compact, verbose = forms.values()
        for name, seen in forms.items():
            line(kind, demos, name, *map(share, seen.values()))
        line(kind, demos, "ahead", *(lead(compact[name], verbose[name]) if compact[name] else "-" for name in compact))


def corpus() -> None:
    """The same outputs in both forms, four times out of five with damage inside, else with something around them."""
    readers = [(form, "Adjoint", read) for form in FORMS] + ([(FORMS[1], "DSPy", read_by_dspy)] if DSPY else [])
    print(f"\n{DAMAGED} damaged replies with four typed outputs, % [95 % interval]")
    line("hits", "form", "reader", "right", "refused", "wrong", "wrong, though it shows", "right: ahead of the verbose form")
    line(*["---"] * 8)
    for hits in ("one a reply", "one a length of the compact reply"):
        seen: dict[tuple[str, str], list[str]] = {}
        for form, who, reads in readers:
            seen[form.name, who] = [outcome(number, form, reads, hits) for number in range(DAMAGED)]
        ours, *theirs = ([said == "right" for said in outcomes] for outcomes in seen.values())
        ahead = "; ".join(lead(ours, other) for other in theirs)
        for key, outcomes in seen.items():
            kinds = (("right",), ("refused",), ("wrong", "shows"), ("shows",))
            shares = (share([said in kind for said in outcomes]) for kind in kinds)
            line(hits, *key, *shares, ahead if key[0] == "chat" else "")


def outcome(number: int, form: ChatAdapter, reads: Reader, hits: str) -> str:
    """What comes of one reply. A wrong value "shows" if the form would not write it so, but for blanks: a reader could have known."""
    right, rng = ticket(Random(f"{SEED} {number}")), Random(f"damage {SEED} {number}")
    fields = tuple(TICKET.output_fields.values())
    reply = damaged = form.write(fields, right)
    if number % 5 == 0:
        damaged = cosmetic(rng, reply)
    else:
        length = len(FORMS[0].write(fields, right))
        for _ in range(1 if hits == "one a reply" else int(len(reply) / length + rng.random())):
            damaged = destructive(rng, damaged or "\n")
    found = reads(TICKET, Response(damaged))
    if found is None or found == right:
        return "refused" if found is None else "right"
    return "wrong" if "".join(form.write(fields, found).split()) == "".join(damaged.split()) else "shows"


def same_form() -> None:
    """Say whether DSPy writes the verbose prompts as they are written here."""
    found = [
        pair for task in TASKS for pair in differences(task.signature, [row.toDict() for row in task.rows(2)], {"text": "Hello."})
    ]
    print(f"Messages of the verbose prompts that DSPy writes otherwise: {len(found)}")


if __name__ == "__main__":
    started, load = time.process_time(), os.getloadavg()[0]
    warnings.simplefilter("ignore", OutOfVocabularyWarning)
    if DSPY:
        same_form()
    corpus()
    embedded()
    print(f"\n{time.process_time() - started:.0f} s of CPU; load average {load:.1f} before, {os.getloadavg()[0]:.1f} after")

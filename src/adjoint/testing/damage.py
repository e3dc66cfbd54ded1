"""Replies as they go wrong: what models put around a reply, and what gets lost, doubled or mixed up inside of it.

An adapter must give the right value or `ParseError` for each of them. Everything is drawn from the `Random` that is given.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from adjoint.signature.fields import InputField, OutputField
from adjoint.signature.signature import make

if TYPE_CHECKING:
    from random import Random

LABELS = ("refund", "delivery", "account", "complaint", "praise", "other")
TICKET = make(
    {
        "text": (str, InputField()),
        "label": (Literal["refund", "delivery", "account", "complaint", "praise", "other"], OutputField()),
        "count": (int, OutputField(ge=0, le=99)),
        "ids": (list[int], OutputField()),
        "urgent": (bool, OutputField()),
    },
    "Read the ticket.",
)
"""A task with several outputs of different types."""
RUBBISH = (
    "```json\n", "```", "{", "}", "[[", "]]", "<", "</", ">", '"', "'", ",", ":", "null",
    "\x00", "\ud800", "\u202e", "\x1b[31m", "NaN", "\\", "\n",
)  # fmt: skip
"""What may turn up in the middle of a reply."""


def ticket(rng: Random) -> dict[str, Any]:
    """Right outputs of `TICKET`."""
    return {
        "label": rng.choice(LABELS),
        "count": rng.randrange(100),
        "ids": [rng.randrange(1000) for _ in range(3)],
        "urgent": rng.random() < 0.5,
    }


def cosmetic(rng: Random, reply: str) -> str:
    """The reply after a change by which it means the same."""
    change = rng.choice(["before", "after", "fence", "blank", "crlf"])
    if change == "before":
        return f"Sure, here it is:\n{reply}"
    if change == "after":
        return f"{reply}\n"
    if change == "fence":
        return f"```\n{reply}\n```"
    return f"\n\n  {reply}" if change == "blank" else reply.replace("\n", "\r\n")


def destructive(rng: Random, reply: str) -> str:
    """The reply after a change by which something may be missing or no longer be what it was."""
    change = rng.choice(["cut", "drop", "insert", "swap", "double"])
    at, width = rng.randrange(len(reply)), rng.randint(1, 12)
    if change == "cut":
        return reply[:at]
    if change == "drop":
        return reply[:at] + reply[at + width :]
    if change == "insert":
        return reply[:at] + rng.choice(RUBBISH) + reply[at:]
    if change == "swap":
        return reply[:at] + "".join(rng.sample(reply[at : at + width], len(reply[at : at + width]))) + reply[at + width :]
    return reply + reply[at:]

"""Splits: rows divided into the three roles that they play, so that none plays two."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from adjoint.base import rng
from adjoint.base.errors import DataError, UsageError
from adjoint.base.json import plain
from adjoint.base.words import count
from adjoint.data.records import Example, id_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


@dataclass(frozen=True)
class Split:
    """The three roles of rows: feedback teaches, selection chooses, holdout certifies. They share no row."""

    feedback: tuple[Example, ...]
    selection: tuple[Example, ...]
    holdout: tuple[Example, ...]


def distinct(rows: Iterable[Example]) -> list[Example]:
    """The rows in order without repetitions. Raises `DataError` for what is no row, and for two different rows with one id."""
    found: dict[str, Example] = {}
    for row in rows:
        given: object = row
        if not isinstance(given, Example):
            message = (
                f"{row!r:.80} is no row; write adjoint.Example(question=..., answer=...).with_inputs('question'), or load a file."
            )
            raise DataError(message)
        first = found.setdefault(id_of(row), row)
        if first is not row and plain(first._store) != plain(row._store):
            message = (
                f"two different rows have the id {id_of(row)!r}, so one of them would be lost. "
                "Give each row an id of its own, or none: then its content is its id."
            )
            raise DataError(message)
    return list(found.values())


def split(
    trainset: Sequence[Example],
    valset: Sequence[Example] | None = None,
    *,
    seed: int,
    shares: tuple[float, float] = (0.34, 0.33),
    undivided: bool = False,
) -> Split:
    """Divide rows at random into feedback, selection and holdout; `shares` are those of the first two.

    With a `valset`, the trainset gives the feedback rows and the valset is divided between selection and holdout. Rows
    that occur twice are taken once, so that no row plays two roles; a valset without rows of its own (DSPy's programs
    give the trainset twice) leaves all three roles to the trainset. Raises `UsageError` if there are fewer than 6 rows, unless they may stay `undivided`:
    then all of them choose, those of the trainset teach, and there is no holdout.
    """
    train = distinct(trainset)
    known = distinct([*train, *(valset or ())])  # one id means one row, wherever it stands
    val = None if valset is None else known[len(train) :]
    if valset and not val:
        val = None
    least = 6 if val is None else 4
    have = len(train) if val is None else len(val)
    if undivided and train and 0 < have < least:
        return Split(tuple(train), tuple(val or train), ())
    if not train or have < least:
        message = (
            count(len(train), "training row")
            + ("" if val is None else f" and {count(len(val), 'validation row')} that none of them repeats")
            + f": too few. Feedback, selection and holdout need at least {least} together. Add rows."
        )
        raise UsageError(message)
    order = list(train if val is None else val)
    rng.stream(seed, "split").shuffle(order)
    if val is not None:
        half = len(order) // 2
        return Split(tuple(train), tuple(order[:half]), tuple(order[half:]))
    first = max(2, round(len(order) * shares[0]))
    second = max(2, round(len(order) * shares[1]))
    return Split(tuple(order[:first]), tuple(order[first : first + second]), tuple(order[first + second :]))

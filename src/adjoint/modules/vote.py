"""majority: the answer that most predictions give."""

from __future__ import annotations

import re
import string
import unicodedata
from collections import Counter
from typing import TYPE_CHECKING, Any

from adjoint.adapters.written import write
from adjoint.base.errors import UnknownNameError, UsageError
from adjoint.program.prediction import Prediction, peek

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


def default_normalize(value: Any) -> str | None:
    """A text without case, articles, punctuation and extra spaces; None if nothing is left.

    >>> default_normalize("The  Eiffel Tower.")
    'eiffel tower'
    """
    text = unicodedata.normalize("NFD", write(value)).casefold()
    text = "".join(letter for letter in text if letter not in string.punctuation)
    return " ".join(re.sub(r"\b(a|an|the)\b", " ", text).split()) or None


def majority(
    preds: Sequence[Any] | Prediction, normalize: Callable[[Any], Any] | None = default_normalize, field: str | None = None
) -> Prediction:
    """The prediction whose `field` (by default the last) most of them share after `normalize`; of equals the earliest.

    Values that normalize to None do not vote, unless all do. The prediction is one of those given, so it keeps its place
    on the tape.
    """
    given: Any = getattr(preds, "completions", preds) if isinstance(preds, Prediction) else preds
    items = [item if isinstance(item, Prediction) else Prediction(item) for item in given]
    if not items:
        message = "there is nothing to vote on: no prediction was given."
        raise UsageError(message)
    name = field or list(items[0])[-1]
    for item in items:
        if name not in item:
            kind = "field of a prediction"
            raise UnknownNameError.of(kind, name, list(item))
    votes = [peek(item, name) if normalize is None else normalize(peek(item, name)) for item in items]
    if all(vote is None for vote in votes):
        votes = [peek(item, name) for item in items]
    keys = [None if vote is None else write(vote) for vote in votes]
    counts = Counter(key for key in keys if key is not None)
    winner = max(counts, key=lambda key: (counts[key], -keys.index(key))) if counts else keys[0]
    return items[keys.index(winner)]

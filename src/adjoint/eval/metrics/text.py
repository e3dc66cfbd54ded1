"""Texts compared as SQuAD's and DSPy's users know it: normalised exact match, token F1, and their relatives."""

from __future__ import annotations

import re
import string
import unicodedata
from collections import Counter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

_ARTICLES = re.compile(r"\b(a|an|the)\b")
_WORD = re.compile(r"\w+")
_VERDICTS = frozenset({"yes", "no", "noanswer"})


def normalize_text(text: str) -> str:
    """Lower case, without punctuation, articles and extra space: SQuAD's normalisation (Rajpurkar et al., 2016).

    >>> normalize_text("The  Eiffel Tower!")
    'eiffel tower'
    """
    lowered = unicodedata.normalize("NFD", text).lower()
    bare = "".join(char for char in lowered if char not in string.punctuation)
    return " ".join(_ARTICLES.sub(" ", bare).split())


def EM(prediction: str, answers_list: Sequence[str]) -> bool:  # noqa: N802 - DSPy's name
    """Whether the prediction equals one of the answers after normalisation.

    >>> EM("The Eiffel Tower!", ["Louvre", "eiffel tower"])
    True
    """
    return bool(_best(lambda answer: float(normalize_text(prediction) == normalize_text(answer)), answers_list))


def F1(prediction: str, answers_list: Sequence[str]) -> float:  # noqa: N802 - DSPy's name
    """The best token F1 in [0, 1] against any of the answers (Rajpurkar et al., 2016); two texts without a word are equal.

    >>> F1("the big tower", ["Eiffel tower"])
    0.5
    """
    return _best(lambda answer: token_f1(answer, prediction), answers_list)


def HotPotF1(prediction: str, answers_list: Sequence[str]) -> float:  # noqa: N802 - DSPy's name
    """`F1`, except that yes, no and noanswer match nothing but themselves (Yang et al., 2018).

    >>> HotPotF1("no tower", ["no"]), F1("no tower", ["no"]) > 0
    (0.0, True)
    """
    given = normalize_text(prediction)

    def one(answer: str) -> float:
        wanted = normalize_text(answer)
        return 0.0 if given != wanted and _VERDICTS & {given, wanted} else token_f1(answer, prediction)

    return _best(one, answers_list)


def precision_score(prediction: str, answers_list: Sequence[str]) -> float:
    """The best share of the prediction's tokens that stand in one of the answers.

    >>> precision_score("tall tower", ["a tower in Paris"])
    0.5
    """
    given = normalize_text(prediction).split()
    return _best(lambda answer: _shared(normalize_text(answer).split(), given) / max(1, len(given)), answers_list)


def token_f1(expected: str, got: str) -> float:
    """2 · shared / (tokens of both), after normalisation, repetitions counted."""
    wanted, given = normalize_text(expected).split(), normalize_text(got).split()
    if not wanted or not given:
        return float(wanted == given)
    return 2 * _shared(wanted, given) / (len(wanted) + len(given))


def holds_words(passage: str, answer: str) -> bool:
    """Whether the words of the answer stand in the passage one after another.

    >>> holds_words("It is the Eiffel Tower, in Paris.", "eiffel tower"), holds_words("towers", "tower")
    (True, False)
    """
    words, looked_for = (_WORD.findall(normalize_text(text)) for text in (passage, answer))
    length = len(looked_for)
    return any(words[start : start + length] == looked_for for start in range(len(words) - length + 1)) and length > 0


def _shared(wanted: list[str], given: list[str]) -> int:
    return (Counter(wanted) & Counter(given)).total()


def _best(score: Callable[[str], float], answers: Iterable[str]) -> float:
    return max((score(answer) for answer in answers), default=0.0)

"""What training never sees: the one place that decides which inputs, combinations and wordings are held out."""

from __future__ import annotations

import hashlib

#: Share of inputs that no training sequence may contain (1 / INPUT_SHARE).
INPUT_SHARE = 8
#: Share of (rule, formats) combinations that are never answered, induced or revised in training.
COMBO_SHARE = 7

#: Share of words (1 / WORD_SHARE) kept out of the slots of texts, and of words kept out of the labels.
WORD_SHARE = 8

#: Combinations held out whatever their hash says, because the shipped demo task uses one of them.
ALWAYS_HELD_OUT: frozenset[tuple[str, tuple[str, ...]]] = frozenset({("item", ("brackets",)), ("city", ("stars",))})


def bucket(kind: str, text: str, size: int) -> int:
    """A stable number in [0, size) for `text`; `kind` keeps the hash families apart.

    >>> bucket("input", "abc", 8) == bucket("input", "abc", 8)
    True
    """
    digest = hashlib.blake2b(f"{kind}\x00{text}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") % size


def input_is_held_out(text: str) -> bool:
    """Whether the input `text` (a ticket, a sentence, a word list, a fact's word with its rule) is kept from training."""
    return bucket("input", text, INPUT_SHARE) == 0


def word_is_held_out(word: str) -> bool:
    """Whether `word`, of those that may be, is kept out of tickets, sentences and records of training."""
    return bucket("word", word, WORD_SHARE) == 0


def label_is_held_out(word: str) -> bool:
    """Whether training never uses `word` as a label."""
    return bucket("as label", word, WORD_SHARE) == 0


def combo_is_held_out(rule: str, formats: tuple[str, ...]) -> bool:
    """Whether (rule, formats) is kept from training. Plain answers (no format) are always trained: they teach the rule.

    >>> combo_is_held_out("city", ())
    False
    >>> combo_is_held_out("item", ("brackets",))
    True
    """
    if not formats:
        return False
    if (rule, formats) in ALWAYS_HELD_OUT:
        return True
    return bucket("combo", rule + "|" + "+".join(formats), COMBO_SHARE) == 0

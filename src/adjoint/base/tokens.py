"""How many tokens a text has at most, without a tokenizer."""

from __future__ import annotations

import re

_PIECES = re.compile(r"[A-Za-z]+|[0-9]+|[ \t]+|[\r\n]+|[^\x00-\x7f]+|[\x00-\x7f]")
_LETTERS = 4
"""Letters of a word that one token holds; common words of any length are one token, rare ones are cut into such pieces."""
_DIGITS = 2


def most_tokens(text: str) -> int:
    """An upper estimate for models with large vocabularies (50,000 tokens and more); it is counted, not measured.

    Each run of letters counts one token for every 4, digits one for every 2, each mark one, a single space nothing, a
    longer blank one for every 4, and each other letter as many as UTF-8 has bytes, less one.

    >>> most_tokens("What is the capital of France?"), most_tokens("3.14159"), most_tokens("")
    (9, 5, 0)
    """
    return sum(_cost(piece) for piece in _PIECES.findall(text))


def _cost(piece: str) -> int:
    first = piece[0]
    if first.isascii():
        if first.isalpha():
            return -(-len(piece) // _LETTERS)
        if first.isdigit():
            return -(-len(piece) // _DIGITS)
        if first in " \t":
            return 0 if piece == " " else -(-len(piece) // 4)
        return 1
    return sum(max(1, len(letter.encode("utf-8", "surrogatepass")) - 1) for letter in piece)

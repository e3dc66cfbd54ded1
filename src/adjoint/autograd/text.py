"""Small helpers for texts in prompts: tags, short forms, cuts. None of them formats what users wrote."""

from __future__ import annotations

_SHORT = 10


def between(tag: str, text: str) -> str:
    """A text in a pair of tags.

    >>> between("ROLE", "answer")
    '<ROLE> answer </ROLE>'
    """
    return f"<{tag}> {text} </{tag}>"


def short(text: str, words: int = _SHORT) -> str:
    """The first and last words of a long text.

    >>> short("a b c d e f", 2)
    'a b (...) e f'
    """
    parts = text.split(" ")
    if len(parts) <= 2 * words:
        return text
    return " ".join([*parts[:words], "(...)", *parts[-words:]])


def cut(text: str, most: int) -> str:
    """A text of at most so many characters, its middle left out.

    >>> cut("abcdefghijklmnop", 11)
    'abc ... nop'
    """
    if len(text) <= most:
        return text
    side = max((most - 5) // 2, 0)
    return f"{text[:side]} ... {text[len(text) - side:]}"

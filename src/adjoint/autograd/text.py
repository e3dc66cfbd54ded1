"""Small helpers for texts in prompts: tags, short forms, cuts, templates. None of them formats a value that users gave."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

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
    return f"{text[:side]} ... {text[len(text) - side :]}"


def formatted(template: str, values: Mapping[str, str]) -> str:
    """The template with its `{names}` filled as `str.format` does it; in one that it cannot fill all other braces are text.

    >>> formatted('{{"q": {q}}}', {"q": "{unit}?"}), formatted("{q} in {unit}: {}", {"q": "{unit}?"})
    ('{"q": {unit}?}', '{unit}? in {unit}: {}')
    """
    try:
        return template.format(**values)
    except (AttributeError, IndexError, KeyError, ValueError):
        names = "|".join(re.escape(name) for name in values)
        return re.sub(rf"\{{({names})\}}", lambda found: values[found.group(1)], template) if names else template

"""Reading what a proposer wrote: a whole new text, perhaps between tags or in a fence, or edits of the old one."""

from __future__ import annotations

import re

from adjoint.base.errors import GradientError

TAGS = ("<IMPROVED_VARIABLE>", "</IMPROVED_VARIABLE>")
"""TextGrad's tags: models that know its prompts write them unasked."""

_FENCE = re.compile(r"```[\w+-]*\n(.*?)\n?```", re.DOTALL)
_EDIT = re.compile(
    r"^<{5,}[ \t]*SEARCH[^\n]*\n(.*?)^={5,}[ \t]*\n(.*?)^>{5,}[ \t]*REPLACE[^\n]*$", re.DOTALL | re.MULTILINE | re.IGNORECASE
)


def improved(reply: str, old: str, tags: tuple[str, str] | None = None) -> str:
    """The new text in a reply. With `tags` it must stand between them; of several blocks the last counts.

    Raises `GradientError` that says what is wrong with the reply.

    >>> improved("I use <T> as asked. <T>new</T>", "old", ("<T>", "</T>"))
    'new'
    """
    first, last = tags or TAGS
    block = _last_block(reply, first, last)
    if block is None and tags:
        message = f"it has no text between {first} and {last}"
        raise GradientError(message)
    own = block is None or (not tags and first.casefold() in old.casefold())
    body = (reply if own else str(block)).strip()
    fenced = _FENCE.fullmatch(body)
    if fenced and "```" not in fenced.group(1) and not old.lstrip().startswith("```"):
        body = fenced.group(1).strip()
    if not body:
        message = "it is empty"
        raise GradientError(message)
    return body


def _last_block(reply: str, first: str, last: str) -> str | None:
    """What stands between the last start tag that is closed and the last end tag, whatever their case."""
    ends = [match.start() for match in re.finditer(re.escape(last), reply, re.IGNORECASE)]
    starts = [match.end() for match in re.finditer(re.escape(first), reply, re.IGNORECASE)]
    closed = [start for start in starts if ends and start <= ends[-1]]
    return reply[closed[-1] : ends[-1]] if closed else None


def edited(reply: str, old: str) -> str:
    r"""The old text with the edits of a reply; each passage must occur in it exactly once.

    >>> edited("<<<<<<< SEARCH\nb\n=======\nB\n>>>>>>> REPLACE", "a\nb\nc")
    'a\nB\nc'
    """
    edits = _EDIT.findall(reply)
    if not edits:
        message = "it has no block of the form SEARCH, =======, REPLACE"
        raise GradientError(message)
    text = old
    for passage, replacement in edits:
        before, after = passage.removesuffix("\n"), replacement.removesuffix("\n")
        times = text.count(before) if before else 0
        if times != 1:
            message = f"the passage {before[:80]!r} occurs {times} times in the text and must occur once"
            raise GradientError(message)
        text = text.replace(before, after)
    return text

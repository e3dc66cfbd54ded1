"""Pieces of fields: a reply in the Chat adapter's form, cut into its fields while it is being written."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_MARKER = re.compile(r"\[\[(\w+)\]\][ \t]*:?[ \t]*")
_MAYBE = re.compile(r"\\*(\[(\[(\w*(\](\][ \t]*:?[ \t]*)?)?)?)?)?")
"""The beginning of a line that may yet become a marker, or an escaped one."""
_ESCAPED = re.compile(r"\\(\\*\[\[\w+\]\])")


class FieldReader:
    """Takes a reply piece by piece and gives `(field, text)`; the texts of a field together are its text, stripped.

    What may yet be a marker, and spaces that may be the last, wait for what follows.
    """

    def __init__(self, names: Sequence[str]) -> None:
        self.names = list(names)
        self.field: str | None = self.names[0] if len(self.names) == 1 else None
        self.began = False
        self._line = ""
        self._fresh = True
        self._spaces = ""

    def add(self, text: str) -> Iterator[tuple[str, str]]:
        """The pieces that are certain now."""
        for part in text.splitlines(keepends=True) if text.count("\n") else [text]:
            self._line += part
            ended = part.endswith("\n")
            if self._fresh and not ended and _MAYBE.fullmatch(self._line):
                continue  # too short to tell
            yield from self._flush()
            self._fresh = ended

    def end(self) -> Iterator[tuple[str, str]]:
        """What was waiting when the reply ended."""
        yield from self._flush()

    def _flush(self) -> Iterator[tuple[str, str]]:
        line, self._line = self._line, ""
        if self._fresh:
            mark = _MARKER.match(line)
            if mark is not None and mark.group(1) in self.names:
                self.field, self.began, self._spaces = mark.group(1), False, ""
                line = line[mark.end() :]
            else:
                line = _ESCAPED.sub(r"\1", line, count=1) if _ESCAPED.match(line) else line
        if self.field is None:
            return
        kept = line.rstrip()
        text = self._spaces + line
        if not kept:
            self._spaces = text if self.began else ""
            return
        text, self._spaces = text[: len(text) - len(line) + len(kept)], line[len(kept) :]
        yield self.field, text if self.began else text.lstrip()
        self.began = True

"""Pieces of fields: replies cut into their fields while they are being written, in the form of each adapter.

What may yet turn out to be a delimiter, and spaces that may be the last, wait for what follows. The texts of a field
together are its text, stripped.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

Piece = tuple[str, str]
"""The name of a field, and more of its text."""


class Reader(Protocol):
    """Takes a reply piece by piece."""

    def add(self, text: str) -> Iterator[Piece]:
        """The pieces that are certain now."""
        ...

    def end(self) -> Iterator[Piece]:
        """What was waiting when the reply ended."""
        ...


class Field:
    """The text of one field, stripped: spaces wait until something follows them."""

    def __init__(self, name: str) -> None:
        self.name, self._began, self._spaces = name, False, ""

    def add(self, text: str) -> Iterator[Piece]:
        kept = text.rstrip()
        whole = self._spaces + text
        if not kept:
            self._spaces = whole if self._began else ""
            return
        self._spaces = text[len(kept) :]
        said = whole[: len(whole) - len(self._spaces)]
        yield self.name, said if self._began else said.lstrip()
        self._began = True


_MAYBE_MARKER = re.compile(r"\\*(\[(\[([ \t]*#{0,2}[ \t]*\w*[ \t]*#{0,2}[ \t]*(\](\][ \t]*:?[ \t]*)?)?)?)?)?")
"""The beginning of a line that may yet become a marker, or an escaped one."""


class MarkedReader:
    """Fields behind markers at the beginning of a line: `[[name]]`, or labels.

    `marked` gives the name in a marker, empty if it ends the reply and None if it is no marker; `maybe` matches the beginning of a
    line that may yet become one. What stands before the first marker belongs to the field `unmarked`, if there is one.
    """

    def __init__(
        self,
        marker: re.Pattern[str],
        escaped: re.Pattern[str],
        marked: Callable[[str], str | None],
        *,
        unmarked: str | None = None,
        maybe: re.Pattern[str] = _MAYBE_MARKER,
    ) -> None:
        self._marker, self._escaped, self._marked, self._maybe = marker, escaped, marked, maybe
        self._field = None if unmarked is None else Field(unmarked)
        self._line = ""
        self._fresh, self._begun = True, False

    def add(self, text: str) -> Iterator[Piece]:
        text = text if self._begun else text.lstrip()
        self._begun = self._begun or bool(text)
        for part in text.splitlines(keepends=True) if text.count("\n") else [text]:
            self._line += part
            ended = part.endswith("\n")
            if self._fresh and not ended and self._maybe.fullmatch(self._line):
                continue  # too short to tell
            yield from self.end()
            self._fresh = ended

    def end(self) -> Iterator[Piece]:
        line, self._line = self._line, ""
        if self._fresh:
            mark = self._marker.match(line)
            name = None if mark is None else self._marked(mark.group())
            if mark is not None and name is not None:
                self._field = Field(name) if name else None
                line = line[mark.end() :]
            else:
                line = self._escaped.sub(r"\1", line, count=1)
        if self._field is not None:
            yield from self._field.add(line)


class AnyReader:
    """Fields in whichever form the reply begins with: each is known by its first characters, all others are of the form asked for."""

    _ENOUGH = 2
    """Characters that tell the forms apart."""

    def __init__(self, asked: Callable[[], Reader], others: Mapping[str, Callable[[], Reader]]) -> None:
        self._asked, self._others = asked, others
        self._held = ""
        self._reader: Reader | None = None

    def add(self, text: str) -> Iterator[Piece]:
        if self._reader is None:
            self._held += text
            begun = self._held.lstrip()
            if len(begun) < self._ENOUGH:
                return
            made = next((made for begin, made in self._others.items() if begun.startswith(begin)), self._asked)
            self._reader, text = made(), self._held
        yield from self._reader.add(text)

    def end(self) -> Iterator[Piece]:
        if self._reader is None:
            self._reader = self._asked()
            yield from self._reader.add(self._held)
        yield from self._reader.end()


class TaggedReader:
    """Fields between tags, as the XML adapter asks for them. A `plain` one may stand without."""

    def __init__(self, names: Sequence[str], unescaped: Callable[[str], str], *, plain: bool) -> None:
        self._names, self._unescaped, self._plain = list(names), unescaped, plain
        self._field: Field | None = None
        self._bare = False
        self._rest = ""

    def add(self, text: str) -> Iterator[Piece]:
        self._rest += text
        while True:
            tags = [f"</{self._field.name}>"] if self._field else [f"<{name}>" for name in self._names]
            at, tag = min(((self._rest.find(tag), tag) for tag in tags if tag in self._rest), default=(-1, ""))
            if at < 0:
                break
            yield from self._said(self._rest[:at])
            self._rest = self._rest[at + len(tag) :]
            self._field, self._plain, self._bare = None if self._field else Field(tag[1:-1]), False, False
        if self._plain and self._rest.strip() and not self._may_begin(self._rest.lstrip(), tags):
            self._field, self._plain, self._bare = Field(self._names[0]), False, True  # without tags nothing is escaped
        marks = [*tags, "&amp;", "&lt;", "&gt;"]
        first = max(0, len(self._rest) - max(map(len, marks)))
        sure = next((at for at in range(first, len(self._rest)) if self._may_begin(self._rest[at:], marks)), len(self._rest))
        said, self._rest = self._rest[:sure], self._rest[sure:]
        yield from self._said(said)

    def end(self) -> Iterator[Piece]:
        if self._plain and self._rest.strip():
            self._field, self._bare = Field(self._names[0]), True
        rest, self._rest = self._rest, ""
        yield from self._said(rest)

    def _said(self, text: str) -> Iterator[Piece]:
        if self._field is not None:
            yield from self._field.add(text if self._bare else self._unescaped(text))

    @staticmethod
    def _may_begin(text: str, tags: Sequence[str]) -> bool:
        return any(tag.startswith(text) for tag in tags)


_KEY = re.compile(r'\s*,?\s*"((?:[^"\\]|\\.)*)"\s*:\s*(?=\S)')
_INSIDE = re.compile(r"\s*(?:,\s*)?(?:\"|$)")
_SAFE = re.compile(
    r'(?:[^"\\]|\\(?:["\\/bfnrt]|u[dD][89abAB][0-9a-fA-F]{2}(?:\\u[0-9a-fA-F]{4}|(?=[^\\]|\\[^u]))|u(?![dD][89abAB])[0-9a-fA-F]{4}))+'
)
"""Whole characters of a JSON text: a character outside of the basic plane is written as two escapes."""
_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|[\[{]|[\]}]|,|[^"\[{\]},]+')


class JSONReader:
    """Members of a JSON object: texts as what they say, everything else as it is written."""

    def __init__(self, names: Sequence[str]) -> None:
        self._names = frozenset(names)
        self._rest, self._depth = "", 0
        self._field = Field("")
        self._next: Callable[[], Iterator[Piece]] = self._outside

    def add(self, text: str) -> Iterator[Piece]:
        self._rest += text
        before = None
        while self._rest and before != (self._rest, self._next):
            before = self._rest, self._next
            yield from self._next()

    def end(self) -> Iterator[Piece]:
        return iter(())

    def _take(self, count: int) -> str:
        taken, self._rest = self._rest[:count], self._rest[count:]
        return taken

    def _said(self, text: str) -> Iterator[Piece]:
        if self._field.name in self._names:
            yield from self._field.add(text)

    def _outside(self) -> Iterator[Piece]:
        at = self._rest.find("{")
        self._take(len(self._rest) if at < 0 else at + 1)
        if at >= 0:
            self._next = self._key
        yield from ()

    def _key(self) -> Iterator[Piece]:
        found = _KEY.match(self._rest)
        if found is not None:
            self._field = Field(json.loads(f'"{found.group(1)}"', strict=False))
            self._take(found.end())
            self._next, self._depth = (self._text, 0) if self._rest[0] == '"' else (self._other, 0)
            if self._next == self._text:
                self._take(1)
        elif not _INSIDE.match(self._rest):  # the end of the object, or none after all
            self._next = self._outside
        yield from ()

    def _text(self) -> Iterator[Piece]:
        found = _SAFE.match(self._rest)
        if found is not None:
            yield from self._said(json.loads(f'"{self._take(found.end())}"', strict=False))
        if self._rest.startswith('"'):
            self._take(1)
            self._next = self._key

    def _other(self) -> Iterator[Piece]:
        found = _TOKEN.match(self._rest)
        token = "" if found is None else found.group()
        if self._depth == 0 and token in (",", "}", "]"):
            self._next = self._key
            return
        self._depth += (token in ("{", "[")) - (token in ("}", "]"))
        yield from self._said(self._take(len(token)))

"""Server-sent events: from the pieces of a byte stream to the data of one event after another."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


class Events:
    r"""Feed it pieces as they arrive, cut anywhere; it gives the data of each event that is complete.

    Lines end in LF, CR LF or CR. Comments, names and ids of events are left out: every provider says in the data what
    an event is. Bytes that are not UTF-8 raise `UnicodeDecodeError`.

    >>> events = Events()
    >>> list(events.feed(b'event: a\ndata: {"x":')), list(events.feed(b" 1}\r\n\r\n: ping\n\n"))
    ([], ['{"x": 1}'])
    """

    def __init__(self) -> None:
        self._pending = bytearray()
        self._data: list[str] = []
        self._after_cr = False

    def feed(self, piece: bytes) -> Iterator[str]:
        if not piece:
            return
        # A CR at the end of one piece and an LF at the start of the next are one line end.
        if self._after_cr and piece.startswith(b"\n"):
            piece = piece[1:]
        self._after_cr = piece.endswith(b"\r")
        self._pending += piece
        if b"\n" not in piece and b"\r" not in piece:
            return
        *lines, rest = self._pending.replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n")
        self._pending = bytearray(rest)
        for line in lines:
            yield from self._line(bytes(line))

    def end(self) -> Iterator[str]:
        """The last event, if the server left out the blank line behind it."""
        yield from self._line(bytes(self._pending))
        yield from self._line(b"")

    def _line(self, line: bytes) -> Iterator[str]:
        if not line:
            if self._data:
                yield "\n".join(self._data)
            self._data = []
        elif line.startswith(b"data:"):
            self._data.append(line[5:].removeprefix(b" ").decode("utf-8"))

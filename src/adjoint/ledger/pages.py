"""Rows read straight from the pages of a damaged SQLite file, for what SQLite itself no longer finds its way to.

Nothing but the form of a cell is relied on (sqlite.org/fileformat2.html, sections 1.6 and 2.1): the page may have lost its
kind, its count or its place in the tree. So what is given here may be junk, and only a checksum tells what is a row.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

Row: TypeAlias = tuple[Any, ...]

_PAGE = 4096
_SIZES = frozenset(2**power for power in range(9, 17))
_WIDTHS = (0, 1, 2, 3, 4, 6, 8, 8, 0, 0)
"""Bytes of a value by its serial type, below 12."""


def rows_in(file: Path) -> Iterator[Row]:
    """Whatever may be a row in the file or in its write-ahead log: its number, then its values but the first."""
    images = list(_images(file))
    newest = dict(images)
    size = len(images[0][1]) if images else _PAGE
    for _, page in images:
        yield from _cells(page, newest, size)


def _images(file: Path) -> Iterator[tuple[int, bytes]]:
    """All pages with their numbers: those of the file, then those of the log, the newest last."""
    data = file.read_bytes()
    said = int.from_bytes(data[16:18], "big")
    size = said if said in _SIZES else 2**16 if said == 1 else _PAGE
    for start in range(0, len(data), size):
        yield start // size + 1, data[start : start + size].ljust(size, b"\0")
    log = file.with_name(f"{file.name}-wal")
    frames = log.read_bytes() if log.exists() else b""
    for start in range(32, len(frames) - size - 23, size + 24):
        yield int.from_bytes(frames[start : start + 4], "big"), frames[start + 24 : start + 24 + size]


def _cells(page: bytes, pages: dict[int, bytes], size: int) -> Iterator[Row]:
    """The rows of a page: where a cell ends the next one may begin, and where none is read the next byte is tried."""
    at = 8
    while at < size - 4:
        if page[at] < 4:  # a row with a checksum is longer
            at += 1
            continue
        try:
            row, end = _cell(page, at, pages, size)
        except (IndexError, KeyError, ValueError, struct.error):
            at += 1
        else:
            yield row
            at = end if len(row) > 4 else at + 1


def _cell(page: bytes, at: int, pages: dict[int, bytes], size: int) -> tuple[Row, int]:
    """The row of the cell at this place and where the cell ends; any of several errors if there is none."""
    length, at = _varint(page, at)
    number, at = _varint(page, at)
    local = _local(length, size)
    payload, end = page[at : at + local], at + local
    if end > size or length > len(pages) * size:
        raise ValueError
    if local < length:
        payload += _overflow(int.from_bytes(page[end : end + 4], "big"), length - local, pages)
        end += 4
    return (number, *_values(payload)[1:]), end


def _local(length: int, size: int) -> int:
    """How much of a payload stands in the page itself."""
    if length <= size - 35:
        return length
    least = (size - 12) * 32 // 255 - 23
    most = least + (length - least) % (size - 4)
    return most if most <= size - 35 else least


def _overflow(number: int, length: int, pages: dict[int, bytes]) -> bytes:
    found = b""
    while len(found) < length:
        page = pages[number]
        number, found = int.from_bytes(page[:4], "big"), found + page[4:]
    return found[:length]


def _values(payload: bytes) -> Row:
    """The values of a record, which must fill it."""
    head, at = _varint(payload, 0)
    kinds = []
    while at < head:
        kind, at = _varint(payload, at)
        kinds.append(kind)
    if at != head:
        raise ValueError
    values = []
    for kind in kinds:
        width = (kind - 12) // 2 if kind >= 12 else _WIDTHS[kind]
        values.append(_value(kind, payload[at : at + width]))
        at += width
    if at != len(payload):
        raise ValueError
    return tuple(values)


def _value(kind: int, data: bytes) -> Any:
    if kind >= 12:
        return data.decode("utf-8") if kind % 2 else data
    if kind == 7:
        return struct.unpack(">d", data)[0]
    return (None, 0, 0, 0, 0, 0, 0, 0, 0, 1)[kind] if kind in (0, 8, 9) else int.from_bytes(data, "big", signed=True)


def _varint(data: bytes, at: int) -> tuple[int, int]:
    """A number of one to nine bytes, and the place behind it."""
    value = 0
    for place in range(at, at + 8):
        value = value << 7 | data[place] & 0x7F
        if data[place] < 0x80:
            return value, place + 1
    return value << 8 | data[at + 8], at + 9

"""Rows read straight from the pages of a damaged SQLite file, for what SQLite itself no longer finds its way to.

Nothing but the form of a cell is relied on (sqlite.org/fileformat2.html, sections 1.6 and 2.1): the page may have lost its
kind, its count or its place in the tree. So whatever has that form is tried, and only a checksum tells what is a row.
"""

from __future__ import annotations

import contextlib
import struct
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

Row: TypeAlias = tuple[Any, ...]
Found = TypeVar("Found")

_PAGE = 4096
"""Bytes of a page, unless the file says otherwise; where it does, it may be damaged just there."""
_SIZES = frozenset(2**power for power in range(9, 16))
_WIDTHS = (0, 1, 2, 3, 4, 6, 8, 8, 0, 0)
"""Bytes of a value by its serial type, below 12."""

_HEAD = 128
"""Bytes that the serial types of a row take at most: a ledger has no table of more than eleven columns."""


def rows_in(file: Path, recognised: Callable[[Row], Found | None]) -> Iterator[Found]:
    """What `recognised` makes of the rows in the file and in its write-ahead log: their number, then their values but the first.

    It gets much that is no row, and some rows more than once.
    """
    data = file.read_bytes()
    log = file.with_name(f"{file.name}-wal")
    frames = log.read_bytes() if log.exists() else b""
    for size in sorted({_PAGE, page_size(data)}):
        old, new = list(images(data, size)), list(_logged(frames, size))
        # Where a row goes on in another page, that of the log is the newer, but one of the two may be damaged.
        for pages in ({**dict(old), **dict(new)}, {**dict(new), **dict(old)}) if new else (dict(old),):
            for _, page in old + new:
                yield from _recognised(page, pages, size, recognised)


def page_size(data: bytes) -> int:
    """The size of a page as the file says it."""
    said = int.from_bytes(data[16:18], "big")
    return said if said in _SIZES else 2**16 if said == 1 else _PAGE


def images(data: bytes, size: int) -> Iterator[tuple[int, bytes]]:
    """The pages of a file with their numbers."""
    for start in range(0, len(data), size):
        yield start // size + 1, data[start : start + size].ljust(size, b"\0")


def _logged(frames: bytes, size: int) -> Iterator[tuple[int, bytes]]:
    """The pages of a log with their numbers, the newest last."""
    for start in range(32, len(frames) - size - 23, size + 24):
        yield int.from_bytes(frames[start : start + 4], "big"), frames[start + 24 : start + 24 + size]


def _recognised(page: bytes, pages: dict[int, bytes], size: int, recognised: Callable[[Row], Found | None]) -> Iterator[Found]:
    """The rows of a page. Any byte may be the first of one, except those of another: damage hides nothing behind it."""
    at = 8
    while at < size - 4:
        found = None
        if page[at] >= 4:  # a row with a checksum is longer
            with contextlib.suppress(IndexError, KeyError, ValueError, struct.error):
                row, end = cell(page, at, pages, size)
                found = recognised(row)
        if found is None:
            at += 1
        else:
            yield found
            at = end


def cell(page: bytes, at: int, pages: dict[int, bytes], size: int) -> tuple[Row, int]:
    """The row of the cell at this place and where the cell ends; any of several errors if there is none."""
    length, at = varint(page, at)
    number, at = varint(page, at)
    here = local(length, size)
    payload, end = page[at : at + here], at + here
    if end > size or length > len(pages) * size:
        raise ValueError
    kinds, start = _kinds(payload, length)
    if here < length:
        payload += _overflow(int.from_bytes(page[end : end + 4], "big"), length - here, pages)
        end += 4
    return (number - 2**64 if number >> 63 else number, *_values(payload, kinds, start)[1:]), end


def local(length: int, size: int) -> int:
    """How much of a payload stands in the page itself."""
    if length <= size - 35:
        return length
    least = (size - 12) * 32 // 255 - 23
    most = least + (length - least) % (size - 4)
    return most if most <= size - 35 else least


def _overflow(number: int, length: int, pages: dict[int, bytes]) -> bytes:
    found = bytearray()
    while len(found) < length:
        page = pages[number]
        number = int.from_bytes(page[:4], "big")
        found += page[4:]
    return bytes(found[:length])


def _kinds(payload: bytes, length: int) -> tuple[list[int], int]:
    """The serial types of a record, whose values must fill it, and where these begin."""
    head, at = varint(payload, 0)
    if head > _HEAD:
        raise ValueError
    kinds = []
    while at < head:
        kind, at = varint(payload, at)
        kinds.append(kind)
    if at != head or head + sum(map(_width, kinds)) != length:
        raise ValueError
    return kinds, head


def _values(payload: bytes, kinds: list[int], at: int) -> Row:
    values = []
    for kind in kinds:
        values.append(_value(kind, payload[at : at + _width(kind)]))
        at += _width(kind)
    return tuple(values)


def _width(kind: int) -> int:
    return (kind - 12) // 2 if kind >= 12 else _WIDTHS[kind]


def _value(kind: int, data: bytes) -> Any:
    if kind >= 12:
        return data.decode("utf-8") if kind % 2 else data
    if kind == 7:
        return struct.unpack(">d", data)[0]
    return (None, 0, 0, 0, 0, 0, 0, 0, 0, 1)[kind] if kind in (0, 8, 9) else int.from_bytes(data, "big", signed=True)


def varint(data: bytes, at: int) -> tuple[int, int]:
    """A number of one to nine bytes, and the place behind it."""
    value = 0
    for place in range(at, at + 8):
        value = value << 7 | data[place] & 0x7F
        if data[place] < 0x80:
            return value, place + 1
    return value << 8 | data[at + 8], at + 9

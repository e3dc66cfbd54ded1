"""Rows of the ledger as bytes: keys, packed requests and the checksum that stands beside every row."""

from __future__ import annotations

import functools
import hashlib
import re
import sqlite3
import zlib
from itertools import chain
from typing import TypeAlias

Cell: TypeAlias = "str | bytes | int | float | None"

BROKEN = (sqlite3.Error, UnicodeDecodeError)
"""What SQLite raises for a file that it cannot read; the second where its own message quotes what it found."""


class _Letters(dict[type, bytes]):
    """How the checksum of a row names the types of its cells."""

    def __missing__(self, kind: type) -> bytes:
        return next(self[known] for known in kind.__mro__ if known in self)


_LETTERS = _Letters({bytes: b"b", float: b"f", int: b"i", str: b"s", type(None): b"N"})
_DIGEST = re.compile(r"[0-9a-f]{64}")
_USUAL = (
    b'"role":"tool"},"tools":[{"description":"","name":"","parameters":{"properties":{"type":"object"}}}]"seed":"stop":["n":'
    b'"extra":{"sample":1},"max_tokens":4096"role":"assistant"},"role":"system"},{"content":"","role":"user"}],"temperature":0.0}'
    b'{"messages":[{"content":"'
)
"""What requests have in common: the packer knows it beforehand. It is part of the format of the file: never change it."""
_LARGEST = 256 * 2**20
"""Bytes that a packed text may unpack to: a damaged or forged row must not fill the memory."""


def key_of(key: str) -> bytes | str:
    """A key as it is stored: 32 bytes for a SHA-256, else the text."""
    return bytes.fromhex(key) if _DIGEST.fullmatch(key) else key


def pack(text: str) -> bytes:
    data = text.encode("utf-8", "surrogatepass")
    # A window no wider than the text: the packer's memory is got and cleared each time, which for most texts costs more than
    # to pack them, and to pack wider does not make them smaller.
    window = min(zlib.MAX_WBITS, max(10, (len(_USUAL) + len(data)).bit_length()))
    packing = zlib.compressobj(6, zlib.DEFLATED, window, min(8, window - 4), zdict=_USUAL)
    return packing.compress(data) + packing.flush()


def unpack(data: bytes) -> str:
    """The text of `pack`. Raises `ValueError` for anything else."""
    unpacking = zlib.decompressobj(zdict=_USUAL)
    try:
        text = unpacking.decompress(data, _LARGEST)
    except zlib.error as error:
        raise ValueError(str(error)) from error
    if not unpacking.eof:
        message = "it is cut off or too large"
        raise ValueError(message)
    return text.decode("utf-8", "surrogatepass")


def mark(*cells: Cell) -> bytes:
    """The checksum of a row: 8 bytes over the type, the length and the bytes of each of its cells."""
    data = [cell if type(cell) is bytes else str(cell).encode("utf-8", "surrogatepass") for cell in cells]
    whole = _form(tuple(map(type, cells))) % tuple(chain.from_iterable(zip(map(len, data), data, strict=True)))
    return hashlib.blake2b(whole, digest_size=8).digest()


@functools.lru_cache(maxsize=64)
def _form(kinds: tuple[type, ...]) -> bytes:
    """What a row of such cells is written in for its checksum."""
    return b"".join(b"%b%%d:%%b" % _LETTERS[kind] for kind in kinds)

"""The rows that a ledger keeps for good: their tables, all of them in their order, and which of them are intact."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from adjoint.ledger.archive import read_only
from adjoint.ledger.rows import mark, unpack

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator
    from pathlib import Path

Row = tuple[Any, ...]

TABLES = {
    "replies": ("id", "key", "body", "request", "mark"),
    "events": ("seq", "run", "at", "kind", "body", "mark"),
    "spend": ("id", "run", "role", "model", "step", "kind", "calls", "input_tokens", "output_tokens", "nano", "mark"),
}
"""Their number comes first, their checksum last."""


def reading(path: Path) -> sqlite3.Connection:
    """A connection that only reads, and to which text that is no UTF-8 is text that fits no checksum."""
    connection = read_only(path)
    connection.text_factory = lambda data: data.decode("utf-8", "replace")
    return connection


def rows(connection: sqlite3.Connection, table: str) -> Iterator[Row]:
    """All rows in their order, up to where SQLite fails to read."""
    columns = TABLES[table]
    yield from connection.execute(f"SELECT {', '.join(columns)} FROM {table} ORDER BY {columns[0]}")  # noqa: S608 - our own names


def intact(table: str, row: Row) -> bool:
    """Whether the row is what was written: its checksum fits and its texts can be read. Its number must only be one."""
    cells, known = row[1:-1], row[-1]
    try:
        if not isinstance(row[0], int) or mark(*cells) != known:
            return False
        if table == "replies":
            json.loads(row[2])
            return row[3] is None or isinstance(json.loads(unpack(row[3])), dict)
        return table != "events" or isinstance(json.loads(row[4]), dict)
    except (TypeError, ValueError, RecursionError):
        return False

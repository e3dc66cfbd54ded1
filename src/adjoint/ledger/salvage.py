"""Every intact row of a damaged ledger, written into a new one."""

from __future__ import annotations

import contextlib
import sqlite3
from typing import TYPE_CHECKING

from adjoint.ledger import schema
from adjoint.ledger.kept import TABLES, intact, reading, rows
from adjoint.ledger.pages import rows_in
from adjoint.ledger.rows import BROKEN

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from adjoint.ledger.kept import Row


def salvage(damaged: Path, fresh: Path, *, unreadable: bool) -> dict[str, int]:
    """Save the intact rows and make the accounts anew from them. What runs had in flight is charged in full.

    `unreadable` is said of a file that SQLite finds damaged: it may know the way to a part of the rows only, so its pages
    are read without it too. Of another file they are not, for rows that were deleted can still stand there.
    """
    with contextlib.closing(sqlite3.connect(fresh, isolation_level=None)) as target:
        target.execute("PRAGMA synchronous=FULL")
        target.execute("BEGIN IMMEDIATE")
        schema.create(target)
        counts = _keep(target, _intact_rows(damaged, unreadable=unreadable))
        for row in _holds(damaged):
            schema.charge(target, row[:4], "lost", row[4:])
        target.execute(
            "INSERT OR REPLACE INTO accounts SELECT run, sum(calls), sum(input_tokens + output_tokens), coalesce(sum(nano), 0), "
            "sum(CASE WHEN nano IS NULL THEN calls ELSE 0 END) FROM spend GROUP BY run"
        )
        target.execute("COMMIT")
    return counts


def _intact_rows(damaged: Path, *, unreadable: bool) -> Iterator[tuple[str, Row]]:
    """The intact rows with their tables; the same one may come again."""
    with contextlib.closing(reading(damaged)) as source:
        for table in TABLES:
            with contextlib.suppress(*BROKEN):
                yield from ((table, row) for row in rows(source, table) if intact(table, row))
    if unreadable:
        yield from rows_in(damaged, _recognised)


def _recognised(row: Row) -> tuple[str, Row] | None:
    """The row with its table, if its checksum says that it is one."""
    for table, columns in TABLES.items():
        if len(row) == len(columns):
            # SQLite writes a whole number where a time is one.
            cells = (*row[:2], float(row[2]), *row[3:]) if table == "events" and isinstance(row[2], int) else row
            if intact(table, cells):
                return table, cells
    return None


def _keep(target: sqlite3.Connection, found: Iterator[tuple[str, Row]]) -> dict[str, int]:
    """Write each row once, and count.

    The checksum does not cover the number. If two different rows have the same one, it was damaged in one of them: both are
    kept, the later under a new number, which is given last, when no row can come any more that has it.
    """
    counts = dict.fromkeys(TABLES, 0)
    strays: dict[tuple[str, Row], None] = {}
    for table, row in found:
        places = ",".join("?" * len(row))
        new = target.execute(f"INSERT OR IGNORE INTO {table} VALUES ({places})", row).rowcount  # noqa: S608 - our own names
        counts[table] += new
        if not new and not _is_there(target, table, row):
            strays[table, row] = None
    for table, row in strays:
        columns = TABLES[table][1:]
        target.execute(f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({','.join('?' * len(columns))})", row[1:])  # noqa: S608 - our own names
        counts[table] += 1
    return counts


def _is_there(target: sqlite3.Connection, table: str, row: Row) -> bool:
    query = f"SELECT 1 FROM {table} WHERE {TABLES[table][0]} = ? AND mark = ?"  # noqa: S608 - our own names
    return target.execute(query, (row[0], row[-1])).fetchone() is not None


def _holds(damaged: Path) -> list[Row]:
    with contextlib.closing(reading(damaged)) as source, contextlib.suppress(*BROKEN):
        return source.execute("SELECT run, role, model, step, calls, input_tokens, output_tokens, nano FROM holds").fetchall()
    return []

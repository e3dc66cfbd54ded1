"""The doctor of a ledger: says what is wrong with a file, and saves every intact row of a damaged one into a new file."""

from __future__ import annotations

import contextlib
import json
import sqlite3
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from adjoint.base.errors import LedgerError
from adjoint.base.process import alive
from adjoint.ledger import accounts, files, leases, schema
from adjoint.ledger.archive import read_only
from adjoint.ledger.pages import rows_in
from adjoint.ledger.rows import BROKEN, mark, unpack

if TYPE_CHECKING:
    from collections.abc import Iterator

    from adjoint.base.json import Json

Row = tuple[Any, ...]

_TABLES = {
    "replies": ("id", "key", "body", "request", "mark"),
    "events": ("seq", "run", "at", "kind", "body", "mark"),
    "spend": ("id", "run", "role", "model", "step", "kind", "calls", "input_tokens", "output_tokens", "nano", "mark"),
}
"""The tables that are saved: their number first, their checksum last."""
_STEP = 500
"""Rows read at once; where that fails they are read one by one."""


@dataclass
class Diagnosis:
    """What was found. `rows` and `damaged` count by table; orphans are leases and reservations of dead processes."""

    path: str
    version: str | None = None
    rows: dict[str, int] = field(default_factory=dict)
    damaged: dict[str, int] = field(default_factory=dict)
    orphans: dict[str, int] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    unreadable: bool = False
    """Whether SQLite itself finds the file damaged, not only a checksum of ours."""
    saved_to: str | None = None
    moved_to: str | None = None

    @property
    def healthy(self) -> bool:
        """Whether nothing is damaged. Orphans are no damage: the next run takes them up."""
        return not self.problems

    def to_dict(self) -> dict[str, Json]:
        return {**asdict(self), "healthy": self.healthy}


def examine(path: str | Path) -> Diagnosis:
    """Check the file, its structure, the checksum of each row and the sums of each account. Changes nothing."""
    file = Path(path)
    found = Diagnosis(str(file))
    if not file.is_file():
        found.problems.append("there is no such file")
        return found
    with contextlib.suppress(LedgerError), _noted(found):
        files.refuse_network(file)
        files.refuse_foreign(file)
    with contextlib.closing(read_only(file)) as connection:
        try:
            found.version = schema.version_of(connection)
            _check_structure(connection, found)
            if found.version == str(schema.VERSION):
                _check_rows(connection, found)
                _check_accounts(connection, found)
        except BROKEN as error:
            found.unreadable = True
            found.problems.append(f"it cannot be read to its end ({error})")
    return found


def repair(path: str | Path) -> Diagnosis:
    """Settle what dead processes have left; of a damaged file, write every intact row to a new one that takes its place.

    The damaged file stays beside it under another name. A file in which no row of a ledger is found is left alone.
    """
    file, found = Path(path), examine(path)
    if found.healthy and found.version == str(schema.VERSION):
        with contextlib.closing(sqlite3.connect(file, isolation_level=None)) as connection:
            connection.execute("BEGIN IMMEDIATE")
            accounts.settle_dead(connection)
            leases.sweep(connection)
            connection.execute("COMMIT")
        return found
    if not file.is_file() or found.version not in (None, str(schema.VERSION)):
        return found
    fresh, old = _unused(file, "saved"), _unused(file, "damaged")
    files.prepare(fresh)
    found.rows = _salvage(file, fresh, broken=found.unreadable)
    if found.version is None and not any(found.rows.values()):
        fresh.unlink()
        found.problems.append("no row of a ledger was found in it, so it is left as it is")
        return found
    for ending in ("", "-wal", "-shm"):
        source = Path(f"{file}{ending}")
        if source.exists():
            source.rename(f"{old}{ending}")
    fresh.rename(file)
    found.saved_to, found.moved_to = str(file), str(old)
    return found


@contextlib.contextmanager
def _noted(found: Diagnosis) -> Iterator[None]:
    """Note the error as a problem too."""
    try:
        yield
    except LedgerError as error:
        found.problems.append(str(error))
        raise


def _check_structure(connection: sqlite3.Connection, found: Diagnosis) -> None:
    if found.version is None:
        found.problems.append("it is no ledger: it has no version")
    elif found.version == "1":
        found.problems.append("it has version 1; opening it brings it up to date")
    elif found.version != str(schema.VERSION):
        found.problems.append(f"it has version {found.version}, this package writes {schema.VERSION}")
    said = [row[0] for row in connection.execute("PRAGMA integrity_check(5)").fetchall()]
    found.problems.extend(f"SQLite says: {line}" for line in said if line != "ok")
    found.unreadable = said != ["ok"]


def _check_rows(connection: sqlite3.Connection, found: Diagnosis) -> None:
    for table in _TABLES:
        bad = found.rows[table] = 0
        for row in _rows(connection, table):
            found.rows[table] += 1
            bad += not intact(table, row)
        found.damaged[table] = bad
        if bad:
            found.problems.append(f"{bad} of {found.rows[table]} rows of {table} are damaged")


def _check_accounts(connection: sqlite3.Connection, found: Diagnosis) -> None:
    for table in ("leases", "holds"):
        owners = connection.execute(f"SELECT owner, count(*) FROM {table} GROUP BY owner").fetchall()  # noqa: S608 - our own names
        found.orphans[table] = sum(count for owner, count in owners if alive(owner) is False)
    wrong = connection.execute(
        "SELECT count(*) FROM (SELECT run, calls, tokens, nano FROM accounts EXCEPT "
        "SELECT run, sum(calls), sum(input_tokens + output_tokens), coalesce(sum(nano), 0) FROM spend GROUP BY run)"
    ).fetchone()[0]
    if wrong:
        found.problems.append(f"{wrong} accounts do not say what their rows of spend add up to")


def intact(table: str, row: Row) -> bool:
    """Whether the row is what was written: its checksum fits and its texts can be read."""
    cells, known = row[1:-1], row[-1]
    try:
        if mark(*cells) != known:
            return False
        if table == "replies":
            json.loads(row[2])
            return row[3] is None or isinstance(json.loads(unpack(row[3])), dict)
        return table != "events" or isinstance(json.loads(row[4]), dict)
    except (TypeError, ValueError, RecursionError):
        return False


def _rows(connection: sqlite3.Connection, table: str) -> Iterator[Row]:
    """All rows, in their order; on pages that cannot be read they are passed over one by one."""
    columns = _TABLES[table]
    number = columns[0]
    query = f"SELECT {', '.join(columns)} FROM {table} WHERE {number} >= ? AND {number} < ? ORDER BY {number}"  # noqa: S608 - our own names
    last = _last(connection, table, number)
    for start in range(0, last + 1, _STEP):
        try:
            yield from connection.execute(query, (start, start + _STEP)).fetchall()
        except BROKEN:
            for one in range(start, start + _STEP):
                with contextlib.suppress(*BROKEN):
                    yield from _row(connection, query, one)


def _row(connection: sqlite3.Connection, query: str, number: int) -> list[Row]:
    """The row of that number; one whose text is no UTF-8 is there, but nothing of it is right."""
    try:
        return connection.execute(query, (number, number + 1)).fetchall()
    except (UnicodeDecodeError, sqlite3.OperationalError):
        return [(number, b"")]


def _last(connection: sqlite3.Connection, table: str, number: str) -> int:
    try:
        return int(connection.execute(f"SELECT coalesce(max({number}), 0) FROM {table}").fetchone()[0])  # noqa: S608 - our own names
    except BROKEN:
        return int(connection.execute("PRAGMA page_count").fetchone()[0]) * 128  # more rows than the file can hold


def _salvage(damaged: Path, fresh: Path, *, broken: bool) -> dict[str, int]:
    """Copy the intact rows and make the accounts anew from them. What runs had in flight is charged in full.

    `broken` is said of a file that SQLite finds damaged: it may know the way to a part of the rows only.
    """
    counts: dict[str, int] = {}
    with contextlib.closing(sqlite3.connect(fresh, isolation_level=None)) as target:
        target.execute("PRAGMA synchronous=FULL")
        target.execute("BEGIN IMMEDIATE")
        schema.create(target)
        with contextlib.closing(read_only(damaged)) as source:
            for table, columns in _TABLES.items():
                insert = f"INSERT INTO {table} VALUES ({','.join('?' * len(columns))})"  # noqa: S608 - our own names
                counts[table] = _copy(table, source, target, insert)
            _charge_holds(source, target)
        if broken:
            for row in rows_in(damaged):
                _rescue(row, target, counts)
        target.execute(
            "INSERT OR REPLACE INTO accounts SELECT run, sum(calls), sum(input_tokens + output_tokens), coalesce(sum(nano), 0), "
            "sum(CASE WHEN nano IS NULL THEN calls ELSE 0 END) FROM spend GROUP BY run"
        )
        target.execute("COMMIT")
    return counts


def _copy(table: str, source: sqlite3.Connection, target: sqlite3.Connection, insert: str) -> int:
    count = 0
    with contextlib.suppress(*BROKEN):  # a table that is not there at all
        for row in _rows(source, table):
            if intact(table, row):
                count += target.execute(insert, row).rowcount
    return count


def _rescue(row: Row, target: sqlite3.Connection, counts: dict[str, int]) -> None:
    """Save a row that was found in a page, unless it is junk or already there."""
    for table, columns in _TABLES.items():
        if len(row) == len(columns):
            # SQLite writes a whole number where a time is one.
            cells = (*row[:2], float(row[2]), *row[3:]) if table == "events" and isinstance(row[2], int) else row
            if intact(table, cells):
                insert = f"INSERT OR IGNORE INTO {table} VALUES ({','.join('?' * len(columns))})"  # noqa: S608 - our own names
                counts[table] += target.execute(insert, cells).rowcount


def _charge_holds(source: sqlite3.Connection, target: sqlite3.Connection) -> None:
    rows: list[Row] = []
    with contextlib.suppress(*BROKEN):
        rows = source.execute("SELECT run, role, model, step, calls, input_tokens, output_tokens, nano FROM holds").fetchall()
    for row in rows:
        schema.charge(target, row[:4], "lost", row[4:])


def _unused(file: Path, word: str) -> Path:
    """A name beside the file that nobody uses."""
    number = 1
    while (made := file.with_name(f"{file.name}.{word}-{number}")).exists():
        number += 1
    return made

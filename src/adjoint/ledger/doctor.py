"""The doctor of a ledger: says what is wrong with a file, and puts a new one with every intact row in a damaged one's place."""

from __future__ import annotations

import contextlib
import re
import sqlite3
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from adjoint.base.errors import LedgerError
from adjoint.base.process import alive
from adjoint.ledger import accounts, files, leases, schema
from adjoint.ledger.kept import TABLES, intact, reading, rows
from adjoint.ledger.rows import BROKEN
from adjoint.ledger.salvage import salvage

if TYPE_CHECKING:
    from adjoint.base.json import Json

_NUMBER = re.compile("[1-9][0-9]{0,3}")


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
    """Whether SQLite may not find its way to every row; else only checksums of ours are wrong."""
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
    try:
        files.refuse_network(file)
        files.refuse_foreign(file)
    except LedgerError as error:
        found.problems.append(str(error))
    _check_header(file, found)
    with contextlib.closing(reading(file)) as connection:
        try:
            _check_version(connection, found)
            _check_structure(connection, found)
            if found.version == str(schema.VERSION):
                _check_schema(connection, found)
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
    found.rows = salvage(file, fresh, unreadable=found.unreadable)
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


def _check_version(connection: sqlite3.Connection, found: Diagnosis) -> None:
    """A version that is no number is damage; a higher one may be that of a later package, whose files are left alone."""
    said = schema.version_of(connection)
    if said is None or not _NUMBER.fullmatch(said):
        found.unreadable = True
        found.problems.append("it is no ledger: it has no version" if said is None else f"its version cannot be read ({said!r})")
        return
    found.version = said
    if said == "1":
        found.problems.append("it has version 1; opening it brings it up to date")
    elif said != str(schema.VERSION):
        found.problems.append(f"it has version {said}, this package writes {schema.VERSION}")


def _check_header(file: Path, found: Diagnosis) -> None:
    """SQLite only reads a file of whose format (sqlite.org/fileformat2.html, section 1.3.3) it knows no more than how to read it."""
    with file.open("rb") as opened:
        if opened.read(19)[18:] > b"\2":
            found.problems.append("nothing can be written to it: its header names a format of a later SQLite")


def _check_structure(connection: sqlite3.Connection, found: Diagnosis) -> None:
    said = [row[0] for row in connection.execute("PRAGMA integrity_check(5)").fetchall()]
    if said != ["ok"]:
        found.unreadable = True
        found.problems.extend(f"SQLite says: {line}" for line in said)


def _check_schema(connection: sqlite3.Connection, found: Diagnosis) -> None:
    """A schema in which a name was changed is to SQLite another schema, with which nothing is wrong.

    Views and indexes that somebody has added are theirs; a table more may be one of ours under another name.
    """
    with contextlib.closing(sqlite3.connect(":memory:")) as model:
        schema.create(model)
        ours, theirs = _objects(model), _objects(connection)
    changed = (ours - theirs) | {thing for thing in theirs - ours if thing[0] == "table"}
    if changed:
        found.unreadable = True
        found.problems.append(f"its schema was changed at {', '.join(sorted({repr(name) for _, name, _ in changed}))}")


def _objects(connection: sqlite3.Connection) -> set[tuple[object, object, object]]:
    return set(connection.execute("SELECT type, name, sql FROM sqlite_master WHERE name NOT GLOB 'sqlite_*'"))


def _check_rows(connection: sqlite3.Connection, found: Diagnosis) -> None:
    for table in TABLES:
        found.rows[table] = found.damaged[table] = 0
        try:
            for row in rows(connection, table):
                found.rows[table] += 1
                found.damaged[table] += not intact(table, row)
        except BROKEN as error:
            found.unreadable = True
            found.problems.append(f"{table} cannot be read to its end ({error})")
        if found.damaged[table]:
            found.problems.append(f"{found.damaged[table]} of {found.rows[table]} rows of {table} are damaged")


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


def _unused(file: Path, word: str) -> Path:
    """A name beside the file that nobody uses."""
    number = 1
    while (made := file.with_name(f"{file.name}.{word}-{number}")).exists():
        number += 1
    return made

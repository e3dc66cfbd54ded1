"""How a ledger is opened to be written: by any number of processes at once, one of which makes the tables."""

from __future__ import annotations

import sqlite3
import time
from typing import TYPE_CHECKING

from adjoint.base.errors import LedgerError
from adjoint.ledger import files, schema
from adjoint.ledger.rows import BROKEN

if TYPE_CHECKING:
    from pathlib import Path

_BUSY = 30.0
"""Seconds to wait for another process that is writing."""
_PAUSE = 0.01
"""Seconds between two tries to open a file that others are making."""


def connect(path: Path) -> sqlite3.Connection:
    """A connection that any thread may use, and that begins no transaction by itself."""
    return sqlite3.connect(path, check_same_thread=False, timeout=_BUSY, isolation_level=None)


def open_to_write(path: Path) -> sqlite3.Connection:
    """Open the file, and wait while others make it: where SQLite sees that two would wait for each other, it does not wait."""
    files.prepare(path)
    end = time.monotonic() + _BUSY
    while True:
        try:
            return _opened(path)
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > end:
                raise
        time.sleep(_PAUSE)


def _opened(path: Path) -> sqlite3.Connection:
    connection = connect(path)
    try:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")
        _check(connection, path)
    except (*BROKEN, LedgerError):
        connection.close()
        raise
    return connection


def _check(connection: sqlite3.Connection, path: Path) -> None:
    """Make the tables of a new file, bring an old one up to date, and refuse a newer one."""
    if schema.version_of(connection) == str(schema.VERSION):
        return
    connection.execute("BEGIN IMMEDIATE")
    found = schema.version_of(connection)
    if found is None:
        schema.create(connection)
    elif found == "1":
        schema.migrate(connection)
    elif found != str(schema.VERSION):
        message = (
            f"the ledger {path} has version {found}, this package writes {schema.VERSION}; "
            "upgrade adjoint, or name another ledger with ADJOINT_LEDGER."
        )
        raise LedgerError(message)
    connection.execute("COMMIT")

"""A ledger that can only be read: on a read-only disk, or where this process may not write."""

from __future__ import annotations

import os
import sqlite3
from typing import TYPE_CHECKING

from adjoint.base.errors import LedgerError
from adjoint.ledger import files, schema

if TYPE_CHECKING:
    from pathlib import Path


def is_archive(path: Path) -> bool:
    """Whether the file is there, but it or its directory may not be written."""
    return path.is_file() and not (os.access(path, os.W_OK) and os.access(path.parent, os.W_OK))


def open_archive(path: Path) -> sqlite3.Connection:
    """A connection that only reads."""
    files.refuse_foreign(path)
    connection = read_only(path)
    try:
        found = schema.version_of(connection)
    except sqlite3.OperationalError as error:
        connection.close()
        message = (
            f"the ledger {path} has a log beside it that cannot be read here ({error}); copy both to a directory of your own."
        )
        raise LedgerError(message) from error
    if found != str(schema.VERSION):
        connection.close()
        message = (
            f"the ledger {path} has version {found} and cannot be brought up to date here; copy it to a directory of your own."
        )
        raise LedgerError(message)
    return connection


def read_only(path: Path) -> sqlite3.Connection:
    """A connection to the file as it is, which needs no right to write.

    Where nothing can be written SQLite has to be told so, or it fails to make the files of its log; it then does not look
    for a log, so this must not be said where there is one.
    """
    log = path.with_name(f"{path.name}-wal")
    frozen = is_archive(path) and not (log.exists() and log.stat().st_size)
    address = f"{path.resolve().as_uri()}?mode=ro{'&immutable=1' if frozen else ''}"
    return sqlite3.connect(address, uri=True, check_same_thread=False, isolation_level=None)

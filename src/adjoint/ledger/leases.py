"""Leases: who is asking which question just now, so that no other process on this ledger asks it too.

No clock of the wall is read. An owner that this machine can see is dead when its process is; an owner elsewhere is dead
when its beat has not changed for long enough by the waiter's own monotonic clock.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from adjoint.base.process import alive

if TYPE_CHECKING:
    import sqlite3

MINE, KEPT = "mine", "kept"
"""Outcomes of `claim`: the lease is ours, or the reply is there already. Any other outcome names who asks."""
_TAKE = "INSERT INTO leases SELECT ?1, ?2 WHERE NOT EXISTS (SELECT 1 FROM replies WHERE key = ?1) ON CONFLICT (key) DO NOTHING"


class Lease(NamedTuple):
    """How a question stands: `kept` if it is answered, else who asks it (None: nobody) and how often that owner has beaten."""

    kept: bool
    owner: str | None
    beat: int


def claim(connection: sqlite3.Connection, key: bytes | str, owner: str) -> str:
    """Take the lease of a key that nobody living holds."""
    if connection.execute(_TAKE, (key, owner)).rowcount:
        return MINE
    if connection.execute("SELECT 1 FROM replies WHERE key = ?", (key,)).fetchone():
        return KEPT
    holder: str = connection.execute("SELECT owner FROM leases WHERE key = ?", (key,)).fetchone()[0]
    if holder != owner and alive(holder) is False:
        connection.execute("UPDATE leases SET owner = ? WHERE key = ?", (owner, key))
        holder = owner
    return MINE if holder == owner else holder


def release(connection: sqlite3.Connection, key: bytes | str, owner: str) -> None:
    connection.execute("DELETE FROM leases WHERE key = ? AND owner = ?", (key, owner))


def beat(connection: sqlite3.Connection, owner: str) -> None:
    """Show that the owner is there."""
    connection.execute("INSERT INTO owners VALUES (?, 1) ON CONFLICT (owner) DO UPDATE SET beat = beat + 1", (owner,))


def look(connection: sqlite3.Connection, key: bytes | str) -> Lease:
    """How the question stands, without changing anything."""
    if connection.execute("SELECT 1 FROM replies WHERE key = ?", (key,)).fetchone():
        return Lease(kept=True, owner=None, beat=0)
    row = connection.execute(
        "SELECT leases.owner, coalesce(owners.beat, 0) FROM leases LEFT JOIN owners ON owners.owner = leases.owner WHERE key = ?",
        (key,),
    ).fetchone()
    return Lease(kept=False, owner=None, beat=0) if row is None else Lease(kept=False, owner=row[0], beat=row[1])


def sweep(connection: sqlite3.Connection) -> int:
    """Delete the leases of owners that are known to be dead, and the owners; gives the number of leases."""
    owners = connection.execute("SELECT owner FROM owners UNION SELECT owner FROM leases").fetchall()
    dead = [owner for (owner,) in owners if alive(owner) is False]
    count = sum(connection.execute("DELETE FROM leases WHERE owner = ?", (owner,)).rowcount for owner in dead)
    connection.executemany("DELETE FROM owners WHERE owner = ?", [(owner,) for owner in dead])
    return count

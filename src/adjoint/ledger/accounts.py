"""Accounts: what a run has spent and set aside, for all of its processes. Reserving is one atomic transaction.

Amounts are (calls, input tokens, output tokens, nano-dollars); whole numbers, so that sums are exact. None in place of
dollars means that the price is not known.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from adjoint.base.process import alive
from adjoint.base.refusal import Refusal
from adjoint.ledger.schema import charge

if TYPE_CHECKING:
    import sqlite3

Amount: TypeAlias = tuple[int, int, int, int | None]
About: TypeAlias = tuple[str, str, str, str]
"""Run, role, model and step."""


class Caps(NamedTuple):
    """The most that a run may spend in all its processes and lives; None = no cap."""

    calls: float | None = None
    tokens: float | None = None
    nano: float | None = None


class Spent(NamedTuple):
    """One row of the table of costs: what calls of this role, model and step came to. `kind` is call, failed or lost."""

    run: str
    role: str
    model: str
    step: str
    kind: str
    calls: int
    input_tokens: int
    output_tokens: int
    usd: float | None


def hold(connection: sqlite3.Connection, about: About, owner: str, bound: Amount, caps: Caps) -> int | Refusal:
    """Set the bound aside and give the number of the reservation, or say which cap it would break."""
    broken = any(cap is not None for cap in caps) and _broken(connection, about[0], bound, caps)
    if broken:
        settle_dead(connection, about[0])
        broken = _broken(connection, about[0], bound, caps)
    if broken:
        owners = connection.execute("SELECT DISTINCT owner FROM holds WHERE run = ?", (about[0],)).fetchall()
        return Refusal(broken, pending=any(alive(one) for (one,) in owners))
    made = connection.execute(
        "INSERT INTO holds (run, owner, role, model, step, calls, input_tokens, output_tokens, nano) VALUES (?,?,?,?,?,?,?,?,?)",
        (about[0], owner, *about[1:], *bound),
    )
    assert made.lastrowid is not None
    return made.lastrowid


def _broken(connection: sqlite3.Connection, run: str, bound: Amount, caps: Caps) -> str:
    """The name of the cap that this would break; a reservation counts in full, whoever holds it."""
    spent = connection.execute("SELECT calls, tokens, nano FROM accounts WHERE run = ?", (run,)).fetchone() or (0, 0, 0)
    held = connection.execute(
        "SELECT coalesce(sum(calls), 0), coalesce(sum(input_tokens + output_tokens), 0), coalesce(sum(nano), 0) FROM holds WHERE run = ?",
        (run,),
    ).fetchone()
    more = (bound[0], bound[1] + bound[2], bound[3] or 0)
    for name, cap, used, set_aside, wanted in zip(("calls", "tokens", "usd"), caps, spent, held, more, strict=True):
        spent_up = name == "usd" and cap is not None and used >= cap  # a call without a price wants 0 dollars
        if spent_up or (cap is not None and used + set_aside + wanted > cap):
            return name
    return ""


def settle(connection: sqlite3.Connection, number: int, actual: Amount, kind: str) -> None:
    """Replace a reservation by what the call really cost. One that is gone was taken for lost and charged in full."""
    row = connection.execute("DELETE FROM holds WHERE id = ? RETURNING run, role, model, step", (number,)).fetchone()
    if row is not None:
        charge(connection, row, kind, actual)


def settle_dead(connection: sqlite3.Connection, run: str | None = None) -> int:
    """Charge the reservations of dead processes in full: their calls may have been billed. Gives their number."""
    query = "SELECT DISTINCT owner FROM holds WHERE ?1 IS NULL OR run = ?1"
    dead = [owner for (owner,) in connection.execute(query, (run,)).fetchall() if alive(owner) is False]
    count = 0
    for owner in dead:
        rows = connection.execute(
            "DELETE FROM holds WHERE owner = ? RETURNING run, role, model, step, calls, input_tokens, output_tokens, nano",
            (owner,),
        ).fetchall()
        for row in rows:
            charge(connection, row[:4], "lost", row[4:])
        count += len(rows)
    return count


def spend_of(connection: sqlite3.Connection, run: str | None = None) -> list[Spent]:
    """The table of costs, one row for each run, role, model, step and kind. Dollars are None if some price was not known."""
    rows = connection.execute(
        "SELECT run, role, model, step, kind, sum(calls), sum(input_tokens), sum(output_tokens), "
        "CASE WHEN count(nano) = count(*) THEN sum(nano) END FROM spend WHERE ?1 IS NULL OR run = ?1 "
        "GROUP BY run, role, model, step, kind ORDER BY min(id)",
        (run,),
    ).fetchall()
    return [Spent._make((*row[:-1], None if row[-1] is None else row[-1] / 1e9)) for row in rows]

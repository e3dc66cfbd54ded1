"""The verb `doctor`: what is wrong with a ledger, and every intact row of a damaged one saved."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from adjoint.cli.settings import ledger_path
from adjoint.ledger.doctor import examine
from adjoint.ledger.doctor import repair as mend

if TYPE_CHECKING:
    from adjoint.ledger.doctor import Diagnosis


def doctor(ledger: str | None, *, repair: bool, as_json: bool) -> int:
    """Examine the ledger, and with `repair` mend it; 0 if it is healthy now, 1 if not."""
    path = ledger_path(ledger)
    found = mend(path) if repair else examine(path)
    typer.echo(json.dumps(found.to_dict(), indent=2) if as_json else told(found))
    return 0 if found.healthy or found.saved_to else 1


def told(found: Diagnosis) -> str:
    """The diagnosis in words."""
    counts = ", ".join(f"{count} {table}" for table, count in found.rows.items()) or "no rows"
    lines = [f"{found.path}: {counts}"]
    lines += [f"  {problem}" for problem in found.problems]
    lines += [f"  {count} {what} of processes that are gone" for what, count in found.orphans.items() if count]
    if found.saved_to:
        lines.append(f"every intact row is in {found.saved_to}; the damaged file is {found.moved_to}")
    elif found.healthy:
        lines.append("healthy")
    elif Path(found.path).is_file():
        lines.append("try: adjoint doctor --repair")
    return "\n".join(lines)

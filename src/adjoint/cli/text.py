"""What people read: prompts, tables and percentages as plain text, without markup that a prompt could be taken for."""

from __future__ import annotations

import os
import sys
import time
from typing import TYPE_CHECKING, Any

import typer

from adjoint.adapters.written import write
from adjoint.base.words import count

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from adjoint.cli.history import Run
    from adjoint.eval.compare import Comparison

_WIDE = 200
"""Columns where there is no terminal whose width counts."""
_FLIPS = 10
"""Flipped rows that are named; the rest is counted."""


def table(head: Sequence[str], rows: Iterable[Sequence[str]], *, right: Sequence[int] = ()) -> None:
    """Print a table on stdout; columns in `right` hold numbers."""
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    made = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for index, name in enumerate(head):
        made.add_column(Text(name), justify="right" if index in right else "left", overflow="fold")
    for row in rows:
        made.add_row(*map(Text, row))
    console = Console(file=sys.stdout, width=None if sys.stdout.isatty() or "COLUMNS" in os.environ else _WIDE)
    console.print(made)


def percent(value: float | None) -> str:
    return "-" if value is None else f"{100 * value:.1f} %"


def when(moment: float) -> str:
    """A moment in local time."""
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(moment))


def prompts(state: Mapping[str, Any]) -> str:
    """All parameters of a program: instruction and demos of each predictor, then whatever else it has."""
    groups: dict[str, dict[str, Any]] = {}
    for name, value in state.items():
        owner, _, last = name.rpartition(".")
        groups.setdefault(owner, {})[last] = value
    return "\n".join(_group(owner, values) for owner, values in groups.items())


def _group(owner: str, values: Mapping[str, Any]) -> str:
    lines = [f"[{owner}]"] if owner else []
    for name, value in sorted(values.items(), key=lambda item: item[0] == "demos"):
        if name == "demos" and isinstance(value, list):
            lines.append(f"demos: {len(value) or 'none'}")
            lines += [f"  {number}. {_demo(demo)}" for number, demo in enumerate(value, 1)]
        else:
            lines.append(f"{name}: {_indented(write(value), '  ')}")
    return "\n".join(lines)


def _demo(demo: Mapping[str, Any]) -> str:
    return "\n     ".join(f"{name}: {_indented(write(value), '       ')}" for name, value in demo.items())


def _indented(text: str, by: str) -> str:
    return text.replace("\n", f"\n{by}")


def comparison(name_a: str, name_b: str, found: Comparison) -> str:
    """A paired comparison in words, with the rows that flipped."""
    lines = [
        f"{name_b} against {name_a}: {found.words}",
        f"{percent(found.mean_a)} -> {percent(found.mean_b)} on {found.n} rows that both answered; {found.test}",
        f"fixed {len(found.fixed)}: {_ids(found.fixed)}",
        f"broken {len(found.broken)}: {_ids(found.broken)}",
    ]
    return "\n".join(lines)


def _ids(rows: Sequence[str]) -> str:
    more = len(rows) - _FLIPS
    return ", ".join(rows[:_FLIPS]) + (f" and {more} more" if more > 0 else "") if rows else "none"


def run_lines(run: Run) -> str:
    """One run in words."""
    state = "finished" if run.finished else "unfinished: the same command continues it"
    parts = [f"{run.id}: {run.what} {run.name}".rstrip(), when(run.began), state, count(run.calls, "call")]
    if run.score is not None:
        parts.append(f"score {percent(run.score)}")
    if run.verdict is not None:
        parts.append(f"verdict: {run.verdict}")
    return ", ".join(parts)


def say(text: str) -> None:
    """A result, on stdout."""
    typer.echo(text)


def note(text: str) -> None:
    """A remark that is no result, on stderr."""
    typer.echo(f"adjoint: {text}", err=True)

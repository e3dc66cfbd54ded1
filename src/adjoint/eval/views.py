"""A report row by row: as flat records, CSV, a DataFrame, or a table in a notebook."""

from __future__ import annotations

import csv
import html as escape
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from adjoint.base.deps import need
from adjoint.base.json import plain
from adjoint.data.records import id_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from adjoint.base.json import Json
    from adjoint.eval.report import Report

_SHOWN = 20
"""Rows that a notebook shows; the rest is counted."""
_CUT = 200
"""Characters of a value that a notebook shows."""


def records(report: Report) -> list[dict[str, Json]]:
    """One flat record a cell. Outputs and parts have the prefixes `output.` and `part.`, labels `expected.`, so that no names clash."""
    by_id = {id_of(row): row for row in report.rows}
    found = []
    for cell in report.cells:
        row, score = by_id[cell.example], cell.score
        outputs = cell.outputs if isinstance(cell.outputs, dict) else {}
        found.append(
            {
                "id": cell.example,
                **({"repeat": cell.repeat} if cell.repeat else {}),
                **{name: plain(value) for name, value in row.inputs().items()},
                **{f"expected.{name}": plain(value) for name, value in row.labels().items()},
                **{f"output.{name}": value for name, value in outputs.items()},
                "score": None if score is None else score.value,
                **({} if score is None else {f"part.{name}": float(value) for name, value in score.parts.items()}),
                "feedback": "" if score is None else score.feedback,
                "error": cell.error,
                "calls": cell.usage.calls,
                "seconds": round(cell.seconds, 6),
            }
        )
    return found


def columns(table: Sequence[dict[str, Json]]) -> list[str]:
    """The columns of all records, in the order in which they first occur."""
    return list(dict.fromkeys(name for record in table for name in record))


def write_csv(table: Sequence[dict[str, Json]], path: str | Path) -> None:
    """CSV with a head; an error has an empty score, and lists and mappings are JSON."""
    with Path(path).open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, columns(table))
        writer.writeheader()
        writer.writerows({name: text(value) for name, value in record.items()} for record in table)


def dataframe(table: Sequence[dict[str, Json]]) -> Any:
    """A pandas DataFrame with the id as index."""
    pandas = need("pandas", extra="notebook", why="DataFrames")
    return pandas.DataFrame(list(table), columns=columns(table)).set_index("id")


def html(summary: str, table: Sequence[dict[str, Json]]) -> str:
    """A summary and the first rows, everything escaped: outputs are data and no markup."""
    names = columns(table)
    head = "".join(f"<th>{escape.escape(name)}</th>" for name in names)
    body = "".join(
        "<tr>" + "".join(f"<td>{escape.escape(text(record.get(name))[:_CUT])}</td>" for name in names) + "</tr>"
        for record in table[:_SHOWN]
    )
    more = f"<p>and {len(table) - _SHOWN} more rows</p>" if len(table) > _SHOWN else ""
    return f"<p><b>{escape.escape(summary)}</b></p><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>{more}"


def text(value: Any) -> str:
    """A value in a cell of a table: nothing for None, JSON for what has members."""
    if value is None:
        return ""
    return json.dumps(value, ensure_ascii=False) if isinstance(value, list | dict) else str(value)

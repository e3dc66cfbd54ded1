"""Write what is kept as Markdown: for each model a row a task, the sides beside each other."""

from __future__ import annotations

import statistics
from collections import Counter
from typing import TYPE_CHECKING, Any

from benchmarks.forms.tasks import tasks

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from benchmarks.forms.proxy import Store

Rows = dict[int, dict[str, Any]]
RIVALS = ("dspy-chat", "dspy-json", "dspy-xml")
ABOUT = """\
A cell says `first / read / right` of the rows, then the mean tokens (in + out) and the model's seconds of a row. "First" is read
without an error in one call (a dash where a program makes several calls by itself), "read" without an error in the end. Seconds are
those of the model's server when a request was first made, four at a time. Where a side has fewer rows than the others, all are
counted on the rows that all of them have. Temperature 0, 400 tokens at most for a reply.
"""


class Counted:
    """What came of some rows of a task on one side."""

    def __init__(self, rows: Sequence[Mapping[str, Any]]) -> None:
        self.n = len(rows)
        told = rows[0]["first"] is not None
        self.first = sum(row["first"] for row in rows) if told else None
        self.read = sum(not row["error"] for row in rows)
        self.right = sum(row["right"] for row in rows)
        self.tokens_in = statistics.fmean(row["tokens_in"] for row in rows)
        self.tokens_out = statistics.fmean(row["tokens_out"] for row in rows)
        self.calls = statistics.fmean(row["calls"] for row in rows)
        self.seconds = statistics.fmean(row["seconds"] for row in rows)

    @property
    def tokens(self) -> float:
        return self.tokens_in + self.tokens_out

    @property
    def share(self) -> float:
        return 100 * self.right / self.n

    def __str__(self) -> str:
        first = "-" if self.first is None else str(self.first)
        return f"{first} / {self.read} / {self.right}, {self.tokens_in:.0f} + {self.tokens_out:.0f}, {self.seconds:.1f} s"


def write(store: Store, path: Path, *, sides: Sequence[str] | None = None, models: Sequence[str] | None = None) -> str:
    """Write the tables to `path`, and give them."""
    parts = ["# How real small models are asked", "", ABOUT]
    for model, found in store.results().items():
        chosen = {side: found[side] for side in _order(found) if sides is None or side in sides}
        if chosen and (models is None or model in models):
            parts += _model(model, chosen)
    text = "\n".join(parts).rstrip() + "\n"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return text


def _order(sides: Iterable[str]) -> list[str]:
    return sorted(sides, key=lambda side: (side.startswith("dspy"), side))


def _model(model: str, found: Mapping[str, Mapping[str, Rows]]) -> list[str]:
    made = [f"## {model}", ""]
    for kind, title in (("shape", "Shapes"), ("module", "Modules")):
        names = [
            name for name, task in tasks().items() if task.kind == kind and any(name in by_task for by_task in found.values())
        ]
        if names:
            made += [f"### {title}", "", *_table(names, found), ""]
    return [*made, *_errors(found)]


def _table(names: Sequence[str], found: Mapping[str, Mapping[str, Rows]]) -> list[str]:
    sides = [side for side, by_task in found.items() if any(name in by_task for name in names)]
    counted = {name: _counted(name, found) for name in names}
    ours, rivals = [side for side in sides if side not in RIVALS], [side for side in sides if side in RIVALS]
    compared = [(own, name) for own in ours for name in ("right", "tokens")] if rivals else []
    heads = [
        "task",
        "rows",
        *sides,
        *(f"{own}: {'right, less the best of DSPy' if what == 'right' else 'tokens, of the cheapest / the best of DSPy'}" for own, what in compared),
    ]  # fmt: skip
    lines = [f"| {' | '.join(heads)} |", "|" + "---|" * len(heads)]
    for name in names:
        cells = counted[name]
        rows = next(iter(cells.values())).n
        lines.append(_line([f"`{name}`", str(rows), *(str(cells.get(side, "")) for side in sides), *(_against(cells, own, what) for own, what in compared)]))  # fmt: skip
    means = [_mean([cells[side] for cells in counted.values() if side in cells]) for side in sides]
    differences = [_mean_against(list(counted.values()), own, what) for own, what in compared]
    return [*lines, _line(["**all**", str(len(names)), *means, *differences])]


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _counted(name: str, found: Mapping[str, Mapping[str, Rows]]) -> dict[str, Counted]:
    """Count a task on the rows that all sides have."""
    have = {side: by_task[name] for side, by_task in found.items() if by_task.get(name)}
    common = sorted(set.intersection(*(set(rows) for rows in have.values())))
    return {side: Counted([rows[at] for at in common]) for side, rows in have.items()}


def _rivals(cells: Mapping[str, Counted]) -> tuple[Counted, Counted] | None:
    """Get the best of DSPy's adapters in right answers (the cheapest of those), and the cheapest in tokens."""
    found = [cells[side] for side in RIVALS if side in cells]
    if not found:
        return None
    return max(found, key=lambda one: (one.right, -one.tokens)), min(found, key=lambda one: one.tokens)


def _numbers(cells: Mapping[str, Counted], own: str) -> tuple[float, float, float] | None:
    """Get the points of right over the best rival, and the tokens of those of the cheapest and of the best rival."""
    rivals = _rivals(cells)
    if rivals is None or own not in cells:
        return None
    best, cheapest = rivals
    mine = cells[own]
    return mine.share - best.share, mine.tokens / max(1.0, cheapest.tokens), mine.tokens / max(1.0, best.tokens)


def _told(numbers: tuple[float, float, float] | None, what: str) -> str:
    if numbers is None:
        return ""
    return f"{numbers[0]:+.1f}" if what == "right" else f"{numbers[1]:.2f} / {numbers[2]:.2f}"


def _against(cells: Mapping[str, Counted], own: str, what: str) -> str:
    return _told(_numbers(cells, own), what)


def _mean_against(counted: Sequence[Mapping[str, Counted]], own: str, what: str) -> str:
    found = [numbers for cells in counted if (numbers := _numbers(cells, own)) is not None]
    return _told(tuple(map(statistics.fmean, zip(*found, strict=True))), what) if found else ""  # type: ignore[arg-type]


def _mean(found: Sequence[Counted]) -> str:
    """Say the means of tasks: shares in percent, tokens and seconds."""
    one_call = [one for one in found if one.first is not None]
    first = f"{statistics.fmean(100 * (one.first or 0) / one.n for one in one_call):.1f}" if one_call else "-"
    read = statistics.fmean(100 * one.read / one.n for one in found)
    right = statistics.fmean(one.share for one in found)
    tokens = f"{statistics.fmean(one.tokens_in for one in found):.0f} + {statistics.fmean(one.tokens_out for one in found):.0f}"
    return f"{first} / {read:.1f} / {right:.1f} %, {tokens}, {statistics.fmean(one.seconds for one in found):.1f} s"


def _errors(found: Mapping[str, Mapping[str, Rows]]) -> list[str]:
    """List the kinds of errors of each side, with the tasks where they stand."""
    lines = []
    for side, by_task in found.items():
        kinds: dict[str, Counter[str]] = {}
        for task, rows in by_task.items():
            for row in rows.values():
                if row["error"]:
                    kind = row["error"].split(":", maxsplit=1)[0] + (
                        f" (the server said: {_short(row['reason'])})" if row["reason"] else ""
                    )
                    kinds.setdefault(kind, Counter())[task] += 1
        for kind, where in sorted(kinds.items(), key=lambda pair: -pair[1].total()):
            told = ", ".join(f"{task} {number}" for task, number in where.most_common())
            lines.append(f"- {side}: {where.total()} x {kind}: {told}")
    return ["### Errors", "", *lines, ""] if lines else []


def _short(text: str) -> str:
    return " ".join(text.split())[:90].replace("|", "/")

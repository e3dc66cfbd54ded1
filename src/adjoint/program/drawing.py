"""Drawings of recorded calls: a small SVG of its own, with values, gradients and costs. Nothing needs to be installed."""

from __future__ import annotations

import html
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from adjoint.base.json import plain
from adjoint.base.words import count

if TYPE_CHECKING:
    from collections.abc import Sequence

    from adjoint.program.tape import Node

_WIDTH, _LINE, _GAP, _PAD = 300, 15, 46, 9
_LETTERS = 44
"""Letters that a line of a box holds."""
_MOST_LINES = 9
_STYLES = {"declared": "", "identity": "", "contained": "", "read": "5 3", "order": "2 4"}
"""How sure an edge is, as the dashes of its line."""


@dataclass(frozen=True)
class Drawing:
    """A picture of calls. Notebooks show it; `save("graph.svg")` or `save("graph.html")` writes a file."""

    svg: str
    title: str = "calls"

    @property
    def html(self) -> str:
        head = f'<!doctype html><meta charset="utf-8"><title>{html.escape(self.title)}</title>'
        return f'{head}<body style="margin:24px;background:#fff">{self.svg}</body>'

    def _repr_svg_(self) -> str:
        return self.svg

    def __str__(self) -> str:
        return self.svg

    def save(self, path: str | Path) -> Path:
        """Write the drawing, as a page if the name says so."""
        place = Path(path)
        place.write_text(self.html if place.suffix in (".html", ".htm") else self.svg, encoding="utf-8")
        return place

    def render(self, filename: str, format: str = "svg", **_: Any) -> Path:  # noqa: A002 - graphviz' name and argument
        """Graphviz' spelling of `save`."""
        return self.save(f"{filename}.{'html' if format == 'html' else 'svg'}")


def draw(nodes: Sequence[Node], *, gradients: bool = True, names: dict[Node, str] | None = None) -> Drawing:
    """Boxes from top to bottom in levels, producers above consumers; `nodes` come in the order of the calls."""
    if not nodes:
        return Drawing('<svg xmlns="http://www.w3.org/2000/svg" width="220" height="30"><text x="8" y="20">no calls</text></svg>')
    boxes = {node: _lines(node, (names or {}).get(node, node.op), gradients=gradients) for node in nodes}
    places, width, height = _placed(nodes, boxes)
    body = [_edge(places, node, edge.source, edge.how) for node in nodes for edge in node.edges() if edge.source in places]
    body += [_box(places[node], boxes[node], failed=bool(node.error)) for node in nodes]
    arrow = (
        '<defs><marker id="a" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto">'
        '<path d="M0 0L8 4L0 8z" fill="#667"/></marker></defs>'
    )
    head = f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}" '
    return Drawing(f'{head}font-family="sans-serif" font-size="11">{arrow}{"".join(dict.fromkeys(body))}</svg>')


def _placed(nodes: Sequence[Node], boxes: dict[Node, list[tuple[str, str]]]) -> tuple[dict[Node, tuple[int, int, int]], int, int]:
    """Left, top and height of each box, and the size of all."""
    level: dict[Node, int] = {}
    for node in nodes:
        level[node] = 1 + max((level[edge.source] for edge in node.edges() if edge.source in level), default=-1)
    rows: dict[int, list[Node]] = {}
    for node in nodes:
        rows.setdefault(level[node], []).append(node)
    widest = max(len(row) for row in rows.values())
    places: dict[Node, tuple[int, int, int]] = {}
    top = _PAD
    for number in sorted(rows):
        row = rows[number]
        left = _PAD + (widest - len(row)) * (_WIDTH + _GAP) // 2
        for node in row:
            places[node] = (left, top, len(boxes[node]) * _LINE + 2 * _PAD)
            left += _WIDTH + _GAP
        top += max(places[node][2] for node in row) + _GAP
    return places, widest * (_WIDTH + _GAP) - _GAP + 2 * _PAD, top - _GAP + _PAD


def _lines(node: Node, name: str, *, gradients: bool) -> list[tuple[str, str]]:
    """What stands in a box: pairs of colour and text."""
    cost = (
        f"  {count(node.usage.calls, 'call')}, {node.usage.input_tokens}+{node.usage.output_tokens} tokens"
        if node.usage.calls
        else ""
    )
    lines = [("#123", f"{name}{cost}")]
    for read in node.reads:
        if read.parameter.kind == "text":
            label = read.parameter.role if read.name.startswith("=") else f"{read.name}: {read.value}"
            lines += [("#567", _cut(label))]
    for slot, value in list(node.outputs.items())[:3]:
        lines.append(("#000", _cut(f"{slot} = {_shown(value)}")))
    if node.error:
        lines.append(("#b00", _cut(node.error)))
    if gradients:
        told = dict.fromkeys(gradient.text for read in node.reads for gradient in read.parameter.grad if gradient.text)
        lines += [("#06c", _cut(f"\N{NABLA} {text}")) for text in told]
    more = len(lines) - _MOST_LINES
    return lines if more <= 0 else [*lines[: _MOST_LINES - 1], ("#567", f"... {more + 1} more")]


def _shown(value: Any) -> str:
    return value if isinstance(value, str) else str(plain(value))


def _cut(text: str) -> str:
    flat = " ".join(text[: 4 * _LETTERS].split())
    return flat if len(flat) <= _LETTERS else f"{flat[: _LETTERS - 3]}..."


def _box(place: tuple[int, int, int], lines: Sequence[tuple[str, str]], *, failed: bool) -> str:
    left, top, height = place
    frame = f'<rect x="{left}" y="{top}" width="{_WIDTH}" height="{height}" rx="6" fill="#f6f8fb" stroke="{"#b00" if failed else "#9ab"}"/>'
    texts = [
        f'<text x="{left + _PAD}" y="{top + _PAD + _LINE * number + 11}" fill="{colour}"'
        f"{' font-weight=' + chr(34) + 'bold' + chr(34) if number == 0 else ''}>{html.escape(text)}</text>"
        for number, (colour, text) in enumerate(lines)
    ]
    return frame + "".join(texts)


def _edge(places: dict[Node, tuple[int, int, int]], node: Node, source: Node, how: str) -> str:
    left, top, _ = places[node]
    from_left, from_top, height = places[source]
    x, start = left + _WIDTH // 2, from_top + height
    dashes = f' stroke-dasharray="{_STYLES[how]}"' if _STYLES[how] else ""
    path = f"M{from_left + _WIDTH // 2} {start}C{from_left + _WIDTH // 2} {start + _GAP // 2} {x} {top - _GAP // 2} {x} {top}"
    return f'<path d="{path}" fill="none" stroke="#667"{dashes} marker-end="url(#a)"/>'

"""Draws README's figure from a run of the demo: `adjoint demo --json | python docs/make_figure.py > docs/demo.svg`."""

from __future__ import annotations

import json
import sys
from xml.sax.saxutils import escape

WIDTH, LEFT, ROW, TOP = 760, 230, 46, 44
SPAN = WIDTH - LEFT - 150


def x(share: float) -> float:
    return LEFT + share * SPAN


def row(index: int, item: dict[str, object]) -> str:
    """One line: name, dot at the score, whisker over its 95 % interval, figures at the right."""
    y = TOP + ROW * index + ROW / 2
    score, low, high = (float(str(item[key])) for key in ("score", "low", "high"))
    colour = "#7a869a" if index == 0 else "#0b7a75"
    figures = f"{100 * score:.1f} % [{100 * low:.0f}, {100 * high:.0f}]"
    return "\n".join(
        [
            f'<text x="{LEFT - 14}" y="{y + 4}" text-anchor="end">{escape(str(item["name"]))}</text>',
            f'<line x1="{x(0)}" x2="{x(1)}" y1="{y}" y2="{y}" stroke="#7a869a" stroke-opacity=".25"/>',
            f'<line x1="{x(low):.1f}" x2="{x(high):.1f}" y1="{y}" y2="{y}" stroke="{colour}" stroke-width="6" stroke-opacity=".45"/>',
            f'<circle cx="{x(score):.1f}" cy="{y}" r="6" fill="{colour}"/>',
            f'<text x="{WIDTH - 8}" y="{y + 4}" text-anchor="end">{figures}</text>',
        ]
    )


def main() -> None:
    result = json.load(sys.stdin)
    rows = result["rows"]
    height = TOP + ROW * len(rows) + 30
    title = f"Score on {rows[0]['n']} untouched rows with 95 % intervals, embedded LM, {result['seconds']:.0f} s on two cores"
    body = "\n".join(row(index, item) for index, item in enumerate(rows))
    ticks = "".join(
        f'<text x="{x(share)}" y="{height - 10}" text-anchor="middle" fill-opacity=".7">{share * 100:.0f} %</text>'
        for share in (0.0, 0.25, 0.5, 0.75, 1.0)
    )
    sys.stdout.write(
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}" role="img" '
        f'font-family="system-ui, sans-serif" font-size="14" fill="#7a869a">\n<title>{escape(title)}</title>\n'
        f'<text x="{WIDTH / 2}" y="24" text-anchor="middle">{escape(title)}</text>\n{body}\n{ticks}\n</svg>\n'
    )


if __name__ == "__main__":
    main()

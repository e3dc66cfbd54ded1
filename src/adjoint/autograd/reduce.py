"""Reduce: many gradients of one parameter become one short, ordered text, whatever the size of the batch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from adjoint.program.parameter import Gradient

BUDGET = 2000
"""Characters of reduced feedback that an update may see."""


@dataclass(frozen=True, slots=True)
class Theme:
    """Feedback that was given `count` times in the same words; `score` is the worst score beside it."""

    text: str
    count: int
    score: float
    severity: float


def themes(gradients: Sequence[Gradient]) -> list[Theme]:
    """Group equal feedback, drop what asks for no change, and order by count, then severity, then worst score, then text.

    >>> from adjoint.program.parameter import Gradient
    >>> [(t.text, t.count) for t in themes([Gradient("p", "Be brief."), Gradient("p", "be  brief."), Gradient("p", "Why?")])]
    [('Be brief.', 2), ('Why?', 1)]
    """
    groups: dict[str, list[Gradient]] = {}
    for gradient in gradients:
        if gradient.verdict == "change" and gradient.text.strip():
            groups.setdefault(" ".join(gradient.text.casefold().split()), []).append(gradient)
    found = [
        Theme(
            text=" ".join(group[0].text.split()),
            count=len(group),
            score=min((g.score for g in group if g.score is not None), default=0.0),
            severity=max(g.severity for g in group),
        )
        for group in groups.values()
    ]
    return sorted(found, key=lambda theme: (-theme.count, -theme.severity, theme.score, theme.text))


def feedback_text(found: Sequence[Theme], budget: int = BUDGET) -> str:
    """The themes as lines, the most important first, as many as fit; what is left out is counted in the last line.

    >>> print(feedback_text([Theme("Be brief.", 2, 0.0, 1.0), Theme("Why?", 1, 0.0, 1.0)]))
    - Be brief. (x2)
    - Why?
    """
    lines: list[str] = []
    for index, theme in enumerate(found):
        line = f"- {theme.text}" + (f" (x{theme.count})" if theme.count > 1 else "")
        if lines and sum(len(item) + 1 for item in lines) + len(line) > budget:
            lines.append(f"- ({len(found) - index} more remarks were left out)")
            break
        lines.append(line[:budget])
    return "\n".join(lines)

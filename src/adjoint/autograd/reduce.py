"""Reduce: many gradients of one parameter become one short, ordered text, whatever the size of the batch."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from adjoint.autograd.text import cut

if TYPE_CHECKING:
    from collections.abc import Sequence

    from adjoint.program.parameter import Gradient

BUDGET = 2000
"""Characters of reduced feedback that an update may see."""
_RARE_SHARE = 0.25
"""The part of the budget that is kept for what was said seldom and is severe."""
_COMPARED = 64
"""Themes with which a new remark is compared; more would take time that grows with the square of the batch."""
_SAME = 0.85
"""The share of words that two long remarks have in common if they say the same."""
_LONG = 12
"""Words from which on a remark may differ in one of them and still say the same."""
_WORD = re.compile(r"[\w']+")
_SMALL = frozenset([
    "a", "an", "and", "be", "been", "in", "is", "it", "its", "of", "on", "or", "please", "should", "so", "that", "the", "then", "this",
    "to", "was", "were", "will", "with", "would", "you", "your",
])  # fmt: skip
_TURNS = frozenset(["never", "no", "none", "nor", "not", "n't", "without", "before", "after", "less", "more", "first", "last"])
"""Words that turn a remark into another one."""


@dataclass(frozen=True, slots=True)
class Theme:
    """Feedback that was given `count` times in nearly the same words; `score` is the worst score beside it."""

    text: str
    count: int
    score: float
    severity: float


def themes(gradients: Sequence[Gradient]) -> list[Theme]:
    """Group what says the same, drop what asks for no change, and put first what is frequent and severe.

    >>> from adjoint.program.parameter import Gradient
    >>> [(t.text, t.count) for t in themes([Gradient("p", "Be brief."), Gradient("p", "be  brief."), Gradient("p", "Why?")])]
    [('Be brief.', 2), ('Why?', 1)]
    """
    found = [
        Theme(
            text=" ".join(group[0].text.split()),
            count=len(group),
            score=min((g.score for g in group if g.score is not None), default=0.0),
            severity=max(g.severity for g in group),
        )
        for group in _groups(gradients)
    ]
    return sorted(found, key=lambda theme: (-theme.count, -theme.severity, theme.score, theme.text))


def _groups(gradients: Sequence[Gradient]) -> list[list[Gradient]]:
    """Gradients that say the same: equal but for case and spaces, made of the same words, or long and nearly equal."""
    exact: dict[str, list[Gradient]] = {}
    for gradient in gradients:
        if gradient.verdict == "change" and gradient.text.strip():
            exact.setdefault(" ".join(gradient.text.casefold().split()), []).append(gradient)
    merged: list[tuple[frozenset[str], list[Gradient]]] = []
    by_words: dict[frozenset[str], list[Gradient]] = {}
    for text, group in exact.items():
        words = frozenset(_WORD.findall(text)) - _SMALL
        same = by_words.get(words) if words else None
        same = same or next((known for other, known in merged[:_COMPARED] if _alike(words, other)), None)
        if same is None:
            merged.append((words, group))
            by_words[words] = group
        else:
            same.extend(group)
    return [group for _, group in merged]


def _alike(words: frozenset[str], others: frozenset[str]) -> bool:
    """Whether two long remarks differ in a word or two of which none turns the sense."""
    if min(len(words), len(others)) < _LONG:
        return False
    differing = words ^ others
    if any(word in _TURNS or word.endswith("n't") or any(letter.isnumeric() for letter in word) for word in differing):
        return False
    return len(words & others) >= _SAME * len(words | others)


def feedback_text(found: Sequence[Theme]) -> str:
    """The themes as lines, the most important first, as many as fit; what is left out is counted in the last line.

    If not all fit, a part of the room is kept for the most severe of those that were said seldom.

    >>> print(feedback_text([Theme("Be brief.", 2, 0.0, 1.0), Theme("Why?", 1, 0.0, 1.0)]))
    - Be brief. (x2)
    - Why?
    """
    lines = [f"- {cut(theme.text, BUDGET - 16)}" + (f" (x{theme.count})" if theme.count > 1 else "") for theme in found]
    if sum(map(len, lines)) + len(lines) <= BUDGET + 1:
        return "\n".join(lines)
    kept = _fitting(lines, range(len(lines)), int(BUDGET * (1 - _RARE_SHARE)), at_least=1)
    rest = sorted(set(range(len(lines))) - set(kept), key=lambda index: (-found[index].severity, found[index].score, index))
    used = sum(len(lines[index]) + 1 for index in kept)
    kept = sorted([*kept, *_fitting(lines, rest, BUDGET - used, at_least=0)])
    left = len(found) - len(kept)
    return "\n".join([*(lines[index] for index in kept), *([f"- ({left} more remarks were left out)"] if left else [])])


def _fitting(lines: Sequence[str], order: Sequence[int], room: int, *, at_least: int) -> list[int]:
    """The first lines in this order that fit into the room."""
    kept: list[int] = []
    for index in order:
        if len(kept) >= at_least and len(lines[index]) + 1 > room:
            break
        kept.append(index)
        room -= len(lines[index]) + 1
    return kept


def passing_text(gradients: Sequence[Gradient], most: int) -> str:
    """Calls that were right and must stay right, at most so many, each once."""
    passed = [g.context for g in gradients if g.verdict == "ok" and g.context and (g.score is None or g.score >= 1.0)]
    return "\n".join(f"- {text}" for text in list(dict.fromkeys(passed))[:most])


def calls_text(gradients: Sequence[Gradient], budget: int) -> str:
    """The calls that gradients are about, each with its feedback, worst first; every one gets an equal part of the room."""
    told = [g for g in gradients if g.verdict == "change" and g.context]
    told.sort(key=lambda gradient: (1.0 if gradient.score is None else gradient.score, -gradient.severity))
    shown = told[: max(1, budget // 400)]
    share = budget // (2 * max(1, len(shown)))
    return "\n".join(
        f"<CONVERSATION> {cut(g.context, share)} </CONVERSATION>\n<FEEDBACK> {cut(g.text, share)} </FEEDBACK>" for g in shown
    )

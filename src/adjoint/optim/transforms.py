"""Updates as a chain of transforms: each sees the draft of an update and adds to it. Momentum is one of them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal, Protocol

from adjoint.autograd.mean import mean
from adjoint.autograd.reduce import Theme, calls_text, passing_text, themes
from adjoint.autograd.text import cut
from adjoint.optim.update import Manner, rewrite

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from adjoint.base.json import Json
    from adjoint.lm.base import BaseLM
    from adjoint.program.parameter import Gradient

_CALLS = 8000
"""Characters of calls that an update is shown."""
_PAST = 2000
"""Characters of earlier texts or earlier feedback that an update is shown."""
TRIED = 3
"""Rejected texts that a rewrite is shown."""


@dataclass(frozen=True)
class Draft:
    """An update in the making: what is known of one parameter, and in the end its new text. `key` is its place."""

    key: int
    role: str
    text: str
    gradients: tuple[Gradient, ...]
    engine: BaseLM | None = None
    themes: tuple[Theme, ...] = ()
    constraints: tuple[str, ...] = ()
    tried: tuple[str, ...] = ()
    more: tuple[tuple[str, str], ...] = ()
    proposed: str | None = None

    @property
    def score(self) -> float | None:
        """The mean score of the text as its losses measured it; None if none of them did."""
        scores = [gradient.score for gradient in self.gradients if gradient.score is not None]
        return sum(scores) / len(scores) if scores else None

    def showing(self, **parts: str) -> Draft:
        """The same with further parts of the prompt; empty ones are left out."""
        return replace(self, more=(*self.more, *((name, text) for name, text in parts.items() if text)))


class Transform(Protocol):
    """One step of an update. `told` hears what came of it; `state` is what must be kept to go on later."""

    async def __call__(self, draft: Draft) -> Draft: ...

    def told(self, draft: Draft, score: float | None, *, kept: bool) -> None: ...

    def state(self) -> Json: ...

    def load(self, state: Any) -> None: ...


class Stateless:
    """What a transform does that remembers nothing."""

    def told(self, draft: Draft, score: float | None, *, kept: bool) -> None:
        del draft, score, kept

    def state(self) -> Json:
        return None

    def load(self, state: Any) -> None:
        del state


class Reduce(Stateless):
    """Gradients become few themes: merged and counted, or, with `how="mean"`, one remark that an LM writes.

    Calls that gradients keep are shown beside them; of those that were right, `passing` are shown as what must stay.
    """

    def __init__(self, how: Literal["themes", "mean"] = "themes", *, passing: int = 0) -> None:
        self.how, self.passing = how, passing

    async def __call__(self, draft: Draft) -> Draft:
        found = themes(draft.gradients)
        if self.how == "mean" and len(found) > 1:
            text = await mean([theme.text for theme in found], draft.role, draft.engine)
            found = [Theme(text, 1, found[0].score, max(theme.severity for theme in found))]
        shown = draft.showing(calls=calls_text(draft.gradients, _CALLS), keep=passing_text(draft.gradients, self.passing))
        return replace(shown, themes=tuple(found))


class Remembering:
    """Texts of earlier steps, by the place of the parameter."""

    def __init__(self) -> None:
        self.past: dict[int, list[str]] = {}

    def state(self) -> Json:
        return {str(key): list(texts) for key, texts in self.past.items()}

    def load(self, state: Any) -> None:
        self.past = {int(key): list(texts) for key, texts in state.items()}


class Memory(Remembering):
    """Shows the feedback of the last steps (TextGrad's `gradient_memory`)."""

    def __init__(self, steps: int) -> None:
        super().__init__()
        self.steps = steps

    async def __call__(self, draft: Draft) -> Draft:
        earlier = self.past.get(draft.key, [])[-self.steps :]
        return draft.showing(
            past_feedback="\n".join(f"{number}. {cut(one, _PAST // self.steps)}" for number, one in enumerate(earlier, 1))
        )

    def told(self, draft: Draft, score: float | None, *, kept: bool) -> None:
        del score, kept
        said = " ".join(theme.text for theme in draft.themes)
        self.past[draft.key] = [*self.past.get(draft.key, []), said][-self.steps :]


class Momentum:
    """Shows the last versions of the text with their scores, so that a direction can be followed or left."""

    def __init__(self, window: int) -> None:
        self.window = window
        self.past: dict[int, list[tuple[str, float | None]]] = {}

    async def __call__(self, draft: Draft) -> Draft:
        earlier = self.past.get(draft.key, [])[-self.window :]
        lines = [cut(text, _PAST // self.window) + ("" if score is None else f" (score {score:.3g})") for text, score in earlier]
        return draft.showing(history="\n".join(f"{number}. {line}" for number, line in enumerate(lines, 1)))

    def told(self, draft: Draft, score: float | None, *, kept: bool) -> None:
        if kept:
            self.past[draft.key] = [*self.past.get(draft.key, []), (draft.text, score)][-self.window :]

    def state(self) -> Json:
        return {str(key): [[text, score] for text, score in past] for key, past in self.past.items()}

    def load(self, state: Any) -> None:
        self.past = {int(key): [(text, score) for text, score in past] for key, past in state.items()}


class Rejected(Remembering):
    """Shows the last proposals that a gate has refused as what was tried."""

    async def __call__(self, draft: Draft) -> Draft:
        return replace(draft, tried=(*draft.tried, *self.past.get(draft.key, [])))

    def told(self, draft: Draft, score: float | None, *, kept: bool) -> None:
        del score
        if not kept and draft.proposed is not None:
            self.past[draft.key] = list(dict.fromkeys([*self.past.get(draft.key, []), draft.proposed]))[-TRIED:]


class Examples(Stateless):
    """Shows examples of good texts (TextGrad's `in_context_examples`)."""

    def __init__(self, examples: Sequence[str]) -> None:
        self.examples = tuple(examples)

    async def __call__(self, draft: Draft) -> Draft:
        return draft.showing(examples="\n".join(f"- {one}" for one in self.examples))


class Rewriting(Stateless):
    """The last transform: asks for the new text."""

    def __init__(self, manner: Manner | None = None) -> None:
        self.manner = manner or Manner()

    async def __call__(self, draft: Draft) -> Draft:
        more: Mapping[str, str] = dict(draft.more)
        given = {"engine": draft.engine, "constraints": draft.constraints, "tried": draft.tried}
        text = await rewrite(draft.role, draft.text, draft.themes, more=more, manner=self.manner, **given)  # type: ignore[arg-type]
        return replace(draft, proposed=text)

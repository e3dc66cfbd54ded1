"""Batched generation: greedy or sampled, with stop strings and log-probabilities, each row as if it were alone."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

import numpy as np

from adjoint.lm.growing import Voice, before_stop, settled
from adjoint.lm.pocket.blas import one_thread
from adjoint.lm.pocket.tokenizer import JOIN

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from adjoint.lm.pocket.model import Floats, Ints, Model, Prefix
    from adjoint.lm.pocket.tokenizer import Tokenizer

_UNFINISHED = f"\ufffd{JOIN}"
"""Half a character, and the mark that joins what follows."""


@dataclass(frozen=True)
class Job:
    """One prompt behind its prefix. `suffix` is never empty; `limit` is in tokens; `temperature` 0 is greedy.

    `say` gets the pieces of the text as soon as nothing that follows can change them; together they are the reply's.
    """

    suffix: tuple[int, ...]
    limit: int
    temperature: float = 0.0
    seed: int = 0
    stop: tuple[str, ...] = ()
    logprobs: bool = False
    say: Callable[[str], None] | None = None


@dataclass(frozen=True)
class Reply:
    """What came out: the text without stop string or end mark, how it ended, and the tokens that were generated."""

    text: str
    finish: Literal["stop", "length"]
    tokens: int
    logprobs: tuple[tuple[str, float], ...] | None = None


@dataclass
class _Row:
    """A job under way."""

    index: int
    job: Job
    rng: np.random.Generator | None
    voice: Voice
    ids: list[int] = field(default_factory=list)
    scores: list[float] = field(default_factory=list)


def generate(model: Model, tokenizer: Tokenizer, prefixes: Sequence[Prefix], jobs: Sequence[Job]) -> list[Reply]:
    """Replies in the order of the jobs, each behind its own prefix; jobs with the same prefix should be neighbours.

    Rows that end leave the batch; no row's text depends on its neighbours.
    """
    with one_thread():
        return _generate(model, tokenizer, prefixes, jobs)


def _generate(model: Model, tokenizer: Tokenizer, prefixes: Sequence[Prefix], jobs: Sequence[Job]) -> list[Reply]:
    capacity = max(len(job.suffix) + job.limit for job in jobs)
    cache = model.cache(prefixes, capacity=capacity)
    logits = model.prefill(cache, [list(job.suffix) for job in jobs])
    rows = [_Row(index, job, _generator(job), Voice(job.say)) for index, job in enumerate(jobs)]
    replies: dict[int, Reply] = {}
    while True:
        chosen = _choose(logits, rows)
        alive = []
        for at, row in enumerate(rows):
            reply = _advance(row, int(chosen[at]), logits[at], tokenizer)
            if reply is None:
                alive.append(at)
            else:
                replies[row.index] = reply
        if not alive:
            return [replies[index] for index in range(len(jobs))]
        if len(alive) < len(rows):
            rows = [rows[at] for at in alive]
            cache.keep(alive)
        ids = np.array([row.ids[-1] for row in rows])
        places = np.array([len(row.job.suffix) + len(row.ids) - 1 for row in rows])
        logits = model.step(cache, ids, places)


def _generator(job: Job) -> np.random.Generator | None:
    """A stream of its own for each row, so that batching cannot change what is sampled."""
    return np.random.default_rng(job.seed) if job.temperature > 0 else None


def _choose(logits: Floats, rows: list[_Row]) -> Ints:
    """The next token of each row; sampling adds Gumbel noise, which draws exactly from softmax(logits / temperature)."""
    chosen: Ints = logits.argmax(-1)
    for at, row in enumerate(rows):
        if row.rng is not None:
            chosen[at] = (logits[at] / row.job.temperature + row.rng.gumbel(size=logits.shape[1])).argmax()
    return chosen


def _advance(row: _Row, token: int, logits: Floats, tokenizer: Tokenizer) -> Reply | None:
    """Takes one token in; a Reply if the row has ended with it."""
    if row.job.logprobs:
        top = float(logits.max())
        row.scores.append(float(logits[token]) - top - float(np.log(np.exp(logits - top).sum())))
    if token == tokenizer.end:
        return _reply(row, tokenizer, _text(row, tokenizer), "stop", extra=1)
    row.ids.append(token)
    text = _text(row, tokenizer) if row.job.stop or row.job.say else ""
    ended = before_stop(text, row.job.stop)
    if ended is not None:
        return _reply(row, tokenizer, ended, "stop")
    if len(row.ids) >= row.job.limit:
        return _reply(row, tokenizer, _text(row, tokenizer), "length")
    row.voice.upto(settled(text.rstrip(_UNFINISHED), row.job.stop))
    return None


def _text(row: _Row, tokenizer: Tokenizer) -> str:
    """The reply so far; the template's one space before the first word is not part of it."""
    return tokenizer.decode(row.ids).removeprefix(" ")


def _reply(row: _Row, tokenizer: Tokenizer, text: str, finish: Literal["stop", "length"], extra: int = 0) -> Reply:
    row.voice.upto(text)
    logprobs = None
    if row.job.logprobs:
        tokens = [tokenizer.decode([number]) for number in row.ids] + [""] * extra
        logprobs = tuple(zip(tokens, row.scores, strict=True))
    return Reply(text, finish, len(row.ids) + extra, logprobs)

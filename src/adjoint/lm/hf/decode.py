"""Batched generation: greedy or sampled, with stop strings and log-probabilities, each row as if it were alone."""

from __future__ import annotations

import inspect
import random
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

import torch
from transformers import DynamicCache, EncoderDecoderCache
from transformers.modeling_outputs import BaseModelOutput

from adjoint.lm.growing import Voice, before_stop, settled

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from adjoint.lm.hf.checkpoint import Checkpoint
    from adjoint.lm.hf.schema import Grammar

_SPARSE = 0.75
"""Rows that have ended leave the batch when so few are left: copying the cache costs more than a few idle rows."""


@dataclass(frozen=True)
class Job:
    """One prompt. `limit` is in tokens; `temperature` 0 is greedy; `gone` says whether nobody waits any more.

    `say` gets the pieces of the text as soon as nothing that follows can change them; together they are the reply's.
    """

    ids: tuple[int, ...]
    limit: int
    temperature: float = 0.0
    seed: int = 0
    stop: tuple[str, ...] = ()
    logprobs: bool = False
    say: Callable[[str], None] | None = None
    gone: Callable[[], bool] = bool
    grammar: Grammar | None = None


@dataclass(frozen=True)
class Reply:
    """What came out: the text without stop string and end mark, its ids with the end mark, and how it ended."""

    text: str
    finish: Literal["stop", "length"]
    ids: tuple[int, ...]
    asked: int
    """Tokens of the prompt."""
    logprobs: tuple[tuple[str, float], ...] | None = None


@dataclass
class _Row:
    """A job under way."""

    job: Job
    rng: random.Random
    voice: Voice
    ids: list[int] = field(default_factory=list)
    scores: list[float] = field(default_factory=list)
    text: str = ""
    reply: Reply | None = None


def generate(checkpoint: Checkpoint, jobs: Sequence[Job], model: Any = None) -> list[Reply]:
    """Replies in the order of the jobs. `model` answers in the place of the checkpoint's own, with its tokenizer."""
    rows = [_Row(job, random.Random(job.seed), Voice(job.say)) for job in jobs]  # noqa: S311 - draws of tokens keep no secret
    with torch.inference_mode():
        steps = _Encoded(checkpoint, model, jobs) if checkpoint.encodes else _Decoded(checkpoint, model, jobs)
        live = list(rows)
        logits = steps.first()
        while True:
            chosen = _choose(_held(logits, live), live)
            scores = _scores(logits, chosen) if any(row.job.logprobs for row in live) else [0.0] * len(live)
            for row, token, score in zip(live, chosen.tolist(), scores, strict=True):
                if row.reply is None:
                    _advance(row, token, score, checkpoint)
            left = [at for at, row in enumerate(live) if row.reply is None]
            if not left:
                return [row.reply for row in rows if row.reply is not None]
            if len(left) <= _SPARSE * len(live):
                live, chosen = [live[at] for at in left], chosen[left]
                steps.keep(torch.tensor(left, device=checkpoint.device))
            logits = steps.next(chosen)


class _Decoded:
    """The steps of a decoder: prompts are padded on the left, so that all rows write at the same place."""

    def __init__(self, checkpoint: Checkpoint, model: Any, jobs: Sequence[Job]) -> None:
        self.model = model or checkpoint.model
        size, room = max(len(job.ids) for job in jobs), max(job.limit for job in jobs)
        padding = [size - len(job.ids) for job in jobs]
        rows = [[checkpoint.pad] * pad + list(job.ids) for pad, job in zip(padding, jobs, strict=True)]
        self.ids = torch.tensor(rows, device=checkpoint.device)
        self.mask = torch.ones(len(jobs), size + room, dtype=torch.long, device=checkpoint.device)
        for at, pad in enumerate(padding):
            self.mask[at, :pad] = 0
        self.padded, self.at = any(padding), size
        self.places = (self.mask[:, :size].cumsum(-1) - 1).clamp(min=0)
        self.cache = DynamicCache(config=self.model.config)
        self.cached = _cached(self.model, self.cache)

    def first(self) -> Any:
        return self._logits(self.ids, self.places)

    def next(self, tokens: Any) -> Any:
        self.places = self.places[:, -1:] + 1
        self.at += 1
        return self._logits(tokens[:, None], self.places)

    def keep(self, rows: Any) -> None:
        self.mask, self.places = self.mask[rows], self.places[rows]
        self.cache.batch_select_indices(rows)

    def _logits(self, ids: Any, places: Any) -> Any:
        mask = self.mask[:, : self.at] if self.padded else None
        made = self.model(
            input_ids=ids,
            attention_mask=mask,
            position_ids=places,
            use_cache=True,
            logits_to_keep=1,
            **self.cached,
        )
        return made.logits[:, -1].float()


class _Encoded:
    """The steps of an encoder and a decoder: prompts are encoded once, padded on the right."""

    def __init__(self, checkpoint: Checkpoint, model: Any, jobs: Sequence[Job]) -> None:
        self.model = model or checkpoint.model
        size = max(len(job.ids) for job in jobs)
        rows = [list(job.ids) + [checkpoint.pad] * (size - len(job.ids)) for job in jobs]
        marks = [[1] * len(job.ids) + [0] * (size - len(job.ids)) for job in jobs]
        self.mask = torch.tensor(marks, device=checkpoint.device)
        ids = torch.tensor(rows, device=checkpoint.device)
        self.states = self.model.get_encoder()(input_ids=ids, attention_mask=self.mask).last_hidden_state
        config = self.model.config
        self.cache = EncoderDecoderCache(DynamicCache(config=config), DynamicCache(config=config))
        self.cached = _cached(self.model, self.cache)
        self.start = torch.full((len(jobs),), config.decoder_start_token_id, device=checkpoint.device)

    def first(self) -> Any:
        return self.next(self.start)

    def next(self, tokens: Any) -> Any:
        states = BaseModelOutput(last_hidden_state=self.states)
        made = self.model(
            encoder_outputs=states,
            attention_mask=self.mask,
            decoder_input_ids=tokens[:, None],
            use_cache=True,
            **self.cached,
        )
        return made.logits[:, -1].float()

    def keep(self, rows: Any) -> None:
        self.mask, self.states = self.mask[rows], self.states[rows]
        self.cache.batch_select_indices(rows)


def _cached(model: Any, cache: Any) -> dict[str, Any]:
    """The cache under the name that the model's `forward` has for it: newer releases of transformers renamed it."""
    bare = getattr(model, "get_base_model", lambda: model)()
    return {"cache" if "cache" in inspect.signature(bare.forward).parameters else "past_key_values": cache}


def _held(logits: Any, rows: list[_Row]) -> Any:
    """The logits without what grammars forbid."""
    bound = [(at, row.job.grammar) for at, row in enumerate(rows) if row.job.grammar is not None and row.reply is None]
    if not bound:
        return logits
    held = logits.clone()
    for at, grammar in bound:
        held[at, grammar.forbidden(logits.shape[1]).to(logits.device)] = float("-inf")
    return held


def _choose(logits: Any, rows: list[_Row]) -> Any:
    """The next token of each row. One number of the row's own stream is looked up in the cumulated probabilities."""
    chosen = logits.argmax(-1)
    drawn = [at for at, row in enumerate(rows) if row.job.temperature > 0 and row.reply is None]
    if drawn:
        heat = torch.tensor([rows[at].job.temperature for at in drawn], device=logits.device)
        chances = torch.softmax(logits[drawn] / heat[:, None], -1).cumsum(-1)
        points = torch.tensor([rows[at].rng.random() for at in drawn], device=logits.device)
        # The last sum may fall short of 1 by rounding: the point is put into its range.
        found = torch.searchsorted(chances, (points * chances[:, -1])[:, None], right=True)[:, 0]
        chosen[drawn] = found.clamp(max=logits.shape[1] - 1)
    return chosen


def _scores(logits: Any, chosen: Any) -> list[float]:
    """The natural-log probabilities of the chosen tokens at temperature 1."""
    found: list[float] = torch.log_softmax(logits, -1).gather(-1, chosen[:, None])[:, 0].tolist()
    return found


def _advance(row: _Row, token: int, score: float, checkpoint: Checkpoint) -> None:
    """Takes one token in; the row has a reply if it has ended with it."""
    job = row.job
    row.ids.append(token)
    row.scores.append(score)
    if job.grammar is not None:
        job.grammar.take(token)
    if token in checkpoint.ends:
        _end(row, _text(row.ids[:-1], checkpoint), "stop", checkpoint)
        return
    text = _text(row.ids, checkpoint) if job.stop or job.say else ""
    ended = before_stop(text, job.stop)
    if ended is not None:
        _end(row, ended, "stop", checkpoint)
    elif len(row.ids) >= job.limit or job.gone():
        _end(row, _text(row.ids, checkpoint), "length", checkpoint)
    else:
        row.voice.upto(settled(_unchanged(row.text, text).rstrip("\ufffd"), job.stop))
        row.text = text


def _end(row: _Row, text: str, finish: Literal["stop", "length"], checkpoint: Checkpoint) -> None:
    row.voice.upto(text)
    scores = None
    if row.job.logprobs:
        tokens = [checkpoint.tokenizer.decode([number]) for number in row.ids]
        scores = tuple(zip(tokens, row.scores, strict=True))
    row.reply = Reply(text, finish, tuple(row.ids), len(row.job.ids), scores)


def _unchanged(before: str, text: str) -> str:
    """What the last token has left as it was."""
    same = next((at for at, (old, new) in enumerate(zip(before, text, strict=False)) if old != new), min(len(before), len(text)))
    return text[:same]


def _text(ids: list[int], checkpoint: Checkpoint) -> str:
    """The reply so far; the space that some templates put before the first word is not part of it."""
    text: str = checkpoint.tokenizer.decode(ids, skip_special_tokens=True)
    return text.removeprefix(" ")

"""The forward pass of the pocket model in numpy: a Llama with a key/value cache and a shared prefix."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from adjoint.lm.pocket.blas import one_thread

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    Floats: TypeAlias = NDArray[np.float32]
    Ints: TypeAlias = NDArray[np.int64]

_MASKED = np.float32(-1e30)
_CHUNK_FLOATS = 1 << 21
"""Attention scores of one pass stay below this many floats (8 MB), whatever the prompt."""
_CHUNK_TOKENS = 400
"""Tokens of one pass: the activations of more leave the processor's cache."""


@dataclass(frozen=True)
class Layer:
    """Weights of one layer, stored [inputs, outputs] so that a row of activations multiplies from the left."""

    norm: Floats
    qkv: Floats
    out: Floats
    mlp_norm: Floats
    gate_up: Floats
    down: Floats


@dataclass(frozen=True)
class Prefix:
    """Keys and values of tokens that several prompts begin with: [layers, 2, heads, tokens, size]."""

    tokens: int
    cache: Floats


@dataclass
class Cache:
    """Keys and values of the rows of one batch, [layers, 2, rows, heads, capacity, size], each row behind its prefix.

    Rows with the same prefix stand together: the prefix is then read by all of them at once.
    """

    prefixes: list[Prefix]
    own: Floats

    def keep(self, rows: Sequence[int]) -> None:
        """Forget all rows but these."""
        self.prefixes = [self.prefixes[row] for row in rows]
        self.own = np.ascontiguousarray(self.own[:, :, list(rows)])


class Model:
    """Weights as float32 and the passes over them. Nothing here has state: caches belong to the caller."""

    def __init__(self, folder: Path) -> None:
        from safetensors.numpy import load_file

        config: dict[str, Any] = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        raw = {name: value.astype(np.float32) for name, value in load_file(folder / "model.safetensors").items()}
        self.context = int(config["max_position_embeddings"])
        self.heads = int(config["num_attention_heads"])
        self.width = int(config["hidden_size"])
        self.size = self.width // self.heads
        self.eps = np.float32(config["rms_norm_eps"])
        self.embeddings: Floats = raw["model.embed_tokens.weight"]
        self.norm: Floats = raw["model.norm.weight"]
        self.layers = [_layer(raw, index) for index in range(int(config["num_hidden_layers"]))]
        theta = config["rope_theta"] if "rope_theta" in config else config["rope_parameters"]["rope_theta"]
        inverse = float(theta) ** (-np.arange(0, self.size, 2) / self.size)
        angles = np.arange(self.context)[:, None] * inverse
        self._cos: Floats = np.cos(angles).astype(np.float32)
        self._sin: Floats = np.sin(angles).astype(np.float32)

    def prefix(self, ids: list[int]) -> Prefix:
        """The keys and values of a prefix, worked out once for all rows that begin with it."""
        empty = Prefix(0, np.zeros((len(self.layers), 2, self.heads, 0, self.size), np.float32))
        if not ids:
            return empty
        cache = self.cache([empty], capacity=len(ids))
        with one_thread():
            self._run(cache, np.array([ids]), np.array([len(ids) - 1]))
        return Prefix(len(ids), np.ascontiguousarray(cache.own[:, :, 0]))

    def cache(self, prefixes: Sequence[Prefix], *, capacity: int) -> Cache:
        """An empty cache for one row behind each of `prefixes`, of at most `capacity` tokens each."""
        shape = (len(self.layers), 2, len(prefixes), self.heads, capacity, self.size)
        return Cache(list(prefixes), np.zeros(shape, np.float32))

    def prefill(self, cache: Cache, suffixes: list[list[int]]) -> Floats:
        """Reads the rows' own tokens; returns the logits behind the last of each: [rows, vocabulary].

        Rows are padded on the right. What padding writes lies behind a row's end, is never looked at, and is
        overwritten as the row grows.
        """
        lengths = [len(suffix) for suffix in suffixes]
        ids = np.zeros((len(suffixes), max(lengths)), np.int64)
        for row, suffix in enumerate(suffixes):
            ids[row, : len(suffix)] = suffix
        hidden = self._run(cache, ids, np.array(lengths) - 1)
        return self.logits(hidden)

    def step(self, cache: Cache, ids: Ints, at: Ints) -> Floats:
        """One more token a row, row r at place at[r] behind the prefix; returns the next logits [rows, vocabulary]."""
        return self.logits(self._pass(cache, slice(None), ids[:, None], at[:, None])[:, 0])

    def logits(self, hidden: Floats) -> Floats:
        """[rows, width] -> [rows, vocabulary]; the output weights are the embeddings."""
        return _rms(hidden, self.norm, self.eps) @ self.embeddings.T

    def _run(self, cache: Cache, ids: Ints, last: Ints) -> Floats:
        """All tokens of all rows in blocks of bounded memory; the hidden state at place last[r] of each row r."""
        rows, length = ids.shape
        total = max(prefix.tokens for prefix in cache.prefixes) + cache.own.shape[4]
        columns = max(1, min(length, 128))
        block = max(1, min(_CHUNK_FLOATS // (self.heads * columns * max(total, 1)), _CHUNK_TOKENS // columns))
        found = np.zeros((rows, self.width), np.float32)
        for first in range(0, rows, block):
            part = slice(first, min(first + block, rows))
            end = int(last[part].max()) + 1
            for start in range(0, end, columns):
                stop = min(start + columns, end)
                places = np.broadcast_to(np.arange(start, stop), (part.stop - part.start, stop - start))
                hidden = self._pass(cache, part, ids[part, start:stop], places)
                inside = np.flatnonzero((last[part] >= start) & (last[part] < stop))
                found[first + inside] = hidden[inside, last[part][inside] - start]
        return found

    def _pass(self, cache: Cache, part: slice, ids: Ints, places: Ints) -> Floats:
        """New tokens ids[rows, time] at `places` behind the rows' prefixes -> hidden states [rows, time, width]."""
        rows, time = ids.shape
        prefixes, seen = cache.prefixes[part], int(places.max()) + 1
        spans = _spans(prefixes)
        before = np.array([prefix.tokens for prefix in prefixes])[:, None]
        cos, sin = (table[places + before][:, None] for table in (self._cos, self._sin))
        hidden_from = np.where(np.arange(seen) <= places[..., None], np.float32(0), _MASKED)[:, None]
        row_index = np.arange(rows)[:, None]
        scale = np.float32(self.size**-0.5)
        x = self.embeddings[ids]
        for index, layer in enumerate(self.layers):
            qkv = (_rms(x, layer.norm, self.eps) @ layer.qkv).reshape(rows, time, 3, self.heads, self.size)
            q, k, v = qkv.transpose(2, 0, 3, 1, 4)
            q, k = _rotate(q, cos, sin) * scale, _rotate(k, cos, sin)
            own = cache.own[index, :, part]
            own[0][row_index, :, places] = k.transpose(0, 2, 1, 3)
            own[1][row_index, :, places] = v.transpose(0, 2, 1, 3)
            keys, values = own[0][:, :, :seen], own[1][:, :, :seen]
            parts = [_attend(q[at], keys[at], values[at], hidden_from[at], prefix.cache[index]) for at, prefix in spans]
            mixed = parts[0] if len(parts) == 1 else np.concatenate(parts)
            x = x + mixed.transpose(0, 2, 1, 3).reshape(rows, time, self.width) @ layer.out
            gate, up = np.split(_rms(x, layer.mlp_norm, self.eps) @ layer.gate_up, 2, axis=-1)
            x = x + (gate / (1 + np.exp(-gate)) * up) @ layer.down
        return x


def _spans(prefixes: Sequence[Prefix]) -> list[tuple[slice, Prefix]]:
    """The runs of neighbouring rows that share one prefix."""
    edges = [at for at, prefix in enumerate(prefixes) if at == 0 or prefix is not prefixes[at - 1]]
    return [(slice(start, stop), prefixes[start]) for start, stop in zip(edges, [*edges[1:], len(prefixes)], strict=True)]


def _attend(q: Floats, keys: Floats, values: Floats, mask: Floats, shared: Floats) -> Floats:
    """Softmax attention of q [rows, heads, time, size] over the shared prefix and then the rows' own keys."""
    rows, heads, time, size = q.shape
    scores = q @ keys.transpose(0, 1, 3, 2) + mask
    tokens = shared.shape[2]
    if not tokens:
        return _softmax(scores) @ values
    # One product a head for all rows together: this is what sharing a prefix saves.
    flat = q.transpose(1, 0, 2, 3).reshape(heads, rows * time, size)
    front = (flat @ shared[0].transpose(0, 2, 1)).reshape(heads, rows, time, tokens).transpose(1, 0, 2, 3)
    weights = _softmax(np.concatenate([front, scores], axis=-1))
    flat = weights[..., :tokens].transpose(1, 0, 2, 3).reshape(heads, rows * time, tokens)
    mixed: Floats = (flat @ shared[1]).reshape(heads, rows, time, size).transpose(1, 0, 2, 3)
    mixed += weights[..., tokens:] @ values
    return mixed


def _softmax(scores: Floats) -> Floats:
    scores -= scores.max(-1, keepdims=True)
    np.exp(scores, out=scores)
    scores /= scores.sum(-1, keepdims=True)
    return scores


def _rms(x: Floats, weight: Floats, eps: np.float32) -> Floats:
    scaled: Floats = x * (weight / np.sqrt(np.mean(x * x, axis=-1, keepdims=True) + eps))
    return scaled


def _rotate(x: Floats, cos: Floats, sin: Floats) -> Floats:
    """Rotary positions on [rows, heads, time, size]; the two halves of a head are the pairs."""
    half = x.shape[-1] // 2
    a, b = x[..., :half], x[..., half:]
    return np.concatenate([a * cos - b * sin, b * cos + a * sin], axis=-1)


def _layer(raw: dict[str, Floats], index: int) -> Layer:
    def weight(name: str) -> Floats:
        return raw[f"model.layers.{index}.{name}.weight"]

    def joined(*names: str) -> Floats:
        return np.ascontiguousarray(np.concatenate([weight(name) for name in names]).T)

    return Layer(
        norm=weight("input_layernorm"),
        qkv=joined("self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj"),
        out=joined("self_attn.o_proj"),
        mlp_norm=weight("post_attention_layernorm"),
        gate_up=joined("mlp.gate_proj", "mlp.up_proj"),
        down=joined("mlp.down_proj"),
    )

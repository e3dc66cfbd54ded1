"""The hand-set start of the weights. Everything set here stays trainable and is trained.

Initialised by hand: (1) embeddings of unit scale with one constant dimension; (2) heads that look one or two tokens
back, through the fast rotary dimensions; (3) matching heads that compare the content in front of the query with the
content in front of earlier answers and copy what follows. Learned: everything the model knows about words, rules,
formats and instructions, and which of these heads survives. The untrained model answers nothing right but finds a
label that is present better than chance, so a claim about label induction has to say that the circuit was started.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from model import Llama
    from torch import Tensor

#: Layers whose heads 2 and 3 start as matching heads, and layers whose head 0 starts as a look-one-back head.
MATCHING = (1, 3, 4)
LOOK_BACK = (0, 2, 3)
STRENGTH = 6.0
CONSTANT = 2.0
#: The fast rotary dimensions carry offsets, the slow ones (period > 800 tokens) content.
FAST = 7


def _orthonormal(rows: int, cols: int, rng: torch.Generator) -> Tensor:
    """A [rows, cols] matrix, rows <= cols, with orthonormal rows that do not read the constant dimension."""
    q, _ = torch.linalg.qr(torch.randn(cols - 1, rows, generator=rng))
    return torch.cat([torch.zeros(rows, 1), q.T], 1)


@torch.no_grad()
def initialise(model: Llama, seed: int, *, heads: bool = True) -> None:
    """Sets all weights. `heads=False` leaves out the hand-set heads (for comparison)."""
    rng = torch.Generator().manual_seed(seed)
    s = model.shape
    size, half = s.width // s.heads, s.width // s.heads // 2
    model.embed_tokens.copy_(torch.randn(s.vocab, s.width, generator=rng))
    model.embed_tokens[:, 0] = CONSTANT
    model.norm.fill_(0.05)
    for block in model.layers:
        for name, value in block.named_parameters():
            if value.dim() == 2:
                scale = s.width**-0.5 if value.shape[1] == s.width else s.hidden**-0.5
                quiet = 0.3 if name in ("o_proj", "down_proj") else 1.0
                value.copy_(torch.randn(value.shape, generator=rng) * scale * quiet)
                if name in ("o_proj", "down_proj"):
                    value[0] = 0.0
    if not heads:
        return

    def rows(head: int) -> slice:
        return slice(head * size, (head + 1) * size)

    inverse = s.rope_base ** (-torch.arange(0, size, 2).float() / size)

    def look_back(layer: int, head: int, offset: int, value: Tensor) -> None:
        block = model.layers[layer]
        q, k = torch.zeros(size, s.width), torch.zeros(size, s.width)
        for dim in range(FAST):
            phase = inverse[dim] * offset
            q[dim, 0], q[dim + half, 0] = STRENGTH * torch.cos(phase) / CONSTANT, -STRENGTH * torch.sin(phase) / CONSTANT
            k[dim, 0] = STRENGTH / CONSTANT
        block.q_proj[rows(head)], block.k_proj[rows(head)], block.v_proj[rows(head)] = q, k, value
        block.o_proj[:, rows(head)] = _orthonormal(size, s.width, rng).T

    shared = _orthonormal(size, s.width, rng)
    look_back(0, 0, 1, shared)
    look_back(0, 1, 2, shared)
    for layer in LOOK_BACK[1:]:
        look_back(layer, 0, 1, _orthonormal(size, s.width, rng))

    slow = [*range(FAST, half), *range(FAST + half, size)]
    for layer in MATCHING:
        block, before = model.layers[layer], model.layers[layer - 1]
        if layer == 1:
            query, key = before.o_proj[:, rows(0)].T, before.o_proj[:, rows(1)].T
        else:
            query, key = before.v_proj[rows(0)], before.o_proj[:, rows(0)].T
        for head, shift in ((2, 0), (3, size - len(slow))):
            q, k = torch.zeros(size, s.width), torch.zeros(size, s.width)
            for at, dim in enumerate(slow):
                q[dim], k[dim] = 1.8 * query[shift + at], 1.8 * key[shift + at]
            value = _orthonormal(size, s.width, rng)
            block.q_proj[rows(head)], block.k_proj[rows(head)], block.v_proj[rows(head)] = q, k, value
            block.o_proj[:, rows(head)] = 1.5 * value.T

"""Trains the pocket model: deterministic by seed, resumable, one log line a minute.

Every step draws its sequences from (seed, step), so a resumed run sees what the unbroken run would have seen.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import time
from collections import Counter
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, TypeAlias

import mixture
import torch
import torch.distributed
import torch.multiprocessing
from init import initialise
from model import Llama, Shape, exported
from safetensors.torch import load_file
from tokenizer import PACKAGE, SPECIALS, Encoder
from torch.nn import functional as F

if TYPE_CHECKING:
    from render import Conversation
    from torch import Tensor

IDS = {token: i for i, token in enumerate(SPECIALS)}
MAX_TOKENS = 1000
#: ids, positions whose next token is learned, further positions that are learned with less weight
Row: TypeAlias = "tuple[list[int], list[int], list[int]]"


def encode(talk: Conversation, encoder: Encoder) -> Row:
    """(ids, positions whose next token is learned, positions in front of what users and instructions say)."""
    ids, learned, said = [IDS["<|bos|>"]], [], []
    for role, text, loss in talk.turns:
        ids.append(IDS[f"<|{role}|>"])
        start = len(ids)
        ids += encoder(" " + text)
        if role == "assistant":
            ids.append(IDS["<|end|>"])
            if loss:
                learned += range(start - 1, len(ids) - 1)
        else:
            said += range(start - 1, len(ids) - 1)
    return ids, learned, said


LIGHT = 0.25


def step_batch(seed: int, step: int, size: int, encoder: Encoder, drawn: Counter[str], share: float) -> list[Row]:
    """The sequences of one step, sorted by length; what was really drawn is counted.

    `share` of the tokens that are no answers (what users and instructions say) are learned lightly: which words stand in
    one place of a text teaches early which words are of one kind.
    """
    rng, other = Random(f"{seed}:{step}"), Random(f"{seed}:{step}:light")
    rows = []
    while len(rows) < size:
        talk = mixture.draw(rng)
        ids, learned, said = encode(talk, encoder)
        if len(ids) <= MAX_TOKENS and learned:
            drawn[talk.family] += 1
            rows.append((ids, learned, [p for p in said if share and other.random() < share]))
    return sorted(rows, key=lambda row: len(row[0]))


def micro_batches(rows: list[Row], budget: int) -> list[list[Row]]:
    """Groups of neighbours with at most `budget` padded tokens each."""
    groups: list[list[Row]] = []
    current: list[Row] = []
    for row in rows:
        if current and len(row[0]) * (len(current) + 1) > budget:
            groups.append(current)
            current = []
        current.append(row)
    return [*groups, current]


def backward(model: Llama, rows: list[Row], total: int) -> tuple[float, int]:
    """Adds the gradient of one micro-batch; returns (summed loss, tokens predicted right)."""
    longest = max(len(ids) for ids, _, _ in rows)
    ids = torch.tensor([row + [0] * (longest - len(row)) for row, _, _ in rows])
    answers = [i * longest + p for i, (_, learned, _) in enumerate(rows) for p in learned]
    flat = torch.tensor(answers + [i * longest + p for i, (_, _, light) in enumerate(rows) for p in light])
    n = len(answers)
    with torch.autocast("cpu", torch.bfloat16):
        hidden = model(ids).reshape(-1, model.shape.width)[flat]
        logits = F.linear(hidden, model.embed_tokens)
    targets = ids.reshape(-1)[flat + 1]
    logits = logits.float()
    loss = F.cross_entropy(logits[:n], targets[:n], reduction="sum")
    light = LIGHT * F.cross_entropy(logits[n:], targets[n:], reduction="sum") if len(flat) > n else 0.0
    ((loss + light) / total).backward()
    return loss.item(), int((logits[:n].argmax(-1) == targets[:n]).sum())


class Muon:
    """Momentum whose matrix updates are made orthogonal by five Newton-Schulz steps; matrices of one shape go together."""

    def __init__(self, params: list[torch.nn.Parameter], momentum: float = 0.95) -> None:
        self.groups: dict[tuple[int, ...], list[torch.nn.Parameter]] = {}
        for p in params:
            self.groups.setdefault(tuple(p.shape), []).append(p)
        self.buffers = {shape: torch.zeros(len(ps), *shape) for shape, ps in self.groups.items()}
        self.momentum = momentum

    @torch.no_grad()
    def step(self, rate: float) -> None:
        for shape, params in self.groups.items():
            grad = torch.stack([p.grad for p in params if p.grad is not None])
            buffer = self.buffers[shape].lerp_(grad, 1 - self.momentum)
            update = grad.lerp(buffer, self.momentum)
            tall = shape[0] > shape[1]
            x = update.mT if tall else update
            x = x / (x.norm(dim=(-2, -1), keepdim=True) + 1e-7)
            x = x.bfloat16()
            for _ in range(5):
                a = x @ x.mT
                x = 3.4445 * x + (-4.7750 * a + 2.0315 * a @ a) @ x
            x = (x.mT if tall else x).float() * max(1.0, shape[0] / shape[1]) ** 0.5
            for p, u in zip(params, x, strict=True):
                p.sub_(rate * u)


def summed(model: Llama) -> None:
    """Adds up the gradients of all workers, in place."""
    grads = [p.grad for p in model.parameters() if p.grad is not None]
    flat = torch.cat([g.reshape(-1) for g in grads])
    torch.distributed.all_reduce(flat)
    for g, part in zip(grads, flat.split([g.numel() for g in grads]), strict=True):
        g.copy_(part.view_as(g))


@torch.no_grad()
def take(model: Llama, path: Path) -> None:
    """The weights in `path`. Embeddings that the file lacks start near the mean of those it has."""
    found = load_file(path)
    for name, value in exported(model).items():
        old = found[name].float()
        if name == "model.embed_tokens.weight":
            value.copy_(old.mean(0) + 0.3 * old.std(0) * value)
            value[: len(old)] = old
        else:
            value.copy_(old)


def rate_at(step: int, steps: int, decay: float, warmup: int = 60) -> float:
    """Full after a short warm-up, then linearly down to 2 % over the last `decay` of the steps."""
    return min(1.0, (step + 1) / warmup, max(0.02, (1 - step / steps) / decay))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--run", type=Path, default=Path("/tmp/pocket-run"), help="folder of checkpoints and log")
    parser.add_argument("--steps", type=int, default=4000, help="length of the schedule")
    parser.add_argument("--decay", type=float, default=0.7, help="share of the schedule over which the rate falls")
    parser.add_argument(
        "--start", type=Path, default=None, help="weights (model.safetensors) to go on from; tokens new since then start blind"
    )
    parser.add_argument("--workers", type=int, default=1, help="processes that share the sequences of each step")
    parser.add_argument(
        "--minutes", type=float, default=math.inf, help="stop after this long in all; resume with the same command"
    )
    parser.add_argument("--tokens", type=float, default=math.inf, help="stop after this many tokens in all")
    parser.add_argument("--light", type=float, default=0.15, help="share of the other tokens that are learned lightly")
    parser.add_argument("--compile", action="store_true", help="an eighth faster after a minute; needs a C++ compiler")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--port", type=int, default=29517, help="where workers meet")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--batch", type=int, default=32, help="sequences a step")
    parser.add_argument("--budget", type=int, default=1536, help="padded tokens of a micro-batch")
    parser.add_argument("--width", type=int, default=160)
    parser.add_argument("--layers", type=int, default=6)
    parser.add_argument("--heads", type=int, default=5)
    parser.add_argument("--hidden", type=int, default=448)
    parser.add_argument("--optimizer", choices=("muon", "adamw"), default="muon")
    parser.add_argument("--rate", type=float, default=None, help="peak rate of the matrices (0.006 for muon, 0.003 for adamw)")
    parser.add_argument("--plain", action="store_true", help="without the hand-set heads")
    args = parser.parse_args()
    if args.workers == 1:
        run(0, args)
    else:
        os.environ.update(MASTER_ADDR="127.0.0.1", MASTER_PORT=str(args.port))
        torch.multiprocessing.spawn(run, (args,), nprocs=args.workers)


def run(rank: int, args: argparse.Namespace) -> None:
    """One worker: its share of every step's sequences, and the same update as all others."""
    if args.workers > 1:
        torch.distributed.init_process_group("gloo", rank=rank, world_size=args.workers)
    torch.set_num_threads(args.threads)
    torch.manual_seed(args.seed)
    args.run.mkdir(parents=True, exist_ok=True)
    encoder = Encoder(PACKAGE / "tokenizer.json")
    shape = Shape(len(encoder.vocab), args.width, args.layers, args.heads, args.hidden)
    model = Llama(shape)
    initialise(model, args.seed, heads=not args.plain)
    if args.start is not None:
        take(model, args.start)
    if args.compile:
        model.forward = torch.compile(model.forward, dynamic=True)
    matrices = model.matrices()
    chosen = {id(p) for p in matrices}
    others = [p for p in model.parameters() if id(p) not in chosen]
    peak = args.rate if args.rate is not None else (0.006 if args.optimizer == "muon" else 0.003)
    small = 0.005 if args.optimizer == "muon" else peak
    groups = [{"params": others, "base": small}]
    muon = Muon(matrices) if args.optimizer == "muon" else None
    if muon is None:
        groups.append({"params": matrices, "base": peak})
    adam = torch.optim.AdamW(groups, lr=peak, betas=(0.9, 0.98), weight_decay=0.0, fused=True)

    step, tokens, seconds, drawn = 0, 0, 0.0, Counter[str]()
    saved = args.run / "last.pt"
    if saved.exists():
        state = torch.load(saved, weights_only=False)
        model.load_state_dict(state["model"])
        adam.load_state_dict(state["adam"])
        if muon is not None:
            muon.buffers = state["muon"]
        step, tokens, seconds, drawn = state["step"], state["tokens"], state["seconds"], state["drawn"]
    average: dict[str, Tensor] = {name: p.detach().clone() for name, p in model.named_parameters()}
    if saved.exists():
        average = state["average"]

    def save() -> None:
        partial_file = args.run / "part.pt"
        torch.save(
            {
                "model": model.state_dict(), "average": average, "adam": adam.state_dict(), "muon": muon.buffers if muon else None,
                "step": step, "tokens": tokens, "seconds": seconds, "drawn": drawn, "shape": shape.as_dict(),
            },
            partial_file,
        )  # fmt: skip
        partial_file.replace(saved)

    started, logged, kept = time.perf_counter() - seconds, time.perf_counter(), time.perf_counter()
    window = [0.0, 0, 0, 0]
    # Workers must agree on when to stop, so only steps and tokens stop a run of several.
    while step < args.steps and tokens < args.tokens and (args.workers > 1 or seconds < args.minutes * 60):
        rows = step_batch(args.seed, step, args.batch, encoder, drawn, args.light)
        total = sum(len(learned) for _, learned, _ in rows)
        mine = rows[rank :: args.workers]
        for group in micro_batches(mine, args.budget):
            loss, right = backward(model, group, total)
            window[0] += loss
            window[1] += right
        if args.workers > 1:
            summed(model)
        norm = torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0 if muon is None else 1e9)
        rate = rate_at(step, args.steps, args.decay)
        for group_ in adam.param_groups:
            group_["lr"] = rate * group_["base"]
        adam.step()
        if muon is not None:
            muon.step(rate * peak)
        for p in model.parameters():
            p.grad = None
        if step % 5 == 0:
            for name, p in model.named_parameters():
                average[name].lerp_(p.detach(), 0.03)
        step += 1
        count = sum(len(ids) for ids, _, _ in rows)
        tokens += count
        window[2] += sum(len(learned) for _, learned, _ in mine)
        window[3] += count
        now = time.perf_counter()
        seconds = now - started
        if rank:
            continue
        if now - logged > 60 or step == args.steps:
            line = {
                "step": step, "tokens": tokens, "seconds": round(seconds), "rate": round(rate * peak, 5), "loss": round(window[0] / window[2], 4),
                "right": round(window[1] / window[2], 4), "tokens_s": round(window[3] / (now - logged)), "norm": round(float(norm), 2),
            }  # fmt: skip
            with (args.run / "log.jsonl").open("a", encoding="utf-8") as log:
                log.write(json.dumps(line) + "\n")
            logged, window = now, [0.0, 0, 0, 0]
        if now - kept > 60:
            save()
            kept = now
    if rank:
        return
    save()
    with (args.run / "mixture.json").open("w", encoding="utf-8") as out:
        json.dump({"step": step, "tokens": tokens, "sequences": dict(sorted(drawn.items()))}, out, indent=1)


if __name__ == "__main__":
    main()

"""Tokens a second of a local checkpoint: the client, beside plain `transformers.generate` and vLLM (if installed), in one run.

Run: python -m benchmarks.hf [PATH-OR-HUB-NAME] [--tokens 64] [--batches 1,8,32,128] [--rounds 3]

Without a name a Llama of 15 M random parameters is made, so that the figures are about the machinery. Every prompt has the same
number of tokens and every reply runs to its limit, for all of them. The rounds of all ways alternate, so that a busy machine
is unfair to none; the median counts. Ratios are also given in CPU time, which other programs on the machine change less. Goals: >= 90 % of `generate` at equal batch, and 32 concurrent callers get >= 5 times what
`generate` gives one after the other. Results are appended to benchmarks/results/hf.md.
"""

from __future__ import annotations

import argparse
import asyncio
import importlib.util
import os
import platform
import shutil
import statistics
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
import transformers

from adjoint.lm.hf.client import HF
from adjoint.lm.pocket.client import WEIGHTS
from adjoint.lm.types import Message, Request

if TYPE_CHECKING:
    from collections.abc import Callable

RESULTS = Path(__file__).parent / "results" / "hf.md"
PROMPT = "The vase came in red , the mirror in blue , the lamp in green , and the chair in black . "


def made(folder: Path) -> str:
    """A checkpoint of random numbers that says no end."""
    torch.manual_seed(0)
    size = len(transformers.AutoTokenizer.from_pretrained(WEIGHTS))
    config = transformers.LlamaConfig(
        vocab_size=size, hidden_size=384, intermediate_size=1024, num_hidden_layers=8, num_attention_heads=6, num_key_value_heads=6,
        pad_token_id=0, bos_token_id=1, eos_token_id=size - 1,
    )  # fmt: skip
    transformers.LlamaForCausalLM(config).save_pretrained(folder)
    for name in ("tokenizer.json", "tokenizer_config.json"):
        shutil.copyfile(WEIGHTS / name, folder / name)
    return str(folder)


class Ways:
    """The same work done in different ways; each gives the number of tokens that it made."""

    def __init__(self, name: str, tokens: int) -> None:
        self.lm, self.tokens = HF(name), tokens
        self.checkpoint = self.lm.engine.run(lambda engine: engine.checkpoint).result()
        self.checkpoint.tokenizer.padding_side = "left"
        self.vllm: Any = None
        if importlib.util.find_spec("vllm"):
            from vllm import LLM

            self.vllm = LLM(str(self.lm.folder), gpu_memory_utilization=0.4)

    def requests(self, batch: int) -> list[Request]:
        return [Request((Message("user", f"{PROMPT}{number % 10}"),), max_tokens=self.tokens) for number in range(batch)]

    def client(self, batch: int) -> int:
        async def gather() -> int:
            replies = await asyncio.gather(*(self.lm(request) for request in self.requests(batch)))
            return sum(reply.usage.output_tokens for reply in replies)

        return asyncio.run(gather())

    def texts(self, batch: int) -> list[str]:
        turns = ([{"role": m.role, "content": m.text} for m in request.messages] for request in self.requests(batch))
        return [
            self.checkpoint.tokenizer.apply_chat_template(list(one), add_generation_prompt=True, tokenize=False) for one in turns
        ]

    def generate(self, batch: int) -> int:
        """In the thread in which the client works, so that both have the same number of threads."""

        def work(_: Any) -> int:
            asked = self.checkpoint.tokenizer(self.texts(batch), return_tensors="pt", padding=True, add_special_tokens=False).to(
                self.checkpoint.device
            )
            out = self.checkpoint.model.generate(
                input_ids=asked.input_ids, attention_mask=asked.attention_mask, max_new_tokens=self.tokens, do_sample=False
            )
            self.checkpoint.tokenizer.batch_decode(out, skip_special_tokens=True)
            return int(out.numel() - asked.input_ids.numel())

        return self.lm.engine.run(work).result()

    def one_by_one(self, batch: int) -> int:
        return sum(self.generate(1) for _ in range(batch))

    def by_vllm(self, batch: int) -> int:
        from vllm import SamplingParams

        out = self.vllm.generate(
            self.texts(batch), SamplingParams(temperature=0, max_tokens=self.tokens, ignore_eos=True), use_tqdm=False
        )
        return sum(len(one.outputs[0].token_ids) for one in out)


def rates(ways: dict[str, Callable[[int], int]], batch: int, rounds: int) -> dict[str, tuple[float, float]]:
    """Tokens a second and tokens a CPU second of each way: the medians of rounds that alternate."""
    seen: dict[str, list[tuple[float, float]]] = {name: [] for name in ways}
    for number in range(rounds + 1):
        for name, way in ways.items():
            wall, cpu = time.perf_counter(), time.process_time()
            tokens = way(batch)
            if number:  # the first round warms up
                seen[name].append((tokens / (time.perf_counter() - wall), tokens / (time.process_time() - cpu)))
    return {
        name: (statistics.median(one for one, _ in values), statistics.median(one for _, one in values))
        for name, values in seen.items()
    }


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("model", nargs="?")
    parser.add_argument("--tokens", type=int, default=64)
    parser.add_argument("--batches", default="1,8,32,128")
    parser.add_argument("--rounds", type=int, default=3)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        ways = Ways(asked.model or made(Path(folder)), asked.tokens)
        named: dict[str, Callable[[int], int]] = {"client": ways.client, "generate": ways.generate}
        if ways.vllm is not None:
            named["vLLM"] = ways.by_vllm
        where = (
            torch.cuda.get_device_name()
            if ways.checkpoint.device.type == "cuda"
            else f"{platform.machine()}, {os.cpu_count()} cores"
        )
        size = ways.checkpoint.model.num_parameters() / 1e6
        lines = [
            f"## {time.strftime('%Y-%m-%d %H:%M')}, {where}, load {os.getloadavg()[0]:.0f}, {size:.0f} M parameters, {asked.tokens} tokens a reply",
            "",
            f"| batch | {' | '.join(f'{name}, tokens/s' for name in named)} | client of generate | in CPU time |",
            f"|---|{'---|' * len(named)}---|---|",
        ]
        for batch in map(int, asked.batches.split(",")):
            found = rates(named, batch, asked.rounds)
            cells = " | ".join(f"{rate:.0f}" for rate, _ in found.values())
            lines.append(
                f"| {batch} | {cells} | {' | '.join(f'{100 * c / g:.0f} %' for c, g in zip(*(found[n] for n in ('client', 'generate')), strict=True))} |"
            )
            print(lines[-1], flush=True)
        crowd = rates({"client": ways.client, "one by one": ways.one_by_one}, 32, asked.rounds)
        times, of_cpu = (ours / theirs for ours, theirs in zip(crowd["client"], crowd["one by one"], strict=True))
        said = (
            f"32 concurrent callers: {times:.1f} times what `generate` gives them one after the other ({of_cpu:.1f} in CPU time)."
        )
        lines += ["", said, ""]
        print(said)
    RESULTS.parent.mkdir(exist_ok=True)
    with RESULTS.open("a", encoding="utf-8") as file:
        file.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()

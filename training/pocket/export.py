"""Turns a checkpoint into the shipped files: config.json, generation_config.json and model.safetensors in float16."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import torch
from model import Llama, Shape, exported
from safetensors.torch import save_file
from tokenizer import PACKAGE


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--checkpoint", type=Path, default=Path("/tmp/pocket-run/last.pt"))
    parser.add_argument("--out", type=Path, default=PACKAGE)
    parser.add_argument(
        "--average", action="store_true", help="export the running average of the weights (for a run that has not ended)"
    )
    args = parser.parse_args()
    state = torch.load(args.checkpoint, weights_only=False)
    shape = Shape(**state["shape"])
    model = Llama(shape)
    model.load_state_dict(state["model"])
    if args.average:
        with torch.no_grad():
            for name, value in model.named_parameters():
                value.copy_(state["average"][name])
    args.out.mkdir(parents=True, exist_ok=True)
    tensors = {name: value.to(torch.float16).contiguous() for name, value in sorted(exported(model).items())}
    save_file(tensors, args.out / "model.safetensors", metadata={"format": "pt"})
    (args.out / "model.safetensors").chmod(0o644)
    (args.out / "config.json").write_text(json.dumps(shape.config(), indent=1) + "\n", encoding="utf-8")
    generation = {"bos_token_id": 1, "eos_token_id": 5, "pad_token_id": 0, "do_sample": False}
    (args.out / "generation_config.json").write_text(json.dumps(generation, indent=1) + "\n", encoding="utf-8")
    print(f"step {state['step']}, {state['tokens']} tokens, {sum(v.numel() for v in tensors.values())} parameters -> {args.out}")


if __name__ == "__main__":
    main()

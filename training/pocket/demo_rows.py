"""Writes the demo rows: held-out tickets with a house format, for the examples and for the package's own demo."""

from __future__ import annotations

import json
from pathlib import Path
from random import Random

import world

from adjoint.base.json import digest

ROOT = Path(__file__).parents[2]
RULE, FORMATS = "item", ("brackets",)
TRAIN, TEST = 200, 300


def rows(count: int, rng: Random, taken: set[str]) -> list[dict[str, object]]:
    """Distinct held-out tickets that are not in `taken`, which grows."""
    out: list[dict[str, object]] = []
    while len(out) < count:
        item = world.draw(rng, "ticket", RULE, FORMATS, test=True)
        if item.text not in taken:
            taken.add(item.text)
            inputs, expected = {"ticket": item.text}, world.apply(FORMATS, item.answers[RULE])
            out.append(
                {
                    "id": digest({"inputs": inputs, "expected": expected})[:16],
                    "inputs": inputs,
                    "expected": expected,
                    "metadata": {},
                }
            )
    return out


def main() -> None:
    rng, taken = Random("tickets"), set[str]()
    train, test = rows(TRAIN, rng, taken), rows(TEST, rng, taken)
    for path, found in (
        ("examples/tickets.jsonl", train), ("examples/tickets_test.jsonl", test),
        ("src/adjoint/demo/rows_train.jsonl", train), ("src/adjoint/demo/rows_test.jsonl", test),
    ):  # fmt: skip
        file = ROOT / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in found), encoding="utf-8")


if __name__ == "__main__":
    main()

"""The prompts that the package writes are those that the shipped weights were trained on."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

render = pytest.importorskip("render")

TRAINED_ON = json.loads((Path(__file__).parents[2] / "training" / "pocket" / "prompts.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("name", sorted(TRAINED_ON))
def test_prompts_are_those_of_the_training(name: str) -> None:
    """If this fails, a prompt has changed: the pocket model does not know the new text until it is trained again."""
    assert render.specimens()[name] == TRAINED_ON[name]

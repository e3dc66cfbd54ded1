"""The demo's program and rows: support tickets whose answer must have a form that the instruction does not tell."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from adjoint.data.loaders import load_rows
from adjoint.modules.predict import Predict

if TYPE_CHECKING:
    from adjoint.data.records import Example

_HERE = Path(__file__).parent


def program() -> Predict:
    """The program as its author wrote it: the instruction is vague."""
    return Predict("ticket -> answer", "Handle the ticket.")


def train_rows() -> list[Example]:
    """Rows to learn from, to choose with and to certify on."""
    return load_rows(_HERE / "rows_train.jsonl")


def test_rows() -> list[Example]:
    """Rows that no optimizer ever sees."""
    return load_rows(_HERE / "rows_test.jsonl")

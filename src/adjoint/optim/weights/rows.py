"""Training rows: a conversation and the reply to learn; in pairs with one to avoid, or with an advantage."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from adjoint.base.errors import DataError, UnknownNameError, UsageError
from adjoint.base.json import digest
from adjoint.lm.types import Message

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from pathlib import Path

Format: TypeAlias = Literal["chat", "completion"]


@dataclass(frozen=True)
class Row:
    """A prompt and the reply to learn. `rejected` is a worse reply to the same prompt; `advantage` weighs a sampled reply."""

    messages: tuple[Message, ...]
    reply: str
    rejected: str | None = None
    advantage: float = 1.0

    def chat(self) -> list[dict[str, str]]:
        """The turns as OpenAI's fine-tuning takes them."""
        turns = [{"role": message.role, "content": message.text} for message in self.messages]
        return [*turns, {"role": "assistant", "content": self.reply}]

    def line(self) -> dict[str, Any]:
        """The row as one line of a training file: `messages`, or input and both outputs of a pair."""
        turns = self.chat()
        if self.rejected is None:
            return {"messages": turns}
        chosen, rejected = [turns[-1]], [{"role": "assistant", "content": self.rejected}]
        return {"input": {"messages": turns[:-1]}, "preferred_output": chosen, "non_preferred_output": rejected}


def name_of(rows: Iterable[Row]) -> str:
    """The digest of rows in their order."""
    return digest([[*row.chat(), row.rejected, row.advantage] for row in rows])


def jsonl(rows: Iterable[Row]) -> str:
    """The rows as a training file for OpenAI's fine-tuning and whatever else reads chat JSONL.

    >>> print(jsonl([Row((Message("user", "2+2?"),), "4")]), end="")
    {"messages": [{"role": "user", "content": "2+2?"}, {"role": "assistant", "content": "4"}]}
    """
    return "".join(json.dumps(row.line(), ensure_ascii=False) + "\n" for row in rows)


def write(rows: Sequence[Row], path: Path) -> None:
    """Write a training file."""
    path.write_text(jsonl(rows), encoding="utf-8")


def read(path: Path) -> list[Row]:
    """The rows of a training file of `messages` that end with the assistant. Raises `DataError` with the line that does not fit."""
    lines = path.read_text(encoding="utf-8").splitlines()
    return [_row(line, lambda text: _chat(json.loads(text)), f"{path}, line {number}") for number, line in enumerate(lines, 1)]


def of_data(data: Iterable[Mapping[str, Any]], form: Format) -> list[Row]:
    """Rows from dictionaries in DSPy's forms. Raises `DataError` with the row that does not fit.

    >>> of_data([{"prompt": "2+2?", "completion": "4"}], "completion")[0].reply
    '4'
    """
    if form not in _FORMS:
        kind = "format of training data"
        raise UnknownNameError.of(kind, form, _FORMS)
    return [_row(row, _FORMS[form], f"row {number} of the training data") for number, row in enumerate(data, 1)]


def _chat(row: Mapping[str, Any]) -> list[Message]:
    return [Message(turn["role"], turn["content"]) for turn in row["messages"]]


def _completion(row: Mapping[str, Any]) -> list[Message]:
    return [Message("user", row["prompt"]), Message("assistant", row["completion"])]


_FORMS = {"chat": _chat, "completion": _completion}


def _row(given: Any, turns_of: Callable[[Any], list[Message]], where: str) -> Row:
    try:
        turns = turns_of(given)
    except (ValueError, KeyError, TypeError) as error:
        message = f'{where}: no training row ({error}); write {{"messages": [{{"role": ..., "content": ...}}, ...]}}.'
        raise DataError(message) from None
    if len(turns) < 2 or turns[-1].role != "assistant":
        message = f"{where}: the last of at least two messages must be the assistant's, which is the reply to learn."
        raise DataError(message)
    return Row(tuple(turns[:-1]), turns[-1].text)


def check(rows: Sequence[Row], *, pairs: bool = False) -> None:
    """Raise `UsageError` if there is nothing to learn from."""
    if not rows:
        message = "there is nothing to train on: no run passed the metric. Give a better teacher, more rows, or a lower metric_threshold."
        raise UsageError(message)
    if pairs and any(row.rejected is None for row in rows):
        message = "this method learns from pairs of a good and a bad reply; give each row its `rejected`."
        raise UsageError(message)

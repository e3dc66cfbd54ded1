"""The one place where training data meets the package: every prompt is rendered by the package's own Chat adapter."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING

from adjoint.adapters.chat import ChatAdapter, outputs_text
from adjoint.autograd.prompts import Critique, Rewrite
from adjoint.eval.prompts import Judge
from adjoint.optim.prompts import Induce, Merge
from adjoint.signature.signature import Signature

if TYPE_CHECKING:
    from collections.abc import Mapping

_ADAPTER = ChatAdapter()


@dataclass
class Conversation:
    """Messages of one training sequence; `loss` marks the assistant turns that are learned from."""

    family: str
    turns: list[tuple[str, str, bool]] = field(default_factory=list)

    def system(self, text: str) -> None:
        self.turns.append(("system", text, False))

    def pair(self, user: str, assistant: str, *, loss: bool) -> None:
        self.turns.append(("user", user, False))
        self.turns.append(("assistant", assistant, loss))


@lru_cache(maxsize=256)
def signature(text: str) -> type[Signature]:
    """The signature that a shorthand such as `ticket, question -> answer` stands for."""
    return Signature(text)


def system_text(shape: str, instruction: str) -> str:
    """The system message of a call of signature `shape` under `instruction`."""
    return _ADAPTER.prefix(signature(shape), instruction, ())[0].text


def user_text(shape: str, inputs: Mapping[str, str]) -> str:
    """The user message of a call."""
    return _ADAPTER.turn(signature(shape), inputs).content


def assistant_text(shape: str, outputs: Mapping[str, str]) -> str:
    """The assistant message that holds `outputs`."""
    return outputs_text(tuple(signature(shape).output_fields.values()), outputs)


META: dict[str, type[Signature]] = {"critique": Critique, "rewrite": Rewrite, "induce": Induce, "judge": Judge, "merge": Merge}


@lru_cache(maxsize=8)
def meta_system(name: str) -> str:
    """The fixed system message of a meta prompt."""
    return _ADAPTER.prefix(META[name], META[name].instructions, ())[0].content


def meta_user(name: str, inputs: Mapping[str, str]) -> str:
    """The user message of a meta prompt."""
    return _ADAPTER.turn(META[name], inputs).content


def meta_assistant(name: str, outputs: Mapping[str, str]) -> str:
    """The reply of a meta prompt."""
    return outputs_text(tuple(META[name].output_fields.values()), outputs)


def specimens() -> dict[str, str]:
    """One rendered prompt of each form that the model is trained on; `prompts.json` keeps those of the shipped weights."""
    turns = {
        "critique": meta_user("critique", {"instruction": "a", "input": "b", "output": "c", "feedback": "expected: d"}),
        "critique, several lines": meta_user("critique", {"instruction": "a", "input": "b", "output": "c\nd", "feedback": "e"}),
        "rewrite": meta_user("rewrite", {"role": "instruction", "text": "a", "feedback": "- b (x2)\n- c", "tried": "- d"}),
        "induce": meta_user("induce", {"examples": "input: a\noutput: b\ninput: c\noutput: d"}),
        "several inputs": user_text("text, question -> answer", {"text": "a", "question": "b"}),
        "one input": user_text("ticket -> answer", {"ticket": "a"}),
        "one output": assistant_text("ticket -> answer", {"answer": "[a]"}),
        "reasoning": assistant_text("ticket -> reasoning, answer", {"reasoning": "a", "answer": "[b]"}),
    }
    systems = {f"{name}, system": meta_system(name) for name in META}
    plain = {
        "one output, system": system_text("ticket -> answer", "a"),
        "reasoning, system": system_text("ticket -> reasoning, answer", "a"),
    }
    return {**turns, **systems, **plain}

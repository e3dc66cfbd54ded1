"""The one place where training data meets the package: every prompt is rendered by the package's own Chat adapter."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from adjoint.adapters.compact import CompactAdapter, CompactJSONAdapter
from adjoint.adapters.written import write
from adjoint.autograd.prompts import Critique, Rewrite
from adjoint.eval.prompts import Judge
from adjoint.modules.react import ReAct
from adjoint.modules.tool import Tool
from adjoint.optim.prompts import Induce, Merge, Reflect, runs_text
from adjoint.signature.signature import Signature

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from adjoint.adapters.turns import TurnAdapter

CHAT, JSON = CompactAdapter(), CompactJSONAdapter()


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


def system_text(shape: str, instruction: str, adapter: TurnAdapter = CHAT) -> str:
    """The system message of a call of signature `shape` under `instruction`."""
    return adapter.prefix(signature(shape), instruction, ())[0].text


def user_text(shape: str, inputs: Mapping[str, str]) -> str:
    """The user message of a call."""
    return CHAT.turn(signature(shape), inputs).content


def assistant_text(shape: str, outputs: Mapping[str, str], adapter: TurnAdapter = CHAT) -> str:
    """The assistant message that holds `outputs`."""
    return adapter.write(tuple(signature(shape).output_fields.values()), outputs)


META: dict[str, type[Signature]] = {
    "critique": Critique,
    "rewrite": Rewrite,
    "induce": Induce,
    "reflect": Reflect,
    "judge": Judge,
    "merge": Merge,
}


@lru_cache(maxsize=8)
def meta_system(name: str) -> str:
    """The fixed system message of a meta prompt."""
    return CHAT.prefix(META[name], META[name].instructions, ())[0].content


def meta_user(name: str, inputs: Mapping[str, str]) -> str:
    """The user message of a meta prompt."""
    return CHAT.turn(META[name], inputs).content


def meta_assistant(name: str, outputs: Mapping[str, str]) -> str:
    """The reply of a meta prompt."""
    return CHAT.write(tuple(META[name].output_fields.values()), outputs)


Tools = tuple[tuple[str, str], ...]


@lru_cache(maxsize=256)
def _agent(tools: Tools) -> ReAct:
    """An agent whose tools, (name, argument) each, take one text."""
    made = [
        Tool(
            lambda **_: "", name, f"Tells the {name} of a {argument}.", args={argument: {"type": "string"}}, required=(argument,)
        )
        for name, argument in tools
    ]
    return ReAct("question -> answer", tools=made)


@lru_cache(maxsize=1024)
def react_system(tools: Tools, adapter: TurnAdapter = CHAT) -> str:
    """The system message of a step of the package's ReAct."""
    agent = _agent(tools)
    told = f"{agent.react.instruction}\n\nTools:\n{agent.tools.listing()}"
    return adapter.prefix(agent.react.signature.with_instructions(told), told, ())[0].text


def react_user(tools: Tools, inputs: Mapping[str, str]) -> str:
    return CHAT.turn(_agent(tools).react.signature, {"trajectory": "", **inputs}).content


def react_reply(tools: Tools, outputs: Mapping[str, Any], adapter: TurnAdapter = CHAT) -> str:
    return adapter.write(tuple(_agent(tools).react.signature.output_fields.values()), outputs)


def react_trajectory(steps: Sequence[tuple[Mapping[str, Any], str]]) -> str:
    """Steps and what came of them, as ReAct shows them to the next step."""
    return "\n".join(
        f"thought: {said['next_thought']}\ncall: {said['next_tool_name']}({write(said['next_tool_args'])})\nobservation: {seen}"
        for said, seen in steps
    )


def specimens() -> dict[str, str]:
    """One rendered prompt of each form that the model is trained on; `prompts.json` keeps those of the shipped weights."""
    turns = {
        "critique": meta_user("critique", {"instruction": "a", "input": "b", "output": "c", "feedback": "expected: d"}),
        "critique, several lines": meta_user("critique", {"instruction": "a", "input": "b", "output": "c\nd", "feedback": "e"}),
        "rewrite": meta_user("rewrite", {"role": "instruction", "text": "a", "feedback": "- b (x2)\n- c", "tried": "- d"}),
        "induce": meta_user("induce", {"examples": "input: a\noutput: b\ninput: c\noutput: d"}),
        "reflect": meta_user(
            "reflect", {"instruction": "a", "examples": runs_text([("b", "c", "expected: d"), ("e", "f", "right")])}
        ),
        "judge": meta_user("judge", {"input": "a", "output": "b", "expected": "c"}),
        "judge by a rubric": meta_user("judge", {"input": "a", "output": "b", "rubric": "c"}),
        "judgement": meta_assistant("judge", {"reason": "a", "verdict": "no"}),
        "merge": meta_user("merge", {"feedback": "- a (x2)\n- b"}),
        "several inputs": user_text("text, question -> answer", {"text": "a", "question": "b"}),
        "one input": user_text("ticket -> answer", {"ticket": "a"}),
        "one output": assistant_text("ticket -> answer", {"answer": "[a]"}),
        "reasoning": assistant_text("ticket -> reasoning, answer", {"reasoning": "a", "answer": "[b]"}),
    }
    turns["JSON, system"] = system_text("text -> name, city", "a", JSON)
    turns["JSON"] = assistant_text("text -> name, city", {"name": "a", "city": "b"}, JSON)
    systems = {f"{name}, system": meta_system(name) for name in META}
    plain = {
        "one output, system": system_text("ticket -> answer", "a"),
        "reasoning, system": system_text("ticket -> reasoning, answer", "a"),
    }
    return {**turns, **systems, **plain}

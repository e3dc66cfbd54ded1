"""Saved programs come back from the file alone, and a file cannot name anything but plain types."""

from __future__ import annotations

import datetime as dt
import enum
import json
import sys
import typing

import pytest

import adjoint
from adjoint.base.errors import SignatureError, UnknownNameError, UsageError
from adjoint.signature.grammar import closed, spell


class Triage(adjoint.Signature):
    """Say how urgent the ticket is."""

    ticket: str = adjoint.InputField(desc="what the customer wrote")
    note: str = adjoint.InputField(default="")
    level: int = adjoint.OutputField(ge=1, le=5)


class Two(adjoint.Module):
    def __init__(self):
        self.first = adjoint.Predict("ticket -> summary")
        self.second = adjoint.Predict("summary -> answer")

    def forward(self, ticket):
        return self.second(summary=self.first(ticket=ticket).summary)


class Custom(adjoint.Predict):
    pass


class Mood(enum.Enum):
    GOOD = "good"


@pytest.mark.parametrize("make", [adjoint.Predict, adjoint.ChainOfThought])
@pytest.mark.parametrize("signature", [Triage, "q: list[str] | None -> a: Literal['x', 'y'], when: datetime.datetime, n: float"])
def test_a_single_predictor_comes_back_whole(make, signature, tmp_path):
    program = make(signature, temperature=0.5, max_tokens=20)
    program.predictors()[0].instruction = "Do it [now], éh \ud800?"
    program.predictors()[0].demos = [{"ticket": "a\nb", "level": 3}]
    program.save(tmp_path / "best.json")
    loaded = adjoint.load(tmp_path / "best.json")
    assert type(loaded) is make
    assert loaded.state_dict() == program.state_dict()
    assert dict(loaded.predictors()[0].signature.fields) == dict(program.predictors()[0].signature.fields)
    assert loaded.predictors()[0].config == {"temperature": 0.5, "max_tokens": 20}


@pytest.mark.parametrize(
    "program", [Two(), Custom("q -> a"), adjoint.Predict("q -> a: Mood"), adjoint.Predict("q -> a", api_base="x")]
)
def test_what_needs_code_says_so_and_loads_with_it(program, tmp_path):
    program.save(tmp_path / "best.json")
    with pytest.raises(UsageError, match=r"not its code: name it with --program"):
        adjoint.load(tmp_path / "best.json")
    assert adjoint.load(tmp_path / "best.json", program).state_dict() == program.state_dict()


def test_a_file_names_no_endpoint_and_no_key(tmp_path):
    program = adjoint.Predict("q -> a", api_key="sk-secret", base_url="http://inside")
    program.set_lm(adjoint.LM("openai/x", api_key="sk-other", base_url="http://localhost:1/v1"))
    program.save(tmp_path / "best.json")
    text = (tmp_path / "best.json").read_text()
    assert not any(word in text for word in ("secret", "inside", "other", "localhost"))


def test_the_state_must_fit_the_program(tmp_path):
    adjoint.Predict("q -> a").save(tmp_path / "best.json")
    with pytest.raises(UnknownNameError):
        adjoint.load(tmp_path / "best.json", Two())
    body = json.loads((tmp_path / "best.json").read_text())
    body["state"]["demos"] = ["not a demo"]
    (tmp_path / "best.json").write_text(json.dumps(body))
    with pytest.raises(UsageError, match="not as it was saved"):
        adjoint.load(tmp_path / "best.json")
    (tmp_path / "best.json").write_text(json.dumps({**body, "digest": ""}))
    with pytest.raises(UsageError, match="parameter 'demos' is a list of objects"):
        adjoint.load(tmp_path / "best.json")


@pytest.mark.parametrize("spec", [{"type": "os.system"}, {"type": None}, {}, "str", {"type": "int", "constraints": {"fn": 1}}])
def test_a_bad_description_is_refused(spec, tmp_path):
    adjoint.Predict("q -> a").save(tmp_path / "best.json")
    body = json.loads((tmp_path / "best.json").read_text())
    body["signatures"]["self"]["outputs"]["a"] = spec
    (tmp_path / "best.json").write_text(json.dumps({**body, "digest": ""}))
    with pytest.raises(UsageError, match="describes a signature that cannot be read"):
        adjoint.load(tmp_path / "best.json")


PLAIN = [
    str, int, float, bool, bytes, list, list[str], typing.List[int], dict[str, list[int]], set[int], tuple[int, ...], int | None,  # noqa: UP006
    typing.Optional[int], typing.Literal["a", "b]", -1], typing.Sequence[str], typing.Any, dt.datetime, dt.date, dt.timedelta,  # noqa: UP045
]  # fmt: skip


@pytest.mark.parametrize("type_", PLAIN, ids=str)
def test_plain_types_have_a_spelling(type_):
    assert closed(spell(type_)) == type_


@pytest.mark.parametrize("type_", [Mood, Two, typing.Literal[Mood.GOOD], typing.Callable[[int], int], list[Mood]], ids=str)
def test_classes_have_none(type_):
    assert spell(type_) is None


HOSTILE = [
    "os.system", "datetime", "datetime.sys", "typing.sys", "typing", "list['os']", "__import__('os')", "Two", "pytest", "Literal[open]", "Enum",
    "list[Path]", "Optional", "Literal", "(" * 1000, "|".join(["int"] * 5000), "a" * 30_000, "", "int; int", 7, None, "lambda: 0", "[int for x in y]",
]  # fmt: skip


@pytest.mark.parametrize("text", HOSTILE, ids=lambda text: str(text)[:20])
def test_nothing_else_can_be_named(text):
    with pytest.raises(SignatureError):
        closed(text)


def test_how_much_a_type_may_hold_does_not_depend_on_the_limit_of_recursion():
    text = "|".join(["int"] * 5000)
    before = sys.getrecursionlimit()
    try:
        sys.setrecursionlimit(20_000)
        with pytest.raises(SignatureError):
            closed(text)
    finally:
        sys.setrecursionlimit(before)

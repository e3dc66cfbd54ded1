"""What the shipped weights can do through the package's own modules, on inputs that training never saw."""

from __future__ import annotations

from random import Random

import pytest

import adjoint
from adjoint.eval.prompts import Judge
from adjoint.optim.prompts import Induce, Merge, Reflect, examples_text, runs_text

drawing = pytest.importorskip("drawing")
optimiser = pytest.importorskip("optimiser")
world = pytest.importorskip("world")

POCKET = adjoint.LM("pocket")
RULE, FORMATS = "city", ("stars",)  # a combination that training never did
RIGHT = "Give the city. Put it in stars."


@pytest.fixture(autouse=True)
def on_the_embedded_model():
    with adjoint.context(lm=POCKET):
        yield


def items(count: int) -> list[tuple[str, str]]:
    rng = Random(1)
    found = [world.draw(rng, "ticket", RULE, FORMATS, test=True) for _ in range(count)]
    return [(item.text, world.apply(FORMATS, item.answers[RULE])) for item in found]


def weather(city: str) -> str:
    """Tells the weather of a city."""
    return {"Oslo": "snow", "Cairo": "rain"}[city]


@pytest.mark.parametrize("adapter", [adjoint.ChatAdapter(), adjoint.JSONAdapter()])
@pytest.mark.parametrize(("city", "said"), [("Oslo", "snow"), ("Cairo", "rain")])
def test_an_agent_calls_its_tool_ends_and_answers(adapter: adjoint.ChatAdapter, city: str, said: str) -> None:
    with adjoint.context(adapter=adapter):
        found = adjoint.ReAct("question -> answer", tools=[weather], max_iters=4)(question=f"What is the weather in {city}?")
    assert found.answer == said
    assert found.termination_reason == "finish"
    assert found.trajectory["tool_args_0"] == {"city": city}


def test_an_instruction_is_induced_from_examples() -> None:
    assert adjoint.Predict(Induce)(examples=examples_text(items(4))).instruction == RIGHT


def test_an_instruction_is_improved_by_reflection_on_its_runs() -> None:
    runs = [(text, world.SHRUG, f"expected: {wanted}") for text, wanted in items(4)]
    assert adjoint.Predict(Reflect)(instruction="Do the work.", examples=runs_text(runs)).improved == RIGHT


def test_many_remarks_become_the_one_that_was_made_most_often() -> None:
    true, rare = world.critique(RULE, FORMATS), world.critique("name", ("quotes",))
    assert adjoint.Predict(Merge)(feedback=f"- {true} (x5)\n- {rare}").merged == true


def test_most_judgements_of_short_rows_against_the_expected_output_are_right() -> None:
    """About half of them should be yes; the page of the model says how it judges other rows."""
    rng, judge, rows = Random(2), adjoint.Predict(Judge), []
    while len(rows) < 60:
        rule, formats, kind = drawing.training_combo(rng)
        if kind == "words":
            inputs, wanted = optimiser.judged(rng, rule, formats, kind, test=True)
            rows += [(inputs, wanted["verdict"])] if "expected" in inputs else []
    said = judge.batch([adjoint.Example(**inputs).with_inputs(*inputs) for inputs, _ in rows])
    assert sum(one.verdict == verdict for one, (_, verdict) in zip(said, rows, strict=True)) >= 42


def test_several_fields_are_read_in_marked_blocks_and_in_json() -> None:
    rng = Random(3)
    for adapter in (adjoint.ChatAdapter(), adjoint.JSONAdapter()):
        for _ in range(3):
            item = world.draw(rng, "ticket", "city", (), test=True)
            with adjoint.context(adapter=adapter):
                found = adjoint.Predict("ticket -> name, city", "Extract the fields.")(ticket=item.text)
            assert (found.name, found.city) == (item.answers["name"], item.answers["city"])

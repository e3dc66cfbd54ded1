"""The world that the pocket model is trained on: what is held out stays held out."""

from __future__ import annotations

import json
from pathlib import Path
from random import Random

import pytest

splits = pytest.importorskip("splits")
drawing = pytest.importorskip("drawing")
labels = pytest.importorskip("labels")
mixture = pytest.importorskip("mixture")
optimiser = pytest.importorskip("optimiser")
world = pytest.importorskip("world")

ROOT = Path(__file__).parents[2]
SHIPPED = (
    "examples/tickets.jsonl",
    "examples/tickets_test.jsonl",
    "src/adjoint/demo/rows_train.jsonl",
    "src/adjoint/demo/rows_test.jsonl",
)


def rows(path: str) -> list[dict[str, object]]:
    return [json.loads(line) for line in (ROOT / path).read_text(encoding="utf-8").splitlines()]


@pytest.mark.parametrize("path", SHIPPED)
def test_shipped_rows_are_held_out_inputs(path: str) -> None:
    """No shipped ticket can occur in any training sequence."""
    found = rows(path)
    assert len(found) >= 200
    assert all(splits.input_is_held_out(row["inputs"]["ticket"]) for row in found)  # type: ignore[index]


def test_the_demo_task_is_a_held_out_combination() -> None:
    """The demo's (rule, formats) never had an answer, a criticism, a revision or an induction in training."""
    import demo_rows

    assert splits.combo_is_held_out(demo_rows.RULE, demo_rows.FORMATS)


def test_shipped_test_rows_are_not_train_rows() -> None:
    train = {row["id"] for row in rows("examples/tickets.jsonl")}
    test = {row["id"] for row in rows("examples/tickets_test.jsonl")}
    assert len(train) == 200
    assert len(test) == 300
    assert not train & test


def test_training_never_shows_a_held_out_text() -> None:
    """Every text input of 400 drawn sequences lies on the training side, alone or inside a meta prompt."""
    rng = Random(5)
    held = {
        world.draw(rng, kind, rule, (), test=True).text
        for _ in range(300)
        for kind, rule in (("ticket", "city"), ("list", "animal"))
    }
    for _ in range(400):
        for _, text, _ in mixture.draw(rng).turns:
            assert text not in held
            assert not any(line.removeprefix("input: ") in held for line in text.splitlines())


def test_training_combinations_are_never_held_out() -> None:
    rng = Random(1)
    for _ in range(500):
        rule, formats, kind = drawing.training_combo(rng)
        assert not splits.combo_is_held_out(rule, formats)
        assert kind in world.RULES[rule][0]


def test_one_in_seven_combinations_is_held_out() -> None:
    every = [(rule, formats) for rule in world.RULE_NAMES for formats in world.COMBINATIONS if formats]
    share = sum(splits.combo_is_held_out(*combo) for combo in every) / len(every)
    assert 0.10 < share < 0.20


def test_held_out_wordings_are_never_drawn() -> None:
    rng = Random(3)
    held = (
        {text.format(x="city") for text in world.HELD_OUT_GIVE}
        | set(world.HELD_OUT_FORMAT_TEXT.values())
        | set(world.HELD_OUT_VAGUE)
    )
    for _ in range(2000):
        text = world.precise(rng, "city", "ticket", ("stars", "exclaim"))
        assert not any(sentence in text for sentence in held)
        assert drawing.vague(rng) not in held


def test_the_same_seed_gives_the_same_sequences() -> None:
    first, second = ([mixture.draw(rng).turns for _ in range(50)] for rng in (Random("x"), Random("x")))
    assert first == second


def test_counted_feedback_puts_the_truth_first_by_count() -> None:
    """In every drawn revision from full criticisms, the true line has strictly the highest count."""
    rng = Random(2)
    for _ in range(200):
        rule, formats, kind = drawing.training_combo(rng)
        counted = dict(optimiser.votes(rng, rule, kind, formats))
        truth = counted.pop(world.critique(rule, formats))
        assert all(truth > count for count in counted.values())


def test_words_kept_out_of_texts_never_stand_in_a_ticket_sentence_or_record() -> None:
    rng = Random(4)
    held = {word for words in world.NOVEL.values() for word in words}
    assert len(held) >= 40
    for kind in ("ticket", "sentence", "record"):
        for _ in range(500):
            assert held.isdisjoint(world.KINDS[kind](rng).answers.values())


def test_labels_kept_for_the_evaluation_are_never_labels() -> None:
    rng = Random(6)
    held = set(labels.HELD_OUT_LABELS)
    assert len(held) >= 200
    for _ in range(300):
        assert held.isdisjoint(labels.labels(rng, 4))
        assert splits.bucket("made up", labels.made_up(rng), 10) != 0
        assert splits.bucket("made up", labels.made_up(rng, test=True), 10) == 0


def test_the_world_has_the_size_that_its_card_says() -> None:
    assert len(world.RULES) >= 75
    assert len(labels.VOCABULARY) >= 2500
    assert all(len(set(names)) >= 6 for _, _, names in world.RULES.values())


def test_an_item_for_a_criticism_tells_its_rule_from_all_others() -> None:
    rng = Random(8)
    for _ in range(200):
        rule, formats, kind = drawing.training_combo(rng)
        item = drawing.clear_item(rng, kind, rule, formats)
        assert [name for name, value in item.answers.items() if value == item.answers[rule]] == [rule]


def test_half_of_the_judgements_say_yes_and_they_are_true() -> None:
    rng = Random(9)
    said = []
    for _ in range(300):
        rule, formats, kind = drawing.training_combo(rng)
        inputs, outputs = optimiser.judged(rng, rule, formats, kind, test=False)
        said.append(outputs["verdict"] == "yes")
        if "expected" in inputs:
            assert said[-1] == (inputs["expected"] == inputs["output"])
    assert 0.4 < sum(said) / len(said) < 0.6


def test_a_reflection_shows_what_its_instruction_brought_about() -> None:
    """Where the old instruction is already right, every run was right or its feedback says what was expected."""
    rng = Random(10)
    for _ in range(200):
        rule, formats, kind = drawing.training_combo(rng)
        item = drawing.clear_item(rng, kind, rule, formats)
        good = world.apply(formats, item.answers[rule])
        given, said, feedback = optimiser.run_of(rng, item, rule, formats, (rule, formats))
        assert given == item.text
        assert (said == good) == (not feedback.startswith("expected: "))


def test_an_agent_is_taught_what_react_sends() -> None:
    """The prompts of a step and of a later step, word for word, with the Chat and with the JSON adapter."""
    import render

    import adjoint
    from adjoint.testing import ScriptedLM

    def weather(city: str) -> str:
        """Tells the weather of a city."""
        return "rain"

    first = {"next_thought": "I need the weather.", "next_tool_name": "weather", "next_tool_args": {"city": "Oslo"}}
    tools, asked = (("weather", "city"),), {"question": "Does it rain in Oslo?"}
    for adapter in (render.CHAT, render.JSON):
        shape = "question, trajectory -> reasoning, answer"
        said = render.assistant_text(shape, {"reasoning": "It rains.", "answer": "yes"}, adapter)
        lm = ScriptedLM([render.react_reply(tools, first, adapter), said])
        with adjoint.context(lm=lm, adapter=adapter):
            adjoint.ReAct("question -> answer", tools=[weather], max_iters=1)(**asked)
        (system, user), later = lm.requests[0].messages, lm.requests[1].messages
        assert system.text == render.react_system(tools, adapter)
        assert user.text == render.react_user(tools, asked)
        assert later[0].text == render.system_text(shape, "Given question, give answer.", adapter)
        assert later[1].text == render.user_text(shape, {**asked, "trajectory": render.react_trajectory([(first, "rain")])})

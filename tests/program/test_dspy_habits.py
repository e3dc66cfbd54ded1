"""Habits of DSPy's programs that are not names: what they give, leave out, or hand on."""

import asyncio
from unittest import mock

import pytest

import adjoint as dspy
from adjoint.data.splits import split
from adjoint.testing import DummyLM


@pytest.fixture(autouse=True)
def nothing_is_kept():
    with dspy.context(ledger=None):
        yield


def test_a_field_is_inserted_only_where_there_is_a_place():
    signature = dspy.Signature("a -> b")
    assert list(signature.insert(-2, "c", dspy.OutputField()).output_fields) == ["c", "b"]
    with pytest.raises(ValueError, match=r"'c' cannot stand at 9 among 1 outputs; write 0 to 1"):
        signature.insert(9, "c", dspy.OutputField())


def test_the_state_of_another_program_is_refused():
    state = dspy.ChainOfThought("question -> answer").dump_state()
    with pytest.raises(ValueError, match="needs demos and a signature"):
        dspy.Predict("question -> answer").load_state(state)


def test_settings_that_may_be_given_may_be_read():
    dspy.configure(track_usage=True, async_max_workers=4)
    assert dspy.settings.track_usage
    assert "async_max_workers" in dspy.settings
    with pytest.raises(AttributeError, match="there is no setting 'nonsense'"):
        dspy.settings.nonsense  # noqa: B018


def test_functions_run_in_parallel_and_examples_are_handed_on_whole_where_that_is_wished():
    def double(x):
        if x < 0:
            raise ValueError("negative")
        return 2 * x

    row = dspy.Example(x=3).with_inputs("x")
    results = dspy.Parallel(num_threads=2)([(double, {"x": 1}), (double, (2,)), (double, row), (double, {"x": -1})])
    assert results == [2, 4, 6, None]
    assert "negative" in str(results.failures[0])
    assert dspy.Parallel()([(dspy.Parallel(), [(double, {"x": 1}), (double, {"x": 2})]), (double, (5,))]) == [[2, 4], 10]
    assert dspy.Parallel(access_examples=False)([(lambda given: given is row, row)]) == [True]


def test_an_evaluation_is_heard_of():
    heard = []

    class Listener(dspy.utils.BaseCallback):
        def on_evaluate_start(self, call_id, instance, inputs):
            heard.append((type(instance), inputs["callback_metadata"], len(inputs["devset"])))

        def on_evaluate_end(self, call_id, outputs, exception=None):
            heard.append(outputs.score)

    rows = [dspy.Example(q="?", answer="x").with_inputs("q")]
    with dspy.context(lm=DummyLM([{"answer": "x"}]), callbacks=[Listener()]):
        dspy.Evaluate(devset=rows, metric=lambda row, found, trace=None: 1.0)(
            dspy.Predict("q -> answer"), callback_metadata={"step": 1}
        )
    assert heard == [(dspy.Evaluate, {"step": 1}, 1), 100.0]


def test_a_row_that_does_not_say_its_inputs_is_judged_by_its_question():
    lm = DummyLM([{"reasoning": "r", "precision": 0.5, "recall": 1.0}])
    with dspy.context(lm=lm):
        score = dspy.SemanticF1()(
            dspy.Example(question="Who wrote it?", response="Ada"), dspy.Prediction(response="Ada, and Bob")
        )
    assert round(float(score), 3) == 0.667
    assert "Who wrote it?" in lm.history[-1]["messages"][-1]["content"]


def test_a_marker_of_dspys_form_ends_a_field_whatever_it_names():
    signature = dspy.Signature("q -> a, b")
    reply = "[[ ## a ## ]]\none\n\n[[ ## c ## ]]\nmore\n\n[[ ## b ## ]]\ntwo\n\n[[ ## d ## ]]\nrest"
    assert dspy.ChatAdapter().parse(signature, reply) == {"a": "one", "b": "two"}
    assert dspy.ChatAdapter().parse(dspy.Signature("q -> a"), "[[ ## a ## ]]\none\n[[b]]\n\n[[ ## c ## ]]\nmore") == {
        "a": "one\n[[b]]"
    }


def test_a_valset_that_is_the_trainset_leaves_all_roles_to_it():
    rows = [dspy.Example(q=str(n)).with_inputs("q") for n in range(12)]
    assert split(rows, rows, seed=0) == split(rows, rows[:5], seed=0) == split(rows, seed=0)
    with pytest.raises(ValueError, match="too few"):
        split(rows, [], seed=0)


def test_a_hook_that_would_not_be_asked_is_refused_where_it_is_written():
    with pytest.raises(ValueError, match=r"Mine\.format_task_description would not be asked: override form"):

        class Mine(dspy.ChatAdapter):
            def format_task_description(self, signature):
                return "TASK"


def test_a_program_may_have_a_call_of_its_own_and_nothing_else():
    class Plain(dspy.Module):
        def __init__(self):
            self.ask = dspy.Predict("q -> a")

        def __call__(self, q):
            return self.ask(q=q)

    rows = [dspy.Example(q="a", a="x").with_inputs("q")]
    with dspy.context(lm=DummyLM([{"a": "x"}] * 4), ledger=None):
        assert Plain()("a").a == dspy.Parallel()([(Plain(), rows[0])])[0].a == asyncio.run(dspy.asyncify(Plain())(q="a")).a == "x"
        assert dspy.evaluate(Plain(), rows, lambda row, made: made.a == row.a).mean == 1.0


@pytest.mark.parametrize("kind", [dspy.Predict, dspy.ChainOfThought])
def test_a_predictor_may_have_a_forward_of_its_own(kind):
    class Loud(kind):
        def forward(self, **inputs):
            made = super().forward(**inputs)
            made.a = made.a.upper()
            return made

    with dspy.context(lm=DummyLM([{"reasoning": "r", "a": "x"}] * 3), ledger=None):
        assert Loud("q -> a")(q="?").a == asyncio.run(Loud("q -> a").acall(q="?")).a == "X"
        assert Loud("q -> a").batch([{"q": "?"}])[0].a == "X"


def test_a_predictor_may_have_an_aforward_of_its_own():
    class Loud(dspy.Predict):
        async def aforward(self, **inputs):
            made = await super().aforward(**inputs)
            made.a = made.a.upper()
            return made

    with dspy.context(lm=DummyLM([{"a": "x"}] * 2), ledger=None):
        assert Loud("q -> a")(q="?").a == asyncio.run(Loud("q -> a").acall(q="?")).a == "X"


def test_a_test_puts_a_double_in_the_place_of_a_forward():
    found = dspy.Prediction(a="double")
    program = dspy.ChainOfThought("q -> a")
    with mock.patch.object(program.predict, "forward", return_value=found) as asked:
        assert program(q="?").a == "double"
        assert asyncio.run(program.acall(q="?")).a == "double"
    assert asked.mock_calls == [mock.call(q="?")] * 2
    with mock.patch.object(dspy.Predict, "forward", return_value=found):
        assert program(q="?").a == dspy.Predict("q -> a")(q="?").a == "double"

"""What DSPy's programs and test suites reach for by name is there, and does what they expect."""

import asyncio
import json
from types import SimpleNamespace
from typing import Literal

import pydantic
import pytest

import adjoint as dspy
from adjoint.testing import DummyLM, ScriptedLM


@pytest.fixture(autouse=True)
def as_it_was():
    """The programs configure for the whole process, as their authors do."""
    from adjoint.program import context

    before = context._base
    dspy.configure(ledger=None)
    yield
    context._base = before


def use(answers, **options):
    lm = DummyLM(answers, **options)
    dspy.configure(lm=lm)
    return lm


class Page(pydantic.BaseModel):
    title: str


class QA(dspy.Signature):
    """Answer."""

    question: str = dspy.InputField(desc="what is asked")
    answer: Literal["yes", "no"] = dspy.OutputField(description="the answer")
    notes: list[str] = dspy.OutputField(default_factory=list)


def test_examples_are_plain_data_when_asked_and_lose_fields_when_told():
    row = dspy.Example(question="q", page=Page(title="t"), inner=dspy.Example(a=[dspy.Example(b=1)]))
    assert row.toDict() == {"question": "q", "page": {"title": "t"}, "inner": {"a": [{"b": 1}]}}
    del row["page"]
    row.answer = "a"
    made = row.with_inputs("question").copy(answer="b")
    assert (made.inputs().keys(), made.labels().keys(), made.without("inner").keys()) == (
        ["question"],
        ["inner", "answer"],
        ["question", "answer"],
    )


def test_a_prediction_is_an_example():
    found = dspy.Prediction(answer="x")
    assert isinstance(found, dspy.Example)
    made = found.copy(answer="y", score=1)
    assert (type(made), made.answer, made.without("score").keys(), made.with_inputs("score").labels().keys()) == (
        dspy.Prediction,
        "y",
        ["answer"],
        ["answer"],
    )
    found.set_lm_usage({"m": {"total_tokens": 3}})
    assert found.get_lm_usage() == {"m": {"total_tokens": 3}}
    assert dspy.Completions([{"a": 1}, {"a": 2}]).a == [1, 2]


def test_fields_say_what_pydantic_and_dspy_call_them():
    field = QA.input_fields["question"]
    assert (field.annotation, field.is_required(), field.json_schema_extra["desc"]) == (str, True, "what is asked")
    assert QA.output_fields["answer"].desc == "the answer"
    assert QA.output_fields["answer"].json_schema_extra == {
        "desc": "the answer",
        "prefix": "Answer:",
        "__dspy_field_type": "output",
    }
    assert dspy.infer_prefix("someAttribute2name") == "Some Attribute 2 Name"


def test_a_default_is_made_anew_for_each_use():
    use([{"answer": "yes"}, {"answer": "no"}])
    first, second = dspy.Predict(QA)(question="?"), dspy.Predict(QA)(question="!")
    first.notes.append("x")
    assert (first.notes, second.notes) == (["x"], [])
    with pytest.raises(ValueError, match="give one of them"):
        dspy.OutputField(default=1, default_factory=list)


def test_signatures_are_made_ensured_and_stored():
    assert dspy.make_signature("a -> b", "Do.", "Mine").__name__ == "Mine"
    assert dspy.ensure_signature(QA) is QA
    assert dspy.ensure_signature(None) is None
    state = QA.dump_state()
    assert state["fields"][0] == {"prefix": "Question:", "description": "what is asked"}
    assert QA.with_instructions("Else.").load_state(state).equals(QA)
    with pytest.raises(ValueError, match="another signature"):
        QA.load_state({"instructions": "x", "fields": []} | {"fields": state["fields"][:1]})


class Two(dspy.Module):
    def __init__(self):
        super().__init__(callbacks=[])
        self.steps = [dspy.Predict("question -> draft")]
        self.answer = dspy.ChainOfThought("draft -> answer")

    def forward(self, question):
        return self.answer(draft=self.steps[0](question=question).draft)


def test_states_in_dspys_form_are_given_and_taken(tmp_path):
    program = Two()
    program.steps[0].demos = [dspy.Example(question="a", draft="b").with_inputs("question")]
    state = json.loads(json.dumps(program.dump_state()))
    assert list(state) == ["steps.0", "answer.predict"]
    state["steps[0]"] = state.pop("steps.0") | {"signature": {"instructions": "Draft it.", "fields": []}}
    path = tmp_path / "dspy.json"
    path.write_text(json.dumps({**state, "metadata": {"dependency_versions": {"dspy": "3.4.1"}}}))
    fresh = Two()
    fresh.load(path, allow_pickle=True, allow_unsafe_lm_state=True)
    assert (fresh.steps[0].demos, fresh.steps[0].instruction) == ([{"question": "a", "draft": "b"}], "Draft it.")
    with pytest.raises(ValueError, match="unknown predictor 'nobody'"):
        fresh.load_state({"nobody": {"demos": []}})
    with pytest.raises(ValueError, match="it needs demos and a signature"):
        fresh.load_state({"steps[0]": 3})
    with pytest.raises(ValueError, match=r"says nothing of 'answer\.predict'"):
        fresh.load_state({"steps[0]": state["steps[0]"]})
    assert fresh.load_state(state, allow_unsafe_lm_state=True) is fresh


def test_predictors_forget_and_change_their_options():
    program = dspy.Predict("question -> answer", temperature=0.5)
    program.demos = [{"question": "a", "answer": "b"}]
    program.update_config(max_tokens=9)
    assert program.get_config() == {"temperature": 0.5, "max_tokens": 9}
    program.reset()
    assert program.demos == []


def test_frozen_modules_are_left_alone_by_optimizers():
    program = Two()
    program.answer._compiled = True
    assert len(program.parameters()) == 2
    assert [name for name, _ in program.named_sub_modules(skip_compiled=True)] == ["self", "self.steps.0"]
    assert [name for name, _ in program.named_sub_modules(dspy.ChainOfThought)] == ["self.answer"]
    assert program.answer.unfreeze() is program.answer
    assert len(program.parameters()) == 4
    assert "answer.predict = Predict" in repr(program)


def test_the_dummy_answers_in_order_by_content_and_by_demos_in_the_form_of_the_adapter():
    adapters = [dspy.ChatAdapter(), dspy.JSONAdapter(), dspy.XMLAdapter(), dspy.BAMLAdapter()]
    for adapter in adapters:
        with dspy.context(adapter=adapter, lm=DummyLM([{"a": "x", "b": 2}, {"a": "y"}])):
            assert dspy.Predict("q -> a, b: int")(q="?").b == 2
            assert dspy.Predict("q -> a")(q="!").a == "y"
    lm = use({"sky": {"answer": "blue"}})
    program = dspy.Predict("question -> answer")
    assert (program(question="the sky?").answer, program(question="grass?").answer) == ("blue", "No more responses")
    assert lm.get_convo(0)[1] == ["[[answer]]\nblue"]
    use([], follow_examples=True)
    program.demos = [dspy.Example(question="x", answer="Y")]
    assert program(question="x").answer == "Y"
    use([{"answer": "4"}, {"answer": "5"}])
    assert dspy.Predict("question -> answer", n=2)(question="?").completions.answer == ["4", "5"]
    with dspy.context(lm=DummyLM([{"answer": "4"}], reasoning=True)):
        assert (
            dspy.ChainOfThought(dspy.Signature("question -> reasoning: dspy.Reasoning, answer", custom_types={"dspy": dspy}))(
                question="?"
            ).reasoning
            == "Some reasoning"
        )


class Own(dspy.BaseLM):
    reply = "[[ ## reasoning ## ]]\nhm\n\n[[ ## answer ## ]]\nyes\n\n[[ ## completed ## ]]\n"

    def forward(self, prompt=None, messages=None, **kwargs):
        self.asked = messages, kwargs
        message = SimpleNamespace(content=self.reply)
        return SimpleNamespace(
            choices=[SimpleNamespace(message=message)], usage={"prompt_tokens": 3, "completion_tokens": 2}, model="own-1"
        )


def test_a_language_model_of_ones_own_has_a_forward():
    lm = Own("mine", temperature=0.5)
    dspy.configure(lm=lm)
    found = dspy.ChainOfThought("question -> answer")(question="?", config={"max_tokens": 7})
    assert (found.answer, found.get_lm_usage()["mine"]["total_tokens"]) == ("yes", 5)
    assert lm.asked[0][-1] == {"role": "user", "content": '?\n\nReply with "Reasoning:" and then "Answer:".'}
    assert lm.asked[1] == {"temperature": 0.5, "max_tokens": 7}
    assert (lm.history[-1]["kwargs"], lm.model, lm("hi")) == ({"temperature": 0.5, "max_tokens": 7}, "mine", [Own.reply])
    lm.reply = None
    with pytest.raises(dspy.LMError, match="choices with a message each"):
        lm("hi")
    with pytest.raises(dspy.LMError, match="has no forward"):
        dspy.BaseLM("empty")("hi")


def test_a_language_model_is_described_and_copied():
    lm = dspy.LM(
        "openai/x",
        temperature=0.3,
        max_tokens=9,
        cache=False,
        num_retries=2,
        api_base="http://localhost:1/v1",
        api_key="sk-secret",
    )
    assert lm.kwargs == {"temperature": 0.3, "max_tokens": 9}
    assert "localhost:1" in repr(lm.client)
    copied = lm.copy(temperature=1.0, cache=True)
    assert (copied.kwargs["temperature"], copied.cache, lm.cache, copied.client is lm.client) == (1.0, True, False, True)
    assert lm.dump_state() == {
        "model": "openai/x",
        "model_type": "chat",
        "cache": False,
        "num_retries": 2,
        "temperature": 0.3,
        "max_tokens": 9,
    }
    with pytest.raises(ValueError, match="two names of one address"):
        dspy.LM("openai/x", base_url="http://a", api_base="http://b")


def test_cache_and_retries_may_be_settled_for_one_lm():
    inner = ScriptedLM(lambda request: "yes", identity="me")
    with dspy.context(ledger="default"):
        for _ in range(2):
            dspy.Predict("q -> a")(q="again", lm=dspy.LM(inner, cache=False))
    assert len(inner.requests) == 2
    failing = ScriptedLM([dspy.LMServerError("down")] * 9)
    with pytest.raises(dspy.LMServerError):
        dspy.LM(failing, num_retries=1)("hi")
    assert len(failing.requests) == 2


def test_settings_are_the_context_in_force():
    lm = use([{"answer": "x"}])
    assert dspy.settings.lm is lm is dspy.settings["lm"] is dspy.settings.get("lm")
    with dspy.settings.context(adapter=dspy.JSONAdapter()):
        assert type(dspy.settings.adapter) is dspy.JSONAdapter
    dspy.settings.num_threads = 3
    assert (dspy.settings.num_threads, dspy.settings.get("nothing", 4), "lm" in dspy.settings, dspy.settings.trace) == (
        3,
        4,
        True,
        None,
    )
    with dspy.context(**dspy.settings.copy()):
        assert dspy.settings.lm is lm
    with pytest.raises(AttributeError, match="no setting 'nothing'"):
        dspy.settings.nothing  # noqa: B018
    dspy.configure(warn_on_type_mismatch=False, max_trace_size=10, async_max_workers=2)


def test_a_trace_is_collected_where_one_is_asked_for():
    use([{"draft": "d"}, {"reasoning": "r", "answer": "x"}])
    program = Two()
    with dspy.context(trace=[]):
        program(question="?")
        trace = dspy.settings.trace
    assert [(module, made.keys()) for module, _, made in trace] == [
        (program.steps[0], ["draft"]),
        (program.answer.predict, ["reasoning", "answer"]),
    ]
    assert trace[1][1] == {"draft": "d"}


def test_the_history_can_be_forgotten():
    lm = use([{"answer": "x"}] * 2)
    with dspy.context(disable_history=True):
        dspy.Predict("q -> answer")(q="secret")
    assert lm.history == []


def test_callbacks_of_a_module_and_of_an_lm_hear_of_their_own_calls():
    heard = []

    class Listener(dspy.utils.BaseCallback):
        def on_module_start(self, call_id, instance, inputs):
            heard.append(type(instance).__name__)

        def on_lm_start(self, call_id, instance, inputs):
            heard.append(instance.name)

    dspy.Predict("q -> answer", callbacks=[Listener()])(q="?", lm=dspy.LM(ScriptedLM(["x"]), callbacks=[Listener()]))
    dspy.Predict("q -> answer")(q="?", lm=ScriptedLM(["x"]))
    assert heard == ["Predict", "scripted"]


def test_adapters_format_and_parse_by_themselves():
    signature = dspy.Signature("q -> a, b: int")
    for adapter, reply in [
        (dspy.ChatAdapter(), "[[ ## a ## ]]\nx\n[[ ## b ## ]]\n3"),
        (dspy.JSONAdapter(), '{"a": "x", "b": 3}'),
    ]:
        assert adapter.parse(signature, reply) == {"a": "x", "b": 3}
        messages = adapter.format(signature, demos=[{"q": "1", "a": "2", "b": 3}], inputs={"q": "?"})
        assert [message["role"] for message in messages] == ["system", "user", "assistant", "user"]
    with pytest.raises(dspy.AdapterParseError) as caught:
        dspy.ChatAdapter().parse(signature, "rubbish")
    assert caught.value.lm_response == "rubbish"


def test_agents_take_max_iters_with_a_call_and_keep_what_tools_gave():
    def add(a: int, b: int) -> int:
        """Add."""
        return a + b

    use([{"next_thought": "add", "next_tool_name": "add", "next_tool_args": {"a": 1, "b": 2}}, {"reasoning": "r", "answer": "3"}])
    found = dspy.ReAct("question -> answer", tools=[add])(question="1+2?", max_iters=1)
    assert (found.trajectory["observation_0"], found.termination_reason, found.answer) == (3, "max_iters", "3")
    assert dspy.Tool(add).format_as_litellm_function_call()["function"]["parameters"]["required"] == ["a", "b"]


def test_sounds_and_files_are_made_from_their_data():
    sound = dspy.Audio(data="QUJD", audio_format="mp3")
    assert (sound.data, sound.audio_format, sound.format()[0].kind) == ("QUJD", "mp3", "audio")
    assert dspy.File(file_data="data:text/plain;base64,QUJD", filename="a.txt").file_data.endswith("QUJD")


def test_what_is_not_said_is_none_where_the_type_admits_it():
    signature = dspy.Signature(
        {"q": (str, dspy.InputField()), "a": (int | None, dspy.OutputField()), "b": (str, dspy.OutputField())}
    )
    use([{"b": "x"}])
    found = dspy.Predict(signature)(q="?")
    assert (found.a, found.b) == (None, "x")


def test_the_modules_of_dspy_have_their_names():
    assert dspy.utils.DummyLM is DummyLM
    assert dspy.streaming.StreamListener is dspy.StreamListener
    assert dspy.retrievers.Embeddings is dspy.Embeddings
    assert dspy.teleprompt.BootstrapFewShot is dspy.BootstrapFewShot
    assert (dspy.predict.KNN, dspy.primitives.Example, dspy.clients.LM) == (dspy.KNN, dspy.Example, dspy.LM)
    assert (dspy.experimental.Document, dspy.signatures.Signature) == (dspy.Document, dspy.Signature)
    assert dspy.utils.exceptions.AdapterParseError is dspy.AdapterParseError
    import adjoint.dspy

    assert adjoint.dspy.Predict is dspy.Predict
    assert adjoint.dspy.evaluate.Evaluate is dspy.Evaluate


def test_a_call_can_be_awaited_on_an_lm_itself():
    assert asyncio.run(use([{"answer": "x"}]).acall("hi")) == ["[[answer]]\nx"]


def test_a_program_remembers_what_its_predictors_were_answered():
    use([{"draft": "d"}, {"reasoning": "r", "answer": "x"}, {"answer": "other"}])
    program, other = Two(), dspy.Predict("q -> answer")
    program(question="?")
    other(q="!")
    assert [call["outputs"] for call in program.history] == [["[[draft]]\nd"], ["[[reasoning]]\nr\n[[answer]]\nx"]]
    assert len(other.history) == 1


def test_programs_are_saved_in_a_directory_where_that_is_asked_for(tmp_path):
    program = dspy.ChainOfThought("question -> answer")
    program.predict.instruction = "Be brief."
    program.save(tmp_path / "best", save_program=True)
    with pytest.raises(ValueError, match=r"names a file; give '.*best'"):
        program.save(tmp_path / "best.json", save_program=True)
    assert dspy.load(tmp_path / "best", allow_pickle=True).predict.instruction == "Be brief."


def test_dspys_state_is_loaded_into_a_copy_of_a_program(tmp_path):
    path = tmp_path / "dspy.json"
    state = Two().dump_state() | {"steps.0": {"demos": [], "signature": {"instructions": "Draft it.", "fields": []}}}
    path.write_text(json.dumps({**state, "metadata": {"dependency_versions": {}}}))
    program = Two()
    assert dspy.load(path, program).steps[0].instruction == "Draft it." != program.steps[0].instruction


def test_an_example_is_made_from_another_or_has_a_field_called_base():
    assert dspy.Example(base={"a": 1}, b=2).toDict() == dspy.Example({"a": 1}, b=2).toDict() == {"a": 1, "b": 2}
    assert dspy.Example(base="C major", key="C").toDict() == {"base": "C major", "key": "C"}


def test_the_evaluator_and_its_metrics_are_found_where_dspy_has_them():
    rows = [dspy.Example(q=text, answer="x").with_inputs("q") for text in "ab"]
    use([{"answer": "x"}, {"answer": "y"}])
    found = dspy.evaluate.Evaluate(devset=rows, metric=dspy.evaluate.answer_exact_match, num_threads=1, display_progress=False)(
        dspy.Predict("q -> answer")
    )
    assert (float(found.score), len(found.results)) == (50.0, 2)
    assert dspy.evaluate.SemanticF1 is dspy.SemanticF1


@pytest.mark.parametrize(
    "path",
    [
        "utils.callback.BaseCallback",
        "utils.dummies.DummyLM",
        "utils.exceptions.AdapterParseError",
        "utils.usage_tracker.track_usage",
        "utils.asyncify.asyncify",
        "utils.saving.load",
        "utils.callback.ACTIVE_CALL_ID",
        "utils.langchain_tool.convert_langchain_tool",
        "utils.mcp.convert_mcp_tool",
        "evaluate.metrics.answer_exact_match",
        "evaluate.evaluate.EvaluationResult",
        "evaluate.auto_evaluation.SemanticF1",
        "primitives.example.Example",
        "primitives.prediction.Prediction",
        "primitives.module.Module",
        "signatures.signature.Signature",
        "signatures.field.InputField",
        "clients.lm.LM",
        "clients.base_lm.BaseLM",
        "clients.embedding.Embedder",
        "adapters.ChatAdapter",
        "adapters.json_adapter.JSONAdapter",
        "adapters.types.Image",
        "adapters.types.tool.Tool",
        "dsp.utils.settings",
        "teleprompt.bootstrap.BootstrapFewShot",
        "teleprompt.gepa.GEPA",
        "teleprompt.gepa.gepa.GEPA",
        "teleprompt.random_search.BootstrapRS",
        "predict.react.ReAct",
        "predict.aggregation.majority",
        "streaming.streamify.streamify",
        "streaming.messages.StreamResponse",
        "retrievers.embeddings.Embeddings",
        "dsp.utils.deduplicate",
        "adapters.base.Adapter",
        "adapters.types.citation.Citations",
        "teleprompt.gepa.gepa_utils.ScoreWithFeedback",
        "streaming.streaming_response",
    ],
)
def test_what_is_imported_from_deep_inside_dspy_is_found_there(path):
    module, _, name = path.rpartition(".")
    code = f"from adjoint.dspy.{module} import {name}\nimport adjoint.dspy.{module}"
    exec(code, {})

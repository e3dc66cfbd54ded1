"""What the gate shows: events, history and usage, exact across threads and tasks."""

import io
import threading

import pytest

import adjoint
from adjoint import BaseCallback, ChainOfThought, Predict
from adjoint.base.errors import ParseError
from adjoint.base.parts import Part
from adjoint.program.events import active_call
from adjoint.testing import ScriptedLM


class Log(BaseCallback):
    def __init__(self):
        self.said = []

    def on_module_start(self, call_id, instance, inputs):
        self.said.append(("module", type(instance).__name__, active_call()))

    def on_lm_end(self, call_id, outputs, exception=None):
        self.said.append(("lm", outputs and outputs.text, type(exception).__name__))

    def on_adapter_format_end(self, call_id, outputs, exception=None):
        self.said.append(("format", len(outputs.messages)))

    def on_adapter_parse_end(self, call_id, outputs, exception=None):
        self.said.append(("parse", outputs, type(exception).__name__))


def test_callbacks_hear_of_every_call_and_what_came_of_it():
    log = Log()
    with adjoint.context(lm=ScriptedLM(["many", "4"]), ledger=None, callbacks=[log]):
        Predict("q -> n: int")(q="?")
    assert log.said == [
        ("format", 2), ("module", "Predict", None), ("lm", "many", "NoneType"), ("parse", None, "ParseError"), ("lm", "4", "NoneType"),
        ("parse", {"n": 4}, "NoneType"),
    ]  # fmt: skip


def test_calls_nest():
    log = Log()
    with adjoint.context(lm=ScriptedLM(["[[reasoning]]\n.\n[[a]]\nx"]), ledger=None, callbacks=[log]):
        ChainOfThought("q -> a")(q="?")
    outer, inner = [item for item in log.said if item[0] == "module"]
    assert (outer[2], inner[1], inner[2] is None) == (None, "Predict", False)


def test_a_callback_that_raises_warns_and_stops_nothing():
    class Careless(BaseCallback):
        def on_lm_start(self, call_id, instance, inputs):
            raise KeyError("oh")

    with (
        adjoint.context(lm=ScriptedLM(["x"]), ledger=None, callbacks=[Careless()]),
        pytest.warns(RuntimeWarning, match="Careless.on_lm_start"),
    ):
        assert Predict("q -> a")(q="?").a == "x"


def test_usage_is_counted_across_threads():
    program = Predict("q -> a")
    with adjoint.context(lm=ScriptedLM(lambda request: "one two"), ledger=None), adjoint.track_usage() as used:
        program.batch([{"q": str(number)} for number in range(20)], num_threads=8)
    assert (used.total.calls, used.get_total_tokens()["scripted"]["completion_tokens"]) == (20, 40)


def test_a_prediction_knows_what_its_run_has_used():
    with adjoint.context(lm=ScriptedLM(["many", "4"]), ledger=None):
        found = Predict("q -> n: int")(q="?")
    assert found.get_lm_usage()["scripted"]["calls"] == 2
    assert adjoint.Prediction(a=1).get_lm_usage() == {}


def test_dspys_switch_for_usage_may_be_given():
    adjoint.configure(track_usage=True)


def test_the_history_shows_the_exact_prompts_of_the_last_calls():
    with adjoint.context(lm=ScriptedLM(["one", "two"]), ledger=None):
        Predict("q -> a", "Say it.")(q="first?")
        Predict("q -> a", "Say it.")(q="second?")
    shown = io.StringIO()
    adjoint.inspect_history(1, file=shown)
    assert shown.getvalue() == "--- system\nSay it.\n--- user\nsecond?\n--- reply of scripted\ntwo\n"


def test_a_thread_of_ones_own_is_seen_in_the_history():
    lm = ScriptedLM(["from a thread"])
    thread = threading.Thread(target=lambda: Predict("q -> a")(q="?", lm=lm))
    thread.start()
    thread.join()
    shown = io.StringIO()
    adjoint.inspect_history(1, file=shown)
    assert "from a thread" in shown.getvalue()


def test_a_failed_call_tells_its_exception():
    log = Log()
    with adjoint.context(lm=ScriptedLM(["x", "y", "z"]), ledger=None, callbacks=[log]), pytest.raises(ParseError):
        Predict("q -> n: int")(q="?")
    assert ("parse", None, "ParseError") in log.said


def test_each_call_of_the_history_has_a_time_and_an_id_of_its_own():
    lm = adjoint.LM(ScriptedLM(["x", "y", "z"]))
    with adjoint.context(lm=lm, ledger=None):
        Predict("q -> a")(q="?")
        Predict("q -> a")(q="?")
    first, second = lm.history
    assert first["timestamp"] <= second["timestamp"]
    assert first["uuid"] == lm.history[0]["uuid"] != second["uuid"]
    assert (first["response_model"], first["model_type"]) == (first["response"].model, "chat")


def test_the_history_shows_messages_in_openais_form():
    lm, address = adjoint.LM(ScriptedLM(["a cat", "miau"])), "https://example.org/a"
    with adjoint.context(lm=lm, ledger=None):
        Predict("picture: adjoint.Image -> label")(picture=adjoint.Image(address))
        Predict("sound: adjoint.Audio -> label")(sound=adjoint.Audio(address))
    picture, sound = (call["messages"][-1]["content"] for call in lm.history)
    assert picture == [{"type": "image_url", "image_url": {"url": address}}]
    assert sound == [Part("audio", url=address)]  # has no form there

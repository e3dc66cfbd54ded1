"""An LM answers through the methods that its user has written, and stays behind budget, cache and history."""

import asyncio
from types import SimpleNamespace

import pytest

import adjoint as dspy
from adjoint.testing import DummyLM, ScriptedLM


@pytest.fixture(autouse=True)
def as_it_was():
    with dspy.context(ledger=None):
        yield


def ask(lm, signature="question -> answer", **inputs):
    return dspy.Predict(signature)(**inputs or {"question": "?"}, lm=lm)


class Older(dspy.BaseLM):
    """As programs of earlier years have it."""

    def __call__(self, prompt=None, messages=None, **kwargs):
        self.asked = messages, kwargs
        return [f"{n}" for n in range(kwargs.get("n", 1))]


def test_a_call_of_ones_own_gives_a_list_of_texts():
    lm = Older("older", temperature=0.5)
    assert ask(lm).answer == "0"
    assert lm.asked == (
        [{"role": "system", "content": "Given question, give answer."}, {"role": "user", "content": "?"}],
        {"temperature": 0.5},
    )
    assert dspy.Predict("question -> answer", n=2)(question="?", lm=lm).completions.answer == ["0", "1"]
    assert (lm("direct"), len(lm.history)) == (["0"], 3)


class Counted(DummyLM):
    calls = 0

    def __call__(self, prompt=None, messages=None, **kwargs):
        self.calls += 1
        return super().__call__(prompt=prompt, messages=messages, **kwargs)


class CountedForward(DummyLM):
    calls = 0

    def forward(self, prompt=None, messages=None, **kwargs):
        self.calls += 1
        return super().forward(prompt=prompt, messages=messages, **kwargs)


class CountedAForward(DummyLM):
    calls = 0

    async def aforward(self, prompt=None, messages=None, **kwargs):
        self.calls += 1
        return await super().aforward(prompt=prompt, messages=messages, **kwargs)


@pytest.mark.parametrize("kind", [Counted, CountedForward, CountedAForward])
def test_super_reaches_the_model_itself_and_each_call_is_counted_once(kind):
    lm = kind([{"answer": "x"}] * 4)
    assert ask(lm).answer == "x"
    assert asyncio.run(lm.acall("direct")) == ["[[answer]]\nx"]
    assert (lm.calls, len(lm.history)) == (2, 2)
    copied = lm.copy(temperature=1.0)
    ask(copied)
    assert (lm.calls, copied.calls) == (2, 3)


def test_what_super_has_used_is_counted_where_the_method_gives_texts_alone():
    class Twice(dspy.LM):
        def __call__(self, prompt=None, messages=None, **kwargs):
            super().__call__(prompt, messages=messages, **kwargs)
            return super().__call__(prompt, messages=messages, **kwargs)

    found = ask(Twice(ScriptedLM(["a", "b"])))
    assert found.answer == "b"
    assert sum(used["calls"] for used in found.get_lm_usage().values()) == 2


class Calling(dspy.BaseLM):
    @property
    def supports_function_calling(self):
        return True

    def forward(self, prompt=None, messages=None, **kwargs):
        self.tools = kwargs["tools"]
        function = SimpleNamespace(name="weather", arguments='{"city": "Paris"}')
        message = SimpleNamespace(content=None, tool_calls=[SimpleNamespace(id="1", function=function)])
        return SimpleNamespace(choices=[SimpleNamespace(message=message)], usage={}, model="own")


def test_a_model_that_says_it_calls_tools_is_given_them_and_its_calls_are_read():
    def weather(city: str) -> str:
        """Tell it."""
        return city

    lm = Calling("own")
    found = ask(lm, "question, tools: list[dspy.Tool] -> calls: dspy.ToolCalls", question="?", tools=[dspy.Tool(weather)])
    assert [(call.name, call.args) for call in found.calls.tool_calls] == [("weather", {"city": "Paris"})]
    assert lm.tools[0]["function"]["name"] == "weather"


def test_an_lm_is_made_from_its_state_and_says_what_it_does_not_take():
    lm = dspy.LM("pocket", temperature=0.3, cache=False)
    again = dspy.LM.load_state({**lm.dump_state(), "finetuning_model": None, "_dspy_lm_class": "dspy.clients.lm.LM"})
    assert again.dump_state() == lm.dump_state()
    with pytest.raises(ValueError, match=r"write LM\('openai/x'"):
        lm.copy(model="openai/x")
    with pytest.raises(ValueError, match=r"adjoint\.finetune\(lm, train_kwargs"):
        dspy.LM("pocket", train_kwargs={"epochs": 1})


class Double(dspy.LM):
    """As tests of DSPy's programs have it."""

    def __call__(self, prompt=None, messages=None, **kwargs):
        self.asked = messages
        return ["4"]

    async def acall(self, prompt=None, messages=None, **kwargs):
        return self(prompt, messages, **kwargs)


def test_an_lm_that_answers_by_itself_may_have_any_name():
    lm = Double("dummy_model")
    assert (ask(lm).answer, lm("direct"), lm("direct", None)) == ("4", ["4"], ["4"])

    class Reaching(dspy.LM):
        def forward(self, prompt=None, messages=None, **kwargs):
            return super().forward(prompt, messages, **kwargs)

    with pytest.raises(ValueError, match="'dummy_model' names no model"):
        ask(Reaching("dummy_model"))
    with pytest.raises(ValueError, match="'dummy_model' names no model"):
        dspy.LM("dummy_model")


def test_messages_are_given_and_shown_in_openais_form():
    image = {"type": "image_url", "image_url": {"url": "https://example.org/a.png"}}
    call = {"id": "1", "type": "function", "function": {"name": "look", "arguments": "{}"}}
    chat = [
        {"role": "user", "content": [{"type": "text", "text": "What?"}, image]},
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "content": "a cat", "tool_call_id": "1"},
    ]
    lm = Double("double")
    lm(messages=chat)
    assert lm.asked == chat
    made = dspy.ChatAdapter().format(
        dspy.Signature("picture: dspy.Image -> label"), [], {"picture": dspy.Image("https://example.org/a.png")}
    )
    assert made[-1] == {"role": "user", "content": [image]}


@pytest.mark.parametrize("adapter", [dspy.ChatAdapter(), dspy.JSONAdapter(), dspy.XMLAdapter(), dspy.BAMLAdapter()], ids=repr)
def test_adapters_are_called_by_themselves(adapter):
    lm = DummyLM([{"answer": "4"}] * 2, adapter=adapter)
    given = (
        lm,
        {"temperature": 0.5},
        dspy.Signature("question -> answer"),
        [{"question": "a", "answer": "b"}],
        {"question": "?"},
    )
    assert adapter(*given) == asyncio.run(adapter.acall(*given)) == [{"answer": "4"}]
    assert (lm.history[-1]["kwargs"]["temperature"], len(lm.history[-1]["messages"])) == (0.5, 4)


class Keeping(dspy.BaseLM):
    """Keeps its options and its calls itself, as doubles do."""

    def __init__(self):
        super().__init__("keeping")
        self.kwargs = {"temperature": 0.25}
        self.history = []

    def __call__(self, prompt=None, messages=None, **kwargs):
        self.history.append((messages[-1]["content"], kwargs))
        return ["4"]


def test_an_lm_may_keep_its_options_and_its_calls_itself():
    lm = Keeping()
    assert ask(lm).answer == "4"
    assert lm.history == [("?", {"temperature": 0.25})]

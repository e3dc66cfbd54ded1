"""Engines as TextGrad's programs name, make and write them."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from tests.autograd.conftest import Dummy, text

import adjoint
import adjoint.textgrad as tg
from adjoint.base.errors import NoLMError, UsageError
from adjoint.testing import ScriptedLM


def test_the_backward_engine_answers_judges_and_rewrites_where_nobody_else_is_named():
    replies = iter(["a pun", "too long", "<IMPROVED_VARIABLE>better</IMPROVED_VARIABLE>"])
    engine = Dummy()
    engine.generate = lambda prompt, system_prompt=None: engine.asked.append((prompt, system_prompt)) or next(replies)
    tg.set_backward_engine(engine, True)
    punchline = tg.BlackboxLLM()(text("write", requires_grad=False))
    punchline.set_role_description("a concise punchline")
    optimizer = tg.TGD(parameters=[punchline])
    tg.TextLoss("Is it funny?")(punchline).backward()
    optimizer.step()
    assert punchline.value == "better"
    assert [system for _, system in engine.asked][:2] == [None, "Is it funny?"]
    assert len(engine.asked) == 3


def test_the_lm_of_the_context_answers_calls_and_the_backward_engine_judges():
    tg.set_backward_engine(Dummy("a critique"))
    with adjoint.context(lm=ScriptedLM(lambda request: "an answer")):
        answer = tg.BlackboxLLM()(text("q"))
        assert (answer.value, tg.TextLoss("Judge.")(answer).value) == ("an answer", "a critique")


def test_without_any_engine_the_default_is_asked_for():
    with pytest.raises(NoLMError, match="set_backward_engine"):
        tg.config.validate_engine_or_get_default(None)
    engine = tg.get_engine("pocket")
    tg.set_backward_engine(engine)
    assert tg.config.validate_engine_or_get_default(None) is engine


def test_the_engine_that_was_given_is_handed_back():
    class Direct(Dummy):
        def __call__(self, prompt, system_prompt=None):
            return self.generate(prompt, system_prompt)

    engine = Direct()
    tg.set_backward_engine(engine)
    assert tg.SingletonBackwardEngine().get_engine() is engine
    assert tg.config.validate_engine_or_get_default(engine) is engine


def test_an_engine_by_name_is_asked_directly_and_gives_one_text():
    engine = tg.get_engine(engine_name="pocket")
    prompt = "The invoice is wrong."
    assert isinstance(engine, tg.EngineLM)
    assert isinstance(engine.generate(prompt), str)
    assert (
        engine.generate(prompt, system_prompt="Answer.") == engine(prompt, system_prompt="Answer.") == engine([prompt], "Answer.")
    )
    assert tg.BlackboxLLM(engine, "Answer.")(text(prompt)).value == engine(prompt, "Answer.")


def test_the_handle_on_the_backward_engine_is_one_and_takes_it_away():
    engine, handle = Dummy(), tg.SingletonBackwardEngine()
    handle.set_engine(engine, True)
    assert (handle is tg.singleton_backward_engine, handle.engine is engine) == (True, True)
    with pytest.raises(UsageError, match="already set"):
        handle.set_engine(engine)
    handle.engine = None
    assert handle.get_engine() is None


def test_an_engine_is_of_its_providers_class_and_takes_the_providers_names(monkeypatch):
    room = tg.engine
    for key in ("OPENAI", "ANTHROPIC", "GEMINI", "TOGETHER", "GROQ"):
        monkeypatch.setenv(f"{key}_API_KEY", "a key")
    made = [
        room.ChatOpenAI(),
        room.ChatOpenAI("o9", base_url="http://localhost:1"),
        room.ChatTogether("meta-llama/Llama-3-70b"),
        tg.get_engine("groq-llama3-70b"),
        tg.get_engine("ollama-llama3"),
        room.LiteLLMEngine("gpt-4o"),
        room.ChatExternalClient(SimpleNamespace(base_url="http://localhost:2/v1/", api_key="k"), "org/m"),
    ]
    assert [(type(one).__name__, one.model, one.base_url) for one in made] == [
        ("ChatOpenAI", "openai/gpt-3.5-turbo-0613", "https://api.openai.com/v1"),
        ("ChatOpenAI", "openai/o9", "http://localhost:1"),
        ("ChatTogether", "together/meta-llama/Llama-3-70b", "https://api.together.xyz/v1"),
        ("ChatGroq", "groq/llama3-70b", "https://api.groq.com/openai/v1"),
        ("NamedEngine", "ollama/llama3", "http://localhost:11434/v1"),
        ("LiteLLMEngine", "openai/gpt-4o", "https://api.openai.com/v1"),
        ("ChatExternalClient", "openai/org/m", "http://localhost:2/v1"),
    ]


def test_an_engine_without_a_key_or_with_a_name_of_nobody_is_a_value_error(monkeypatch):
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    for make in (tg.engine.ChatOpenAI, lambda: tg.get_engine("gpt-4o"), lambda: tg.get_engine("nobody")):
        with pytest.raises(ValueError, match=r"OPENAI_API_KEY|names no model"):
            make()


def test_a_store_of_ones_own_is_told_that_the_ledger_keeps_replies(caplog):
    store = SimpleNamespace(get=lambda key: None, set=lambda key, value: None)
    assert tg.get_engine("pocket", cache=store).cache
    assert "replies are kept in the ledger" in caplog.text
    with pytest.raises(UsageError, match="neither True nor False"):
        tg.get_engine("pocket", cache=[1, 2])


def test_an_engines_system_prompt_stands_before_calls_that_have_none():
    engine = tg.engine.NamedEngine("pocket", "Answer in one word.", True)
    engine.lm = adjoint.LM(ScriptedLM(lambda request: " / ".join(message.text for message in request.messages)))
    call = tg.BlackboxLLM(engine)
    assert engine("q") == call(text("q")).value == "Answer in one word. / q"
    assert engine("q", "Sing.") == tg.BlackboxLLM(engine, "Sing.")(text("q")).value == "Sing. / q"


def test_engines_that_look_replies_up_themselves_find_them():
    class Own(tg.EngineLM, tg.engine.CachedEngine):
        def __init__(self, path):
            super().__init__(cache_path=path)
            self.asked = 0

        def generate(self, prompt, system_prompt=None):
            found = self._check_cache(f"{system_prompt}{prompt}")
            if found is None:
                self.asked, found = self.asked + 1, prompt.upper()
                self._save_cache(f"{system_prompt}{prompt}", found)
            return found

    engine = Own("replies.db")
    assert [engine("a"), engine("a"), engine("b"), engine.asked, engine.cache_path] == ["A", "A", "B", 2, "replies.db"]


def test_engines_of_the_second_form_get_texts_and_lists_of_parts():
    from adjoint.textgrad.engine_experimental.base import EngineLM, cached

    class Own(EngineLM):
        @cached
        def _generate_from_single_prompt(self, content, system_prompt=None, temperature=0):
            return f"{system_prompt} | {content} | {temperature}"

        def _generate_from_multiple_input(self, content, system_prompt=None):
            return f"{system_prompt} | {len(content)} parts"

    engine = Own("own", system_prompt="Be brief.", is_multimodal=True, cache=True)
    picture = tg.Variable(b"...", role_description="picture", requires_grad=False)
    assert engine.generate("q", temperature=1) == "Be brief. | q | 1"
    assert tg.BlackboxLLM(engine, "Sing.")(text("q")).value == "Sing. | q | 0"
    assert tg.autograd.MultimodalLLMCall(engine)([picture, text("q")]).value == "Be brief. | 2 parts"
    with pytest.raises(UsageError, match="own is not multimodal"):
        Own("own").generate([b"..."])
    with pytest.raises(TypeError, match="abstract"):
        EngineLM("own")


def test_names_and_classes_of_engines_are_those_of_textgrad(monkeypatch):
    from adjoint.textgrad.engine.openai import ChatOpenAI
    from adjoint.textgrad.engine_experimental.litellm import LiteLLMEngine

    monkeypatch.setenv("OPENAI_API_KEY", "a key")
    made = [tg.get_engine("gpt-4o"), ChatOpenAI(model_string="gpt-4o"), LiteLLMEngine("gpt-4o", cache=True)]
    tg.set_backward_engine("experimental:gpt-4o", cache=False, override=True)
    last = tg.SingletonBackwardEngine().get_engine()
    assert {one.model for one in [*made, last]} == {"openai/gpt-4o"}
    assert ([one.model_string for one in made], last.cache) == (["gpt-4o"] * 3, False)
    assert tg.TextLoss("Judge.", engine="gpt-3.5-turbo").engine.model == "openai/gpt-3.5-turbo"

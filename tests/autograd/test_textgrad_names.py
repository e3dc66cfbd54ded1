"""Programs in the manner of TextGrad's README, notebooks and tests: only the import is another one."""

from __future__ import annotations

import logging
from types import SimpleNamespace

import pytest

import adjoint
import adjoint.textgrad as tg
from adjoint.autograd import engine as engines
from adjoint.base.errors import GradientError, NoLMError, UsageError
from adjoint.testing import ScriptedLM


@pytest.fixture(autouse=True)
def clean_process(monkeypatch):
    monkeypatch.setattr(engines, "_engine", {})


class Dummy(tg.EngineLM):
    """Says one thing to everybody and keeps what it was asked."""

    def __init__(self, said="<IMPROVED_VARIABLE>better</IMPROVED_VARIABLE>"):
        self.said, self.asked = said, []

    def generate(self, prompt, system_prompt=None, **options):
        self.asked.append((prompt, system_prompt))
        return self.said


def text(value, role="text", **options):
    return tg.Variable(value, role_description=role, **options)


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


def test_an_optimizer_shows_the_variables_that_it_was_given():
    answer = text("Hello")
    optimizer = tg.TGD(parameters=[answer], engine=Dummy())
    optimizer.parameters[0].gradients.add(text("be kind", "feedback"))
    optimizer.parameters[0].set_value("World")
    assert (answer.value, answer.get_gradient_text(), optimizer.parameters[0] is answer) == ("World", "be kind", True)
    optimizer.zero_grad()
    assert not answer.gradients


def test_constraints_and_the_engine_of_an_optimizer_may_be_changed_later():
    first, second, answer = Dummy(), Dummy(), text("Hello")
    optimizer = tg.TGD([answer], engine=first, constraints=["at most a word"])
    optimizer.constraints = [*optimizer.constraints, "in French"]
    optimizer.engine = second
    answer.gradients.add("be kind")
    optimizer.step()
    assert not first.asked
    assert "1. at most a word\n2. in French" in second.asked[0][0]


def test_gradients_may_be_replaced_as_a_whole():
    answer = text("Hello")
    answer.gradients = {text("be kind", "feedback")}
    assert answer.get_gradient_text() == "be kind"
    assert answer.gradients_context[answer.gradients[0]] is None
    answer.gradients = set()
    assert answer.get_gradient_text() == ""


def test_gradients_are_asked_as_a_set_of_variables():
    answer, remark = text("Hello"), text("be kind", "feedback")
    assert answer.gradients == set()
    answer.gradients.add(remark)
    (only,) = answer.gradients
    assert (remark in answer.gradients, "be rude" in answer.gradients, only.get_value()) == (True, False, "be kind")
    assert answer.gradients == {only} != set()
    assert only.get_role_description() == "feedback on the value"


def test_the_context_of_a_gradient_may_be_set_and_reaches_the_optimizer():
    answer, remark, other, asked = text("Hello"), text("be kind", "feedback"), text("be brief", "feedback"), []
    for one, context in ((remark, {"context": "Q: hi?"}), (other, {"context": ["A picture:", b"..."]})):
        answer.gradients.add(one)
        answer.gradients_context[one] = context
    assert [answer.gradients_context[one]["context"] for one in answer.gradients] == ["Q: hi?", "A picture:"]
    tg.TGD([answer], engine=lambda prompt: asked.append(prompt) or "Dear all").step()
    assert "Q: hi?" in asked[0]
    answer.gradients.add("never mind")
    answer.gradients_context[answer.gradients[0]] = None
    assert [answer.gradients_context[one] is None for one in answer.gradients] == [True, False, True]


def test_what_a_loss_says_is_no_gradient_of_its_own():
    engine = Dummy("too long")
    answer = text("Hello")
    loss = tg.autograd.FormattedLLMCall(engine, "Judge {a}.", {"a": None})({"a": answer})
    loss.backward(engine)
    assert (loss.gradients, answer.get_gradient_text()) == ([], "too long")


@pytest.mark.parametrize("value", [1.5, None, True, ["a"]])
def test_what_is_no_text_is_refused_as_textgrads_programs_expect(value):
    with pytest.raises(AssertionError, match="the value of a Variable is text"):
        text(value)
    with pytest.raises(AttributeError, match="takes Variables and predictions"):
        tg.BlackboxLLM(Dummy())(value)
    with pytest.raises(AssertionError, match="the inputs are b"):
        tg.autograd.FormattedLLMCall(Dummy(), "{a}", {"a": None})({"b": text("1")})


def test_arguments_stand_in_textgrads_order():
    engine, answer = Dummy("<A>1</A>"), text("Hello")
    judge = tg.loss.MultiFieldTokenParsedEvaluation("Compare.", ["q", "a"], engine, "Be strict.", ["<A>", "</A>"])
    assert judge.parse_output(judge([text("1"), text("2")])) == "1"
    assert engine.asked[0][1] == "Be strict."
    assert tg.autograd.MultimodalLLMCall(engine)(inputs=[answer]).value == "<A>1</A>"
    answer.gradients.add("be kind")
    optimizer = tg.optimizer.TextualGradientDescentwithMomentum(engine, [answer], 2, ["at most a word"], ["<A>", "</A>"])
    optimizer.step()
    assert answer.value == "1"
    assert "at most a word" in str(engine.asked[-1])


def test_modules_and_optimizers_of_ones_own_are_subclasses():
    class Program(tg.autograd.Module):
        def __init__(self, engine):
            self.prompt = text("Answer.", "system prompt")
            self.model = tg.BlackboxLLM(engine, self.prompt)

        def parameters(self):
            return [self.prompt]

        def forward(self, question):
            return self.model(question)

    class Louder(tg.optimizer.Optimizer):
        def step(self):
            for one in self.parameters:
                one.set_value(one.value + "!")

    engine = Dummy("a remark")
    program = Program(engine)
    tg.TextLoss("Judge.", engine)(program(text("q", requires_grad=False))).backward(engine)
    optimizer = Louder(program.parameters())
    optimizer.step()
    assert [(role, one.value, one.get_gradient_text()) for role, one in program.named_parameters()] == [
        ("system prompt", "Answer.!", "a remark")
    ]
    optimizer.zero_grad()
    assert not program.prompt.gradients
    program.prompt.gradients.add("again")
    program.zero_grad()
    assert not program.prompt.gradients


class Shouted(tg.autograd.Function):
    """Two texts in capitals, whose feedback goes back in small letters."""

    def forward(self, one, other):
        made = tg.Variable(f"{one} {other}".upper(), predecessors=[one, other], role_description="shout")
        made.set_grad_fn(tg.autograd.BackwardContext(self.backward, made, (one, other)))
        return made

    def backward(self, made, behind, backward_engine):
        for variable in behind:
            said = backward_engine(f"{made.get_gradient_text()} on {variable}")
            variable.gradients.add(text(said, "feedback"))


def test_functions_of_ones_own_carry_feedback_on_by_their_backward():
    prompt, answer = text("Answer."), text("yes")
    shout = Shouted()(tg.BlackboxLLM(lambda prompt: "no", prompt)(text("q", requires_grad=False)), answer)
    assert (shout.value, repr(shout.get_grad_fn())) == ("NO YES", f"{__name__}.Shouted.backward")
    loss = tg.TextLoss("Judge.", Dummy("too loud"))(shout)
    loss.backward(lambda prompt: prompt if prompt.startswith("too loud on") else "calm down")
    assert (shout.get_gradient_text(), answer.get_gradient_text()) == ("too loud", "too loud on yes")
    assert prompt.get_gradient_text() == "calm down"


def test_a_backward_of_ones_own_that_raises_ends_the_walk_and_changes_nothing():
    answer = text("yes")
    answer.gradients.add("earlier")
    made = tg.Variable("YES", predecessors=[answer], role_description="shout")
    made.set_grad_fn(lambda backward_engine: 1 / 0)
    with pytest.raises(GradientError, match="the grad_fn of the shout raised ZeroDivisionError"):
        tg.TextLoss("Judge.", Dummy("too loud"))(made).backward(Dummy())
    assert (answer.get_gradient_text(), made.get_gradient_text()) == ("earlier", "")


def test_deeper_modules_hold_what_their_room_holds():
    from adjoint.textgrad.autograd.functional import formatted_llm_call, llm_call
    from adjoint.textgrad.autograd.string_based_ops import StringBasedFunction
    from adjoint.textgrad.engine.base import EngineLM

    engine = Dummy("said")
    assert (EngineLM, StringBasedFunction) == (tg.EngineLM, tg.autograd.StringBasedFunction)
    assert llm_call(text("q"), engine, "the answer").role_description == "the answer"
    assert formatted_llm_call({"q": text("1")}, "the answer", engine, "Q: {q}", {"q": None}).value == "said"
    assert engine.asked == [("q", None), ("Q: 1", None)]


def two_steps(engine):
    """Two calls with a prompt each, and their loss."""
    prompts = [text("One.", "first prompt"), text("Two.", "second prompt")]
    value = text("q", requires_grad=False)
    for prompt in prompts:
        value = tg.BlackboxLLM(engine, prompt)(value)
    return prompts, tg.TextLoss("Judge.", engine)(value)


@pytest.mark.parametrize("policy", ["fused", "trace"])
def test_a_critique_without_marks_is_for_every_text_and_the_log_says_so(caplog, policy):
    engine = Dummy("no marks at all")
    prompts, loss = two_steps(engine)
    with caplog.at_level(logging.WARNING, "adjoint"):
        loss.backward(engine, policy=policy)
    assert [prompt.get_gradient_text() for prompt in prompts] == ["no marks at all"] * 2
    assert "do not say which text each remark is for" in caplog.text
    caplog.clear()
    loss.backward(engine, policy="chain")
    assert not caplog.text
    assert tg.logger.name == "adjoint"


@pytest.mark.parametrize("said", ["", "[[critique]]\nonly the first"])
def test_critiques_that_are_missing_are_told(caplog, said):
    prompts, loss = two_steps(Dummy("an answer"))
    with caplog.at_level(logging.WARNING, "adjoint"):
        loss.backward(Dummy(said))
    assert "1 of 1 critiques are missing; the first failure was" in caplog.text
    assert not prompts[0].gradients


def test_a_critic_is_shown_the_truth_that_a_judge_with_a_number_for_an_answer_was_shown():
    engine, prompt = Dummy("<A>0</A>"), text("Count.", "system prompt")
    answer = tg.BlackboxLLM(engine, prompt)(text("two plums and a fig?", requires_grad=False))
    judge = tg.loss.MultiFieldTokenParsedEvaluation("The same?", ["truth", "answer"], engine, parse_tags=["<A>", "</A>"])
    judge([text("it is 3", requires_grad=False), answer]).backward(engine)
    asked = engine.asked[-1][0]
    assert "<A>0</A>\n(The judge was shown: The same?\nit is 3)" in asked


def by_tags(prompt, system_prompt=None):
    """An engine that knows who asks by TextGrad's tags."""
    return (
        "Here: <IMPROVED_VARIABLE>better</IMPROVED_VARIABLE>"
        if "<IMPROVED_VARIABLE>" in f"{system_prompt}{prompt}"
        else "a remark"
    )


def test_engines_that_look_for_the_tags_of_textgrad_find_them():
    long = "word " * 1000
    short, whole = text("Hello"), text(long)
    (tg.TextLoss("Judge.", by_tags)(short) + tg.TextLoss("Judge.", by_tags)(whole)).backward(by_tags)
    tg.TGD([short, whole], engine=by_tags).step()
    assert (short.value, whole.value) == ("better", "better")


def test_a_rewrite_without_the_tags_is_taken_as_it_is():
    answer = text("Hello")
    answer.gradients.add("be kind")
    tg.TGD([answer], engine=lambda prompt: "Dear all").step()
    assert answer.value == "Dear all"


def test_a_system_prompt_of_ones_own_is_formatted_and_tells_the_tags():
    engine, answer = Dummy("<A>new</A>"), text("Hello")
    for prompt in ("Optimise. Write {new_variable_start_tag}{{text}}{new_variable_end_tag}.", "Optimise {this}."):
        answer.gradients.add("be kind")
        tg.TGD([answer], engine=engine, new_variable_tags=["<A>", "</A>"], optimizer_system_prompt=prompt).step()
    first, second = (system for _, system in engine.asked)
    assert first.startswith("Optimise. Write <A>{text}</A>.")
    assert second.startswith("Optimise {this}. Write the improved text between <A> and </A>.")


def test_format_strings_are_those_of_python():
    echo = tg.autograd.FormattedLLMCall(lambda prompt: prompt, '{{"question": "{q}"}}', {"q": None})
    assert echo({"q": text("{why}?")}).value == '{"question": "{why}?"}'

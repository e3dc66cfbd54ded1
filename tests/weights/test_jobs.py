"""Fine-tuning at a provider: what is sent, that a crash costs no second job, and what is refused."""

from __future__ import annotations

import asyncio

import pytest

import adjoint
from adjoint.base.errors import BudgetExceeded, DataError, LMError, TransportError, UnknownNameError, UsageError
from adjoint.lm.budget import Account, Budget
from adjoint.lm.openai import OpenAIChat
from adjoint.lm.types import Message
from adjoint.optim.strategies.finetune import BootstrapFinetune
from adjoint.optim.weights import jobs
from adjoint.optim.weights.jobs import Jobs
from adjoint.optim.weights.recipe import Recipe
from adjoint.optim.weights.rows import Row
from adjoint.optim.weights.tuner import Begun, train
from adjoint.program.context import context
from adjoint.testing import FakeProvider

ROWS = [Row((Message("user", str(number)),), "even" if number % 2 == 0 else "odd") for number in range(4)]


@pytest.fixture
def provider(monkeypatch):
    monkeypatch.setattr(jobs, "EVERY", 0.001)
    with FakeProvider() as made:
        yield made


def client(provider):
    return OpenAIChat("small", provider="openai", base_url=provider.base_url, api_key="sk-test")


def tune(provider, rows=ROWS, recipe=None, **options):
    made = Jobs(client(provider), every=0.001)
    begun = options.pop("begun", Begun())
    return asyncio.run(made.tune(rows, recipe or Recipe(), begun=begun, snapshots=1, on_step=lambda _: None, **options))


async def looked_at(provider):
    while not provider.tuning.seen.get("ftjob-1"):  # noqa: ASYNC110 - the provider is in another thread
        await asyncio.sleep(0.001)


def test_a_job_gives_the_name_of_a_model(provider):
    assert tune(provider).weights == ({"model": "ft:small:ftjob-1"},)
    assert provider.tuning.files["file-1"] == [{"messages": row.chat()} for row in ROWS]
    order = provider.tuning.orders["ftjob-1"]
    assert order["method"] == {"type": "supervised", "supervised": {"hyperparameters": {"n_epochs": 3}}}
    assert (order["model"], order["seed"], order["training_file"]) == ("small", 0, "file-1")


def test_a_tuned_model_answers_for_its_predictor(provider):
    lm = adjoint.LM("openai/small", base_url=provider.base_url, api_key="sk-test")
    program = adjoint.Predict("q -> a")
    program.weights = train(lm, ROWS).weights[-1]
    with adjoint.context(lm=lm):
        program(q="1")
    assert provider.bodies[-1]["model"] == "ft:small:ftjob-1"


def test_fine_tuning_as_dspy_orders_it_gives_a_job_whose_result_is_the_tuned_lm(provider):
    lm = adjoint.LM("openai/small", base_url=provider.base_url, api_key="sk-test", temperature=0.5)
    job = adjoint.finetune(
        lm, train_data=[{"messages": row.chat()} for row in ROWS], train_data_format="chat", train_kwargs={"epochs": 2}
    )
    job.result()("1")
    assert (provider.bodies[-1]["model"], provider.bodies[-1]["temperature"]) == ("ft:small:ftjob-1", 0.5)
    assert provider.tuning.files["file-1"] == [{"messages": row.chat()} for row in ROWS]
    lm("1")
    assert provider.bodies[-1]["model"] == "small", "the LM itself stays as it is"


def test_completions_are_conversations_of_two_turns(provider):
    lm = adjoint.LM("openai/small", base_url=provider.base_url, api_key="sk-test")
    adjoint.finetune(lm, [{"prompt": "2", "completion": "even"}], "completion").result()
    turns = [{"role": "user", "content": "2"}, {"role": "assistant", "content": "even"}]
    assert provider.tuning.files["file-1"] == [{"messages": turns}]


@pytest.mark.parametrize(
    ("lm", "data", "form", "error", "words"),
    [
        ("openai/small", [{"messages": []}], "chat", DataError, "row 1 of the training data: the last of at least two"),
        ("openai/small", [{"prompt": "2"}], "completion", DataError, "row 1 of the training data: no training row"),
        ("openai/small", [], "grpo_chat", UnknownNameError, "grpo_chat"),
        ("pocket", [{"prompt": "2", "completion": "even"}], "completion", UsageError, "cannot be trained"),
    ],
)
def test_what_cannot_be_ordered_is_refused_at_once(lm, data, form, error, words):
    with pytest.raises(error, match=words):
        adjoint.finetune(adjoint.LM(lm, **({"api_key": "sk-test"} if "/" in lm else {})), data, form)


def test_a_job_that_was_begun_is_waited_for_and_not_ordered_again(provider):
    async def crash():
        task = asyncio.ensure_future(
            Jobs(client(provider), every=60).tune(ROWS, Recipe(), begun=Begun(), snapshots=1, on_step=lambda _: None)
        )
        await looked_at(provider)
        task.cancel()
        await asyncio.wait([task])

    asyncio.run(crash())
    assert tune(provider).weights == ({"model": "ft:small:ftjob-1"},)
    assert len(provider.tuning.orders) == len(provider.tuning.files) == 1


def test_an_order_whose_answer_never_came_is_found_at_the_provider_and_not_given_again(provider):
    provider.tuning.unheard = 1
    with pytest.raises(TransportError):
        tune(provider)
    assert list(provider.tuning.orders) == ["ftjob-1"], "the provider has taken it"
    for number in range(3):  # others order, too: the list of jobs has two pages
        provider.tuning.orders[f"other-{number}"] = {"model": "small", "training_file": f"file-of-others-{number}"}
        provider.tuning.seen[f"other-{number}"] = 0
    assert tune(provider).weights == ({"model": "ft:small:ftjob-1"},)
    assert tune(provider).weights == ({"model": "ft:small:ftjob-1"},), "and from then on it is noted"
    assert len(provider.tuning.orders) == 4
    assert len(provider.tuning.files) == 1


def test_a_file_without_a_job_is_no_order(provider, monkeypatch):
    """The crash came between the upload and the order."""
    with monkeypatch.context() as patch:
        patch.setattr(jobs, "_order", lambda *_: {"training_file": "none"})
        with pytest.raises(LMError, match="no such file"):
            tune(provider)
    assert tune(provider).weights == ({"model": "ft:small:ftjob-1"},)


def test_pairs_are_sent_in_the_form_of_preferences(provider):
    pairs = [Row(row.messages, row.reply, rejected="no") for row in ROWS]
    tune(provider, pairs, Recipe(method="dpo"))
    assert provider.tuning.files["file-1"][0] == {
        "input": {"messages": [{"role": "user", "content": "0"}]},
        "preferred_output": [{"role": "assistant", "content": "even"}],
        "non_preferred_output": [{"role": "assistant", "content": "no"}],
    }
    assert provider.tuning.orders["ftjob-1"]["method"]["dpo"] == {"hyperparameters": {"n_epochs": 3, "beta": 0.1}}


def test_a_job_that_fails_says_why_and_is_ordered_anew_next_time(provider):
    provider.tuning.fails = "the file has too few rows"
    with pytest.raises(LMError, match="too few rows"):
        tune(provider)
    provider.tuning.fails = None
    assert tune(provider).weights
    assert len(provider.tuning.orders) == 1, "the job itself has recovered, so it is the one that is waited for"


def test_a_cancelled_job_ends(provider):
    async def go():
        made = Jobs(client(provider), every=0.001)
        provider.tuning.looks = 10**9
        task = asyncio.ensure_future(made.tune(ROWS, Recipe(), begun=Begun(), snapshots=1, on_step=lambda _: None))
        await looked_at(provider)
        await made.cancel("ftjob-1")
        await task

    with pytest.raises(LMError, match="was cancelled"):
        asyncio.run(go())


@pytest.mark.parametrize(
    ("recipe", "begun", "words"),
    [
        (Recipe(rank=4), Begun(), "the provider decides rank itself"),
        (Recipe(method="grpo"), Begun(), "GRPO needs the model in this process"),
        (Recipe(), Begun("0" * 64), "begins with its own model"),
    ],
)
def test_what_a_provider_cannot_be_told_is_refused(provider, recipe, begun, words):
    with pytest.raises(UsageError, match=words):
        tune(provider, recipe=recipe, begun=begun)


def test_a_cap_in_dollars_refuses_what_has_no_price(provider):
    with context(account=Account(Budget(usd=1.0))), pytest.raises(BudgetExceeded, match="fine-tuning job is not known"):
        train(client(provider), ROWS)


def test_nothing_to_learn_is_an_error(provider):
    with pytest.raises(UsageError, match="nothing to train on"):
        tune(provider, [])


def test_the_optimizer_trains_where_the_program_is_answered():
    """The provider's small model repeats the question; its tuned one knows the answer, and the certificate says so."""

    def answer(messages):
        model = provider.bodies[-1]["model"]
        word = messages[-1]["content"]
        return word.upper() if model.startswith("ft:") or len(messages) > 2 else word

    with FakeProvider(answer) as provider, pytest.MonkeyPatch.context() as patch:
        patch.setattr(jobs, "EVERY", 0.001)
        lm = adjoint.LM("openai/small", base_url=provider.base_url, api_key="sk-test")
        rows = [adjoint.Example(word=f"word{number}", answer=f"WORD{number}").with_inputs("word") for number in range(60)]
        program = adjoint.Predict("word -> answer")
        result = adjoint.optimize(
            program, trainset=rows, metric=lambda e, p: e.answer == p.answer, optimizer=BootstrapFinetune(), lm=lm, limit=1
        )
    assert result.report.shipped
    assert result.report.verdict == "better"
    assert result.state["weights"] == {"model": "ft:small:ftjob-1"}
    assert provider.tuning.files["file-1"][0]["messages"][-1]["content"].startswith("WORD"), (
        "the teacher's demos are left to the teacher"
    )
    assert all(len(line["messages"]) == 3 for line in provider.tuning.files["file-1"])

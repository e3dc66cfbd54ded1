"""Prices: found by name, overridden by the user, never guessed; and the plan that follows from them."""

from __future__ import annotations

import json

import pytest

import adjoint
from adjoint.base.errors import UsageError
from adjoint.eval.plan import plan
from adjoint.lm.prices import FREE, Price, as_of, listed, price_of, priced
from adjoint.lm.types import Response, Usage
from adjoint.testing import ScriptedLM


def remote(name="openai/gpt-4o-mini", **options):
    return adjoint.LM(name, api_key="sk-0123456789", base_url="https://api.openai.com/v1", **options)


def test_the_longest_known_name_decides_and_a_date_makes_no_other_model():
    assert listed("openai/gpt-4o-mini-2024-07-18") == listed("openai/gpt-4o-mini") != listed("openai/gpt-4o")
    assert listed("openai/gpt-4o-2024-08-06") != listed("openai/gpt-4o")
    assert listed("anthropic/claude-3-5-haiku-20241022") == Price(0.8, 4, 0.08)
    assert listed("ollama/any:model") == listed("pocket") == FREE
    assert as_of() >= "2025"


@pytest.mark.parametrize(
    "name", ["openai/gpt-4o-mini-tts", "openai/gpt-4o-audio-preview", "openai/gpt-6", "gpt-4o", "other/gpt-4o", "openai/", ""]
)
def test_a_name_that_is_not_sure_has_no_price(name):
    assert listed(name) is None


def test_the_users_table_wins_and_a_broken_one_is_told(tmp_path, monkeypatch):
    own = tmp_path / "prices.json"
    own.write_text(json.dumps({"prices": {"openai/gpt-4o-mini": [7, 8], "mine/": [1, 2, 0.5]}}))
    monkeypatch.setenv("ADJOINT_PRICES", str(own))
    assert listed("openai/gpt-4o-mini") == Price(7, 8)
    assert listed("mine/model") == Price(1, 2, 0.5)
    assert listed("openai/o1") == Price(15, 60, 7.5)
    for number, text in enumerate(
        ['{"prices": {"a": [1, -2]}}', '{"prices": {"a": ["x", 2]}}', "[]", "{", '{"prices": {"a": [1]}}']
    ):
        broken = tmp_path / f"{number}.json"
        broken.write_text(text)
        monkeypatch.setenv("ADJOINT_PRICES", str(broken))
        with pytest.raises(UsageError, match=r"no table of prices|no price"):
            listed("openai/gpt-4o-mini")


def test_what_is_told_wins_over_the_table_and_servers_on_this_machine_send_no_bill():
    assert price_of(remote()) == listed("openai/gpt-4o-mini")
    assert price_of(remote(price=(1.0, 2.0))) == price_of(remote(price=(1.0, 2.0)).copy(temperature=0.0)) == Price(1.0, 2.0)
    assert price_of(adjoint.LM("openai/gpt-4o", base_url="http://127.0.0.1:9/v1", api_key="sk-0123456789")) == FREE
    assert price_of(remote("openai/unknown")) is None
    with pytest.raises(UsageError, match="is no price"):
        remote(price=(-1.0, 2.0))


def test_dollars_follow_from_tokens_where_the_client_does_not_know_them():
    assert priced(Usage(1, 1_000_000, 500_000, None), Price(2, 10)).usd == 7.0
    assert priced(Usage(1, 1, 1, 0.5), Price(2, 10)).usd == 0.5
    assert priced(Usage(1, 1, 1, None), None).usd is None


ROWS = [adjoint.Example(q=f"q{i}", a="x").with_inputs("q") for i in range(10)]


def test_a_plan_is_never_below_what_is_spent():
    lm = ScriptedLM(lambda _: Response("x" * 200, usage=Usage(1, 300, 200, None)), identity="me")
    lm.price = (1.0, 2.0)
    program = adjoint.Predict("q -> a")
    planned = plan(program, ROWS, lm=lm)
    report = adjoint.evaluate(program, ROWS, lambda e, p: 1.0, lm=lm)
    assert report.usage_by_role["task"] == Usage(10, 3000, 2000, pytest.approx(0.007))
    assert planned.calls >= 10
    assert planned.tokens >= 5000
    assert planned.usd >= 0.007
    assert lm.requests[10:] == []


def test_a_plan_is_limited_by_the_budget_and_says_what_it_does_not_know():
    lm = ScriptedLM(["x"], identity="me", name="who/knows")
    lm.price = None
    planned = plan(adjoint.Predict("q -> a"), ROWS, lm=lm, budget="15calls")
    assert (planned.calls, planned.usd) == (15, None)
    assert "price" in str(planned)
    search = plan(adjoint.Predict("q -> a"), ROWS, lm=lm, budget="$2", optimizer="tgd")
    assert (search.calls, search.usd) == (None, 2.0)
    assert "no limit on calls" in str(search)
    assert lm.requests == []

"""From the name of a model to its client."""

from __future__ import annotations

import sys
from types import ModuleType
from typing import Any

import pytest

import adjoint
from adjoint.base.errors import AuthError, UnknownNameError, UsageError
from adjoint.lm.base import BaseLM, identity_of
from adjoint.lm.names import PROVIDERS, connect
from adjoint.lm.openai import OpenAIChat


@pytest.fixture(autouse=True)
def bare_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in PROVIDERS:
        monkeypatch.delenv(f"{name.upper()}_API_KEY", raising=False)
        monkeypatch.delenv(f"{name.upper()}_BASE_URL", raising=False)
        for variable in (*PROVIDERS[name].keys, *PROVIDERS[name].urls):
            monkeypatch.delenv(variable, raising=False)


@pytest.mark.parametrize("provider", sorted(PROVIDERS))
def test_every_provider_has_an_address(provider: str) -> None:
    lm = connect(f"{provider}/org/model", api_key="k")
    assert isinstance(lm, BaseLM)
    assert lm.name == f"{provider}/org/model"
    assert identity_of(lm) == f"{provider}/org/model@{PROVIDERS[provider].base_url}"


def test_arguments_win_over_the_environment_which_wins_over_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_BASE_URL", "http://localhost:1/v1")
    monkeypatch.setenv("OPENAI_API_KEY", "from-environment")
    assert identity_of(connect("openai/m")) == "openai/m@http://localhost:1/v1"
    given = connect("openai/m", base_url="http://localhost:2/v1", api_key="explicit", timeout=3.0)
    assert isinstance(given, OpenAIChat)
    assert given.identity == "openai/m@http://localhost:2/v1"
    assert (given._endpoint.key, given._endpoint.timeouts.total) == ("explicit", 3.0)


@pytest.mark.parametrize("key", [None, "", "  \n"])
def test_a_missing_key_is_said_at_once_in_one_line(monkeypatch: pytest.MonkeyPatch, key: str | None) -> None:
    if key is not None:
        monkeypatch.setenv("OPENAI_API_KEY", key)
    with pytest.raises(AuthError, match=r"no OPENAI_API_KEY for openai/m: set it, or use LM\('pocket'\)") as caught:
        connect("openai/m")
    assert "\n" not in str(caught.value)


def test_servers_on_this_machine_need_no_key() -> None:
    connect("openai/m", base_url="http://127.0.0.1:9/v1")
    connect("ollama/m")
    connect("vllm/m", base_url="http://10.0.0.7:8000/v1")


def test_an_unknown_provider_is_offered_the_nearest_one() -> None:
    with pytest.raises(UnknownNameError, match="did you mean 'openai'"):
        connect("opanai/m")


@pytest.mark.parametrize("model", ["gpt-4o", "", "/m", "openai/", "/"])
def test_a_bare_name_is_told_the_spelling(model: str) -> None:
    with pytest.raises(UsageError, match="write provider/model"):
        connect(model)


def test_pocket_is_the_embedded_model_and_is_imported_on_first_use(monkeypatch: pytest.MonkeyPatch) -> None:
    class Pocket:
        name = "pocket"

    module = ModuleType("adjoint.lm.pocket.client")
    module.__dict__["Pocket"] = Pocket
    monkeypatch.setitem(sys.modules, "adjoint.lm.pocket.client", module)
    assert isinstance(connect("pocket"), Pocket)


@pytest.mark.parametrize(
    ("name", "model_type", "client"),
    [
        ("openai/m", "chat", "OpenAIChat"),
        ("openai/m", "text", "OpenAIText"),
        ("vllm/m", "text", "OpenAIText"),
        ("openai/m", "responses", "OpenAIResponses"),
        ("anthropic/m", "chat", "Anthropic"),
        ("gemini/m", "chat", "Gemini"),
    ],
)
def test_a_name_and_a_type_choose_the_client(name: str, model_type: Any, client: str) -> None:
    lm = connect(name, api_key="k", model_type=model_type)
    assert type(lm).__name__ == client
    assert repr(lm).startswith(f"{client}('{name}@http")
    assert adjoint.LM(name, model_type=model_type, api_key="k").name == name


def test_types_of_model_are_openais_only() -> None:
    with pytest.raises(UsageError, match="leave it out"):
        connect("anthropic/m", api_key="k", model_type="responses")
    with pytest.raises(UnknownNameError, match="did you mean 'chat'"):
        connect("openai/m", api_key="k", model_type="chats")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("model", "variable", "value"),
    [
        ("openai/m", "OPENAI_API_BASE", "http://localhost:3/v1"),
        ("anthropic/m", "ANTHROPIC_BASE_URL", "http://localhost:3"),
        ("gemini/m", "GEMINI_BASE_URL", "http://localhost:3/v1beta"),
        ("ollama/m", "OLLAMA_BASE_URL", "http://localhost:3/v1"),
    ],
)
def test_addresses_come_from_the_variables_that_people_have_set(
    monkeypatch: pytest.MonkeyPatch, model: str, variable: str, value: str
) -> None:
    monkeypatch.setenv(variable, value)
    assert identity_of(connect(model)) == f"{model}@{value}"


@pytest.mark.parametrize(
    ("model", "variable"),
    [
        ("anthropic/m", "ANTHROPIC_API_KEY"),
        ("gemini/m", "GEMINI_API_KEY"),
        ("gemini/m", "GOOGLE_API_KEY"),
        ("together/m", "TOGETHERAI_API_KEY"),
    ],
)
def test_keys_come_from_the_variables_that_people_have_set(monkeypatch: pytest.MonkeyPatch, model: str, variable: str) -> None:
    monkeypatch.setenv(variable, "canary")
    lm: Any = connect(model)
    assert lm._endpoint.key == "canary"
    assert "canary" not in repr(lm)

"""Keys do not leave: not in errors, ledgers, saved programs or logs, in no spelling."""

from __future__ import annotations

import base64
import os
from pathlib import Path
from urllib.parse import quote

import pytest

import adjoint
from adjoint.base import secrets
from adjoint.base.errors import RequestError
from adjoint.base.secrets import Secret, redact, register
from adjoint.program.context import active_ledger
from adjoint.testing import ScriptedLM

CANARY = "sk-canary/+0123456789=abcdefghij"
DOORS = ("OPENAI_API_KEY", "ANTHROPIC_API_KEY", "HF_TOKEN", "SOME_NEW_PROVIDER_API_KEY", "AWS_SECRET_ACCESS_KEY")


def coded():
    around = [b"x" * shift + CANARY.encode() + b"tail" for shift in range(3)]
    return [encode(data).decode() for data in around for encode in (base64.b64encode, base64.urlsafe_b64encode)]


def spellings():
    """The canary as it may appear, base64 with other things around it included."""
    return list(dict.fromkeys([CANARY, CANARY[::-1], quote(CANARY), quote(CANARY, safe=""), *coded()]))


@pytest.fixture(params=DOORS)
def door(request, monkeypatch):
    monkeypatch.setenv(request.param, CANARY)
    return request.param


@pytest.fixture(autouse=True)
def no_registered_keys(monkeypatch):
    monkeypatch.setattr(secrets, "_registered", {})


def leaks(text):
    plain = [form for form in spellings() if form not in coded()]
    return [form for form in [*plain, *(form[4:-8] for form in coded())] if form in text]


def test_a_key_of_the_environment_is_masked_in_every_spelling(door):
    for form in spellings():
        assert not leaks(redact(f"before {form} after"))
    assert redact("nothing to hide") == "nothing to hide"


def test_errors_quote_no_key(door):
    error = RequestError(f"the server said: bad key {CANARY} in Basic {base64.b64encode(('user:' + CANARY).encode()).decode()}")
    assert not leaks(str(error))
    assert "the server said" in str(error)


def test_neither_the_ledger_nor_a_saved_program_holds_a_key(door, tmp_path):
    texts = iter(spellings() * 2)
    lm = ScriptedLM(lambda _: f"you said {next(texts)}", identity="me")
    program = adjoint.Predict("q -> a", f"Use {CANARY}.")
    rows = [adjoint.Example(q=form, a="x").with_inputs("q") for form in spellings()]
    report = adjoint.evaluate(program, rows, adjoint.exact_match, lm=lm)
    assert report.n == len(spellings())
    program.save(tmp_path / "program.json")
    assert not leaks((tmp_path / "program.json").read_text())
    active_ledger().close()
    path = Path(os.environ["ADJOINT_LEDGER"])
    assert len(path.read_bytes()) > 10_000
    assert not leaks(path.read_bytes().decode("latin-1"))
    ledger = adjoint.Ledger(path)
    with ledger._reading() as database:
        keys = [key.hex() for (key,) in database.execute("SELECT key FROM replies")]
    assert keys
    assert not [key for key in keys if leaks(str(ledger.request(key))) or leaks(str(ledger.reply(key)))]
    ledger.close()


@pytest.mark.parametrize(
    "give",
    [
        lambda: adjoint.LM("openai/m", api_key=CANARY),
        lambda: adjoint.LM("anthropic/m", api_key=f" {CANARY}\n"),
        lambda: adjoint.LM("gemini/m", api_key=CANARY),
        lambda: adjoint.LM("openai/m", "responses", base_url="http://localhost:1/v1", api_key=CANARY),
        lambda: adjoint.Embedder("openai/m", api_key=CANARY),
        lambda: Secret(CANARY),
    ],
)
def test_a_key_is_masked_from_the_moment_it_is_given(give):
    assert leaks(redact(CANARY))
    kept = give()
    assert not any(leaks(redact(f"before {form} after")) for form in spellings())
    assert not leaks(repr(kept))


@pytest.mark.parametrize("name", ["OPENAI_API_KEY", "TOGETHERAI_API_KEY"])
def test_a_key_that_left_the_environment_stays_masked(name, monkeypatch):
    monkeypatch.setenv(name, CANARY)
    kept = adjoint.LM("openai/m" if name == "OPENAI_API_KEY" else "together/m")
    monkeypatch.delenv(name)
    assert not leaks(redact(CANARY))
    assert not leaks(repr(kept))


def test_a_key_that_is_set_later_or_replaced_is_masked_at_once(monkeypatch):
    assert redact(CANARY) == CANARY
    monkeypatch.setenv("LATER_API_KEY", "another-key-0123")
    assert redact(CANARY) == CANARY
    monkeypatch.setenv("LATER_API_KEY", CANARY)
    assert redact(f"{CANARY} another-key-0123") == "[secret] another-key-0123"


def test_a_registered_key_is_masked_and_a_secret_does_not_show_itself():
    register("token-from-a-file-1234")
    key = Secret("sk-from-an-argument-99")
    assert f"{key} {key!r} {redact('sk-from-an-argument-99 token-from-a-file-1234')}" == (
        "[secret] Secret('[secret]') [secret] [secret]"
    )
    assert key.reveal() == "sk-from-an-argument-99"


@pytest.mark.parametrize("value", ["", "EMPTY", "none", "test", "not-needed", "lm-studio"])
def test_what_is_no_key_spoils_no_text(value, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", value)
    text = "none of the test is not-needed, EMPTY or lm-studio"
    assert redact(text) == text

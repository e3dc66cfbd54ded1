"""`adjoint probe`: the form that a model does best is measured, kept, and used by every call of that model."""

import json

import pytest

import adjoint
from adjoint.cli.main import main
from adjoint.eval.probe import probe
from adjoint.program import kept_forms
from adjoint.testing import ScriptedLM

JSON = "Reply only with JSON"


def answers(request, *, in_json):
    """A model that answers right in one form only."""
    system, text = request.messages[0].text, request.messages[1].text
    if (JSON in system) is not in_json:
        return "I would rather not."
    words = text.replace(".", "").replace("?", "").split()
    if "books" in words:
        answer = int(words[2]) + int(words[6])
        return json.dumps({"reasoning": "add", "answer": answer}) if in_json else f"Reasoning: add\nAnswer: {answer}"
    name, age, hobbies = words[0], int(words[2]), [words[11], words[13]]
    whole = {"name": name, "age": age, "hobbies": hobbies}
    wanted = [key for key in whole if f'"{key}"' in system or f"{key.title()}:" in system]
    if in_json:
        return json.dumps({key: whole[key] for key in wanted})
    return "\n".join(f"{key.title()}: {whole[key] if key != 'hobbies' else json.dumps(whole[key])}" for key in wanted)


@pytest.fixture(autouse=True)
def _own_file(tmp_path, monkeypatch):
    monkeypatch.setenv("ADJOINT_FORMS", str(tmp_path / "forms.json"))
    kept_forms._here.cache_clear()
    yield
    kept_forms._here.cache_clear()


def lm(*, in_json, name="liner"):
    return ScriptedLM(lambda request: answers(request, in_json=in_json), name=name)


def test_a_model_that_follows_one_form_only_is_found_out():
    with adjoint.context(ledger=None):
        lines, objects = probe(lm(in_json=False), rows=4), probe(lm(in_json=True), rows=4)
    assert set(lines.forms.values()) == {"lines"}
    assert set(objects.forms.values()) == {"json"}
    assert {(trial.first, trial.right) for trial in objects.trials if trial.form == "json"} == {(4, 4)}
    assert {trial.first for trial in objects.trials if trial.form == "lines"} == {0}


def test_a_kept_form_is_how_the_model_is_asked_from_then_on():
    asked, other = lm(in_json=False), lm(in_json=False, name="other")
    kept_forms.keep_forms("liner", {"value": "lines"})
    predict = adjoint.Predict("text -> age: int")
    with adjoint.context(ledger=None):
        for one in (asked, other):
            with adjoint.context(lm=one):
                shown = predict.render(text="x").messages[0].text
                assert (JSON in shown) is (one is other)
        with adjoint.context(lm=asked, adapter=adjoint.ChatAdapter()):  # what is set counts
            assert JSON in predict.render(text="x").messages[0].text


def test_a_file_of_forms_that_is_damaged_says_what_to_do(tmp_path):
    (tmp_path / "forms.json").write_text("[]")
    with (
        adjoint.context(lm=lm(in_json=True), ledger=None),
        pytest.raises(adjoint.base.errors.UsageError, match="adjoint probe MODEL"),
    ):
        adjoint.Predict("text -> age: int").render(text="x")


def test_the_command_shows_a_table_and_keeps_the_answer(tmp_path, capsys, monkeypatch):
    (tmp_path / "model.py").write_text("from tests.evaluate.test_probe import lm\nliner = lm(in_json=False)\n")
    monkeypatch.chdir(tmp_path)
    code = main(["probe", "model.py:liner", "--rows", "4", "--json"])
    shown = json.loads(capsys.readouterr().out)
    assert (code, set(shown["forms"].values()), shown["model"]) == (0, {"lines"}, "liner")
    assert json.loads((tmp_path / "forms.json").read_text())["liner"] == shown["forms"]

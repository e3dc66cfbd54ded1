"""Loaders read JSONL, JSON and CSV, and name file and line of what they cannot read."""

import json

import pytest

from adjoint import load_rows
from adjoint.base.errors import DataError
from adjoint.data.records import id_of


def write(path, text, encoding="utf-8"):
    path.write_bytes(text.encode(encoding))
    return path


def test_structured_rows_keep_id_and_metadata(tmp_path):
    row = {"id": 7, "inputs": {"q": "1+1"}, "expected": {"answer": 2}, "metadata": {"level": 1}}
    (found,) = load_rows(write(tmp_path / "rows.jsonl", json.dumps(row)))
    assert (found.inputs().toDict(), found.labels().toDict()) == ({"q": "1+1"}, {"answer": 2})
    assert (id_of(found), found._metadata) == ("7", {"level": 1})


def test_a_bare_expected_value_is_kept_under_expected(tmp_path):
    (found,) = load_rows(write(tmp_path / "rows.jsonl", '{"inputs": {"q": "x"}, "expected": false}'))
    assert found.labels().toDict() == {"expected": False}


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("rows.jsonl", '{"q": "1+1", "answer": "2"}\n\n{"q": "ü", "answer": "3"}\n'),
        ("rows.json", '[{"q": "1+1", "answer": "2"}, {"q": "ü", "answer": "3"}]'),
        ("rows.csv", "q,answer\n1+1,2\n\nü,3\n"),
        ("rows.CSV", "q,answer\r\n1+1,2\r\nü,3\r\n"),
    ],
)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
def test_flat_rows_read_the_same_from_every_format(name, text, encoding, tmp_path):
    found = load_rows(write(tmp_path / name, text, encoding))
    assert [row.inputs().toDict() for row in found] == [{"q": "1+1"}, {"q": "ü"}]
    assert [row.labels().toDict() for row in found] == [{"answer": "2"}, {"answer": "3"}]


def test_named_inputs_decide_over_the_usual_labels(tmp_path):
    (found,) = load_rows(write(tmp_path / "rows.jsonl", '{"label": "x", "text": "y", "base": 1, "self": 2}'), inputs=["label"])
    assert found.inputs().toDict() == {"label": "x"}
    assert found.labels().toDict() == {"text": "y", "base": 1, "self": 2}


@pytest.mark.parametrize(
    ("name", "text", "says"),
    [
        ("r.jsonl", '{"q": 1}\n{"q": ', "r.jsonl:2: the row is not JSON"),
        ("r.jsonl", '{"q": 1}\n[1]', "r.jsonl:2: the row is a JSON list"),
        ("r.jsonl", '{"q": NaN}', "r.jsonl:1: .*NaN has no form in JSON"),
        ("r.jsonl", "[" * 100_000, "r.jsonl:1: the row is not JSON"),
        ("r.jsonl", '{"answer": 1}', "r.jsonl:1: the row has no inputs"),
        ("r.jsonl", '{"inputs": {"q": 1}, "expcted": 2}', "r.jsonl:1: unknown key 'expcted'"),
        ("r.jsonl", '{"inputs": {"q": 1}, "expected": {"q": 2}}', "r.jsonl:1: 'q' is an input and expected"),
        ("r.jsonl", '{"q": 1, "metadata": "web"}', "r.jsonl:1: metadata is a JSON object"),
        ("r.jsonl", '{"id": 1, "q": "a"}\n{"id": 1, "q": "b"}', "two different rows have the id '1'"),
        ("r.jsonl", "\n\n", "has no rows"),
        ("r.json", '[{"q": 1}, 2]', "r.json: row 2: the row is a JSON int"),
        ("r.json", '{"q": 1}', "holds a JSON dict"),
        ("r.json", '[{"q": 1},\n]', "line [12]"),  # later versions of Python point at the comma
        ("r.csv", "q,a\n1,2\n1,2,3\n", "r.csv:3: the row has 3 fields"),
        ("r.csv", "q,q\n1,2\n", "r.csv:1: .*each once; it is q, q"),
        ("r.csv", "", "r.csv:1: .*it is empty"),
        ("r.csv", "q,a\n" + "x" * 200_000 + ",1\n", "r.csv:2: not CSV"),
        ("r.txt", "x", "cannot tell the format"),
    ],
)
def test_what_cannot_be_read_is_named_with_file_and_line(name, text, says, tmp_path):
    with pytest.raises(DataError, match=says):
        load_rows(write(tmp_path / name, text))


def test_a_missing_file_and_another_encoding_are_named(tmp_path):
    with pytest.raises(DataError, match="cannot read the data"):
        load_rows(tmp_path / "nowhere.jsonl")
    for name in ("r.jsonl", "r.json", "r.csv"):
        with pytest.raises(DataError, match="is not UTF-8"):
            load_rows(write(tmp_path / name, "é,b\n", "latin-1"))


def test_a_missing_input_is_named(tmp_path):
    with pytest.raises(DataError, match=r"r\.jsonl:1: the row lacks the input 'question'; it has q"):
        load_rows(write(tmp_path / "r.jsonl", '{"q": 1}'), inputs=["question"])

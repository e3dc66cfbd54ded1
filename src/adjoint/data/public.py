"""Public data sets, read from the files their authors publish: nothing is downloaded, and nothing is shipped.

GSM8K: Cobbe et al. (2021). BIG-Bench Hard: Suzgun et al. (2022). MMLU: Hendrycks et al. (2021). GPQA: Rein et al. (2023).
HotPotQA: Yang et al. (2018).
"""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from adjoint.base import rng
from adjoint.base.errors import DataError
from adjoint.base.json import digest
from adjoint.data.loaders import load_rows
from adjoint.data.records import EXPECTED, Example

if TYPE_CHECKING:
    from collections.abc import Sequence

LETTERS = "ABCD"
_GPQA = ("Question", "Correct Answer", "Incorrect Answer 1", "Incorrect Answer 2", "Incorrect Answer 3")


def load_gsm8k(path: str | Path) -> list[Example]:
    """A `.jsonl` file of GSM8K: `question`; `expected` is the number after `####`, the way to it is in the metadata."""
    rows = []
    for row in load_rows(path, inputs=["question"]):
        way, mark, number = str(row.get("answer")).rpartition("####")
        if not mark:
            _refuse(path, f"the answer to {row.question[:60]!r} has no '#### number' at its end")
        rows.append(_row(row.question, number.strip().replace(",", ""), reasoning=way.strip()))
    return rows


def load_bbh(path: str | Path) -> list[Example]:
    """A `.json` file of BIG-Bench Hard: `question` and `expected`."""
    try:
        return [_row(row["input"], row["target"]) for row in json.loads(_text(path))["examples"]]
    except (ValueError, KeyError, TypeError) as error:
        _refuse(path, f"it is no JSON object with examples of input and target ({error!r})")


def load_mmlu(path: str | Path) -> list[Example]:
    """A `.csv` file of MMLU, which has no header: question, four choices and the letter of the right one."""
    rows = []
    for number, row in enumerate(csv.reader(io.StringIO(_text(path), newline="")), 1):
        if len(row) != 6 or row[5] not in LETTERS:
            _refuse(path, f"row {number} is not a question, four choices and one letter of {LETTERS}")
        rows.append(_row(multiple_choice(row[0], row[1:5]), row[5]))
    return rows


def load_gpqa(path: str | Path, *, seed: int = 0) -> list[Example]:
    """A `.csv` file of GPQA. The order of the choices is drawn for each question from `seed` and the question itself."""
    rows = []
    for row in csv.DictReader(io.StringIO(_text(path), newline="")):
        missing = [name for name in _GPQA if row.get(name) is None]
        if missing:
            _refuse(path, f"a row has no {missing[0]!r}")
        question, right, *wrong = (row[name].strip() for name in _GPQA)
        choices = [right, *wrong]
        rng.stream(seed, "gpqa", digest(question)).shuffle(choices)
        rows.append(_row(multiple_choice(question, choices), LETTERS[choices.index(right)]))
    return rows


def load_hotpotqa(path: str | Path) -> list[Example]:
    """A `.json` file of HotPotQA with its paragraphs (`hotpot_train_v1.1.json`, `hotpot_dev_distractor_v1.json`, ...).

    `passages` are texts with their title in front, `expected` is the answer; the ids are the file's own. The metadata have `type`
    and `level`, where the file says them, and the supporting facts as pairs of a title and the number of a sentence, from 0.
    """
    rows = []
    try:
        for row in json.loads(_text(path)):
            inputs = {"question": row["question"], "passages": [f"{title}: {''.join(said)}" for title, said in row["context"]]}
            facts = [[str(title), int(sentence)] for title, sentence in row["supporting_facts"]]
            about = {name: row[name] for name in ("type", "level") if name in row}
            metadata = {"supporting_facts": facts, **about}
            rows.append(Example.row(inputs, {EXPECTED: row["answer"]}, id=row["_id"], metadata=metadata))
    except (ValueError, KeyError, TypeError) as error:
        _refuse(path, f"it is no JSON list of _id, question, answer, context and supporting_facts ({error!r})")
    return rows


def multiple_choice(question: str, choices: Sequence[str]) -> str:
    r"""The question with its choices under letters.

    >>> multiple_choice("1 + 1?", ["1", "2"])
    '1 + 1?\nA) 1\nB) 2'
    """
    shown = [f"{chr(ord('A') + place)}) {choice}" for place, choice in enumerate(choices)]
    return "\n".join([question, *shown])


def _text(path: str | Path) -> str:
    try:
        return Path(path).read_text(encoding="utf-8-sig")
    except OSError as error:
        _refuse(path, f"cannot read it: {error.strerror}")


def _row(question: str, expected: str, **metadata: Any) -> Example:
    return Example.row({"question": question}, {EXPECTED: expected}, id=None, metadata=metadata)


def _refuse(path: str | Path, why: str) -> NoReturn:
    message = f"{path}: {why}; give the file as its authors publish it."
    raise DataError(message)

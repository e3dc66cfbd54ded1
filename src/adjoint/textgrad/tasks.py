"""`tg.tasks`: TextGrad's tasks, read from the public files of their authors, and the way to feed them."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from adjoint.autograd.evaluations import MultiChoiceTestTime, MultiFieldTokenParsedEvaluation
from adjoint.autograd.functions import StringBasedFunction
from adjoint.base import rng
from adjoint.base.errors import UnknownNameError, UsageError
from adjoint.data import batches
from adjoint.data.public import load_bbh, load_gpqa, load_gsm8k, load_mmlu
from adjoint.eval.metrics.numbers import read_number

if TYPE_CHECKING:
    from collections.abc import Sequence

    from adjoint.autograd.engine import Engine
    from adjoint.autograd.variable import Variable
    from adjoint.data.records import Example

__all__ = ["DataLoader", "Rows", "load_instance_task", "load_task", "string_based_equality_fn"]

_BBH_SIZES = (50, 100, 100)
_GSM8K_SIZES = (200, 300)
"""DSPy's split of the training file; the test file is the test set."""
_STEP_BY_STEP = (
    "You will answer a reasoning question. Think step by step. The last line of your response should be of the following "
    "format: 'Answer: $VALUE' where VALUE is a numerical value."
)
_SAME_ANSWER = (
    "Below is a question, the answer that is known to be right, and a prediction. Is the final answer of the prediction the "
    "right one? Say <ACCURACY> 1 </ACCURACY> if it is and <ACCURACY> 0 </ACCURACY> if it is not."
)
_CHECK = (
    "Below is a question with several choices and an answer to it. Look for mistakes in the answer, investigate the other "
    "choices, and criticise. Do not answer the question yourself."
)


class DataLoader(batches.DataLoader):
    """`adjoint.DataLoader` with the defaults of TextGrad."""

    def __init__(self, data: Sequence[Any], batch_size: int = 32, shuffle: bool = True, seed: int = 0) -> None:  # noqa: FBT001, FBT002
        super().__init__(data, batch_size, shuffle, seed)


class Rows(list[tuple[Any, ...]]):
    """The rows of a set, and how the task is put to a model."""

    def __init__(self, rows: list[tuple[Any, ...]], description: str = _STEP_BY_STEP) -> None:
        super().__init__(rows)
        self.description = description

    def get_task_description(self) -> str:
        return self.description

    get_default_task_instruction = get_task_description


def load_task(
    task_name: str, evaluation_api: Engine | None = None, *, root: str | Path | None = None
) -> tuple[Rows, Rows, Rows, Any]:
    """`train, val, test, eval_fn` of `BBH_<task>` (50/100/100 rows) or `GSM8K_DSPy` (200/300/1319); rows are (question, answer).

    Files: `bbh/<task>.json`, `gsm8k/train.jsonl` and `gsm8k/test.jsonl` under `root`, by default the folder that the
    environment variable ADJOINT_DATA names. Counting and GSM8K compare numbers; other tasks are judged by `evaluation_api`.
    """
    folder = _folder(root)
    if task_name == "GSM8K_DSPy":
        train, val, _ = _cut(load_gsm8k(folder / "gsm8k" / "train.jsonl"), _GSM8K_SIZES)
        test = _pairs(load_gsm8k(folder / "gsm8k" / "test.jsonl"))
        return train, val, test, StringBasedFunction(same_number, "Whether the last number of the prediction is the right one.")
    kind, _, task = task_name.partition("_")
    if kind != "BBH" or not task:
        raise UnknownNameError.of("task", task_name, ["BBH_object_counting", "BBH_word_sorting", "BBH_<task>", "GSM8K_DSPy"])
    train, val, rest = _cut(load_bbh(folder / "bbh" / f"{task}.json"), _BBH_SIZES[:2])
    test = Rows(rest[: _BBH_SIZES[2]])
    if task == "object_counting":
        return train, val, test, StringBasedFunction(same_number, "Whether the last number of the prediction is the right one.")
    roles = ["question", "right answer", "prediction"]
    judge = MultiFieldTokenParsedEvaluation(_SAME_ANSWER, roles, evaluation_api, parse_tags=("<ACCURACY>", "</ACCURACY>"))
    return train, val, test, judge


def load_instance_task(task_name: str, evaluation_api: Engine | None = None, *, root: str | Path | None = None) -> Rows:
    """Rows of (question, answer, test_time_objective, instance_eval_fn) of `MMLU_<subset>` or `GPQA_<subset>`.

    Files: `mmlu/<subset>_test.csv` and `gpqa/gpqa_<subset>.csv` under `root` or ADJOINT_DATA. The objective is a loss that
    knows no truth; `instance_eval_fn(text)` is 1 if the text ends with the right letter, else 0.
    """
    kind, _, subset = task_name.partition("_")
    if kind == "MMLU" and subset:
        rows = load_mmlu(_folder(root) / "mmlu" / f"{subset}_test.csv")
    elif kind == "GPQA" and subset:
        rows = load_gpqa(_folder(root) / "gpqa" / f"gpqa_{subset}.csv")
    else:
        raise UnknownNameError.of("task", task_name, ["MMLU_<subset>", "GPQA_<subset>"])
    critic = MultiChoiceTestTime(_CHECK, evaluation_api)
    return Rows([(row.question, row.expected, _objective(critic, row.question), _letter_is(row.expected)) for row in rows])


def same_number(prediction: Variable | str, ground_truth_answer: Variable | str) -> int:
    """1 if the last number of the prediction is the right one, else 0; units are not compared.

    >>> from adjoint import Variable
    >>> same_number(Variable("So 2 and 3. Answer: 5", role_description="p"), Variable("5", role_description="t"))
    1
    """
    said, right = read_number(str(prediction)), read_number(str(ground_truth_answer))
    return int((said and said.value) == (right and right.value))


string_based_equality_fn = same_number
"""TextGrad's name."""


def last_letter(text: str) -> str:
    """The letter after the last `Answer:`, empty if there is none.

    >>> last_letter("Answer: A? No. **Answer: (c)**")
    'C'
    """
    found = re.findall(r"answer\W*([A-J])\b", text, re.IGNORECASE)
    return str(found[-1]).upper() if found else ""


def _objective(critic: Any, question: str) -> Any:
    return lambda answer: critic(question, answer)


def _letter_is(letter: str) -> Any:
    return lambda answer: int(last_letter(str(answer)) == letter)


def _folder(root: str | Path | None) -> Path:
    folder = root or os.environ.get("ADJOINT_DATA")
    if not folder:
        message = (
            "nothing says where the public data is; give root=FOLDER or set ADJOINT_DATA to the folder with bbh/, gsm8k/, ..."
        )
        raise UsageError(message)
    return Path(folder)


def _cut(rows: list[Example], sizes: tuple[int, ...]) -> tuple[Rows, Rows, Rows]:
    """The first rows of a fixed order as train and val, and the rest."""
    order = _pairs(rows)
    rng.stream(0, "tasks").shuffle(order)
    first, second = sizes
    if len(order) < first + second:
        message = f"the file has {len(order)} rows, but train and val take {first} and {second}; give the whole file."
        raise UsageError(message)
    return Rows(order[:first]), Rows(order[first : first + second]), Rows(order[first + second :])


def _pairs(rows: list[Example]) -> Rows:
    return Rows([(row.question, row.expected) for row in rows])

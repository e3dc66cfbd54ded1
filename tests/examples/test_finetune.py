"""The recipe for a GPU: its tasks are read, asked and judged as their authors publish them."""

import importlib.util
import json
import sys
from pathlib import Path

import pytest

import adjoint
from adjoint.testing import ScriptedLM

FILE = Path(__file__).parents[2] / "examples" / "finetune.py"
FORMS = {
    "gsm8k": {"question": "3 boxes of 4?", "answer": "3 * 4 = 12\n#### 12"},
    "hotpotqa": [
        {
            "_id": "1",
            "question": "Where was the builder of the bridge born?",
            "answer": "The Norway",
            "context": [["Bridge", ["Kari built it."]], ["Kari", ["She is from Norway."]]],
            "supporting_facts": [["Kari", 0]],
        }
    ],
}


@pytest.mark.parametrize(("name", "right", "wrong"), [("gsm8k", "It is 12.", "It is 34."), ("hotpotqa", "norway", "Sweden")])
def test_a_task_of_the_recipe_is_read_asked_and_judged(name, right, wrong, tmp_path):
    spec = importlib.util.spec_from_file_location("finetune_example", FILE)
    module = sys.modules[spec.name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    file = tmp_path / ("rows.jsonl" if name == "gsm8k" else "rows.json")
    file.write_text(json.dumps(FORMS[name]))
    task = module.TASKS[name]
    [row] = task.load(file)
    said = [right, wrong]
    lm = ScriptedLM(lambda _: f"[[ ## reasoning ## ]]\nso\n\n[[ ## answer ## ]]\n{said.pop(0)}")
    with adjoint.context(lm=lm, cache="off"):
        assert [task.metric(row, task.program()(**row.inputs())) for _ in range(2)] == [True, False]

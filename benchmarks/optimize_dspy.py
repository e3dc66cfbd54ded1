"""What DSPy's optimizers cost for each call of a language model that answers at once: the other side of `optimize.py`."""

from __future__ import annotations

import contextlib
import io
import logging
import time
from types import SimpleNamespace

import dspy


class Instant(dspy.BaseLM):
    """Right on a third of the rows, in DSPy's own form."""

    def __init__(self):
        super().__init__(model="instant", cache=False)
        self.calls = 0

    def forward(self, prompt=None, messages=None, **options):
        del prompt, options
        self.calls += 1
        text = messages[-1]["content"]
        word = text.partition("[[ ## q ## ]]")[2].split()
        said = word[0].upper() if word and word[0][4:].isdigit() and int(word[0][4:]) % 3 == 0 else "something else"
        outputs = ("answer", "proposed_instruction", "proposed_prefix_for_output_field")
        marked = "\n\n".join(
            f"[[ ## {name} ## ]]\n{said}" for name in outputs if f"[[ ## {name} ## ]]" in text or name == "answer"
        )
        message = SimpleNamespace(content=f"{marked}\n\n[[ ## completed ## ]]", tool_calls=None)
        choice = SimpleNamespace(message=message, finish_reason="stop", logprobs=None)
        usage = {"prompt_tokens": 40, "completion_tokens": 4, "total_tokens": 44}
        return SimpleNamespace(choices=[choice], usage=usage, model="instant")


def costs(rows: int) -> dict[str, tuple[int, float]]:
    """By optimizer: calls, and microseconds of CPU for each. One thread, no cache: DSPy's cheapest way."""
    data = [dspy.Example(q=f"word{n}", answer=f"WORD{n}").with_inputs("q") for n in range(rows)]
    logging.disable(logging.CRITICAL)
    dspy.configure_cache(enable_disk_cache=False, enable_memory_cache=False)

    def metric(example, prediction, trace=None):
        del trace
        return example.answer == prediction.answer

    def random_search(program):
        search = dspy.BootstrapFewShotWithRandomSearch(metric=metric, num_candidate_programs=6, num_threads=1)
        search.compile(program, trainset=data[: rows // 3], valset=data[rows // 3 :])

    def copro(program):
        search = dspy.COPRO(metric=metric, breadth=4, depth=2)
        search.compile(program, trainset=data, eval_kwargs={"num_threads": 1, "display_progress": False})

    found = {}
    for name, run in (("BootstrapRS", random_search), ("COPRO", copro)):
        lm = Instant()
        with dspy.context(lm=lm), contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            started = time.process_time()
            run(dspy.Predict("q -> answer"))
            found[name] = (lm.calls, 1e6 * (time.process_time() - started) / lm.calls)
    return found

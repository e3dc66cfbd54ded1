"""Run the tasks on the sides: ask, compare, and keep what came of every row."""

from __future__ import annotations

import logging
import statistics
import time
import warnings
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from benchmarks.forms.tasks import plain

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from contextlib import AbstractContextManager

    from benchmarks.forms.proxy import Proxy, Store
    from benchmarks.forms.tasks import Asked, Task

SIDES = ("adjoint", "dspy-chat", "dspy-json", "dspy-xml")
"""A side that begins with "adjoint", as in `adjoint-before`, is the package that can be imported, under another name."""
OPTIONS = {"temperature": 0.0, "max_tokens": 400}
AT_ONCE = 4
UNREACHED = (502, 503, 504)
FEWER, PATIENCE = 12, 300.0
"""A task that takes so many seconds on one side goes on with so many rows only."""


def library_of(side: str) -> str:
    return side.split("-", maxsplit=1)[0]


def surroundings(side: str, model: str, address: str) -> AbstractContextManager[Any]:
    """Get the context of one row: its own model behind its own address, and no cache but the store."""
    if library_of(side) == "adjoint":
        import adjoint

        lm = adjoint.LM(
            f"openai/{model}", base_url=address, api_key="none", num_retries=0, cache=False, timeout=1200.0, **OPTIONS
        )
        return adjoint.context(lm=lm, ledger=None)
    import dspy

    adapters = {"chat": dspy.ChatAdapter, "json": dspy.JSONAdapter, "xml": dspy.XMLAdapter}
    adapter = adapters[side.removeprefix("dspy-")]()
    asked: Any = dspy.LM(
        f"openai/{model}", api_base=address, api_key="none", cache=False, num_retries=0, timeout=1200.0, **OPTIONS
    )
    return dspy.context(lm=asked, adapter=adapter)


def run_row(side: str, model: str, task: Task, at: int, program: Asked, proxy: Proxy) -> dict[str, Any]:
    """Run one row, and say what came of it."""
    row, tag = task.rows[at], f"{side}.{task.name}.{at}"
    outputs: Mapping[str, Any] = {}
    error = ""
    try:
        with surroundings(side, model, proxy.address(tag)):
            outputs = program(row.inputs)
    except Exception as caught:  # noqa: BLE001 - whatever it is, it is the result of this row
        error = f"{type(caught).__name__}: {str(caught)[:300]}"
    calls = proxy.calls(tag)
    refused = [call.text for call in calls if call.status != 200]
    return {
        "error": error,
        "reason": refused[-1][:300] if error and refused else "",
        "outputs": plain(outputs),
        "expected": plain(row.expected),
        "right": not error and task.right(row.expected, outputs),
        "first": not error and len(calls) == 1 if task.one_call else None,
        "calls": len(calls),
        "tokens_in": sum(call.tokens_in for call in calls),
        "tokens_out": sum(call.tokens_out for call in calls),
        "cached": sum(call.cached for call in calls),
        "seconds": sum(call.seconds for call in calls),
        "first_reply": calls[0].text if calls else "",
        "log": [call.to_dict() for call in calls],
    }


def run_task(
    side: str, model: str, task: Task, rows: int, proxy: Proxy, patience: float = PATIENCE
) -> dict[int, dict[str, Any]] | None:
    """Run the rows of a task in their order, a few at a time; None if the side does not have it."""
    program = task.build(library_of(side))
    if program is None:
        return None
    start, made = time.monotonic(), {}

    def one(at: int) -> None:
        if at < FEWER or time.monotonic() - start < patience:
            made[at] = run_row(side, model, task, at, program, proxy)

    with ThreadPoolExecutor(AT_ONCE) as pool:
        list(pool.map(one, range(min(rows, len(task.rows)))))
    if any(call["status"] in UNREACHED for result in made.values() for call in result["log"]):
        message = f"the server of {model} cannot be reached; run the same command again once it is up"
        raise ConnectionError(message)
    return dict(sorted(made.items()))


def line(side: str, task: str, results: dict[int, dict[str, Any]]) -> str:
    """Say in a line what came of a task."""
    found = list(results.values())

    def mean(name: str) -> float:
        return statistics.fmean(one[name] for one in found)

    first = "  -" if found[0]["first"] is None else f"{sum(one['first'] for one in found):3}"
    read = sum(not one["error"] for one in found)
    right = sum(one["right"] for one in found)
    tokens = f"tokens in {mean('tokens_in'):7.1f} out {mean('tokens_out'):6.1f}"
    counts = f"rows {len(found):2}  first {first}  read {read:2}  right {right:2}  errors {len(found) - read:2}"
    return f"{side:15} {task:18} {counts}  {tokens}  calls {mean('calls'):4.1f}  {mean('seconds'):6.2f} s"


def run(
    model: str, sides: Iterable[str], chosen: Iterable[Task], rows: int, proxy: Proxy, store: Store, patience: float = PATIENCE
) -> None:
    """Run all that is asked for, print a line for each, and keep the results."""
    warnings.filterwarnings("ignore")
    logging.getLogger("dspy").setLevel(logging.ERROR)
    logging.getLogger("LiteLLM").setLevel(logging.ERROR)
    tasks = list(chosen)
    for side in sides:
        for task in tasks:
            start = time.monotonic()
            found = run_task(side, model, task, rows, proxy, patience)
            if not found:
                print(f"{side:15} {task.name:18} left out: {task.why_not or 'not offered there'}", flush=True)
                continue
            store.replace(model, side, task.name, found)
            print(f"{line(side, task.name, found)}  (in {time.monotonic() - start:.0f} s)", flush=True)

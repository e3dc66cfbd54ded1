"""Writes the table of calls into docs/optimizers.md: `python docs/make_optimizers.py`."""

from __future__ import annotations

import sys
import warnings
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from adjoint.autograd.graph import NoPathWarning
from adjoint.testing.planted import PROBLEMS
from adjoint.testing.planted_runs import calls_needed

if TYPE_CHECKING:
    from adjoint.testing.optimizer_suite import OptimizerConformance

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "optimizers.md"
START, END = "<!-- calls -->\n", "<!-- /calls -->"


def suites() -> list[type[OptimizerConformance]]:
    """The optimizers of the conformance tests."""
    sys.path.insert(0, str(ROOT))
    modules = [
        import_module(f"tests.optim.{file.stem}") for file in sorted((ROOT / "tests" / "optim").glob("test_*conformance.py"))
    ]
    found = {name: one for module in modules for name, one in vars(module).items() if name.startswith("Test")}
    return list(found.values())


def line(suite: type[OptimizerConformance]) -> str:
    """One optimizer: the calls that it needed for each problem, or "no" where it found no optimum."""
    options = ", ".join(f"{name}={value!r}" for name, value in suite.options.items())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NoPathWarning)  # some have nothing to do with some problems
        needed = [calls_needed(problem, suite().make()) for problem in PROBLEMS.values()]
    cells = " | ".join("no" if calls is None else str(calls) for calls in needed)
    return f"| `{suite.optimizer.rpartition(':')[2]}`{f' ({options})' if options else ''} | {cells} |"


def table() -> str:
    names = " | ".join(PROBLEMS)
    head = f"| optimizer | {names} |\n|---|{'---|' * len(PROBLEMS)}"
    return "\n".join([head, *map(line, suites())]) + "\n"


def main() -> None:
    page = PAGE.read_text(encoding="utf-8")
    before, rest = page.split(START)
    PAGE.write_text(before + START + table() + END + rest.split(END)[1], encoding="utf-8")


if __name__ == "__main__":
    main()

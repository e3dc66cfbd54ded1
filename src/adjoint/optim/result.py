"""What an optimisation gives: the program to use, how it was found, and the verdict that a user may quote."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from adjoint.base.json import plain
from adjoint.base.words import count
from adjoint.program.state import name_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from adjoint.base.json import Json
    from adjoint.eval.certificate import Verdict
    from adjoint.lm.types import Usage
    from adjoint.optim.base import Trial
    from adjoint.program.module import Module
    from adjoint.program.state import State


@dataclass(frozen=True)
class OptimizationReport:
    """How a run went.

    `certificate` compares the best state found with the original on holdout rows that nothing else has seen; it is None
    if nothing better was found. `selection` is the mean score of the best state where it was chosen, and so too high on
    average: quote the certificate. `shipped` says whether the returned program differs from the original.
    """

    optimizer: str
    rounds: int
    trials: tuple[Trial, ...]
    best: State
    selection: float | None
    certificate: Verdict | None
    shipped: bool
    stopped: str
    usage: Usage
    cells: int
    seconds: float
    usage_by_role: Mapping[str, Usage] = field(default_factory=dict)
    """What the program ("task"), proposers, critics and judges have cost."""
    cut: bool = False
    """Whether a spent budget ended the run: a larger one would go on."""
    notes: tuple[str, ...] = ()
    """What the optimizer has to say of the run."""

    @property
    def verdict(self) -> str:
        """`better` or `not shown better`."""
        return self.certificate.verdict if self.certificate else "not shown better"

    def __str__(self) -> str:
        lines = [
            (
                f"{self.optimizer}: {count(self.rounds, 'round')}, {count(len(self.trials), 'candidate')}, "
                f"{count(self.cells, 'cell')}, {count(self.usage.calls, 'call')}, {self.seconds:.1f} s; stopped: {self.stopped}"
            )
        ]
        if self.certificate:
            c = self.certificate
            lines.append(
                f"holdout: {100 * c.difference:+.1f} points [{100 * c.low:+.1f}, {100 * c.high:+.1f}] "
                f"(anytime-valid 95 %), n={c.n}, {count(c.errors, 'error')}: {c.verdict}"
            )
        lines.append("the optimized program is returned" if self.shipped else "the original program is returned")
        return "\n".join([*lines, *self.notes])

    def to_dict(self) -> dict[str, Json]:
        return {
            "optimizer": self.optimizer,
            "rounds": self.rounds,
            "trials": [
                {"candidate": t.name, "mean": t.mean, "n": t.n, "errors": t.errors, "accepted": t.accepted} for t in self.trials
            ],
            "best": name_of(self.best),
            "selection": self.selection,
            "certificate": None if self.certificate is None else plain(self.certificate.to_dict()),
            "verdict": self.verdict,
            "shipped": self.shipped,
            "stopped": self.stopped,
            "cut": self.cut,
            "notes": list(self.notes),
            "calls": self.usage.calls,
            "usage_by_role": plain(self.usage_by_role),
            "cells": self.cells,
            "seconds": round(self.seconds, 3),
        }


@dataclass(frozen=True)
class Result:
    """`program` is ready to use and to save; `state` is its state, `run_id` its name in the ledger."""

    program: Module
    state: State
    report: OptimizationReport
    run_id: str

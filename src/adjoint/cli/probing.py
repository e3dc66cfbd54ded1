"""`probe`: measure in which form a model replies best, and keep the answer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from adjoint.adapters.forms.choice import DEFAULTS
from adjoint.cli import text
from adjoint.cli.sources import read_lm
from adjoint.cli.verbs import surroundings
from adjoint.eval.probe import probe as measure
from adjoint.program.context import active_lm, context
from adjoint.program.kept_forms import keep_forms

if TYPE_CHECKING:
    from adjoint.cli.verbs import Common


def probe(common: Common, rows: int, *, keep: bool) -> int:
    """Show a table of all trials, and keep the best forms in a file that every call of this model reads."""
    with surroundings(common, "probe", common.model or "", str(rows)), context(lm=read_lm(common.model)):
        found = measure(active_lm(), rows=rows)
    path = keep_forms(found.model, found.forms) if keep else None
    if common.json:
        common.show("", {**found.to_dict(), "kept": None if path is None else str(path)})
        return 0
    head = ("outputs", "form", "rows", "read at first", "read", "right", "tokens a row")
    table = [
        (trial.shape, trial.form, *map(str, (trial.rows, trial.first, trial.read, trial.right)), f"{trial.tokens:.0f}")
        for trial in found.trials
    ]
    text.table(head, table, right=range(2, 7))
    changed = {shape: form for shape, form in found.forms.items() if form != DEFAULTS[shape]}
    named = ", ".join(f"{shape} as {form}" for shape, form in changed.items())
    text.say(f"{found.model} is best asked for {named}." if changed else f"{found.model} does best in the default forms.")
    if path is not None:
        text.note(f"kept in {path}: every call of {found.model} is asked so.")
    return 0

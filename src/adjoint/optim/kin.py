"""Kin: why a run begins anew although an earlier one was much like it. What decides a run has changed, and the user may not know."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from adjoint.base.json import digest

if TYPE_CHECKING:
    from collections.abc import Mapping

    from adjoint.ledger.store import Ledger

_NAMES = {"program": "the program differs", "rows": "the rows differ", "metric": "the metric differs", "lm": "the model differs"}
"""What can change without being said in the command."""
_MOST = 2
"""Changes with which two runs still have something to do with each other."""


def parts(decided: Mapping[str, Any]) -> dict[str, str]:
    """A digest of each thing that decides a run, to be kept with its beginning; of rows in whatever order."""
    return {name: digest(sorted(value) if name == "rows" else value, length=12) for name, value in decided.items()}


def why_new(ledger: Ledger | None, run: str, optimizer: str, own: Mapping[str, str]) -> tuple[str, ...]:
    """What sets a run apart from the one before it with the same optimizer that is most like it; nothing if all does, or nothing.

    What came after the first beginning of the run does not count, so a run that is continued says the same. `own` are its `parts`.
    """
    nearest, fewest = "", [*_NAMES]
    for event in ledger.events(kind="begin") if ledger else ():
        body: Any = event.body
        if event.run == run:
            break
        if body.get("optimizer") == optimizer and "parts" in body:
            changed = [name for name in _NAMES if body["parts"][name] != own[name]]
            if len(changed) <= len(fewest):
                nearest, fewest = event.run, changed
    if not nearest or not 0 < len(fewest) <= _MOST:
        return ()
    said = ", and ".join(_NAMES[name] for name in fewest)
    return (f"this is a run of its own and does not continue {nearest}: {said}",)

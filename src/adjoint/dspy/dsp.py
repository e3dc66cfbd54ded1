"""`dspy.dsp`: the settings, and the one helper of DSPy's tutorials that lives there."""

from __future__ import annotations

from typing import TYPE_CHECKING

from adjoint.base.paths import inside
from adjoint.program.settings import settings

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["deduplicate", "settings"]


def deduplicate(seq: Iterable[str]) -> list[str]:
    """Each text once, where it came first.

    >>> deduplicate(["b", "a", "b"])
    ['b', 'a']
    """
    return list(dict.fromkeys(seq))


inside(__name__, "utils", "utils.settings", "utils.utils")

"""Copies: a proposal may learn from rows, but not repeat them.

What repeats a row is either of no use for other rows, or what a row achieves that tries to steer the proposer.
"""

from __future__ import annotations

import logging
import re
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

from adjoint.adapters.written import write
from adjoint.base.errors import GradientError
from adjoint.data.records import id_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from adjoint.data.records import Example
    from adjoint.optim.base import Workbench
    from adjoint.optim.bench import Bench

_WORD = re.compile(r"[^\W_]+", re.UNICODE)
_CODE = re.compile(r"(?=\S*\d\S*\d)(?=\S*[^\W\d_])[\w@:/.+#-]{5,}\w|[\w.+-]*[^\W\d_]{2}[@.][^\W\d_]{2}[\w@:/.+#-]*")
"""Words that nobody uses to say what to do in general: numbers of orders, keys, addresses, links."""
_RUN, _RARE_RUN = 8, 6
"""Words in a row that are no coincidence in any case, and those that are none if few rows have them."""
_BLOCK, _LABEL = 3, 4
"""Words from which on a whole input is no coincidence, and a whole label: an instruction may have to name those of a class."""
_COMMON = 0.1
"""The share of rows from which on a code, a few words or a short value (a label) belong to the task and not to a row."""
_log = logging.getLogger("adjoint.propose")


class CopyError(GradientError):
    """A proposal repeats what stands in training rows; `rows` are their ids."""

    def __init__(self, passage: str, rows: frozenset[str]) -> None:
        super().__init__(f"it repeats {passage!r} from the data; say what holds in general")
        self.rows = rows


class Sources:
    """The rows from which proposals may learn, but not copy: runs of words, whole values, and codes that few rows have.

    Every `_BLOCK`th place of a value is looked up, which finds all runs that matter in a third of the room.
    """

    def __init__(self, rows: Iterable[Example]) -> None:
        self._values: list[tuple[str, list[str]]] = []
        self._blocks: dict[tuple[str, ...], list[tuple[int, int]]] = {}
        self._codes: dict[str, set[str]] = {}
        rows = list(rows)
        for row in rows:
            inputs = row.inputs().keys()
            for name, value in row.items():
                self._add(id_of(row), write(value), _BLOCK if name in inputs else _LABEL)
        self._most = max(2, int(_COMMON * len(rows)))

    def _add(self, row: str, text: str, least: int) -> None:
        words = _words(text)
        for start in range(0, len(words) - _BLOCK + 1 if len(words) >= least else 0, _BLOCK):
            self._blocks.setdefault(tuple(words[start : start + _BLOCK]), []).append((len(self._values), start))
        self._values.append((row, words))
        for code in _CODE.findall(text):
            self._codes.setdefault(code.casefold(), set()).add(row)

    def has_copy(self, text: str) -> bool:
        """Whether the text repeats a row."""
        try:
            self.refuse_copy(text)
        except CopyError:
            return True
        return False

    def refuse_copy(self, text: str, old: str = "") -> None:
        """Raise `CopyError` if the text repeats a row; what stands in the old text too is no copy."""
        known = old.casefold()
        for code in _CODE.findall(text):
            rows = self._codes.get(code.casefold(), set())
            if 0 < len(rows) <= self._most and code.casefold() not in known:
                raise _refused(code, rows)
        words, before = _words(text), f" {' '.join(_words(old))} "
        for start in range(len(words) - _BLOCK + 1):
            copied: dict[str, set[str]] = {}
            for place, at in self._blocks.get(tuple(words[start : start + _BLOCK]), ()):
                row, value = self._values[place]
                first, last = _common(words, start, value, at)
                passage = " ".join(words[first:last])
                if last - first >= min(_RARE_RUN, len(value)) and f" {passage} " not in before:
                    copied.setdefault(passage, set()).add(row)
            copied = {said: rows for said, rows in copied.items() if len(said.split()) >= _RUN or len(rows) <= self._most}
            if copied:
                passage = max(copied, key=len)
                raise _refused(passage, {row for rows in copied.values() for row in rows})


_of_runs: WeakKeyDictionary[Bench, Sources] = WeakKeyDictionary()
"""Their rows are looked through once a run."""


def sources_of(work: Workbench) -> Sources:
    """The feedback rows of a run as sources, made once."""
    if work.bench not in _of_runs:
        _of_runs[work.bench] = Sources(work.feedback)
    return _of_runs[work.bench]


def _common(words: Sequence[str], start: int, value: Sequence[str], at: int) -> tuple[int, int]:
    """Where in the words the run begins and ends that they have in common with the value around these places."""
    back = 0
    while back < min(start, at) and words[start - back - 1] == value[at - back - 1]:
        back += 1
    on = 0
    while on < min(len(words) - start, len(value) - at) and words[start + on] == value[at + on]:
        on += 1
    return start - back, start + on


def _refused(passage: str, rows: Iterable[str]) -> CopyError:
    """Said aloud, since it may be an attempt to steer the proposer."""
    error = CopyError(passage, frozenset(rows))
    _log.warning("a proposal is refused: %s (rows %s)", error, ", ".join(sorted(error.rows)))
    return error


def _words(text: str) -> list[str]:
    return _WORD.findall(text.casefold())

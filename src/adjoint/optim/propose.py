"""Proposals: what a language model writes becomes a candidate only if it can be one. All optimizers ask and check here.

A proposal may be refused because it was cut off, is empty, has grown too much, has lost a placeholder, breaks a constraint or
repeats what stands in a training row. The last is also what a row achieves that tries to steer the proposer: such a row is
left out and the question asked again without it, so that data stays data.
"""

from __future__ import annotations

import contextlib
import logging
import re
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from adjoint.adapters.chat import inputs_text, outputs_text
from adjoint.adapters.written import write
from adjoint.base.errors import FATAL, AdjointError, GradientError
from adjoint.data.records import id_of
from adjoint.exec.local import all_of
from adjoint.modules.predict import Predict
from adjoint.program.context import context

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterable, Iterator, Mapping, Sequence

    from adjoint.data.records import Example
    from adjoint.lm.base import BaseLM
    from adjoint.lm.types import Request, Response
    from adjoint.optim.base import Workbench
    from adjoint.optim.bench import Bench
    from adjoint.optim.demos import Demo
    from adjoint.program.module import Module
    from adjoint.program.state import State
    from adjoint.signature.signature import Signature

PLACEHOLDER = re.compile(r"\{\{?\s*[A-Za-z_]\w*\s*\}?\}")
_WORD = re.compile(r"[^\W_]+", re.UNICODE)
_CODE = re.compile(r"(?=\S*\d\S*\d)(?=\S*[^\W\d_])[\w@:/.+#-]{5,}\w|[\w.+-]*[^\W\d_]{2}[@.][^\W\d_]{2}[\w@:/.+#-]*")
"""Words that nobody uses to say what to do in general: numbers of orders, keys, addresses, links."""
_RUN, _RARE_RUN = 8, 6
"""Words in a row that are no coincidence in any case, and those that are none if few rows have them."""
_BLOCK, _LABEL = 3, 4
"""Words from which on a whole input is no coincidence, and a whole label: an instruction may have to name those of a class."""
_COMMON = 0.1
"""The share of rows from which on a code, a few words or a short value (a label) belong to the task and not to a row."""
_TRIES = 6
_log = logging.getLogger("adjoint.propose")


class CopyError(GradientError):
    """A proposal repeats what stands in training rows; `rows` are their ids."""

    def __init__(self, passage: str, rows: frozenset[str]) -> None:
        super().__init__(f"it repeats {passage!r} from the data; say what holds in general")
        self.rows = rows


@dataclass(frozen=True, slots=True)
class Guard:
    """What a proposed text must be. It may have `room` characters, or `growth` times as many as the old text and its feedback.

    `checks` are functions of the text that return what is wrong with it, or nothing.
    """

    growth: float = 4.0
    room: int = 400
    keep_placeholders: bool = False
    checks: tuple[Callable[[str], str | None], ...] = ()

    def accept(self, text: str, old: str, *, said: str = "", sources: Sources | None = None) -> str:
        """The text, if it may take the place of the old one; else `GradientError` that says why not.

        >>> Guard().accept("Be brief.", "Answer.")
        'Be brief.'
        """
        text, limit = text.strip(), max(self.room, int(self.growth * (len(old) + len(said))))
        if not text or len(text) > limit:
            message = f"it has {len(text)} characters; 1 to {limit} are allowed"
            raise GradientError(message)
        lost = [name for name in dict.fromkeys(PLACEHOLDER.findall(old)) if name not in text] if self.keep_placeholders else []
        if lost:
            message = f"it lacks {', '.join(lost)}, which must be kept"
            raise GradientError(message)
        for check in self.checks:
            if wrong := check(text):
                raise GradientError(wrong)
        if sources is not None:
            sources.refuse_copy(text, old)
        return text


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


def sources_of(work: Workbench) -> Sources:
    """The feedback rows of a run as sources, made once."""
    if work.bench not in _of_runs:
        _of_runs[work.bench] = Sources(work.feedback)
    return _of_runs[work.bench]


_of_runs: WeakKeyDictionary[Bench, Sources] = WeakKeyDictionary()


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


class Proposer(Predict[Any]):
    """A predictor whose replies must be whole: half an instruction is none."""

    async def _ask(self, request: Request, call: Any) -> Response:
        response = await super()._ask(request, call)
        if response.finish == "length":
            message = "it was cut off by the limit of tokens; raise max_tokens of the proposer's LM"
            raise GradientError(message)
        return response


async def asked(
    signature: type[Signature],
    inputs: Mapping[str, str],
    lm: BaseLM | None,
    *,
    accept: Callable[[str], str] = str.strip,
    sample: int = 0,
    temperature: float | None = None,
) -> str:
    """What a proposer says in its one output, made acceptable: `accept` gives the text to use, or raises `GradientError`.

    A reply that cannot be accepted is shown to it with the reason if the signature has an input `mistake`, else drawn anew;
    once. What repeats the data is raised at once, since the data must change and not the wording.
    """
    name, reason = next(iter(signature.output_fields)), ""
    with context(role="proposer", tape=None):
        for turn in range(2):
            proposer = Proposer(signature, temperature=temperature, rollout_id=2 * sample + turn)
            proposer.lm = lm
            told = {"mistake": f"Your last reply cannot be used: {reason}." if reason else ""}
            made = await proposer.acall(**inputs, **(told if "mistake" in signature.input_fields else {}))
            try:
                return accept(str(made[name]))
            except CopyError:
                raise
            except GradientError as error:
                reason = str(error)
    message = f"the proposal cannot be used: {reason}."
    raise GradientError(message)


async def taught(rows: Sequence[Example], ask: Callable[[list[Example]], Coroutine[Any, Any, str]]) -> str:
    """A proposal that is made from rows. One that repeats some of them is asked for again without these."""
    left = list(rows)
    for _ in range(_TRIES - 1):
        try:
            return await ask(left)
        except CopyError as error:
            left = [row for row in left if id_of(row) not in error.rows]
    return await ask(left)


async def usable(proposals: Iterable[Coroutine[Any, Any, Any]]) -> list[Any]:
    """Those of the proposals that came about, in order; all are asked for at once."""
    return [made for made in await all_of(tried(work) for work in proposals) if made is not None]


async def tried(work: Coroutine[Any, Any, Any]) -> Any:
    """What a proposal gives; None if it fails, which costs a candidate and not the run. Both are counted in the `Tally` of the run."""
    try:
        made = await work
    except FATAL:
        raise
    except AdjointError as error:
        _log.info("a proposal failed: %s", error)
        note_down(0, [f"{type(error).__name__}: {error}"])
        return None
    note_down(int(made is not None), [])
    return made


def note_down(made: int, failures: Sequence[str]) -> None:
    """Add what came of critiques and proposals to the `Tally` of the run, if there is one."""
    tally = _tally.get()
    if tally is not None:
        tally.made += made
        tally.failed += len(failures)
        tally.first = tally.first or next(iter(failures), "")


@dataclass
class Tally:
    """How many critiques and proposals came about, how many have failed, and what the first of these said."""

    made: int = 0
    failed: int = 0
    first: str = ""

    def notes(self) -> tuple[str, ...]:
        """What a report says of the failures; nothing if there are none."""
        if not self.failed:
            return ()
        asked = self.made + self.failed
        return (f"{self.failed} of {asked} critiques and proposals came to nothing; the first: {self.first}",)


_tally: ContextVar[Tally | None] = ContextVar("tally", default=None)


@contextlib.contextmanager
def counted(tally: Tally) -> Iterator[None]:
    """Count there what comes of the proposals inside of the block."""
    token = _tally.set(tally)
    try:
        yield
    finally:
        _tally.reset(token)


# What proposers are shown ----------------------------------------------------------------------------------------------


def texts_of(program: Module, state: State) -> dict[str, str]:
    """The trainable texts of a program in this state, by name."""
    return {name: str(state[name]) for name, one in program.named_parameters() if one.kind == "text" and one.trainable}


def predictors_of(program: Module) -> dict[str, Any]:
    """The predictors whose instruction may change, by the name of that instruction."""
    owners = {id(one): name for name, one in program.named_parameters() if one.kind == "text" and one.trainable}
    return {owners[id(p._instruction)]: p for p in program.predictors() if id(p._instruction) in owners}


def pairs_of(predictor: Any, demos: Sequence[Demo]) -> list[tuple[str, str]]:
    """Demos as inputs and outputs in words. No value can begin a line of its own, and so none can pose as another one."""
    signature = predictor.signature
    ins, outs = list(signature.input_fields.values()), list(signature.output_fields.values())
    return [
        (_kept(inputs_text(ins, demo, partial=True)), _kept(outputs_text([field for field in outs if field.name in demo], demo)))
        for demo in demos
        if any(field.name in demo for field in outs)
    ]


def _kept(text: str) -> str:
    return text.replace("\n", "\n  ")

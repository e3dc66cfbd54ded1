"""Predictions: the typed outputs of a call, which remember the node that made them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

from adjoint.base.errors import UsageError
from adjoint.data.records import Example
from adjoint.program.completions import Completions
from adjoint.program.tape import note_read, recent_reads

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from adjoint.data.records import Record
    from adjoint.program.tape import Node, Tape


class Prediction(Example):
    """Outputs by name. Reading one is noted on the tape, since what is read may feed the next call.

    Programs may build their own: `Prediction(answer=...)`.
    """

    _node: Node | None = None
    _tape: Tape | None = None
    _made_from: tuple[tuple[Node, str], ...] = ()
    """The fields that were read since the last call when a program built this: what it is most likely made from."""
    _completions: Completions | None = None
    _usage: dict[str, dict[str, Any]] | None = None

    def __init__(self, base: Any = None, **values: Any) -> None:
        super().__init__(base, **values)
        self._made_from = recent_reads()

    @classmethod
    def of(cls, outputs: dict[str, Any], node: Node, tape: Tape) -> Self:
        """The prediction of a recorded call."""
        made = cls.__new__(cls)
        vars(made).update(_store=outputs, _node=node, _tape=tape, _made_from=recent_reads())
        return made

    def _seen_as(self, kind: type[Prediction]) -> Prediction:
        """The same prediction as one of another class."""
        made = kind.__new__(kind)
        vars(made).update(vars(self))
        return made

    @property
    def tape(self) -> Tape | None:
        """The recording that this prediction ended, if there is one."""
        return self._tape

    @classmethod
    def from_completions(
        cls, completions: Sequence[Mapping[str, Any]] | Mapping[str, Sequence[Any]] | Completions, signature: Any = None
    ) -> Self:
        """The first of several answers to one question as a prediction; `completions` has them all."""
        del signature  # DSPy's; the names are those of the outputs
        known = completions if isinstance(completions, Completions) else Completions(completions)
        if not len(known):
            message = "there are no completions, so there is no prediction either."
            raise UsageError(message)
        made = cls(known[0])
        made._completions = known
        return made

    @property
    def completions(self) -> Completions:
        """All answers to a request with `n` > 1 that could be read, this one first; otherwise this one alone."""
        if self._completions is None:
            others = () if self._node is None else self._node.details.get("completions", ())
            self._completions = Completions([self._store, *others])
        return self._completions

    # As a number -------------------------------------------------------------------------------------------------

    def __float__(self) -> float:
        """The output `score`, so that metrics which are programs can be compared and averaged."""
        if "score" not in self._store:
            message = f"a prediction stands for a number only if it has a score; this one has {', '.join(self._store) or 'none'}."
            raise UsageError(message)
        return float(self.score)

    def __add__(self, other: object) -> float:
        return float(self) + _number(other)

    __radd__ = __add__

    def __truediv__(self, other: object) -> float:
        return float(self) / _number(other)

    def __rtruediv__(self, other: object) -> float:
        return _number(other) / float(self)

    def __lt__(self, other: object) -> bool:
        return float(self) < _number(other)

    def __le__(self, other: object) -> bool:
        return float(self) <= _number(other)

    def __gt__(self, other: object) -> bool:
        return float(self) > _number(other)

    def __ge__(self, other: object) -> bool:
        return float(self) >= _number(other)

    def set_lm_usage(self, usage: dict[str, dict[str, Any]]) -> None:
        """Say what this prediction has used, where the tape does not know."""
        self._usage = usage

    def get_lm_usage(self) -> dict[str, dict[str, Any]]:
        """What all calls of the run that gave this prediction have used, by the name of the LM."""
        if self._usage is not None:
            return self._usage
        from adjoint.program.observe import as_dict

        tape = self._tape
        return {} if tape is None else as_dict((node.lm, node.usage) for node in (*tape.nodes, *tape.rejected) if node.lm)

    def __getattr__(self, name: str) -> Any:
        value = super().__getattr__(name)
        self._read(name)
        return value

    def __getitem__(self, name: str) -> Any:
        value = super().__getitem__(name)
        self._read(name)
        return value

    def get(self, name: str, default: Any = None) -> Any:
        self._read(name)
        return super().get(name, default)

    def values(self) -> list[Any]:
        return [self[name] for name in self]

    def items(self) -> list[tuple[str, Any]]:
        return [(name, self[name]) for name in self]

    def toDict(self) -> dict[str, Any]:  # noqa: N802 - DSPy's name
        for name in self:
            self._read(name)
        return super().toDict()

    def _read(self, name: str) -> None:
        if self._node is not None:
            note_read(self._node, name)


def _number(value: object) -> float:
    """A number, or a prediction with a score."""
    if isinstance(value, int | float | Prediction):
        return float(value)
    message = f"a prediction with a score can be compared with a number or with another one, not with {value!r:.80}."
    raise TypeError(message)


def peek(prediction: Record, name: str, default: Any = None) -> Any:
    """A field without noting that it was read: for metrics, reports and rules, which feed no call."""
    return prediction._store.get(name, default)

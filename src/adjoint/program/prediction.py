"""Predictions: the typed outputs of a call, which remember the node that made them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from adjoint.data.records import Record
from adjoint.program.tape import note_read, recent_reads

if TYPE_CHECKING:
    from collections.abc import Mapping

    from adjoint.program.tape import Node, Tape


class Prediction(Record):
    """Outputs by name. Reading one is noted on the tape, since what is read may feed the next call.

    Programs may build their own: `Prediction(answer=...)`.
    """

    _node: Node | None = None
    _tape: Tape | None = None
    _made_from: tuple[tuple[Node, str], ...] = ()
    """The fields that were read since the last call when a program built this: what it is most likely made from."""

    def __init__(self, base: Record | Mapping[str, Any] | None = None, /, **values: Any) -> None:
        super().__init__(base, **values)
        self._made_from = recent_reads()

    @classmethod
    def of(cls, outputs: dict[str, Any], node: Node, tape: Tape) -> Prediction:
        """The prediction of a recorded call."""
        made = cls(outputs)
        made._node, made._tape = node, tape
        return made

    @property
    def tape(self) -> Tape | None:
        """The recording that this prediction ended, if there is one."""
        return self._tape

    def get_lm_usage(self) -> dict[str, dict[str, Any]]:
        """What all calls of the run that gave this prediction have used, by the name of the LM."""
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
        return dict(self.items())

    def _read(self, name: str) -> None:
        if self._node is not None:
            note_read(self._node, name)


def peek(prediction: Record, name: str, default: Any = None) -> Any:
    """A field without noting that it was read: for metrics, reports and rules, which feed no call."""
    return prediction._store.get(name, default)

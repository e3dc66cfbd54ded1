"""The tape: the recording of one run of a program, one Node a call, with Edges that say which value fed which input."""

from __future__ import annotations

import itertools
from contextvars import ContextVar
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, TypeAlias

from adjoint.base.json import plain
from adjoint.lm.types import NO_USAGE
from adjoint.program import runs

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from adjoint.base.json import Json
    from adjoint.data.records import Score
    from adjoint.lm.types import Message, Usage
    from adjoint.program.drawing import Drawing
    from adjoint.program.module import Module
    from adjoint.program.parameter import Parameter

How: TypeAlias = Literal["declared", "identity", "read", "contained", "order"]

_reads: ContextVar[tuple[tuple[Node, str], ...]] = ContextVar("adjoint_reads", default=())
"""Fields of predictions read since the last call, in this task: a child task starts with its parent's."""
_MOST_READS = 64


@dataclass(frozen=True, slots=True)
class Edge:
    """One value that fed an input: the node and field it comes from, how that is known, and how sure it is (0..1).

    `span` is where the value stands in the input's text, if it was found there.
    """

    source: Node
    field: str
    how: How
    confidence: float
    span: tuple[int, int] | None = None


class Traced:
    """A value that knows where it comes from and says so wherever it is used: `Variable`."""

    value: Any

    def edges(self) -> list[Edge]:
        raise NotImplementedError


class ParameterRead(NamedTuple):
    """A parameter that a call has read, with the value it had then."""

    name: str
    parameter: Parameter[Any]
    value: Any


@dataclass(slots=True, eq=False, weakref_slot=True)
class Node:
    """One call. `outputs` is empty and `error` set if it failed; `parents` has the edges of each input."""

    seq: int
    op: str
    module: Module | None
    inputs: Mapping[str, Any]
    parents: dict[str, list[Edge]]
    reads: tuple[ParameterRead, ...] = ()
    outputs: Mapping[str, Any] = field(default_factory=dict)
    messages: tuple[Message, ...] = ()
    reply: str | None = None
    usage: Usage = NO_USAGE
    error: str | None = None
    repair: tuple[Message, ...] = ()
    """The turns by which the LM was shown that its first reply could not be read; empty if it could."""
    details: Mapping[str, Any] = field(default_factory=dict)
    """What the op's own rule of the backward pass needs; empty for most."""
    lm: str = ""
    """The name of the LM that was asked, if one was."""

    def edges(self) -> list[Edge]:
        return [edge for edges in self.parents.values() for edge in edges]

    def __getstate__(self) -> dict[str, Any]:
        """All but the module, which belongs to a program that is kept apart."""
        kept = {item.name: getattr(self, item.name) for item in fields(self)}
        return {**kept, "module": None}

    def __setstate__(self, state: dict[str, Any]) -> None:
        for name, value in state.items():
            setattr(self, name, value)


class Linked(Traced):
    """A plain value together with the edges that say where it comes from, for modules that know it better than the tape."""

    def __init__(self, value: Any, edges: Sequence[Edge]) -> None:
        self.value, self._edges = value, edges

    def edges(self) -> list[Edge]:
        return list(self._edges)


@dataclass(slots=True, eq=False)
class Remark:
    """What an assertion has objected to: the call, the words, and a score with them as feedback.

    `again` says that the call was asked again because of it, `settled` that the assertion held afterwards.
    """

    kind: Literal["assert", "suggest"]
    text: str
    score: Score
    node: Node | None = None
    place: tuple[Any, str] | None = None
    again: bool = False
    settled: bool = False


class Tape:
    """The calls of one run in order. `inputs` are those of the program, `root` is the program itself.

    `rejected` are calls that were paid for and are no part of the result: tries that were not taken, replies that an
    assertion has sent back. `remarks` are what assertions objected to.
    """

    def __init__(self, root: Module | None = None, inputs: Mapping[str, Any] | None = None) -> None:
        self.root = root
        self.inputs = dict(inputs or {})
        self.nodes: list[Node] = []
        self.links: list[tuple[Any, Any]] = []
        self.rejected: list[Node] = []
        self.remarks: list[Remark] = []
        self._counter = itertools.count()
        self._names: dict[Node, str] = {}

    def open(
        self,
        op: str,
        inputs: Mapping[str, Any],
        *,
        module: Module | None = None,
        reads: Sequence[ParameterRead] = (),
        declared: Mapping[str, list[Edge]] | None = None,
        call: runs.Call | None = None,
    ) -> Node:
        """Begin a call: find what fed each input, and give the call its place in the order.

        `declared` edges are taken as they are; `call` is what is asked, if it can be replayed. Must be called
        where the call is written, in the caller's own task, because that is whose reads count.
        """
        recent = _reads.get()
        if recent:
            _reads.set(())
        parents: dict[str, list[Edge]] = {slot: [] for slot in inputs}
        if self.nodes or declared:  # nothing has fed the first call of a run, or a call outside of one
            from adjoint.program.provenance import edges_of

            parents = edges_of(self, inputs, [item for item in recent if item[0] in self.nodes], declared or {})
        node = Node(next(self._counter), op, module, dict(inputs), parents, tuple(reads))
        (self.nodes if runs.opened(node, call) else self.rejected).append(node)
        return node

    def reject(self, nodes: Iterable[Node]) -> None:
        """Take calls off the tape. What they have used stays counted."""
        gone = set(nodes)
        self.rejected += [node for node in self.nodes if node in gone]
        self.nodes[:] = [node for node in self.nodes if node not in gone]

    def restore(self, node: Node, call: runs.Call | None = None) -> Node:
        """Put a call back as the latest one."""
        _reads.set(())
        runs.opened(node, call)
        self.rejected[:] = [other for other in self.rejected if other is not node]
        self.nodes.append(node)
        return node

    @property
    def backtracks(self) -> int:
        """How many calls were asked again because an assertion did not hold."""
        return sum(remark.again for remark in self.remarks)

    def link(self, value: Any, *, from_: Any) -> Any:
        """Declare that `value` was made from `from_` (a value or a list of values); returns `value`."""
        self.links.append((value, from_))
        return value

    def graph(self, *, gradients: bool = True) -> Drawing:
        """The calls and what fed what as SVG, with values, gradients and costs; notebooks show it."""
        from adjoint.program.drawing import draw

        return draw(self.nodes, gradients=gradients, names={node: self.name_of(node) for node in self.nodes})

    def __getstate__(self) -> dict[str, Any]:
        """The recording without the program that it is of."""
        names = {node: self.name_of(node) for node in self.nodes}
        return {**vars(self), "root": None, "_counter": None, "_names": names}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        self._counter = itertools.count(1 + max((node.seq for node in self.nodes), default=-1))

    def name_of(self, node: Node) -> str:
        """The dotted path of the node's module in the program, or the op if it has none."""
        if node in self._names:
            return self._names[node]
        if node.module is None or self.root is None:
            return node.op
        for name, module in self.root.named_modules():
            if module is node.module:
                return name or type(module).__name__
        return type(node.module).__name__

    def usage(self) -> Usage:
        """What all calls have used, those of rejected tries too."""
        return sum((node.usage for node in (*self.nodes, *self.rejected)), NO_USAGE)

    def explain(self) -> str:
        """The calls and the edges between them in words, with how each edge is known and how sure it is."""
        lines = []
        for node in self.nodes:
            lines.append(f"{node.seq} {self.name_of(node)}" + (f"  failed: {node.error}" if node.error else ""))
            for slot, edges in node.parents.items():
                for edge in edges:
                    place = "" if edge.span is None else f" at {edge.span[0]}..{edge.span[1]}"
                    source = f"{edge.source.seq} {self.name_of(edge.source)}.{edge.field}"
                    lines.append(f"    {slot} <- {source}  {edge.how} {edge.confidence:.2f}{place}")
        return "\n".join(lines) or "nothing was recorded"

    @classmethod
    def from_json(cls, body: Mapping[str, Any]) -> Tape:
        """The recording that `to_json` has written: to look at, not to learn from, since parameters are plain values there."""
        from adjoint.program.recorded import nodes_of

        made = cls(inputs=body["inputs"])
        made.nodes, made._names = nodes_of(body["nodes"])
        made._counter = itertools.count(1 + max((node.seq for node in made.nodes), default=-1))
        return made

    def to_json(self) -> dict[str, Json]:
        """The whole tape as JSON; parameters by name and value, edges by the number of their source."""
        found: dict[str, Json] = {"inputs": plain(self.inputs), "nodes": [self._node_json(node) for node in self.nodes]}
        if self.rejected:
            found["rejected"] = [self._node_json(node) for node in self.rejected]
        if self.remarks:
            found["remarks"] = [
                {
                    "kind": item.kind,
                    "text": item.text,
                    "node": None if item.node is None else item.node.seq,
                    "again": item.again,
                    "settled": item.settled,
                }
                for item in self.remarks
            ]
        return found

    def _node_json(self, node: Node) -> dict[str, Json]:
        edges = [
            {
                "input": slot,
                "source": e.source.seq,
                "field": e.field,
                "how": e.how,
                "confidence": e.confidence,
                "span": plain(e.span),
            }
            for slot, found in node.parents.items()
            for e in found
        ]
        return {
            "seq": node.seq,
            "op": node.op,
            "module": self.name_of(node),
            "inputs": plain(node.inputs),
            "outputs": plain(node.outputs),
            "parameters": {read.name: plain(read.value) for read in node.reads},
            "edges": plain(edges),
            "messages": plain(node.messages),
            "repair": plain(node.repair),
            "reply": node.reply,
            "usage": plain(node.usage),
            "error": node.error,
        }


def recent_reads() -> tuple[tuple[Node, str], ...]:
    """The fields of predictions that were read since the last call."""
    return _reads.get()


def note_read(node: Node, name: str) -> None:
    """Remember that a field of a prediction was read: it may feed the next call."""
    recent = _reads.get()
    if not recent or recent[-1] != (node, name):
        _reads.set((*recent[-_MOST_READS:], (node, name)))

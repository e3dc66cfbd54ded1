"""Which value fed which input: layers of evidence, the strongest first, each edge saying how it is known.

1. declared: the caller said so (`Variable`, `@op`, `link`).
2. identity: the very same object, for values that are not tiny and not interned.
3. contained: a long enough piece of an earlier output stands in the input's text (f-strings, join, truncation).
4. read: the field was read since the last call, and nothing stronger explains that (int(), branches, JSON).
5. order: the call came later, which is all that is known.

Reading comes after containment although it is noticed first: text that is found again says where, a read only that.
"""

from __future__ import annotations

import enum
import functools
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from adjoint.data.records import Record
from adjoint.program.tape import Edge, Node

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Iterator, Mapping, Sequence

    from adjoint.program.tape import Tape

_LONG_TEXT = 12
"""Characters, or ..."""
_LONG_WORDS = 3
"""... words, from which on a text that stands in another one is no chance."""
_WINDOW = 24
"""Characters of the pieces by which a cut output is looked for."""
_LARGE = 50_000
"""Characters from which on the windows of a text take too much memory to be listed."""
_TINY = 3
"""Texts up to this length may be shared objects of the interpreter."""
_DEPTH = 3
_SPACE = re.compile(r"\s+")

Found = tuple[Node, str]


def edges_of(
    tape: Tape, inputs: Mapping[str, Any], recent: Sequence[Found], declared: Mapping[str, list[Edge]]
) -> dict[str, list[Edge]]:
    """The edges of each input of a call that is about to be made. `recent` are the fields read since the last one."""
    parents: dict[str, list[Edge]] = {}
    explained: set[tuple[int, str]] = set()
    for slot, value in inputs.items():
        edges = list(declared.get(slot, ())) or _linked(tape, value) or _identical(tape, value) or _contained(tape, value, recent)
        parents[slot] = edges
        explained.update((edge.source.seq, edge.field) for edge in edges)
    open_slots = [slot for slot, edges in parents.items() if not edges and not _given(tape, inputs[slot])]
    unexplained = [(node, name) for node, name in dict.fromkeys(recent) if (node.seq, name) not in explained]
    for slot in open_slots:
        parents[slot] = [Edge(node, name, "read", 0.6 / len(unexplained)) for node, name in unexplained]
    if open_slots and not any(parents.values()):
        earlier = [(node, name) for node in tape.nodes for name in node.outputs]
        parents[open_slots[0]] = [Edge(node, name, "order", 0.1) for node, name in earlier]
    return parents


def _given(tape: Tape, value: Any) -> bool:
    """Whether the value is an input of the program itself, so that no call needs to explain it."""
    scalar = isinstance(value, str | bool | int | float)  # only these are compared: arrays and tables have no truth value
    return any(value is given or (scalar and type(value) is type(given) and value == given) for given in tape.inputs.values())


def _linked(tape: Tape, value: Any) -> list[Edge]:
    """Layer 1: what the user linked to this very value."""
    sources = [source for made, source in tape.links if made is value]
    parts = [part for source in sources for part in (source if isinstance(source, list | tuple) else [source])]
    return [Edge(edge.source, edge.field, "declared", 1.0) for part in parts for edge in _identical(tape, part)]


def _identical(tape: Tape, value: Any) -> list[Edge]:
    """Layer 2: the same objects, also one or two levels deep in containers."""
    wanted = {id(item) for item in _parts(value) if _tells(item)}
    return [
        Edge(node, name, "identity", 1.0)
        for node in tape.nodes
        for name, output in node.outputs.items()
        if any(id(item) in wanted for item in _parts(output) if _tells(item))
    ]


def _tells(value: Any) -> bool:
    """Whether the identity of the object says where it comes from: not so for small or shared values."""
    if isinstance(value, str):
        return len(value) > _TINY
    empty = isinstance(value, dict | list | tuple | set | frozenset) and not value
    return value is not None and not isinstance(value, bool | int | float | bytes | type | enum.Enum) and not empty


def _parts(value: Any, depth: int = _DEPTH) -> Iterator[Any]:
    yield value
    if depth > 1:
        for item in _members(value):
            yield from _parts(item, depth - 1)


def _members(value: Any) -> Iterable[Any]:
    """What a container, a record or a model holds."""
    if isinstance(value, dict):
        return value.values()
    if isinstance(value, list | tuple | set | frozenset):
        return value
    if isinstance(value, Record):
        return value._store.values()
    models = ("__dataclass_fields__", "__pydantic_fields__")
    return vars(value).values() if hasattr(value, "__dict__") and any(hasattr(type(value), name) for name in models) else ()


def _contained(tape: Tape, value: Any, recent: Sequence[Found]) -> list[Edge]:
    """Layer 3: outputs that stand in the texts of the input, whole or cut.

    A piece that also stands in the program's own inputs proves nothing, unless the output was read just now.
    """
    texts = [_Text.of(text) for text in _parts(value) if isinstance(text, str) and len(text) >= _LONG_TEXT]
    if not texts:
        return []
    given = "\n".join(text for item in tape.inputs.values() for text in _parts(item) if isinstance(text, str))
    read_now = {(node.seq, name) for node, name in recent}
    edges: dict[str, list[Edge]] = {}
    for node in reversed(tape.nodes):
        for name, output in node.outputs.items():
            found = _place(output, texts)
            if found is None:
                continue
            piece, span, confidence = found
            if piece in given and (node.seq, name) not in read_now:
                continue
            edges.setdefault(piece, []).append(Edge(node, name, "contained", confidence, span))
    return sorted((edge for same in edges.values() for edge in _most_likely(same, read_now)), key=lambda edge: edge.source.seq)


def _most_likely(edges: list[Edge], read_now: set[tuple[int, str]]) -> list[Edge]:
    """Of several outputs with the same text: those read just now, else all of them, sharing the confidence."""
    read = [edge for edge in edges if (edge.source.seq, edge.field) in read_now] or edges
    return [Edge(e.source, e.field, e.how, e.confidence / len(read), e.span) for e in read]


@dataclass(frozen=True, slots=True)
class _Text:
    """A text in which the outputs of many calls are looked for, prepared once."""

    text: str
    flat: str
    windows: Container[str]

    @classmethod
    def of(cls, text: str) -> _Text:
        starts = range(len(text) - _WINDOW + 1)
        windows = text if len(text) > _LARGE else frozenset(text[start : start + _WINDOW] for start in starts)
        return cls(text, _flat(text), windows)


def _place(output: Any, texts: Sequence[_Text]) -> tuple[str, tuple[int, int] | None, float] | None:
    """Where a text of the output stands in one of the texts: `(piece, span, confidence)`."""
    for part in _parts(output):
        if not isinstance(part, str) or not _long(part):
            continue
        for text in texts:
            start = text.text.find(part)
            if start >= 0:
                return part, (start, start + len(part)), 0.95
            if _flat(part) in text.flat:
                return part, None, 0.85
            cut = _longest_piece(part, text)
            if cut is not None:
                start = text.text.find(cut)
                return cut, (start, start + len(cut)), 0.7
    return None


def _longest_piece(output: str, text: _Text) -> str | None:
    """The longest piece of a cut output that stands in the text, grown from windows of fixed size."""
    best = ""
    position = 0
    while position + _WINDOW <= len(output):
        end = position + _WINDOW
        if output[position:end] in text.windows:
            while end < len(output) and output[position : end + 1] in text.text:
                end += 1
            best = max(best, output[position:end], key=len)
            position = end
        else:
            position += _WINDOW // 2
    return best if _long(best) else None


def _long(text: str) -> bool:
    return len(text) >= _LONG_TEXT or len(text.split()) >= _LONG_WORDS


@functools.lru_cache(maxsize=256)
def _flat(text: str) -> str:
    return _SPACE.sub(" ", text).strip().casefold()

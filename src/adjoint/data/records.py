"""Examples, scores and splits: the rows that everything is measured on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field, replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Self

from adjoint.base.errors import MetricError, UsageError
from adjoint.base.json import digest, plain
from adjoint.base.quick import quick

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from adjoint.base.json import Json

EXPECTED = "expected"
"""The name under which a row keeps its answer when it does not name the output field."""


class Record:
    """Named values, read as attributes or as a mapping."""

    _store: dict[str, Any]

    def __init__(self, base: Any = None, **values: Any) -> None:
        """Values by name, besides those of `base`, a record or a mapping; any other `base` is a value of that name."""
        if base is None:
            store = values
        elif isinstance(base, Record):
            store = {**base._store, **values}
        else:
            store = {**base, **values} if isinstance(base, Mapping) else {"base": base, **values}
        object.__setattr__(self, "_store", store)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):  # never looked up in the store, which a copy under construction does not have yet
            raise AttributeError(name)
        if name not in self._store:
            message = f"{type(self).__name__} has no field {name!r}; it has {', '.join(self._store) or 'none'}."
            raise AttributeError(message)
        return self._store[name]

    def __setattr__(self, name: str, value: Any) -> None:
        if name.startswith("_"):
            object.__setattr__(self, name, value)
        else:
            self._store[name] = value

    def __getitem__(self, name: str) -> Any:
        return self._store[name]

    def __setitem__(self, name: str, value: Any) -> None:
        self._store[name] = value

    def __delitem__(self, name: str) -> None:
        del self._store[name]

    def __contains__(self, name: object) -> bool:
        return name in self._store

    def __iter__(self) -> Iterator[str]:
        return iter(self._store)

    def __len__(self) -> int:
        return len(self._store)

    def __eq__(self, other: object) -> bool:
        return self._store == other._store if isinstance(other, Record) else NotImplemented

    def __hash__(self) -> int:
        return hash(digest(plain(self._store)))

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(f'{key}={value!r}' for key, value in self._store.items())})"

    def keys(self) -> list[str]:
        return list(self._store)

    def values(self) -> list[Any]:
        return list(self._store.values())

    def items(self) -> list[tuple[str, Any]]:
        return list(self._store.items())

    def get(self, name: str, default: Any = None) -> Any:
        return self._store.get(name, default)

    def toDict(self) -> dict[str, Any]:  # noqa: N802 - DSPy's name
        """The values as plain data: records and models inside are dictionaries too."""
        return {name: _plain(value) for name, value in self._store.items()}


def _plain(value: Any) -> Any:
    """Records and pydantic models, also inside lists and dictionaries, as dictionaries; all else is the very same object."""
    if type(value) is str:  # most
        return value
    if isinstance(value, Record):
        return value.toDict()
    if callable(getattr(type(value), "model_dump", None)):
        return value.model_dump()
    if type(value) not in (list, dict):
        return value
    held = list(value.items() if type(value) is dict else enumerate(value))
    made = [(key, _plain(item)) for key, item in held]
    if all(new is old for (_, new), (_, old) in zip(made, held, strict=True)):
        return value
    return dict(made) if type(value) is dict else [item for _, item in made]


Mapping.register(Record)  # whatever reads a mapping (JSON, demos, `dict(row)`) reads a record


class Example(Record):
    """One row: some of its fields are inputs, the others are labels.

    >>> row = Example(question="1+1?", answer="2").with_inputs("question")
    >>> row.inputs().keys(), row.labels().keys()
    (['question'], ['answer'])
    """

    _input_keys: frozenset[str] | None = None
    _id: str | None = None
    _metadata: Mapping[str, Any] = MappingProxyType({})

    def __init__(self, base: Any = None, **values: Any) -> None:
        super().__init__(base, **values)
        if isinstance(base, Example):
            self._input_keys, self._metadata = base._input_keys, dict(base._metadata)
            self._id = None if values else base._id

    @classmethod
    def row(cls, inputs: Mapping[str, Any], labels: Mapping[str, Any], *, id: str | None, metadata: Mapping[str, Any]) -> Example:  # noqa: A002
        """A row as loaders make it."""
        made = cls({**inputs, **labels}).with_inputs(*inputs)
        made._id, made._metadata = id, dict(metadata)
        return made

    def with_inputs(self, *names: str) -> Self:
        """A copy in which the named fields are the inputs."""
        unknown = [name for name in names if name not in self]
        if unknown:
            message = f"with_inputs({unknown[0]!r}): the example has no such field; it has {', '.join(self)}."
            raise UsageError(message)
        made = type(self)(self)
        made._input_keys = frozenset(names)
        return made

    def inputs(self) -> Self:
        """The input fields only; raises `UsageError` if it was never said which they are."""
        return self._part(inputs_of(self))

    def labels(self) -> Self:
        """The fields that are no inputs."""
        return self._part(labels_of(self))

    def _part(self, values: dict[str, Any]) -> Self:
        part = type(self)(values)
        part._input_keys = self._input_keys
        return part

    def copy(self, **values: Any) -> Self:
        return type(self)(self, **values)

    def without(self, *names: str) -> Self:
        made = type(self)({name: value for name, value in self._store.items() if name not in names})
        made._input_keys = None if self._input_keys is None else self._input_keys - set(names)
        return made


def inputs_of(example: Example) -> dict[str, Any]:
    """The values of the inputs by name."""
    names = _input_keys_of(example)
    return {name: value for name, value in example._store.items() if name in names}


def labels_of(example: Example) -> dict[str, Any]:
    """The values of the fields that are no inputs by name."""
    names = _input_keys_of(example)
    return {name: value for name, value in example._store.items() if name not in names}


def _input_keys_of(example: Example) -> frozenset[str]:
    if example._input_keys is None:
        message = "the inputs of this example are not set; write Example(...).with_inputs('question')."
        raise UsageError(message)
    return example._input_keys


def id_of(example: Example) -> str:
    """The row's own id if it came with one, else a digest of its content: never its position."""
    return example._id or digest(plain(example._store), length=16)


def identified(example: Example) -> Example:
    """The row with its id settled, so that the digest of one that is run many times is made once."""
    made = example.copy()
    made._id = id_of(example)
    return made


def expected_outputs(example: Example, outputs: Sequence[str]) -> dict[str, Any]:
    """The labels of a row by name of output field.

    A row may name the outputs, keep a mapping under `expected`, or keep one bare value there, which then belongs to the
    last output (reasoning comes before the answer).
    """
    labels = labels_of(example)
    found = {name: labels[name] for name in outputs if name in labels}
    if found or EXPECTED not in labels:
        return found
    expected = labels[EXPECTED]
    if isinstance(expected, dict):
        return {name: expected[name] for name in outputs if name in expected}
    return {outputs[-1]: expected}


@quick(frozen=True, slots=True)
class Score:
    """What a metric says: a value in [0, 1] (1 is best), feedback in words, and named parts."""

    value: float
    feedback: str = ""
    parts: Mapping[str, float] = field(default_factory=dict)

    @property
    def score(self) -> float:
        """DSPy's name for the value."""
        return self.value

    def __float__(self) -> float:
        return self.value

    def as_dict(self) -> dict[str, Json]:
        """The score as JSON."""
        return {"value": self.value, "feedback": self.feedback, "parts": plain(self.parts)}


def score_of(result: Any) -> Score:
    """Read what a metric returned: a Score, a bool, a number in [0, 1], or anything with `score` and `feedback`.

    Raises `MetricError` for everything else, and for values outside [0, 1] or NaN: an error is never a score.
    """
    if type(result) is bool:  # most
        return Score(float(result))
    if isinstance(result, Score):
        number = _scalar(result.value)
        score = result if number is result.value else replace(result, value=number)
    elif hasattr(result, "score"):
        parts = getattr(result, "parts", None) or getattr(result, "objective_scores", None)  # the second is DSPy's name
        score = Score(
            _scalar(result.score), str(getattr(result, "feedback", "") or ""), parts if isinstance(parts, Mapping) else {}
        )
    else:
        score = Score(_scalar(result))
    value: Any = score.value
    if not isinstance(value, float):
        message = f"the metric returned {result!r}; return a bool, a number in [0, 1] or Score(value, feedback)."
        raise MetricError(message)
    if not 0.0 <= score.value <= 1.0:  # NaN is not either
        message = f"the metric returned {score.value}; a score lies in [0, 1], so divide by its largest possible value."
        raise MetricError(message)
    return score


def _scalar(value: Any) -> Any:
    """A bool or a number as a float, also those of NumPy and PyTorch, which are what comparing arrays gives."""
    if type(value) is float:  # most
        return value
    if callable(getattr(value, "item", None)) and getattr(value, "ndim", None) == 0:
        value = value.item()
    return float(value) if isinstance(value, bool | int | float) else value

"""Completions: what one request with `n` > 1 gave, as predictions or field by field."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from adjoint.base.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from adjoint.program.prediction import Prediction


class Completions:
    """`completions[0]` is a prediction, `completions.answer` or `completions["answer"]` the values of a field.

    It is made from a list of outputs, or from lists of values by field.
    """

    def __init__(self, given: Sequence[Mapping[str, Any]] | Mapping[str, Sequence[Any]]) -> None:
        if not isinstance(given, (list, tuple)):
            columns: Any = given
            if len({len(values) for values in columns.values()}) > 1:
                counts = {name: len(values) for name, values in columns.items()}
                message = f"each field needs as many values as the others; there are {counts}."
                raise UsageError(message)
            given = [dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)]
        self._rows: list[dict[str, Any]] = [dict(row) for row in given]

    def __len__(self) -> int:
        return len(self._rows)

    def __iter__(self) -> Iterator[Prediction]:
        return (self[number] for number in range(len(self)))

    def __getitem__(self, key: int | str) -> Any:
        if isinstance(key, str):
            if key not in self.keys():
                raise KeyError(key)
            return [row.get(key) for row in self._rows]
        from adjoint.program.prediction import Prediction

        return Prediction(self._rows[key])

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_") or name not in self.keys():
            message = f"the completions have no field {name!r}; they have {', '.join(self.keys()) if '_rows' in vars(self) else 'none'}."
            raise AttributeError(message)
        return self[name]

    def __repr__(self) -> str:
        return f"Completions({self._rows!r})"

    def keys(self) -> list[str]:
        return list(dict.fromkeys(name for row in self._rows for name in row))

    def items(self) -> list[tuple[str, list[Any]]]:
        return [(name, self[name]) for name in self.keys()]

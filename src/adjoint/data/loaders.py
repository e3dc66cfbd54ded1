"""Loaders: rows from JSONL, JSON and CSV files. Whatever cannot be read is named with file and line."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from adjoint.base.errors import DataError
from adjoint.data.records import EXPECTED, Example

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

_SHAPE = '{"inputs": {...}, "expected": ...}, or flat fields of which some are inputs'
_ENCODING = "utf-8-sig"
"""UTF-8, with or without the mark that spreadsheets put in front."""
_LABELS = (EXPECTED, "answer", "label", "output", "target")
"""In flat rows without named inputs, the field that is the label: the first of these that is there."""


def load_rows(path: str | Path, *, inputs: Sequence[str] | None = None) -> list[Example]:
    """Read examples from a `.jsonl`, `.json` (a list) or `.csv` file.

    A row is `{"id", "inputs": {}, "expected": ..., "metadata": {}}` or flat. Of flat rows `inputs` names the input fields;
    without it everything is an input but `expected`, `answer`, `label`, `output` or `target`, whichever comes first.
    Raises `DataError` with file and line for a missing file, bad JSON, a ragged row or a row without inputs.
    """
    file = Path(path)
    readers: dict[str, Callable[[Path], Iterator[tuple[str, Any]]]] = {".jsonl": _jsonl, ".json": _json, ".csv": _csv}
    read = readers.get(file.suffix.lower())
    if read is None:
        message = f"cannot tell the format of {str(path)!r} from its ending; use {', '.join(sorted(readers))}."
        raise DataError(message)
    try:
        rows = [_example(row, where, inputs) for where, row in read(file)]
    except OSError as error:
        message = f"cannot read the data {str(path)!r}: {error.strerror}. Give the path of an existing file."
        raise DataError(message) from None
    except UnicodeDecodeError as error:
        message = f"{path} is not UTF-8 text ({error.reason} at byte {error.start}); convert it first."
        raise DataError(message) from None
    if not rows:
        message = f"{path} has no rows; write one JSON object a line, such as {_SHAPE}."
        raise DataError(message)
    _check_ids(rows, file)
    return rows


def _check_ids(rows: Sequence[Example], file: Path) -> None:
    seen: dict[str, Example] = {}
    for row in rows:
        if row._id is not None and seen.setdefault(row._id, row) != row:
            message = f"{file}: two different rows have the id {row._id!r}; ids name rows, so one of the two would be lost."
            raise DataError(message)


def _constant(name: str) -> NoReturn:
    message = f"{name} has no form in JSON"
    raise ValueError(message)


def _parsed(text: str) -> Any:
    return json.loads(text, parse_constant=_constant)


def _jsonl(file: Path) -> Iterator[tuple[str, Any]]:
    with file.open(encoding=_ENCODING) as lines:
        for number, line in enumerate(lines, 1):
            if line.strip():
                try:
                    yield f"{file}:{number}", _parsed(line)
                except (ValueError, RecursionError) as error:
                    message = f"{file}:{number}: the row is not JSON ({error}); write one JSON object a line."
                    raise DataError(message) from None


def _json(file: Path) -> Iterator[tuple[str, Any]]:
    text = file.read_text(encoding=_ENCODING)
    try:
        body = _parsed(text)
    except (ValueError, RecursionError) as error:
        message = f"{file}: not JSON ({error}); write a list of objects."
        raise DataError(message) from None
    if not isinstance(body, list):
        message = f"{file}: holds a JSON {type(body).__name__}; write a list of objects."
        raise DataError(message)
    yield from ((f"{file}: row {number}", row) for number, row in enumerate(body, 1))


def _csv(file: Path) -> Iterator[tuple[str, Any]]:
    with file.open(encoding=_ENCODING, newline="") as lines:
        reader = csv.reader(lines)
        try:
            yield from _records(file, reader)
        except csv.Error as error:
            message = f"{file}:{reader.line_num}: not CSV ({error})."
            raise DataError(message) from None


def _records(file: Path, reader: Any) -> Iterator[tuple[str, Any]]:
    names = next(reader, None)
    if not names or len(set(names)) < len(names):
        message = (
            f"{file}:1: the first line of a CSV file names the fields, each once; it is {', '.join(names or ()) or 'empty'}."
        )
        raise DataError(message)
    for row in reader:
        if row:  # a blank line is no row
            if len(row) != len(names):
                message = f"{file}:{reader.line_num}: the row has {len(row)} fields, the header {len(names)} ({', '.join(names)}); quote commas inside fields."
                raise DataError(message)
            yield f"{file}:{reader.line_num}", dict(zip(names, row, strict=True))


def _example(row: Any, where: str, input_names: Sequence[str] | None) -> Example:
    if not isinstance(row, dict):
        message = f"{where}: the row is a JSON {type(row).__name__}, not an object; write {_SHAPE}."
        raise DataError(message)
    if isinstance(row.get("inputs"), dict):
        return _structured(row, where)
    flat = {key: value for key, value in row.items() if key not in ("id", "metadata")}
    if input_names is None:
        label = next((name for name in _LABELS if name in flat), None)
        input_names = [name for name in flat if name != label]
    missing = [name for name in input_names if name not in flat]
    if missing:
        message = f"{where}: the row lacks the input {missing[0]!r}; it has {', '.join(flat)}."
        raise DataError(message)
    inputs = {name: flat[name] for name in input_names}
    return _made(inputs, {key: value for key, value in flat.items() if key not in inputs}, row, where)


def _structured(row: dict[str, Any], where: str) -> Example:
    unknown = [key for key in row if key not in ("id", "inputs", EXPECTED, "metadata")]
    if unknown:
        message = f"{where}: unknown key {unknown[0]!r}; a row has id, inputs, expected and metadata."
        raise DataError(message)
    expected = row.get(EXPECTED)
    labels = expected if isinstance(expected, dict) else {} if expected is None else {EXPECTED: expected}
    clash = [name for name in labels if name in row["inputs"]]
    if clash:
        message = f"{where}: {clash[0]!r} is an input and expected as an output; give the two different names."
        raise DataError(message)
    return _made(row["inputs"], labels, row, where)


def _made(inputs: dict[str, Any], labels: dict[str, Any], row: dict[str, Any], where: str) -> Example:
    if not inputs:
        message = f"{where}: the row has no inputs; write {_SHAPE}."
        raise DataError(message)
    given, metadata = row.get("id"), row.get("metadata") or {}
    if not isinstance(metadata, dict):
        message = f"{where}: metadata is a JSON object, not {metadata!r}; give a field of the program another name."
        raise DataError(message)
    return Example.row(inputs, labels, id=None if given is None else str(given), metadata=metadata)

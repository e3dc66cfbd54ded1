"""JSON as models write it: in a fence, in a sentence, or with broken marks. Nothing that a reply says is lost or made up."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

_FENCE = re.compile(r"^```[\w+-]*\n(.*?)\n?```[ \t]*$", re.DOTALL | re.MULTILINE)
_DIGIT, _LETTER = re.compile(r"\d"), re.compile(r"[^\W\d_]")
_BRACKET, _ANY_BRACKET = re.compile(r"[\[{]"), re.compile(r"[\[{}\]]")
_MARKS = dict.fromkeys(map(ord, "[]{}\"'`,:; \t\r\n"))
_MOST_OBJECTS = 64
"""Places in a reply at which a JSON object is looked for."""
_MAX_REPAIR = 20_000
"""Characters of a reply beyond which no repair of broken JSON is tried: it takes time that grows with the square."""
_MOST_UNCLOSED = 32
"""Brackets, more of which are no slip."""
_QUOTED = re.compile(r"'[^'\n]*'|\"[^\"\n]*\"")
_LOST = re.compile(r"\d[\s'\"`]+[-+.\d]|[\[{,]\s*,|\A\[[^{]*:")
"""Numbers with no comma between them, nothing between two commas, a colon in a plain list: what a repair would only hide."""
_ENDED = re.compile(r"(?:[\]}'\"]|true|false|null|none)\Z", re.IGNORECASE)
"""How a value ends of which no more was to come."""


def unfenced(text: str) -> str:
    """What stands in a fence, if the text is one."""
    fenced = _FENCE.fullmatch(text)
    return fenced.group(1).strip() if fenced else text


def _not_json(name: str) -> Any:
    message = f"{name} is no JSON"
    raise ValueError(message)


def _first_of_each(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """The members of an object; of one that is there twice the first, since a model that goes on says all of them again."""
    found = dict(pairs)
    return found if len(found) == len(pairs) else dict(reversed(pairs))


_DECODER = json.JSONDecoder(parse_constant=_not_json, object_pairs_hook=_first_of_each)


def read(text: str, *, strict: bool = False, whole: bool = True) -> Any:
    """The one JSON value in the text, which may stand in a fence or in a sentence unless `strict`; else the text."""
    fences = _FENCE.findall(text)
    body = fences[0].strip() if len(fences) == 1 else text
    for exact in (text, body) if not strict or _FENCE.fullmatch(text) else (text,):
        found, end = _decoded(exact, 0)
        if end == len(exact):
            return found
    start = _BRACKET.search(body)
    if strict or start is None:
        return text
    found, end = _decoded(body, start.start())
    if end:
        # Of several values none is meant more than the others.
        alone = _is_said(body[: start.start()][::-1]) and _is_said(body[end:]) and not _ANY_BRACKET.search(body, end)
        return found if alone else text
    return _mended(body) if whole and start.start() == 0 and _lacks_marks_only(body) else text


def _lacks_marks_only(text: str) -> bool:
    """Whether broken JSON has all that it was to say: the end of a list may have been one of its members."""
    if len(text) > _MAX_REPAIR or not _ENDED.search(text) or text.count("[") > text.count("]"):
        return False
    unclosed = sum(map(text.count, "[{")) - sum(map(text.count, "]}"))
    return unclosed <= _MOST_UNCLOSED and not _LOST.search(_QUOTED.sub("''", text))


def _is_said(beside: str) -> bool:
    """Whether what stands beside a value, from the value on, is words about it and not more of the data that it is a part of."""
    touches = beside[:1].isalnum() or beside[:1] in (",", ";")
    return not touches and (not _DIGIT.search(beside) or _LETTER.search(beside) is not None)


def _decoded(text: str, start: int) -> tuple[Any, int]:
    """The JSON value that begins at `start` and where it ends, which is 0 if there is none."""
    try:
        return _DECODER.raw_decode(text, start)
    except (ValueError, RecursionError):
        return None, 0


def _mended(text: str) -> Any:
    """What broken JSON was meant to be: single quotes, trailing commas, missing brackets. Only marks may be mended."""
    import json_repair

    try:
        found = json_repair.loads(text)
        return found if _substance(json.dumps(found, ensure_ascii=False)) == _substance(text) else text
    except (ValueError, RecursionError):
        return text


def _substance(text: str) -> str:
    """The text without what JSON is only held together by: a repair that loses or invents any of this is none."""
    return text.translate(_MARKS).casefold().replace("none", "null")


def mapping(text: str, *, whole: bool = True) -> dict[str, Any]:
    """The JSON object in the text, empty if there is none."""
    found = read(text, whole=whole)
    return found if isinstance(found, dict) else {}


def members(text: str, names: set[str], *, whole: bool = True) -> dict[str, Any]:
    """The first JSON object in the text that has all of these names, else the last that has any, with whatever else it holds.

    A model that goes on answers questions of its own. Broken JSON is mended if the reply is whole.
    """
    found: dict[str, Any] = {}
    if "{" not in text:
        return found
    for value in _objects(text):
        if names & value.keys():
            found = value
            if names <= value.keys():
                break
    if found:
        return found
    mended = mapping(text, whole=whole)
    if mended and names.issuperset(mended):  # a name that nobody asked for was made by the repair
        return mended
    return {name: value for name in names if (value := _alone(text, name)) is not _MISSING}


_NEXT = re.compile(r'\s*(?:\}|,\s*"[^"\n]*"\s*:)')
"""What follows a whole member of an object: its end, or the next member."""
_MISSING = object()
"""Stands for a value that is not there."""


def _alone(text: str, name: str) -> Any:
    """The first whole value behind this name in an object that is broken elsewhere."""
    for key in re.finditer(rf'(?<!\\)"{re.escape(name)}"\s*:\s*', text):
        value, end = _decoded(text, key.end())
        if end and _NEXT.match(text, end):
            return value
    return _MISSING


def objects(text: str) -> list[dict[str, Any]]:
    """The different JSON objects that stand side by side in the text, in their order."""
    found: list[dict[str, Any]] = []
    for value in _objects(text):
        if value not in found:
            found.append(value)
    return found


def _objects(text: str) -> Iterator[dict[str, Any]]:
    """The outermost JSON objects in the text."""
    at = text.find("{")
    for _ in range(_MOST_OBJECTS):
        if at < 0:
            return
        value, end = _decoded(text, at)
        if isinstance(value, dict):
            yield value
        at = text.find("{", end or at + 1)

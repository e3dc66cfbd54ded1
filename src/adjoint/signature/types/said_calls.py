"""Calls of tools as models write them in words: `lookup(name="Ada")`, `lookup: Ada`, JSON under any of the usual names, labelled lines."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_NAMES = ("next_tool_name", "tool_name", "tool", "name", "action", "function", "call")
_ARGUMENTS = (
    "next_tool_args",
    "tool_args",
    "args",
    "arguments",
    "parameters",
    "params",
    "kwargs",
    "action_input",
    "tool_input",
    "input",
)
_THOUGHTS = ("next_thought", "thought", "reasoning", "thoughts")
_WRAPPED = frozenset(_ARGUMENTS)
_SEPARATORS = re.compile(r"[\s_-]+")
_AROUND = "`'\"*<>[]. \t\r\n"
_MOST = 32
"""Places in a text at which a call is looked for."""
_LONGEST = 20_000
_LABELLED = re.compile(
    r"^[ \t]*[*_`\"]*(?:next[ _])?(?:tool|action|function|call)(?:[ _]name)?[*_`\"]*[ \t]*:[*_` \t]*(?P<name>[^\n]+)",
    re.IGNORECASE | re.MULTILINE,
)
_LABELLED_ARGUMENTS = re.compile(
    r"^[ \t]*[*_`\"]*(?:next[ _])?(?:tool[ _]|action[ _]|function[ _])?(?:args|arguments|input|parameters)[*_`\"]*[ \t]*:[*_` \t]*(?P<args>.+)",
    re.IGNORECASE | re.MULTILINE | re.DOTALL,
)
_LABELS = re.compile(
    r"\A[*_`\"]*(?:next[ _])?thought[*_`\"]*[ \t]*:[*_` \t]*|[*_`\"]*(?:next[ _])?(?:tool|action|function|call)(?:[ _]name)?[*_`\"]*[ \t]*:?[*_`<\s]*\Z",
    re.IGNORECASE,
)
_ANSWER = re.compile(
    r"^[ \t]*[*_`\"]*final answer[*_`\"]*[ \t]*:[*_` \t]*(?P<answer>.+)", re.IGNORECASE | re.MULTILINE | re.DOTALL
)


class SaidCall(NamedTuple):
    """What a model has said of a call: a name, its arguments in whatever form, and what it thought before."""

    name: str
    args: Any = None
    thought: str = ""


def calls_in(text: str, names: Sequence[str]) -> list[SaidCall]:
    """The calls in a text, in the first of the usual forms in which there are any. `names` are those of the tools.

    >>> calls_in('I ask. lookup(name="Ada")', ["lookup"])
    [SaidCall(name='lookup', args={'name': 'Ada'}, thought='I ask.')]
    >>> calls_in('{"tool": "lookup", "arguments": {"name": "Ada"}}', ["lookup"])
    [SaidCall(name='lookup', args={'name': 'Ada'}, thought='')]
    """
    text = text[:_LONGEST]
    found = [call for item in objects(text) for call in calls_of(item)]
    known = [call for call in found if (named(call.name, names) if names else call.args is not None)]
    # What names no tool, or has no arguments, may be the arguments of a call: a person has a name too.
    others = [call for call in found if call.args is not None or not names]
    return known or _expressions(text, names) or _labelled(text, names) or _final(text) or others


def calls_of(given: Any) -> list[SaidCall]:
    """The calls that plain data say: one object, a list of them, or either under `tool_calls`."""
    if isinstance(given, list):
        return [call for item in given for call in calls_of(item)]
    if not isinstance(given, Mapping):
        return []
    if isinstance(given.get("tool_calls"), list | Mapping):
        return calls_of(given["tool_calls"])
    said = _lower(given)
    key = next((key for key in _NAMES if said.get(key)), "")
    if isinstance(said.get(key), Mapping):  # as OpenAI writes a call
        said = {**{name: value for name, value in said.items() if name != key}, **_lower(said[key])}
        key = next((key for key in _NAMES if said.get(key)), "")
    name = said.get(key)
    if not isinstance(name, str):
        return []
    args = next((said[key] for key in _ARGUMENTS if key in said), None)
    thought = next((said[key] for key in _THOUGHTS if isinstance(said.get(key), str)), "")
    return [SaidCall(name, args, thought)]


def _lower(given: Mapping[Any, Any]) -> dict[str, Any]:
    return {str(key).casefold(): value for key, value in given.items()}


def named(said: str, names: Sequence[str]) -> tuple[str, Any] | None:
    """The tool that a name stands for, and arguments that stand behind it; None if it is none of `names`.

    >>> named("LookUp", ["look_up"]), named("lookup: Ada", ["lookup"]), named("find", ["lookup"])
    (('look_up', None), ('lookup', 'Ada'), None)
    """
    if said in names:
        return said, None
    bare = said.strip(_AROUND)
    call = _expressions(said, names)
    if call:
        return call[0].name, call[0].args
    head, mark, rest = re.match(r"([^(:{\n]*)([(:{]?)(.*)", bare, re.DOTALL).groups()  # type: ignore[union-attr]
    found = _known(bare, names) or _known(head, names)
    if found is None:
        return None
    args = f"{{{rest}" if mark == "{" else rest.strip() if mark == ":" else None
    return found, args or None


def arguments(said: Any, known: Sequence[str], required: Sequence[str]) -> Any:
    """Arguments as a mapping from names: `known` are those that the tool has. What cannot be one is given back as it is.

    >>> arguments("Ada", ["name"], ["name"]), arguments('{"name": "Ada"}', ["name"], []), arguments(["Ada", 3], ["name", "age"], [])
    ({'name': 'Ada'}, {'name': 'Ada'}, {'name': 'Ada', 'age': 3})
    """
    if isinstance(said, str):
        return _of_text(said.strip(), known, required) if said.strip() else {}
    if isinstance(said, list | tuple):
        one = said[0] if len(said) == 1 else None
        if isinstance(one, Mapping):
            return arguments(one, known, required)
        return dict(zip(known, said, strict=False)) if len(said) <= len(known) else said
    if isinstance(said, Mapping):
        return _by_name(said, known, required)
    return {} if said is None else _alone(said, known, required)


def _by_name(said: Mapping[Any, Any], known: Sequence[str], required: Sequence[str]) -> Any:
    """Arguments out of another mapping around them, under the names that the tool has."""
    if len(said) == 1:
        ((key, value),) = said.items()
        if key not in known and (key == "" or (str(key).casefold() in _WRAPPED and isinstance(value, Mapping))):
            return arguments(value, known, required)
    folded = {_folded(name): name for name in known}
    return {key if key in known else folded.get(_folded(str(key)), key): value for key, value in said.items()}


def objects(text: str) -> Iterator[Any]:
    """The JSON objects in a text, also with Python's quotes and words."""
    at = text.find("{")
    for _ in range(_MOST):
        if at < 0:
            return
        found, end = _object(text, at)
        if end:
            yield found
        at = text.find("{", end or at + 1)


def _object(text: str, at: int) -> tuple[Any, int]:
    """The object that begins at a place and where it ends, which is 0 if there is none."""
    try:
        return json.JSONDecoder().raw_decode(text, at)
    except (ValueError, RecursionError):
        end = _closed(text, at, "{", "}")
    if not end:
        return None, 0
    inside = re.sub(r"\b(true|false|null)\b", lambda word: {"true": "True", "false": "False"}.get(word[0], "None"), text[at:end])
    try:
        found = ast.literal_eval(inside)
    except (ValueError, SyntaxError, TypeError, RecursionError, MemoryError):
        return None, 0
    return (found, end) if isinstance(found, dict) else (None, 0)


def _closed(text: str, at: int, begin: str, end: str) -> int:
    """Where the bracket that opens at a place is closed; 0 if it is not. Brackets in quotes do not count."""
    depth, quote = 0, ""
    for place in range(at, len(text)):
        letter = text[place]
        if quote:
            quote = "" if letter == quote and text[place - 1] != "\\" else quote
        elif letter in "'\"" and (letter == '"' or not text[place - 1].isalnum()):
            quote = letter
        elif letter == begin:
            depth += 1
        elif letter == end:
            depth -= 1
            if depth == 0:
                return place + 1
    return 0


def _expressions(text: str, names: Sequence[str]) -> list[SaidCall]:
    """Calls as Python writes them. An argument that is only described, as in a listing of tools, is none."""
    if not names:
        return []
    found: list[SaidCall] = []
    begin = re.compile(
        rf"(?<![\w.])(?P<name>{'|'.join(map(re.escape, sorted(names, key=len, reverse=True)))})[`*]*[ \t]*\(", re.IGNORECASE
    )
    for match in list(begin.finditer(text))[:_MOST]:
        end = _closed(text, match.end() - 1, "(", ")")
        args = _literals(text[match.end() - 1 : end]) if end else None
        name = _known(match["name"], names)
        if args is not None and name is not None:
            found.append(SaidCall(name, args, "" if found else _thought(text[: match.start()])))
    return found


def _literals(bracketed: str) -> Any:
    """The literal arguments between brackets: a mapping if they are named, else a list; None if they are no literals."""
    try:
        call = ast.parse(f"f{bracketed}", mode="eval").body
        if not isinstance(call, ast.Call):
            return None
        positional = [_literal(item) for item in call.args]
        by_name = {item.arg: _literal(item.value) for item in call.keywords if item.arg}
    except (ValueError, SyntaxError, TypeError, RecursionError, MemoryError):
        unquoted = re.fullmatch(r"\(\s*(\w+)\s*=\s*([^=,()'\"]+)\)", bracketed)
        return {unquoted[1]: unquoted[2].strip()} if unquoted else None
    return [*positional, by_name] if positional and by_name else positional or by_name


def _literal(item: ast.expr) -> Any:
    """The value of an argument; a word without quotes is a text."""
    return item.id if isinstance(item, ast.Name) else ast.literal_eval(item)


def _labelled(text: str, names: Sequence[str]) -> list[SaidCall]:
    """`Action: lookup` and `Action Input: Ada`, each in a line of its own, or `lookup: Ada`."""
    for match in _LABELLED.finditer(text):
        if match["name"].strip(_AROUND):
            args = _LABELLED_ARGUMENTS.search(text, match.end())
            return [SaidCall(match["name"].strip(), args["args"].strip() if args else None, _thought(text[: match.start()]))]
    for line in text.splitlines():
        label, mark, rest = line.partition(":")
        name = _known(label, names) if mark else None
        if name is not None:
            return [SaidCall(name, rest.strip(), _thought(text.partition(line)[0]))]
    return []


def _final(text: str) -> list[SaidCall]:
    answer = _ANSWER.search(text)
    return [SaidCall("final answer", {"answer": answer["answer"].strip()}, _thought(text[: answer.start()]))] if answer else []


def _thought(before: str) -> str:
    """What stands before a call, without the labels of both."""
    return _LABELS.sub("", before.strip()).strip()


def _known(said: str, names: Sequence[str]) -> str | None:
    """The one of `names` that differs by case, separators and a prefix such as `functions.` only."""
    folded = _folded(said)
    same = [name for name in names if _folded(name) in (folded, folded.rpartition(".")[2])]
    return same[0] if len(same) == 1 and folded else None


def _folded(said: str) -> str:
    return _SEPARATORS.sub("", said.strip(_AROUND)).casefold()


def _of_text(said: str, known: Sequence[str], required: Sequence[str]) -> Any:
    """Arguments in a text: JSON, `name="Ada"`, or the only argument itself."""
    for found in objects(said):
        return arguments(found, known, required)
    if re.match(r"\(?\s*\w+\s*=", said):
        given = _literals(said if said.startswith("(") else f"({said})")
        if given is not None:
            return arguments(given, known, required)
    key, mark, value = said.partition(":")
    if mark and _folded(key) in map(_folded, known):
        return arguments({key.strip(_AROUND): value.strip().strip("'\"")}, known, required)
    return _alone(said.strip("`").strip("'\""), known, required)


def _alone(value: Any, known: Sequence[str], required: Sequence[str]) -> Any:
    """A value for a tool that takes one argument, or needs only one."""
    if len(known) == 1:
        return {known[0]: value}
    return {required[0]: value} if len(required) == 1 else value

"""Record and replay of real traffic: what a model has answered once can be answered again without it."""

from __future__ import annotations

import json
import os
import re
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from adjoint.base.errors import DataError
from adjoint.base.json import canonical, digest
from adjoint.lm.base import Wrapper
from adjoint.lm.types import Request, Response

if TYPE_CHECKING:
    from adjoint.lm.base import BaseLM

_SHOWN = 200
"""Characters of a prompt that an error message shows."""
_SECRET_NAME = re.compile(r"api[_-]?key|authorization|password|secret|(access|auth)[_-]?token|cookie", re.IGNORECASE)
_SECRET_VARIABLE = re.compile(r"(KEY|TOKEN|SECRET|PASSWORD)$")
_SECRET_TEXT = re.compile(
    r"\b(sk-[A-Za-z0-9_-]{16,}|AIza[A-Za-z0-9_-]{30,}|gsk_[A-Za-z0-9]{20,}|hf_[A-Za-z0-9]{20,}|gh[pousr]_[A-Za-z0-9]{20,}"
    r"|xox[a-z]-[A-Za-z0-9-]{10,}|AKIA[A-Z0-9]{16})|(?<=Bearer )[A-Za-z0-9._~+/-]{12,}"
)
HIDDEN = "[secret]"


class Record(Wrapper):
    """Passes calls on and appends each answer to a JSONL file: `{"lm", "request", "response"}`, one a line.

    Headers are never seen here, so never written. Secrets in options, and keys that stand in a text (by their known
    forms, or since the environment holds them), are replaced. Failed calls are not written. The file is readable by its
    owner only.
    """

    def __init__(self, inner: BaseLM, path: str | Path) -> None:
        super().__init__(inner)
        self.path = Path(path)

    async def __call__(self, request: Request, /) -> Response:
        response = await self.inner(request)
        line = {"lm": self.name, "request": _hidden(request.as_dict()), "response": _hidden(response.as_dict())}
        self._append(canonical(line) + b"\n")
        return response

    def _append(self, line: bytes) -> None:
        """One write of a whole line, so that lines of several processes do not mix."""
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
            try:
                os.write(descriptor, line)
            finally:
                os.close(descriptor)
        except OSError as error:
            message = f"cannot record to {self.path}: {error.strerror}."
            raise DataError(message) from error


class Replay:
    """Answers from a recorded file, and never asks anybody.

    A request that was recorded several times gets its answers in that order, and the last one from then on. One that
    was not recorded raises `DataError` and is named.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self._answers: dict[str, list[Response]] = defaultdict(list)
        self._given: dict[str, int] = defaultdict(int)
        names = set()
        try:
            content = self.path.read_bytes()
        except OSError as error:
            message = f"cannot replay {self.path}: {error.strerror}."
            raise DataError(message) from error
        for number, line in enumerate(content.splitlines(), 1):
            if line.strip():
                names.add(self._load(number, line))
        self.name = names.pop() if len(names) == 1 else "replay"
        self.identity = f"replay@{digest(content.decode('ascii', 'replace'), length=16)}"

    def __repr__(self) -> str:
        return f"Replay({str(self.path)!r})"

    async def __call__(self, request: Request, /) -> Response:
        key = _key(request)
        answers = self._answers.get(key)
        if not answers:
            raise self._missing(request, key)
        turn = self._given[key]
        self._given[key] += 1
        return answers[min(turn, len(answers) - 1)]

    def _load(self, number: int, line: bytes) -> str:
        try:
            row = json.loads(line)
            self._answers[_key(Request.from_dict(row["request"]))].append(Response.from_dict(row["response"]))
            return str(row["lm"])
        except (ValueError, KeyError, TypeError) as error:
            message = f"{self.path}:{number} is no recorded call ({type(error).__name__}: {error})."
            raise DataError(message) from error

    def _missing(self, request: Request, key: str) -> DataError:
        body = request.as_dict()
        options = {name: value for name, value in body.items() if name != "messages"}
        last = request.messages[-1].text if request.messages else ""
        shown = last if len(last) <= _SHOWN else f"...{last[-_SHOWN:]}"
        return DataError(
            f"{self.path} holds no answer to this request (key {key[:12]}, {len(request.messages)} messages, "
            f"options {_hidden(options)}): {_hidden(shown)!r}. Record it again with Record(lm, path)."
        )


def _key(request: Request) -> str:
    """Requests are compared as they are written, with their secrets replaced."""
    return digest(_hidden(request.as_dict()))


def _hidden(value: Any, name: str = "") -> Any:
    """The value without secrets: those under a telling name, and those that a text shows."""
    if isinstance(value, dict):
        return {key: _hidden(item, key) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_hidden(item, name) for item in value]
    if not isinstance(value, str):
        return value
    if _SECRET_NAME.search(name):
        return HIDDEN
    for secret in _known_secrets():
        value = value.replace(secret, HIDDEN)
    return _SECRET_TEXT.sub(HIDDEN, value)


def _known_secrets() -> list[str]:
    """Values of this process's environment that are secrets by their names; short ones would hide ordinary words."""
    values = [value.strip() for name, value in os.environ.items() if _SECRET_VARIABLE.search(name)]
    return sorted((value for value in values if len(value) >= 12), key=len, reverse=True)

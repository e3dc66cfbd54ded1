"""A small world for the command line: a program, rows, a metric and a scripted model, all in files as users have them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from adjoint.cli.main import main

MODEL = '''
"""A model that writes words as they are, until demos or the instruction tell it to shout."""
from adjoint.testing import ScriptedLM

def reply(request):
    system, word = request.messages[0].content, request.messages[-1].content
    if system.startswith("One step of a program"):
        return "The word should be written in capitals."
    if system.startswith("Improve the text"):
        return "Write the word in capitals."
    return word.upper() if len(request.messages) > 2 or "capitals" in system else word

lm = ScriptedLM(reply, identity="shouter", name="shouter")
other = ScriptedLM(lambda request: request.messages[-1].content.upper(), identity="other", name="other")
slow = ScriptedLM(reply, identity="slow", name="slow", delay=30)
refusing = ScriptedLM(lambda request: ValueError("no"), identity="refusing")
'''
PROGRAM = """
import adjoint

program = adjoint.Predict("word -> answer", "Do something with the word.")
loud = adjoint.Predict("word -> answer", "Write the word in capitals.")
number = 7

class Two(adjoint.Module):
    def __init__(self):
        self.first = adjoint.Predict("word -> answer", "Do something.")
        self.second = adjoint.Predict("word -> answer", "Do more.")

    def forward(self, word):
        return self.second(word=self.first(word=word).answer)

def half(example, prediction):
    return 0.5

def wrong(example):
    return 1

def seven(example, prediction):
    return 7

def raising(example, prediction):
    raise RuntimeError("the metric is broken")
"""


@dataclass
class Said:
    """What a command gave."""

    code: int
    out: str
    err: str

    @property
    def json(self):
        return json.loads(self.out)


def words(count, start=0):
    letters = "abcdefghij"
    names = ("".join(letters[int(digit)] for digit in f"{number:04d}") for number in range(start, start + count))
    return "".join(json.dumps({"inputs": {"word": name}, "expected": name.upper()}) + "\n" for name in names)


@pytest.fixture
def world(tmp_path, monkeypatch):
    """The files, in the current directory; `ADJOINT_MODEL` names the scripted model."""
    (tmp_path / "model.py").write_text(MODEL)
    (tmp_path / "words.py").write_text(PROGRAM)
    (tmp_path / "rows.jsonl").write_text(words(60))
    (tmp_path / "test.jsonl").write_text(words(40, start=100))
    monkeypatch.setenv("ADJOINT_MODEL", "model.py:lm")
    return tmp_path


@pytest.fixture
def adjoint_cli(world, capsys):
    """Run a command in this process."""

    def call(*arguments):
        code = main([str(argument) for argument in arguments])
        captured = capsys.readouterr()
        return Said(code, captured.out, captured.err)

    return call


def start(*arguments, **environment):
    """Start the installed command as a process of its own."""
    command = str(Path(sys.executable).with_name("adjoint"))
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    return subprocess.Popen([command, *arguments], env={**os.environ, **environment}, **pipes)

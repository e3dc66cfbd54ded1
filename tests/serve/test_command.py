"""`adjoint serve` as a process: it says where it is, and ends in order and in time."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from urllib.parse import urlsplit

import pytest
from tests.serve.conftest import MESSAGES, SYSTEM, TICKET, ask, raw

import adjoint
from adjoint.cli.main import main

SLOW = """
import adjoint
from adjoint.testing import ScriptedLM

lm = ScriptedLM(lambda request: "late", name="slow", delay=60)
number = 7

class Blocking(adjoint.Module):
    async def aforward(self, word):
        import time
        time.sleep(60)

class Shout(adjoint.Module):
    def forward(self, word):
        return adjoint.Prediction(answer=word.upper())
"""


@contextmanager
def serving(*arguments, **environment):
    """The command on a free port; gives the process and where it is."""
    command = [str(Path(sys.executable).with_name("adjoint")), "serve", *arguments, "--port", "0", "--json"]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    process = subprocess.Popen(command, env={**os.environ, **environment}, **pipes)
    try:
        told = json.loads(process.stdout.readline())
        split = urlsplit(told["url"])
        yield process, SimpleNamespace(url=told["url"], host=split.hostname, port=split.port, told=told)
    finally:
        process.kill()
        process.communicate()


def begin(server, path, body):
    """Send a request and do not wait for its answer."""
    content = json.dumps(body).encode()
    connection = socket.create_connection((server.host, server.port))
    head = f"POST {path} HTTP/1.1\r\nHost: {server.host}:{server.port}\r\nContent-Type: application/json\r\nContent-Length: {len(content)}\r\n\r\n"
    connection.sendall(head.encode() + content)
    time.sleep(0.3)
    return connection


def end(process, number):
    """The exit code, the seconds it took and what else was written."""
    began = time.monotonic()
    process.send_signal(number)
    out, err = process.communicate(timeout=20)
    return process.returncode, time.monotonic() - began, out, err


@pytest.fixture
def files(tmp_path):
    (tmp_path / "slow.py").write_text(SLOW)
    adjoint.Predict("ticket -> answer", SYSTEM).save(tmp_path / "best.json")


def test_it_says_in_one_line_where_it_is_and_sigterm_ends_it_with_0():
    with serving("pocket") as (process, server):
        assert server.told == {"url": f"http://127.0.0.1:{server.port}", "pid": process.pid, "serves": "pocket"}
        assert ask(server, {"model": "pocket", "messages": MESSAGES}).status == 200
        code, seconds, out, err = end(process, signal.SIGTERM)
    assert (code, out, err) == (0, "", "")
    assert seconds < 2


@pytest.mark.parametrize(
    ("what", "path", "body"),
    [
        ("slow.py:lm", "/v1/chat/completions", {"model": "slow", "messages": MESSAGES}),
        ("slow.py:Blocking", "/predict", {"word": "x"}),
    ],
)
def test_sigint_ends_it_with_130_also_while_an_answer_is_awaited(files, what, path, body):
    with serving(what) as (process, server), begin(server, path, body):
        code, seconds, _, err = end(process, signal.SIGINT)
    assert code == 130 and seconds < 2
    assert "Traceback" not in err


def test_a_saved_program_is_served(files):
    with serving("best.json", "--model", "pocket") as (_, server):
        assert ask(server, {"ticket": TICKET}, "/").json == {"answer": "[lamp]"}


def test_a_program_of_a_file_is_served(files):
    with serving("slow.py:Shout") as (_, server):
        assert ask(server, {"word": "lamp"}, "/predict").json == {"answer": "LAMP"}


def test_off_loopback_a_token_is_made_and_shown_once():
    with serving("pocket", "--host", "0.0.0.0") as (process, server):
        server.host = "127.0.0.1"
        assert raw(server, "GET", "/v1/models").status == 401
        code, _, out, err = end(process, signal.SIGTERM)
    token = err.split()[-1]
    assert (code, out, err) == (0, "", f"adjoint: the token of this run is {token}\n")
    assert len(token) >= 32


def test_the_token_of_the_environment_is_asked_for_and_not_shown():
    with serving("pocket", ADJOINT_SERVE_TOKEN="from-the-environment") as (process, server):
        assert raw(server, "GET", "/v1/models").status == 401
        assert raw(server, "GET", "/v1/models", [("Authorization", "Bearer from-the-environment")]).status == 200
        *_, out, err = end(process, signal.SIGTERM)
    assert "from-the-environment" not in out + err


WRONG = {
    "a model that is none": (["gpt"], "names no model"),
    "a program that is missing": (["nowhere.json"], "nowhere.json"),
    "a name that is neither": (["slow.py:number"], "neither a program nor a language model"),
    "a file without a name": (["slow.py"], "slow.py:NAME"),
    "a port out of range": (["pocket", "--port", "70000"], "65535"),
    "a host that is not this machine": (["pocket", "--host", "192.0.2.1", "--token", "x"], "cannot listen"),
}


@pytest.mark.parametrize(("arguments", "said"), WRONG.values(), ids=WRONG)
def test_what_cannot_be_served_is_one_line_and_exit_2(files, arguments, said, capsys):
    assert main(["serve", *arguments]) == 2
    assert said in capsys.readouterr().err

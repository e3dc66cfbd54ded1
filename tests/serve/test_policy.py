"""Who may ask: one table of what web pages, strangers and the careless send, and what they get."""

from __future__ import annotations

import json

import pytest
from tests.serve.conftest import MESSAGES, raw

import adjoint
from adjoint.base.errors import UsageError
from adjoint.serve import Server
from adjoint.testing import ScriptedLM

TOKEN = "a-token-of-this-test"
LIMIT = 10_000
JSON = ("Content-Type", "application/json")
BODY = json.dumps({"model": "scripted", "messages": MESSAGES}).encode()
SENT = ("Content-Length", str(len(BODY)))
KEY = ("Authorization", f"Bearer {TOKEN}")
CHAT = "/v1/chat/completions"


def echo(request):
    return "ok"


@pytest.fixture(scope="module")
def guarded():
    """A server on loopback with a token and a small limit."""
    with Server(lm=ScriptedLM(echo), token=TOKEN, limit=LIMIT, names=["lamp.example"]) as server:
        yield server


CASES = {
    "all is well": (CHAT, [KEY, JSON, SENT], 200),
    "the name localhost": (CHAT, [("Host", "localhost:PORT"), KEY, JSON, SENT], 200),
    "the name in capitals": (CHAT, [("Host", "LOCALHOST:PORT"), KEY, JSON, SENT], 200),
    "the address of IPv6": (CHAT, [("Host", "[::1]:PORT"), KEY, JSON, SENT], 200),
    "a name that was allowed": (CHAT, [("Host", "lamp.example"), KEY, JSON, SENT], 200),
    "its own origin": (CHAT, [KEY, JSON, SENT, ("Origin", "http://127.0.0.1:PORT"), ("Sec-Fetch-Site", "same-origin")], 200),
    "a name that was rebound": (CHAT, [("Host", "evil.example:PORT"), KEY, JSON, SENT], 403),
    "a name that begins alike": (CHAT, [("Host", "localhost.evil.example:PORT"), KEY, JSON, SENT], 403),
    "a name that ends alike": (CHAT, [("Host", "evil.localhost:PORT"), KEY, JSON, SENT], 403),
    "a name with a dot behind it": (CHAT, [("Host", "localhost.:PORT"), KEY, JSON, SENT], 403),
    "a user in front of the name": (CHAT, [("Host", "127.0.0.1:PORT@evil.example"), KEY, JSON, SENT], 403),
    "another port": (CHAT, [("Host", "127.0.0.1:1"), KEY, JSON, SENT], 403),
    "no port": (CHAT, [("Host", "127.0.0.1"), KEY, JSON, SENT], 403),
    "a port of too many digits": (CHAT, [("Host", "127.0.0.1:0000000PORT"), KEY, JSON, SENT], 403),
    "another address of this machine": (CHAT, [("Host", "0.0.0.0:PORT"), KEY, JSON, SENT], 403),
    "the address as a number": (CHAT, [("Host", "2130706433:PORT"), KEY, JSON, SENT], 403),
    "an empty host": (CHAT, [("Host", ""), KEY, JSON, SENT], 403),
    "two hosts": (CHAT, [("Host", "127.0.0.1:PORT"), ("Host", "evil.example"), KEY, JSON, SENT], {400, 403}),
    "a foreign origin": (CHAT, [KEY, JSON, SENT, ("Origin", "http://evil.example")], 403),
    "the origin of another port": (CHAT, [KEY, JSON, SENT, ("Origin", "http://127.0.0.1:1")], 403),
    "its own origin by https": (CHAT, [KEY, JSON, SENT, ("Origin", "https://127.0.0.1:PORT")], 403),
    "an origin without a name": (CHAT, [KEY, JSON, SENT, ("Origin", "null")], 403),
    "two origins": (CHAT, [KEY, JSON, SENT, ("Origin", "http://127.0.0.1:PORT"), ("Origin", "http://evil.example")], 403),
    "a page of another site": (CHAT, [KEY, JSON, SENT, ("Sec-Fetch-Site", "cross-site")], 403),
    "a page of the same domain": (CHAT, [KEY, JSON, SENT, ("Sec-Fetch-Site", "same-site")], 403),
    "no token": (CHAT, [JSON, SENT], 401),
    "an empty token": (CHAT, [("Authorization", "Bearer "), JSON, SENT], 401),
    "a wrong token": (CHAT, [("Authorization", f"Bearer {TOKEN}x"), JSON, SENT], 401),
    "the beginning of the token": (CHAT, [("Authorization", f"Bearer {TOKEN[:-1]}"), JSON, SENT], 401),
    "the token in another scheme": (CHAT, [("Authorization", f"Basic {TOKEN}"), JSON, SENT], 401),
    "two tokens": (CHAT, [KEY, ("Authorization", "Bearer x"), JSON, SENT], {400, 401}),
    "the token in the address": (f"{CHAT}?token={TOKEN}", [JSON, SENT], 401),
    "a form": (CHAT, [KEY, ("Content-Type", "application/x-www-form-urlencoded"), SENT], 415),
    "plain text, which pages may send unasked": (CHAT, [KEY, ("Content-Type", "text/plain"), SENT], 415),
    "no type": (CHAT, [KEY, SENT], 415),
    "a body that says it is too large": (CHAT, [KEY, JSON, ("Content-Length", "999999999999")], 413),
    "a path that climbs": ("/v1/../../etc/passwd", [KEY, JSON, SENT], 404),
    "a path that climbs in disguise": ("/v1/models/..%2f..%2f..%2fetc%2fpasswd", [KEY, JSON, SENT], {404, 405}),
    "a path with two slashes": (f"/{CHAT}", [KEY, JSON, SENT], 404),
    "a path with an end": (f"{CHAT}/", [KEY, JSON, SENT], 404),
    "a path that is not there": ("/admin", [KEY, JSON, SENT], 404),
    "a program's path at a model": ("/predict", [KEY, JSON, SENT], 404),
    "a path without a token": ("/admin", [JSON, SENT], 401),
    "health with more behind it": ("/healthz/..%2fv1/models", [JSON, SENT], 401),
}


@pytest.mark.parametrize(("path", "headers", "status"), CASES.values(), ids=CASES)
def test_what_is_sent_gets_its_status(guarded, path, headers, status):
    given = [(name, value.replace("PORT", str(guarded.port))) for name, value in headers]
    reply = raw(guarded, "POST", path, given, BODY if SENT in headers else b"")
    assert reply.status in (status if isinstance(status, set) else {status})
    assert not [name for name in reply.headers if name.lower().startswith("access-control")]
    assert TOKEN not in reply.text
    if reply.status not in (200, 400):
        assert reply.json["error"]["message"]


BODIES = {
    "no JSON": b"{",
    "nothing": b"",
    "a list": b"[]",
    "bytes that are no text": b"\xff\xfe\x00",
    "a deep nest": b"[" * 9000,
}


@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES)
def test_a_body_that_is_no_object_is_refused(guarded, body):
    reply = raw(guarded, "POST", CHAT, [KEY, JSON, ("Content-Length", str(len(body)))], body)
    assert (reply.status, reply.json["error"]["code"]) == (400, "invalid_request")


def test_a_body_in_chunks_is_cut_off_at_the_limit(guarded):
    chunk = b"%x\r\n" % LIMIT + b" " * LIMIT + b"\r\n"
    reply = raw(guarded, "POST", CHAT, [KEY, JSON, ("Transfer-Encoding", "chunked")], chunk * 2 + b"0\r\n\r\n")
    assert (reply.status, reply.json["error"]["code"]) == (413, "request_too_large")


@pytest.mark.parametrize(
    ("method", "path", "status"), [("GET", CHAT, 405), ("OPTIONS", CHAT, 405), ("DELETE", "/v1/models", 405), ("TRACE", "/", 404)]
)
def test_other_methods_do_nothing(guarded, method, path, status):
    reply = raw(guarded, method, path, [KEY])
    assert reply.status == status
    assert reply.json["error"]["message"]


def test_health_needs_no_token_but_a_known_host(guarded):
    assert raw(guarded, "GET", "/healthz").status == 200
    assert raw(guarded, "GET", "/healthz", [("Host", "evil.example")]).status == 403


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "example.org"])
def test_off_loopback_a_token_is_needed(host):
    with pytest.raises(UsageError, match="give a token"):
        Server(lm=adjoint.LM("pocket"), host=host)


@pytest.mark.parametrize("token", ["", "two words", "täuschung", "a\nb"])
def test_a_token_is_one_printable_word(token):
    with pytest.raises(UsageError, match="printable"):
        Server(lm=adjoint.LM("pocket"), token=token)


def test_off_loopback_addresses_and_given_names_are_served_and_others_not():
    with Server(lm=ScriptedLM(echo), host="0.0.0.0", token=TOKEN, names=["lamp.example"]) as server:
        server.host = "127.0.0.1"  # where the test connects to
        hosts = {"127.0.0.1:80": 200, "192.0.2.7:9000": 200, "lamp.example:443": 200, "evil.example:80": 403}
        found = {host: raw(server, "GET", "/v1/models", [KEY, ("Host", host)]).status for host in hosts}
    assert found == hosts


def test_a_port_that_is_taken_is_a_usage_error(guarded):
    with pytest.raises(UsageError, match="Give another --port"), Server(lm=ScriptedLM(echo), port=guarded.port):
        pass

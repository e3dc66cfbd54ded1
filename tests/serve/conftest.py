"""Servers to ask, and two ways of asking: as a client does, and byte by byte as nobody should."""

from __future__ import annotations

import asyncio
import http.client
import json
from dataclasses import dataclass

import aiohttp
import pytest

import adjoint
from adjoint.serve import Server

SYSTEM = "Give the item. Put it in square brackets."
TICKET = "Hi, I am Ida from Oslo. On Friday I ordered a red lamp. The lamp arrived broken."
MESSAGES = [{"role": "system", "content": SYSTEM}, {"role": "user", "content": TICKET}]


@dataclass
class Reply:
    status: int
    text: str
    headers: dict

    @property
    def json(self):
        return json.loads(self.text)

    @property
    def events(self):
        """The data of a stream, without its end mark, which must be there."""
        *events, end = self.text.removesuffix("\n\n").split("\n\n")
        assert end == "data: [DONE]"
        return [json.loads(event.removeprefix("data: ")) for event in events]


def ask_all(server, bodies, path="/v1/chat/completions", **headers):
    """Post all bodies at once."""

    async def one(session, body):
        async with session.post(server.url + path, json=body, headers=headers) as response:
            return Reply(response.status, await response.text(), dict(response.headers))

    async def gather():
        async with aiohttp.ClientSession() as session:
            return await asyncio.gather(*(one(session, body) for body in bodies))

    return asyncio.run(gather())


def ask(server, body, path="/v1/chat/completions", **headers):
    return ask_all(server, [body], path, **headers)[0]


def chat(server, **options):
    return ask(server, {"model": "pocket", "messages": MESSAGES, **options})


def raw(server, method, path, headers=(), body=b""):
    """A request as it is written, with any headers any number of times; only Host is added unless it is among them."""
    connection = http.client.HTTPConnection(server.host, server.port, timeout=10)
    try:
        connection.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
        if not any(name.lower() == "host" for name, _ in headers):
            connection.putheader("Host", f"{server.host}:{server.port}")
        for name, value in headers:
            connection.putheader(name, value)
        connection.endheaders(body or None)
        response = connection.getresponse()
        return Reply(response.status, response.read().decode(), dict(response.getheaders()))
    finally:
        connection.close()


@pytest.fixture(scope="session")
def pocket():
    with Server(lm=adjoint.LM("pocket")) as server:
        yield server

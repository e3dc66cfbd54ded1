"""The pocket LM in pieces: they come while it decodes, and together they are the reply that comes whole."""

from __future__ import annotations

import asyncio
from contextlib import aclosing

import pytest

from adjoint.base.errors import RequestError
from adjoint.lm.pocket import Pocket
from adjoint.lm.types import Message, Request

POCKET = Pocket()
TICKET = "Hi, I am Ida from Oslo. On Friday I ordered a red lamp. The lamp arrived broken."


def ask(**options):
    system = Message("system", "Give the item. Put it in square brackets. Start with Result and a colon.")
    return Request((system, Message("user", TICKET)), **options)


async def streamed(request):
    async with aclosing(POCKET.stream(request)) as items:
        *pieces, last = [item async for item in items]
    return [piece.text for piece in pieces], last


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"max_tokens": 2},
        {"stop": ("mp]",)},
        {"stop": ("\n", "]")},
        *({"temperature": 3.0, "seed": seed, "max_tokens": 40, "stop": ("ing", "er")} for seed in range(6)),
    ],
    ids=str,
)
def test_the_pieces_are_the_reply(options):
    pieces, last = asyncio.run(streamed(ask(**options)))
    assert "".join(pieces) == last.text == asyncio.run(POCKET(ask(**options))).text
    assert all(pieces)


def test_a_stream_comes_while_the_reply_is_written():
    async def first():
        async with aclosing(POCKET.stream(ask())) as items:
            return await anext(items)

    pieces, last = asyncio.run(streamed(ask()))
    assert len(pieces) > 2
    assert asyncio.run(first()).text == pieces[0] != last.text


def test_streams_and_plain_calls_share_a_batch():
    async def both():
        return await asyncio.gather(*(streamed(ask()) for _ in range(8)), *(POCKET(ask()) for _ in range(8)))

    found = asyncio.run(both())
    assert {last.text for _, last in found[:8]} == {reply.text for reply in found[8:]}


def test_several_replies_are_not_streamed():
    with pytest.raises(RequestError, match="one reply at a time"):
        asyncio.run(streamed(ask(n=2)))

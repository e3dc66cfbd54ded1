"""The ledger as the store of replies: the one place where LM records become rows and rows become LM records."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from adjoint.base.json import plain
from adjoint.lm.cache import Reply
from adjoint.lm.types import Message, Request, Response, TokenLogprob, Usage

if TYPE_CHECKING:
    from adjoint.ledger.store import Ledger


class LedgerReplies:
    """Implements `lm.cache.ReplyStore` on a ledger."""

    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger

    def get(self, key: str) -> Reply | None:
        row = self.ledger.reply(key)
        return None if row is None else _reply(key, row)

    async def put(self, reply: Reply) -> None:
        response: Any = plain(reply.response)
        body = {
            "lm": reply.lm,
            "payer": reply.payer,
            "role": reply.role,
            "request": reply.request.as_dict(),
            "response": response,
        }
        await self.ledger.keep_reply(reply.key, body)


def _reply(key: str, row: Any) -> Reply:
    request, response = dict(row["request"]), dict(row["response"])
    request["messages"] = tuple(Message(**message) for message in request["messages"])
    request["stop"] = tuple(request["stop"])
    response["usage"] = Usage(**response["usage"])
    if response["logprobs"] is not None:
        response["logprobs"] = tuple(TokenLogprob(**token) for token in response["logprobs"])
    return Reply(key, row["lm"], row["payer"], row["role"], Request(**request), Response(**response))

"""The ledger as the store of replies: the one place where LM records become rows and rows become LM records."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from adjoint.lm.cache import Reply
from adjoint.lm.types import Request, Response

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
        body: dict[str, Any] = {
            "lm": reply.lm,
            "payer": reply.payer,
            "role": reply.role,
            "request": reply.request.as_dict(),
            "response": reply.response.as_dict(),
        }
        await self.ledger.keep_reply(reply.key, body)


def _reply(key: str, row: Any) -> Reply:
    return Reply(key, row["lm"], row["payer"], row["role"], Request.from_dict(row["request"]), Response.from_dict(row["response"]))

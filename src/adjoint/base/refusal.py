"""What stands in the way of a reservation under a cap, said alike by the account in memory and by the one in the ledger."""

from __future__ import annotations

from typing import NamedTuple


class Refusal(NamedTuple):
    """The cap that a reservation would break; `pending` if calls under way may still leave something of it."""

    cap: str
    pending: bool

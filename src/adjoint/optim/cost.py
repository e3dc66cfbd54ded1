"""What a run of a program costs, read off its tape: the same whether its replies were paid for now or kept."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from adjoint.base.errors import ProgramError, UsageError
from adjoint.base.foreign import foreign_call
from adjoint.lm.prices import price_of
from adjoint.optim.knobs import require
from adjoint.program.choice import ModelChoice
from adjoint.program.context import active_lm

if TYPE_CHECKING:
    from collections.abc import Callable

    from adjoint.lm.base import BaseLM
    from adjoint.program.tape import Node, Tape


def dollars_of(tape: Tape) -> float | None:
    """US dollars for all calls of LMs, by their prices; None if the price of one of them is not known."""
    total = 0.0
    for node in (*tape.nodes, *tape.rejected):
        if node.messages:
            price = price_of(_asked(node))
            if price is None:
                return None
            total += price.usd(node.usage.input_tokens, node.usage.output_tokens)
    return total


def cost_of(cost: Callable[[Tape], float | None], tape: Tape) -> float:
    """What a run has cost by a function of the user's. Raises `ProgramError` if that fails, `UsageError` if it knows no number."""
    found: Any = foreign_call(lambda: cost(tape), ProgramError, "the cost")
    if found is None:
        message = "what a model costs is not known; give its price (LM(..., price=...)) or cost=, a function of the tape."
        raise UsageError(message)
    require("cost", "result", found, "float")
    return float(found)


def tokens_of(tape: Tape) -> float:
    """Tokens that all calls of LMs have read and written."""
    return float(sum(node.usage.tokens for node in (*tape.nodes, *tape.rejected)))


def _asked(node: Node) -> BaseLM:
    """The LM that answered the call."""
    lm: BaseLM = getattr(node.module, "lm", None) or active_lm()
    return lm.lm if isinstance(lm, ModelChoice) else lm

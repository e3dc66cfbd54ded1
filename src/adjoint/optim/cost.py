"""What a run of a program costs, read off its tape: the same whether its replies were paid for now or kept."""

from __future__ import annotations

from typing import TYPE_CHECKING

from adjoint.lm.prices import price_of
from adjoint.program.choice import ModelChoice
from adjoint.program.context import active_lm

if TYPE_CHECKING:
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


def tokens_of(tape: Tape) -> float:
    """Tokens that all calls of LMs have read and written."""
    return float(sum(node.usage.tokens for node in (*tape.nodes, *tape.rejected)))


def _asked(node: Node) -> BaseLM:
    """The LM that answered the call."""
    lm: BaseLM = getattr(node.module, "lm", None) or active_lm()
    return lm.lm if isinstance(lm, ModelChoice) else lm

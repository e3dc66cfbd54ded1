"""Backward: feedback walks from losses to parameters. Nodes fire as soon as all their consumers have spoken."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from adjoint.autograd.engine import backward_engine, engine_of
from adjoint.autograd.graph import summands, warn_of_starved
from adjoint.autograd.plan import POLICIES, planned
from adjoint.autograd.walk import Walk
from adjoint.base.errors import UnknownNameError
from adjoint.base.portal import portal
from adjoint.program.context import CONCURRENCY, current

if TYPE_CHECKING:
    from collections.abc import Sequence

    from adjoint.autograd.engine import Engine
    from adjoint.autograd.plan import Policy
    from adjoint.autograd.variable import Variable
    from adjoint.program.parameter import Gradient
    from adjoint.program.tape import Node

_log = logging.getLogger("adjoint.backward")


def backward(
    loss: Variable | Sequence[Variable],
    engine: Engine | None = None,
    *,
    policy: Policy | None = None,
    budget: int | None = None,
    limit: int = CONCURRENCY,
    quorum: float = 0.0,
    threshold: float = 1.0,
) -> None:
    """Send the feedback of one loss or of several to every trainable parameter they depend on; see `abackward`."""
    from adjoint.autograd.variable import Variable

    losses = [loss] if isinstance(loss, Variable) else list(loss)
    warn_of_starved(losses)
    walk = Walk(engine_of(engine) or backward_engine(), _known(policy), calls=budget, limit=limit, quorum=quorum)
    portal.run(walk.complete(_roots(losses, threshold)))
    _tell(walk)


async def abackward(
    losses: Sequence[Variable],
    engine: Engine | None = None,
    *,
    policy: Policy | None = None,
    budget: int | None = None,
    limit: int = CONCURRENCY,
    quorum: float = 0.0,
    threshold: float = 1.0,
) -> None:
    """Send the feedback of losses back, all of them at once.

    Gradients are added to `grad` of parameters and variables in the order of the calls, whatever the order in which
    critiques arrive. An explicit `engine` wins over `set_backward_engine`, and that over the context's LM.

    - `policy` says who is asked: `fused` one critique for each call of an LM (the default), `chain` one for each edge, as
      in TextGrad, `trace` one for the whole graph of a loss, `local` nobody, `auto` what fits the graph. Without one it is
      that of the context: `adjoint.context(policy="chain")`.
    - `budget` caps critiques; the calls beyond it pass their feedback on as it is. `limit` caps those in flight.
    - A loss whose score is at least `threshold` asks for no change, and costs nothing.
    - A critique that fails is a missing gradient and the others stand. If fewer than the share `quorum` arrive, or none,
      `GradientError` is raised and no gradient is added.
    """
    warn_of_starved(losses)
    walk = Walk(engine_of(engine) or backward_engine(), _known(policy), calls=budget, limit=limit, quorum=quorum)
    await walk.complete(_roots(losses, threshold))
    _tell(walk)


def estimate(losses: Sequence[Variable], *, policy: Policy | None = None, threshold: float = 1.0) -> int:
    """How many critiques a backward pass would ask for at most. Nothing is called."""
    return planned(_roots(losses, threshold), _known(policy)).calls


def _tell(walk: Walk) -> None:
    """A critique that is missing shows nowhere else."""
    if walk.failures:
        missing, all_of_them = len(walk.failures), walk.attempts
        _log.warning("%d of %d critiques are missing; the first failure was %s", missing, all_of_them, walk.failures[0])


def _roots(losses: Sequence[Variable], threshold: float) -> list[tuple[Node, Gradient]]:
    from adjoint.autograd.losses import feedback_of

    return [(loss.node, feedback_of(loss, group=group, threshold=threshold)) for loss, group in summands(losses)]


def _known(policy: str | None) -> Policy:
    chosen = policy or current().policy
    for name in POLICIES:
        if name == chosen:
            return name
    raise UnknownNameError.of("policy", chosen, POLICIES)

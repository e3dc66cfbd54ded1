"""Fine-tuning as DSPy's users order it: rows as plain dictionaries, and a job whose result is the tuned LM."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from adjoint.base.portal import portal
from adjoint.lm import weights
from adjoint.optim.weights import rows as training
from adjoint.optim.weights.recipe import Recipe
from adjoint.optim.weights.tuner import Begun, tuner_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from concurrent.futures import Future

    from adjoint.optim.weights.rows import Format, Row
    from adjoint.optim.weights.tuner import Tuner
    from adjoint.program.lm import LM


def finetune(
    lm: LM,
    train_data: Sequence[Mapping[str, Any]],
    train_data_format: Format | None = "chat",
    train_kwargs: Recipe | Mapping[str, Any] | None = None,
) -> Future[LM]:
    """Begin to train an LM on rows, here or at its provider; `.result()` waits and gives the tuned LM, or raises what went wrong.

    Rows are `{"messages": [{"role": ..., "content": ...}, ...]}` that end with the assistant ("chat", which None means, too) or
    `{"prompt": ..., "completion": ...}` ("completion"). `train_kwargs` are settings of a `Recipe`. The LM itself stays as it is.
    Raises `UsageError` for an LM that nobody can train, `DataError` for a row of another form, `UnknownNameError` for a format or
    setting that there is not.
    """
    recipe, made, tuner = Recipe.of(train_kwargs), training.of_data(train_data, train_data_format or "chat"), tuner_of(lm)
    return asyncio.run_coroutine_threadsafe(_tuned(lm, tuner, made, recipe), portal.loop)


async def _tuned(lm: LM, tuner: Tuner, rows: Sequence[Row], recipe: Recipe) -> LM:
    """The LM with its new weights; one that has weights of its own goes on from them."""
    begun = Begun(lm.options.get(weights.ADAPTER))
    done = await tuner.tune(rows, recipe, begun=begun, snapshots=1, on_step=lambda _: None)
    made = lm.copy()
    made.options = {**lm.options, **done.weights[-1]}  # a provider's weights are another model at the same endpoint
    return made

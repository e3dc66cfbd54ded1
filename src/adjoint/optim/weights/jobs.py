"""Training at a provider: OpenAI's fine-tuning jobs. A job that was begun is found again, and only waited for."""

from __future__ import annotations

import asyncio
import json
from dataclasses import fields, replace
from typing import TYPE_CHECKING, Any

from adjoint.base.errors import BudgetExceeded, LMError, TransportError, UsageError
from adjoint.base.json import digest
from adjoint.base.portal import portal
from adjoint.lm import weights, wire
from adjoint.optim.weights import rows as training
from adjoint.optim.weights.recipe import Recipe
from adjoint.optim.weights.tuner import Tuned
from adjoint.program.context import current

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from adjoint.lm.openai import OpenAIChat
    from adjoint.optim.weights.rows import Row
    from adjoint.optim.weights.task import Step
    from adjoint.optim.weights.tuner import Begun

EVERY = 10.0
"""Seconds between two looks at a job."""
_TAKEN = {"method", "epochs", "seed", "beta"}
"""What a provider lets its users decide."""
_PATH, _JOBS = "/chat/completions", "/fine_tuning/jobs"


class Jobs:
    """Trains one model of a provider with OpenAI's interface: upload, create, poll. `every` is in seconds."""

    def __init__(self, client: OpenAIChat, *, every: float | None = None) -> None:
        self.client, self.every = client, EVERY if every is None else every

    async def tune(
        self, rows: Sequence[Row], recipe: Recipe, *, begun: Begun, snapshots: int, on_step: Callable[[Step], None]
    ) -> Tuned:
        """Train and wait. Whatever ends the waiting, the job goes on, and the same call waits for it again."""
        del on_step  # a provider tells nothing that could be drawn as a curve
        training.check(rows, pairs=recipe.method == "dpo")
        _refuse(recipe, begun, snapshots)
        _check_budget()
        folder = (
            weights.home().parent
            / "training"
            / digest([self.client.identity, training.name_of(rows), recipe.to_dict()], length=16)
        )
        job = await portal.here(self._job(folder, rows, recipe))
        return Tuned(({weights.MODEL: await self._waited(job)},))

    async def cancel(self, job: str) -> None:
        """End a job that is under way."""
        await portal.here(self._at(f"{_JOBS}/{job}/cancel").post({}))

    async def _job(self, folder: Path, rows: Sequence[Row], recipe: Recipe) -> str:
        """The job for this training: the one that is known, else a new one.

        The file is noted before a job is ordered on it. Whatever comes between the order and its own note, the provider's list
        tells whether there is a job on that file.
        """
        noted = _noted(folder)
        known = noted.get("job") or (await self._ordered(noted["file"]) if noted else None)
        if known is None or await self._status(known) in ("failed", "cancelled"):
            noted = {"file": str((await self._at("/files").post(_form(training.jsonl(rows))))["id"])}
            _note(folder, noted)
            known = str((await self._at(_JOBS).post(_order(self.client.model, noted["file"], recipe)))["id"])
        _note(folder, {**noted, "job": known})
        return known

    async def _ordered(self, file: str) -> str | None:
        """The job that the provider has for a training file, if there is one; the list comes in pages, newest first."""
        query = "limit=100"
        while True:
            page = await self._at(f"{_JOBS}?{query}").get()
            jobs = wire.objects(page.get("data"), "data")
            for job in jobs:
                if job.get("training_file") == file:
                    return str(job["id"])
            if not jobs or not page.get("has_more"):
                return None
            query = f"limit=100&after={jobs[-1]['id']}"

    async def _status(self, job: str) -> str:
        return str((await self._at(f"{_JOBS}/{job}").get()).get("status"))

    async def _waited(self, job: str) -> str:
        """The name of the trained model, once there is one. A line that breaks meanwhile is no reason to give up."""
        account = current().account
        while True:
            if account is not None:
                account.check_time()
            try:
                seen = await portal.here(self._at(f"{_JOBS}/{job}").get())
            except TransportError:
                seen = {}
            if seen.get("status") == "succeeded":
                return str(seen["fine_tuned_model"])
            if seen.get("status") in ("failed", "cancelled"):
                why = (seen.get("error") or {}).get("message") or "the provider gives no reason"
                raise LMError(
                    f"the fine-tuning job {job} {'was cancelled' if seen['status'] == 'cancelled' else 'failed'}: {why}."
                )
            await asyncio.sleep(self.every)

    def _at(self, path: str) -> Any:
        endpoint = self.client._endpoint
        return replace(endpoint, url=endpoint.url.removesuffix(_PATH) + path)


def _noted(folder: Path) -> dict[str, str]:
    path = folder / "job.json"
    found: dict[str, str] = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    return found


def _note(folder: Path, body: dict[str, str]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    part = folder / "job.part"
    part.write_text(json.dumps(body), encoding="utf-8")
    part.replace(folder / "job.json")  # a crash leaves the old note or the new one


def _form(lines: str) -> Any:
    import aiohttp

    form = aiohttp.FormData()
    form.add_field("purpose", "fine-tune")
    form.add_field("file", lines.encode(), filename="rows.jsonl", content_type="application/jsonl")
    return form


def _order(model: str, file: str, recipe: Recipe) -> dict[str, Any]:
    settings: dict[str, Any] = {"n_epochs": max(1, round(recipe.epochs))}
    kind = "supervised" if recipe.method == "sft" else "dpo"
    if kind == "dpo":
        settings["beta"] = recipe.beta
    method = {"type": kind, kind: {"hyperparameters": settings}}
    return {"model": model, "training_file": file, "seed": recipe.seed, "method": method}


def _refuse(recipe: Recipe, begun: Begun, snapshots: int) -> None:
    """Raise `UsageError` for what a provider cannot be asked to do."""
    usual = Recipe(method=recipe.method)
    own = [
        item.name
        for item in fields(recipe)
        if item.name not in _TAKEN and getattr(recipe, item.name) != getattr(usual, item.name)
    ]
    reason = None
    if recipe.method == "grpo":
        reason = "GRPO needs the model in this process: LM('hf/PATH')"
    elif own:
        reason = f"the provider decides {own[0]} itself; it can be told {', '.join(sorted(_TAKEN))}"
    elif begun.weights is not None or snapshots > 1:
        reason = "a provider's job begins with its own model and gives one result; leave out snapshots and earlier adapters"
    if reason is not None:
        raise UsageError(f"{reason}.")


def _check_budget() -> None:
    """A job's price is not known, so no cap in dollars could be kept."""
    account = current().account
    if account is not None and account.budget.usd is not None and not account.budget.allow_unpriced:
        message = "a cap in dollars needs a price, and that of a fine-tuning job is not known: say Budget(allow_unpriced=True), or cap seconds."
        raise BudgetExceeded(message)

"""The fake provider's side of OpenAI's fine-tuning: files, and jobs that are done after so many looks."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web


@dataclass
class FineTuning:
    """What was uploaded and ordered. A job succeeds with look number `looks`; `fails` is the reason of one that does not.

    `unheard` orders are taken and never answered: the line breaks. The list of jobs has `page` of them a page, newest first.
    """

    looks: int = 2
    fails: str | None = None
    unheard: int = 0
    page: int = 2
    files: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    orders: dict[str, dict[str, Any]] = field(default_factory=dict)
    seen: dict[str, int] = field(default_factory=dict)
    cancelled: set[str] = field(default_factory=set)

    def routes(self) -> list[web.RouteDef]:
        return [
            web.post("/v1/files", self._upload),
            web.post("/v1/fine_tuning/jobs", self._create),
            web.get("/v1/fine_tuning/jobs", self._list),
            web.get("/v1/fine_tuning/jobs/{job}", self._show),
            web.post("/v1/fine_tuning/jobs/{job}/cancel", self._cancel),
        ]

    async def _upload(self, request: web.Request) -> web.Response:
        form = await request.post()
        sent: Any = form["file"]
        name = f"file-{len(self.files) + 1}"
        self.files[name] = [json.loads(line) for line in sent.file.read().decode().splitlines()]
        return web.json_response({"id": name, "object": "file", "purpose": form["purpose"]})

    async def _create(self, request: web.Request) -> web.Response:
        order = await request.json()
        if order["training_file"] not in self.files:
            return web.json_response({"error": {"message": "no such file", "code": "not_found"}}, status=404)
        name = f"ftjob-{len(self.orders) + 1}"
        self.orders[name], self.seen[name] = order, 0
        if self.unheard and request.transport is not None:
            self.unheard -= 1
            request.transport.close()
        return web.json_response(self._body(name))

    async def _list(self, request: web.Request) -> web.Response:
        names, after = list(reversed(self.orders)), request.query.get("after")
        rest = names if after is None else names[names.index(after) + 1 :]
        found = [self._body(name) for name in rest[: self.page]]
        return web.json_response({"object": "list", "data": found, "has_more": len(rest) > self.page})

    async def _show(self, request: web.Request) -> web.Response:
        name = request.match_info["job"]
        if name not in self.orders:
            return web.json_response({"error": {"message": "no such job", "code": "not_found"}}, status=404)
        self.seen[name] += 1
        return web.json_response(self._body(name))

    async def _cancel(self, request: web.Request) -> web.Response:
        self.cancelled.add(request.match_info["job"])
        return web.json_response(self._body(request.match_info["job"]))

    def _body(self, name: str) -> dict[str, Any]:
        done, model = self.seen[name] >= self.looks, self.orders[name]["model"]
        ended = "failed" if self.fails else "succeeded"
        status = "cancelled" if name in self.cancelled else ended if done else "running"
        made = f"ft:{model}:{name}" if status == "succeeded" else None
        error = {"message": self.fails} if status == "failed" else None
        about = {"id": name, "object": "fine_tuning.job", "training_file": self.orders[name]["training_file"]}
        return {**about, "status": status, "fine_tuned_model": made, "error": error}

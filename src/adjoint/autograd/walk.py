"""One walk back over the graph: fired node by node as it is planned, and delivered in the order of the calls."""

from __future__ import annotations

import asyncio
import heapq
import logging
from collections import defaultdict
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, TypeVar

from adjoint.adapters.written import write
from adjoint.autograd import chain, graph, trace
from adjoint.autograd.mean import mean
from adjoint.autograd.plan import planned, rule_under
from adjoint.autograd.rules import (
    ASKED,
    FREE,
    Target,
    gradient_of,
    input_of,
    merge,
    output_of,
    pass_through,
    undivided,
)
from adjoint.autograd.text import cut
from adjoint.base.errors import FATAL, AdjointError, GradientError, UsageError
from adjoint.exec.local import all_of, stop
from adjoint.program.context import CONCURRENCY

if TYPE_CHECKING:
    from collections.abc import Awaitable, Sequence

    from adjoint.autograd.plan import Plan, Policy, Roots
    from adjoint.lm.base import BaseLM
    from adjoint.program.parameter import Gradient, Parameter
    from adjoint.program.tape import Node

T = TypeVar("T")

_log = logging.getLogger("adjoint.backward")
_SHOWN = 300
"""Characters of a call that a passing case keeps."""


@dataclass
class Walk:
    """One backward pass over the nodes that lie between losses and trainable parameters."""

    engine: BaseLM | None
    policy: Policy = "fused"
    calls: int | None = None
    limit: int = CONCURRENCY
    quorum: float = 0.0
    incoming: dict[Node, list[tuple[int, Gradient]]] = field(default_factory=lambda: defaultdict(list))
    landed: list[tuple[int, str, Parameter[Any], Gradient]] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    attempts: int = 0
    undivided: int = 0
    stopped: AdjointError | None = None

    def __post_init__(self) -> None:
        if self.limit < 1:
            message = f"limit={self.limit} would ask nobody; give 1 or more."
            raise UsageError(message)
        self._slots = asyncio.Semaphore(self.limit)

    # Walking -----------------------------------------------------------------------------------------------------

    async def complete(self, roots: Roots) -> None:
        """Walk, and deliver what arrived."""
        await self.run(roots)
        self.deliver()

    async def run(self, roots: Roots) -> None:
        """Fire every node once, consumers before producers, independent nodes together (Kahn's algorithm, no recursion)."""
        plan = planned(roots, self.policy, self.calls)
        for place, (node, gradient) in enumerate(roots):
            self.incoming[node].append((place, gradient))
        traces = [self._trace([roots[place] for place in group], plan) for group in plan.traced]
        await all_of([self._walk(plan), *traces])
        if self.stopped is not None:
            raise self.stopped
        await self._average_landed()
        if self.undivided:
            _log.warning(
                "%d of %d critiques do not say which text each remark is for, so every text got all of it; "
                'policy="chain" asks for each text alone',
                self.undivided,
                self.attempts,
            )

    async def _walk(self, plan: Plan) -> None:
        waits: dict[Node, int] = defaultdict(int)
        known = set(plan.firing)
        for node in plan.firing:
            for source in graph.sources(node):
                waits[source] += 1
        far = graph.ways(plan.firing)
        ready = [(-far[node], plan.places[node], node) for node in plan.firing if not waits[node]]
        heapq.heapify(ready)
        running: set[asyncio.Task[Node]] = set()
        try:
            while ready or running:
                while ready and len(running) < self.limit:
                    running.add(asyncio.ensure_future(self._fire(heapq.heappop(ready)[2], plan)))
                done, running = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
                if self.stopped is not None:
                    ready = []
                    continue
                for source in [source for task in done for source in graph.sources(task.result()) if source in known]:
                    waits[source] -= 1
                    if not waits[source]:
                        heapq.heappush(ready, (-far[source], plan.places[source], source))
        finally:
            await stop(running)

    async def _fire(self, node: Node, plan: Plan) -> Node:
        """Apply the node's rule to the feedback it has got, and hand the results on."""
        gradients = [gradient for _, gradient in sorted(self.incoming[node], key=lambda item: item[0])]
        wanted = [gradient for gradient in gradients if gradient.verdict == "change"]
        parameters, inputs = graph.targets(node, plan.nodes)
        asked = [Target(n, p.role, write(p.value)) for n, p in parameters.items() if not n.startswith("=")]
        asked += [Target(name, role, value) for name, (role, value, _) in inputs.items()]
        if not wanted:
            sent = _approved(node, gradients, asked)
        else:
            wanted = await self._averaged(wanted, str(node.details.get("role", "text")))
            for name, parameter in parameters.items():
                if name.startswith("="):  # the value itself: what is said of it lands there unchanged, what it says does not
                    self._land(plan.places[node], name, parameter, [one for one in wanted if one.target != "loss"])
            sent = await self._judged(node, wanted, asked, asking=node in plan.asking) if asked else {}
        for name, gradient in sent.items():
            if name in parameters:
                self._land(plan.places[node], name, parameters[name], [gradient])
            else:
                for edge in inputs[name][2]:
                    self.incoming[edge.source].append((plan.places[node], gradient))
        return node

    async def _judged(
        self, node: Node, wanted: Sequence[Gradient], asked: Sequence[Target], *, asking: bool
    ) -> dict[str, Gradient]:
        """What the rule of the node says, edge by edge or of all together; what failed is missing."""
        rule = rule_under(self.policy, node)
        if not asking and rule not in FREE and (rule is chain.edge or node.op in ASKED):
            rule = pass_through
        batches = [[target] for target in asked] if rule is chain.edge else [list(asked)]
        self.attempts += len(batches) if asking else 0
        work = [self._in_slot(rule(node, wanted, batch, self.engine)) for batch in batches]
        answers = await asyncio.gather(*work, return_exceptions=True)
        sent: dict[str, Gradient] = {}
        for batch, answer in zip(batches, answers, strict=True):
            if isinstance(answer, dict):
                sent.update(answer)
            elif said := self._undivided(answer):
                sent.update({target.name: gradient_of(target.name, said, merge(wanted)) for target in batch})
            else:
                self._missing(answer)
        if self.policy == "local":
            return {name: replace(gradient, context=_call(node)) for name, gradient in sent.items()}
        return sent

    async def _trace(self, roots: Roots, plan: Plan) -> None:
        """Judge the whole graph of these roots in one call."""
        own = [node for node in graph.reached(node for node, _ in roots) if node in plan.nodes]
        own.sort(key=plan.places.__getitem__)
        wanted = [gradient for _, gradient in roots if gradient.verdict == "change"]
        if not wanted:
            for node, name, parameter in trace.leaves(own):
                for gradient in _approved(node, [gradient for _, gradient in roots], [Target(name, parameter.role, "")]).values():
                    self._land(plan.places[node], name, parameter, [gradient])
            return
        self.attempts += 1
        try:
            found = await self._in_slot(trace.blame(own, wanted, self.engine))
        except AdjointError as error:
            said = self._undivided(error)
            found = [(*leaf, gradient_of(leaf[1], said, merge(wanted))) for leaf in trace.leaves(own)] if said else []
            if not said:
                self._missing(error)
        for node, name, parameter, gradient in found:
            self._land(plan.places[node], name, parameter, [gradient])

    async def _in_slot(self, work: Awaitable[T]) -> T:
        async with self._slots:
            return await work

    def _undivided(self, failure: object) -> str:
        """What a critique says to several texts at once: each of them gets all of it, and the log will say so."""
        said = undivided(failure)
        self.undivided += bool(said)
        return said

    def _missing(self, error: BaseException) -> None:
        """A critique that failed. A fatal error, or one of a user's backward, ends the walk once those under way have come."""
        if isinstance(error, (*FATAL, GradientError)):
            self.stopped = self.stopped or error
        elif isinstance(error, AdjointError):
            self.failures.append(f"{type(error).__name__}: {error}")
        else:
            raise error

    # Averages and delivery ---------------------------------------------------------------------------------------

    async def _averaged(self, gradients: Sequence[Gradient], role: str) -> list[Gradient]:
        """Feedback of one group as one: an LM writes the mean of it. Where calls are capped it stays as it is."""
        groups: dict[str, list[Gradient]] = {}
        for number, gradient in enumerate(gradients):
            groups.setdefault(gradient.group or f" {number}", []).append(gradient)
        found: list[Gradient] = []
        for group in groups.values():
            if len(group) == 1 or self.calls is not None:
                found += group
                continue
            self.attempts += 1
            try:
                text = await mean([gradient.text for gradient in group], role, self.engine)
                found.append(replace(merge(group), text=text, context=""))
            except AdjointError as error:
                self._missing(error)
                found += group
        return found

    async def _average_landed(self) -> None:
        """Average what landed on one parameter from several calls of one group."""
        self.landed.sort(key=lambda item: (item[0], item[1]))
        several: dict[tuple[int, str], list[int]] = {}
        for number, (_, name, parameter, gradient) in enumerate(self.landed):
            if gradient.group and gradient.verdict == "change" and not name.startswith("="):
                several.setdefault((id(parameter), gradient.group), []).append(number)
        dropped: set[int] = set()
        for numbers in several.values():
            place, name, parameter, _ = self.landed[numbers[0]]
            means = await self._averaged([self.landed[number][3] for number in numbers], parameter.role)
            if len(means) == 1:
                self.landed[numbers[0]] = (place, name, parameter, means[0])
                dropped.update(numbers[1:])
        self.landed = [item for number, item in enumerate(self.landed) if number not in dropped]
        if self.stopped is not None:
            raise self.stopped

    def _land(self, place: int, name: str, parameter: Parameter[Any], gradients: Sequence[Gradient]) -> None:
        self.landed += [(place, name, parameter, gradient) for gradient in gradients]

    def deliver(self) -> None:
        """Add the gradients to their parameters, in the order of the nodes and not of the replies."""
        arrived = self.attempts - len(self.failures)
        starved = arrived <= 0 and not any(gradient.verdict == "change" for _, _, _, gradient in self.landed)
        if self.failures and (starved or arrived < self.quorum * self.attempts):
            message = f"{arrived or 'no'} critique arrived of {self.attempts}; the first failure was {self.failures[0]}"
            raise GradientError(message)
        for _, _, parameter, gradient in sorted(self.landed, key=lambda item: (item[0], item[1])):
            parameter.receive(gradient)


def _approved(node: Node, gradients: Sequence[Gradient], asked: Sequence[Target]) -> dict[str, Gradient]:
    """A passing case goes back for free: what was right must stay right."""
    passed = [gradient for gradient in gradients if gradient.verdict == "ok"]
    if not passed or len(passed) < len(gradients):
        return {}
    return {target.name: replace(passed[0], target=target.name, text="", severity=0.0, context=_call(node)) for target in asked}


def _call(node: Node) -> str:
    """A call in two short lines."""
    if node.op not in ASKED:
        return ""
    return f"input: {cut(input_of(node), _SHOWN)}\noutput: {cut(output_of(node), _SHOWN)}"

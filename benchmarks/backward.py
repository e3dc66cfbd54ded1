"""Wall time of a backward pass: one critique after the other against 16 in flight, with an engine that takes 200 ms.

Run: python benchmarks/backward.py [milliseconds]
"""

import asyncio
import re
import sys
import time

import adjoint
from adjoint.autograd.backward import abackward
from adjoint.testing import ScriptedLM

EXAMPLES, STAGES, IN_FLIGHT = 20, 3, 16


def answer(request):
    marks = re.findall(r"^\[\[(\w+)\]\]", request.messages[0].content, re.MULTILINE)
    return "\n".join(f"[[{mark}]]\nBe exact." for mark in marks) or "Be exact."


async def losses(lm):
    prompts = [adjoint.Variable(f"Step {number}.", role_description="prompt") for number in range(STAGES)]
    found = []
    for number in range(EXAMPLES):
        value = adjoint.Variable(f"question {number}", role_description="question", requires_grad=False)
        for prompt in prompts:
            value = await adjoint.LLMCall(lm, prompt).acall(value)
        found.append(await adjoint.TextLoss("Judge.", lm).acall(value))
    return found


async def measured(policy, limit, delay):
    lm = ScriptedLM(answer)
    found = await losses(lm)
    before, lm.delay = len(lm.requests), delay
    start = time.perf_counter()
    await abackward(found, lm, policy=policy, limit=limit)
    return len(lm.requests) - before, time.perf_counter() - start


def main():
    delay = float(sys.argv[1]) / 1000 if len(sys.argv) > 1 else 0.2
    print(f"{EXAMPLES} examples, {STAGES} stages, {delay * 1000:g} ms a call")
    for policy in ("chain", "fused", "trace"):
        with adjoint.context(ledger=None):
            calls, one = asyncio.run(measured(policy, 1, delay))
            _, many = asyncio.run(measured(policy, IN_FLIGHT, delay))
        print(
            f"{policy:6} {calls:4} calls  one by one {one:6.2f} s  {IN_FLIGHT} in flight {many:6.2f} s  ratio {one / many:5.1f}"
        )


if __name__ == "__main__":
    main()

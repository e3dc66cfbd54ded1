"""What a call to a model costs: calls a second and CPU at many in flight, hits, cold processes, bytes on disk, import.

Run: python benchmarks/lm.py [--rivals PYTHON] [--rounds 3]

The server is `server.py` in a process of its own. Every client is a process of its own too, and the clients take turns within a
round, so that a machine that slows down slows all of them; the best round counts. PYTHON is an interpreter in which DSPy and
TextGrad are installed; without it their columns are empty. Ratios hold across machines, absolute figures do not.
"""

import argparse
import asyncio
import json
import os
import platform
import random
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
CLIENTS = ("aiohttp", "adjoint", "dspy", "textgrad")
PROMPT = [
    {
        "role": "system",
        "content": "Say what the customer's message is about. Reply with one of: refund, delivery, account, praise." * 4,
    },
    {"role": "user", "content": "Just wanted to say that the new winter jacket is wonderful and came a day early. Thank you!"},
]


def own(number):
    """The prompt with a number, so that no cache of any client knows it."""
    return [PROMPT[0], {"role": "user", "content": f"{PROMPT[1]['content']} {number}"}]


# Clients: each gives an asynchronous function that asks once ---------------------------------------------------------


async def of_aiohttp(url, _in_flight):
    import aiohttp

    session = aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0))

    async def ask(number):
        data = json.dumps({"model": "m", "messages": own(number)}).encode()
        async with session.post(f"{url}/chat/completions", data=data, headers={"Content-Type": "application/json"}) as reply:
            return json.loads(await reply.read())["choices"][0]["message"]["content"]

    return ask


async def of_adjoint(url, in_flight):
    """Through all policies, with an account; without a ledger, so that nothing is kept."""
    import adjoint
    from adjoint.lm.budget import Account, Budget
    from adjoint.lm.types import Message, Request
    from adjoint.program.context import configure, send

    lm = adjoint.LM("openai/m", base_url=url, api_key="any", concurrency=in_flight)
    configure(ledger=None, account=Account(Budget(calls=10**9), payer="benchmark"))

    async def ask(number):
        request = Request(tuple(Message(turn["role"], turn["content"]) for turn in own(number)))
        return (await send(request, lm)).text

    return ask


async def of_dspy(url, _in_flight):
    import dspy

    dspy.configure_cache(enable_disk_cache=False, enable_memory_cache=False)
    lm = dspy.LM("openai/m", api_base=url, api_key="any", cache=False, num_retries=0)

    async def ask(number):
        return (await lm.acall(messages=own(number)))[0]

    return ask


async def of_textgrad(url, in_flight):
    """It has no asynchronous call, so it gets as many threads as there are in flight."""
    from concurrent.futures import ThreadPoolExecutor

    os.environ.update(OPENAI_API_KEY="any", OPENAI_BASE_URL=url)
    from textgrad.engine.openai import ChatOpenAI

    engine, threads = ChatOpenAI("m"), ThreadPoolExecutor(in_flight)

    async def ask(number):
        def call():
            return engine.generate(own(number)[1]["content"], system_prompt=PROMPT[0]["content"])

        return await asyncio.get_running_loop().run_in_executor(threads, call)

    return ask


async def drive(client, url, in_flight, count):
    """Ask `count` times, `in_flight` at once, after a short warm-up; seconds and CPU seconds."""
    ask = await globals()[f"of_{client}"](url, in_flight)
    base = time.time_ns() % 10**12 * 1000

    async def many(numbers):
        async def some():
            for number in numbers:
                assert await ask(base + number) in ("praise", {"text": "praise"})

        await asyncio.gather(*(some() for _ in range(in_flight)))

    await many(iter(range(min(in_flight * 2, count))))
    began, worked = time.perf_counter(), time.process_time()
    await many(iter(range(10**6, 10**6 + count)))
    return time.perf_counter() - began, time.process_time() - worked


def measure(client, url, in_flight, count):
    """In this process: `drive` on the loop that the client uses."""
    if client == "adjoint":
        from adjoint.base.portal import portal

        spent, busy = portal.run(drive(client, url, in_flight, count))
    else:
        spent, busy = asyncio.run(drive(client, url, in_flight, count))
    print(json.dumps({"rate": count / spent, "cpu": 1000 * busy / count}))


# One process after the other -----------------------------------------------------------------------------------------


class Server:
    """The lean server with one latency."""

    def __init__(self, latency):
        command = [sys.executable, str(HERE / "server.py"), "--latency", str(latency)]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        self.url = f"http://127.0.0.1:{int(self.process.stdout.readline())}/v1"

    def __enter__(self):
        return self.url

    def __exit__(self, *_):
        self.process.kill()
        self.process.communicate()


def child(python, *arguments, timeout=120):
    """The figures that a child process prints, or None."""
    process = subprocess.run(
        [python, str(HERE / "lm.py"), *map(str, arguments)], capture_output=True, text=True, timeout=timeout, check=False
    )
    if process.returncode:
        print(process.stderr[-500:], file=sys.stderr)
        return None
    return json.loads(process.stdout.splitlines()[-1])


def throughput(pythons, rounds):
    print("\nCalls a second, in brackets CPU ms a call; the best of the rounds, clients in turns")
    print(f"{'latency':<9}{'in flight':<11}" + "".join(f"{name:>18}" for name in CLIENTS) + f"{'adjoint/aiohttp':>18}")
    for latency in (0.02, 0.2):
        for in_flight in (1, 32, 128, 512):
            count = min(8000, max(40, int(2.0 / latency * in_flight * (0.5 if in_flight == 512 and latency < 0.1 else 1))))
            best = {}
            with Server(latency) as url:
                for _ in range(rounds):
                    for name in CLIENTS:
                        slow = name in ("dspy", "textgrad")
                        found = pythons.get(name) and child(
                            pythons[name], "--one", name, url, in_flight, min(count, 600) if slow else count
                        )
                        if found and found["rate"] > best.get(name, {"rate": 0})["rate"]:
                            best[name] = found
            cells = [f"{best[n]['rate']:.0f} ({best[n]['cpu']:.2f})" if n in best else "-" for n in CLIENTS]
            ratio = best["adjoint"]["rate"] / best["aiohttp"]["rate"]
            print(
                f"{latency * 1000:.0f} ms{'':<4}{in_flight:<11}" + "".join(f"{cell:>18}" for cell in cells) + f"{ratio:>17.0%}",
                flush=True,
            )


def hits(place):
    """Microseconds of a hit: at the gate, from memory and from the file; and of a typed call of a program."""
    import adjoint
    from adjoint.base.portal import portal
    from adjoint.lm.types import Message, Request
    from adjoint.program import context as gate
    from adjoint.testing import ScriptedLM

    lm = ScriptedLM(lambda _: "praise", identity="m@1")
    requests = [Request(tuple(Message(turn["role"], turn["content"]) for turn in own(number))) for number in range(2000)]
    program = adjoint.Predict("message -> label", PROMPT[0]["content"])
    ledger = gate.open_ledger(place / "hits.db")

    async def again(ask):
        began, worked = time.perf_counter(), time.thread_time()
        for item in range(2000):
            await ask(item)
        return [round(1e6 * spent / 2000, 1) for spent in (time.perf_counter() - began, time.thread_time() - worked)]

    def forget():
        for replies in gate._shared.replies.values():
            replies._memory.clear()

    async def asked(item):
        return await gate.send(requests[item], lm)

    async def typed(item):
        return await program.acall(message=f"message {item}")

    async def best(ask, *, memory):
        found = []
        for _ in range(7):
            if not memory:
                forget()
            found.append(await again(ask))
        return [min(column) for column in zip(*found, strict=True)]

    async def everything():
        for ask in (asked, typed):
            await asyncio.gather(*(ask(item) for item in range(2000)))
        return {
            "memory, gate": await best(asked, memory=True), "disk, gate": await best(asked, memory=False),
            "memory, typed call": await best(typed, memory=True), "disk, typed call": await best(typed, memory=False),
        }  # fmt: skip

    with adjoint.context(lm=lm, ledger=ledger):
        found = portal.run(everything())
    print(json.dumps(found))


def entries(place):
    """Bytes that an entry takes on the disk, beyond the text of its request and its reply."""
    import adjoint
    from adjoint.base.portal import portal
    from adjoint.lm.types import Message, Request
    from adjoint.program.context import send
    from adjoint.testing import ScriptedLM

    draw, count = random.Random(0), 5000
    words = [
        " ".join(draw.choices(["refund", "parcel", "late", "thanks", "account", "signed", "winter", "jacket"], k=40))
        for _ in range(count)
    ]
    lm = ScriptedLM(lambda _: "praise", identity="m@1")

    async def everything():
        await asyncio.gather(*(send(Request((Message("user", text),)), lm) for text in words))

    with adjoint.context(ledger=place / "entries.db"):
        portal.run(everything())
        adjoint.program.context.active_ledger().close()
    size = (place / "entries.db").stat().st_size
    texts = sum(len(text) + len("praise") for text in words)
    print(json.dumps({"entry": size / count, "text": texts / count, "beyond": (size - texts) / count}))


def cold(place, url, number):
    """One of several processes that ask the same questions."""
    import adjoint
    from adjoint.base.portal import portal
    from adjoint.lm.types import Message, Request
    from adjoint.program.context import send

    lm, order = adjoint.LM("openai/m", base_url=url, api_key="any"), list(range(500))
    random.Random(number).shuffle(order)

    async def everything():
        await asyncio.gather(*(send(Request((Message("user", f"question {item}"),)), lm) for item in order))

    with adjoint.context(ledger=Path(place) / "cold.db"):
        portal.run(everything())


def cold_processes(place):
    import urllib.request

    with Server(0.05) as url:
        began = time.perf_counter()
        command = [sys.executable, str(HERE / "lm.py"), "--cold", str(place), url]
        processes = [subprocess.Popen([*command, str(number)]) for number in range(8)]
        assert [process.wait(120) for process in processes] == [0] * 8
        spent = time.perf_counter() - began
        with urllib.request.urlopen(url) as reply:
            paid = sum(json.load(reply)["answered"].values())
    print(f"\n8 cold processes, the same 500 questions, 50 ms: {paid} calls paid, {spent:.1f} s with the start of the processes")


def imports(python, name):
    """Seconds and MB of `import name`, the best of 7."""
    code = (
        f"import time, resource; at = time.perf_counter(); import {name}; took = time.perf_counter() - at; "
        "print(took, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)"
    )
    found = []
    for _ in range(7 if name == "adjoint" else 3):
        process = subprocess.run([python, "-c", code], capture_output=True, text=True, timeout=120, check=False)
        if process.returncode == 0:
            found.append([float(word) for word in process.stdout.split()])
    return min(found) if found else None


def main(python, rounds, parts):
    pythons = {"aiohttp": sys.executable, "adjoint": sys.executable, **({"dspy": python, "textgrad": python} if python else {})}
    model = next(
        (line.split(":")[1].strip() for line in Path("/proc/cpuinfo").read_text().splitlines() if "model name" in line), "?"
    )
    load = ", ".join(f"{value:.1f}" for value in os.getloadavg())
    print(
        f"{time.strftime('%Y-%m-%d %H:%M')}, {os.cpu_count()} x {model}, Python {platform.python_version()}, load before {load}"
    )
    if "throughput" in parts:
        throughput(pythons, rounds)
    with tempfile.TemporaryDirectory() as place:
        if "hits" in parts:
            print("\nA hit, microseconds (CPU in brackets), goals 20 and 40 at the gate, 40 and 60 for a typed call")
            for what, (wall, busy) in child(sys.executable, "--hits", place).items():
                print(f"  {what:<20}{wall:>8.1f} ({busy:.1f})")
        if "entries" in parts:
            found = child(sys.executable, "--entries", place)
            print(
                f"\nAn entry of the ledger: {found['entry']:.0f} bytes, of which {found['text']:.0f} are text, {found['beyond']:.0f} beyond (goal 300)"
            )
        if "cold" in parts:
            cold_processes(place)
    if "imports" in parts:
        print("\nImport, seconds and most MB (goal 0.12 s)")
        for name in ("adjoint", "dspy", "textgrad"):
            found = imports(pythons.get(name), name) if name in pythons else None
            print(f"  {name:<10}" + (f"{found[0]:.3f} s {found[1]:.0f} MB" if found else "-"))
    print(
        f"\nload after {os.getloadavg()[0]:.1f}; most memory of this process {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024} MB"
    )


if __name__ == "__main__":
    given = argparse.ArgumentParser(description=__doc__)
    given.add_argument("--rivals", metavar="PYTHON")
    given.add_argument("--rounds", type=int, default=3)
    given.add_argument("--parts", default="throughput,hits,entries,cold,imports")
    for own_option, number in (("one", 4), ("hits", 1), ("entries", 1), ("cold", 3)):
        given.add_argument(f"--{own_option}", nargs=number, help=argparse.SUPPRESS)
    options = given.parse_args()
    if options.one:
        measure(options.one[0], options.one[1], int(options.one[2]), int(options.one[3]))
    elif options.hits:
        hits(Path(options.hits[0]))
    elif options.entries:
        entries(Path(options.entries[0]))
    elif options.cold:
        cold(*options.cold)
    else:
        main(options.rivals, options.rounds, options.parts.split(","))

"""A7 interrupt: at any moment a signal stops new calls at once, the end comes in order, and the same command goes on."""

from __future__ import annotations

import json
import random
import signal
import subprocess
import threading
import time

from tests.acceptance import kit

from adjoint.testing import FakeProvider

VERBS = ("eval", "run", "optimize")
LATENCY = 0.1


class Life:
    """One command in a directory of its own, begun again until it ends by itself."""

    def __init__(self, place, verb, url, count):
        place.mkdir()
        self.place, self.verb, self.url = place, verb, url
        rows = (json.dumps({"q": f"word{n}", "answer": f"WORD{n}"}) + "\n" for n in range(count))
        (place / "rows.jsonl").write_text("".join(rows))
        (place / "mine.py").write_text('import adjoint\nprogram = adjoint.Predict("q -> answer", "Copy.")\n')

    def begin(self):
        options = ["--out", self.place / "best.json", "--ship", "always"] if self.verb == "optimize" else []
        return kit.command(
            self.verb, self.place / "mine.py:program", self.place / "rows.jsonl", "--model", "openai/fake", "--json", *options,
            "--ledger", self.place / "ledger.db", OPENAI_BASE_URL=self.url, OPENAI_API_KEY="any",
        )  # fmt: skip

    def result(self, out):
        """What the command found, without what may differ from run to run: its seconds."""
        body = json.loads(out)
        if self.verb == "optimize":
            return json.loads((self.place / "best.json").read_text())
        rows = body["rows"] if self.verb == "run" else body["reports"][0]["rows"]
        return [{name: value for name, value in row.items() if name not in ("seconds", "usage")} for row in rows]


def answer(messages):
    """Copies; writes capitals where examples show it."""
    word = messages[-1]["content"]
    return word.upper() if len(messages) > 6 or word.endswith(("1", "2")) else word


def interrupted(process, number, provider):
    """Send a signal; the exit code, the seconds to the end, and the calls that came more than 100 ms after it."""
    late, began = [], time.monotonic()
    timer = threading.Timer(0.1, lambda: late.append(provider.requests))
    timer.start()
    process.send_signal(number)
    _, err = process.communicate(timeout=30)
    spent = time.monotonic() - began
    timer.join()
    return process.returncode, spent, provider.requests - late[0], err


def test(figures, place, seed):
    wanted, rows, verbs = (4, 60, VERBS[:1]) if figures.short else (100, 150, VERBS)
    draw = random.Random(seed)
    whole, lasted = {}, {}
    codes, seconds, after, words, unequal, again, lives = [], [], [], set(), [], 0, 0
    for verb in verbs:
        with FakeProvider(answer, latency=LATENCY) as provider:
            life = Life(place / f"whole-{verb}", verb, provider.base_url, rows)
            process = life.begin()
            kit.takes_signals(process)
            began = time.monotonic()
            whole[verb] = life.result(process.communicate(timeout=120)[0])
            lasted[verb] = time.monotonic() - began
    while len(codes) < wanted:
        verb, lives = verbs[lives % len(verbs)], lives + 1
        with FakeProvider(answer, latency=LATENCY) as provider:
            life = Life(place / f"life-{lives}", verb, provider.base_url, rows)
            while True:
                process = life.begin()
                kit.takes_signals(process)
                began = time.monotonic()
                moment = draw.uniform(0, 0.9 * lasted[verb]) if len(codes) < wanted else 10**6
                try:
                    out, err = process.communicate(timeout=moment)
                except subprocess.TimeoutExpired:
                    code, spent, later, err = interrupted(process, draw.choice([signal.SIGINT, signal.SIGTERM]), provider)
                    if code:
                        codes.append(code)
                        seconds.append(spent)
                        after.append(later)
                        words.add(err)
                        continue
                    out = None  # it ended by itself before the signal came
                break
            lasted[verb] = min(lasted[verb], time.monotonic() - began)  # so that the next signal comes in time
            if out is not None and process.returncode == 0:
                if life.result(out) != whole[verb]:
                    unequal.append(life.place.name)
                asked = [json.dumps(body["messages"]) for body in provider.bodies]
                again += provider.billed - len(set(asked))
            elif process.returncode:
                unequal.append(f"{life.place.name}: {process.returncode} {err[-300:]}")
    figures.show("load", f"{len(codes)} signals in {lives} lives of {', '.join(verbs)}, {rows} rows, {LATENCY} s a call")
    figures.hold("every end is 130", true=set(codes) == {130}, seen=sorted(set(codes)))
    figures.hold("every end comes within 2 s", true=max(seconds) <= 2.0, seen=f"{max(seconds):.2f} s at most", timed=True)
    figures.hold("no call is admitted after 100 ms", true=not any(after), seen=sum(after), timed=True)
    expected = {"adjoint: interrupted; the same command continues\n"}
    figures.hold("one line says that the same command continues", true=words == expected, seen="" if words == expected else words)
    figures.hold("what continues ends as the unbroken command", true=not unequal, seen=unequal[:3] or "always")
    figures.show("replies billed twice (they were on their way at a signal)", again)


if __name__ == "__main__":
    kit.main("A7 interrupt", test)

"""A11 secrets: a canary key enters by every door; afterwards it is on no disk and in no output, in whatever spelling."""

from __future__ import annotations

import base64
import json
import os
import random
import string
import subprocess
import sys
import textwrap
from pathlib import Path
from urllib.parse import quote

from tests.acceptance import kit

from adjoint.ledger.rows import unpack
from adjoint.testing import FakeProvider, Raw

HEAD = """
    import json, os, sys, warnings
    import adjoint
    from adjoint.base.errors import AdjointError
    from adjoint.testing import ScriptedLM

    key, url = os.environ["DOOR"], os.environ["URL"]
    rows = [adjoint.Example(q=f"word{n}", answer="x").with_inputs("q") for n in range(3)]
    ask = lambda lm, **options: adjoint.Predict("q -> answer", **options)(q="hello", lm=lm)
"""
DOOR = """
def door():
{code}

print({name!r})
try:
    door()
except AdjointError as error:  # what a user's own exception says is printed by the interpreter, not by us
    print(type(error).__name__, error, file=sys.stderr)
"""
DOORS = {
    "the argument of a model": 'ask(adjoint.LM("openai/m", base_url=url, api_key=key)); print(repr(adjoint.LM("openai/m", base_url=url, api_key=key)))',
    "a provider that repeats a wrong key": 'ask(adjoint.LM("openai/m", base_url=url + "/wrong", api_key=key))',
    "a key of another provider": 'ask(adjoint.LM("anthropic/m", base_url=url.removesuffix("/v1"), api_key=key)); ask(adjoint.LM("gemini/m", base_url=url, api_key=key))',
    "a password in the address": 'adjoint.LM("openai/m", base_url=f"http://user:{key}@127.0.0.1:1/v1", api_key="other-key-1")',
    "a query in the address": 'adjoint.LM("openai/m", base_url=f"http://127.0.0.1:1/v1?key={key}", api_key="other-key-1")',
    "a redirect": 'ask(adjoint.LM("openai/m", base_url=url + "/moved", api_key=key))',
    "the answer of a model": 'adjoint.LM("openai/m", base_url=url, api_key=key); ask(adjoint.LM(ScriptedLM([f"it is {key}"] * 9, identity="m")))',
    "an error in the program": """
        adjoint.LM("openai/m", base_url=url, api_key=key)
        class Broken(adjoint.Module):
            def forward(self, q):
                raise RuntimeError(f"connecting with {key}")
        print(adjoint.evaluate(Broken(), rows, adjoint.exact_match, lm=adjoint.LM("openai/m", base_url=url, api_key=key)))
        """,
    "an error in the metric": """
        lm = adjoint.LM("openai/m", base_url=url, api_key=key)
        def metric(example, prediction):
            raise RuntimeError(f"judge refused {key}")
        print(adjoint.evaluate(adjoint.Predict("q -> answer"), rows, metric, lm=lm))
        """,
    "the prompt": 'lm = adjoint.LM("openai/m", base_url=url, api_key=key); adjoint.Predict("q -> answer")(q=f"my key is {key}", lm=lm)',
    "a saved program": """
        lm = adjoint.LM("openai/m", base_url=url, api_key=key)
        program = adjoint.Predict("q -> answer", f"Use the key {key}.", api_key=key)
        program.demos = [{"q": key, "answer": key}]
        program.save("saved.json")
        """,
    "an optimisation": """
        result = adjoint.optimize(
            adjoint.Predict("q -> answer"), trainset=[adjoint.Example(q=f"{key} {n}", answer="x").with_inputs("q") for n in range(12)],
            metric=adjoint.exact_match, lm=adjoint.LM("openai/m", base_url=url, api_key=key), ship="always")
        print(result.report)
        result.program.save("searched.json")
        """,
    "the names of a run": 'adjoint.evaluate(adjoint.Predict("q -> answer"), rows, adjoint.exact_match, lm=adjoint.LM("openai/m", base_url=url, api_key=key), name=f"with {key}")',
    "options of a request": 'adjoint.LM("openai/m", base_url=url, api_key=key); ask(adjoint.LM("openai/m", base_url=url, api_key=key, user=key))',
    "an embedder": 'adjoint.LM("openai/m", base_url=url, api_key=key); print(adjoint.Embedder("openai/m", base_url=url + "/wrong", api_key=key)(["text"]))',
    "a warning": 'adjoint.LM("openai/m", base_url=url, api_key=key); warnings.warn(str(adjoint.base.errors.LMError(f"late: {key}")))',
}
"""Python that users write, and what it says."""


def spellings(key):
    data = key.encode()
    plain = {key, quote(key, safe=""), json.dumps(key)[1:-1]}
    coded = {
        base64.b64encode(b"\0" * shift + data)[-(-shift * 8 // 6) : (shift + len(data)) * 8 // 6].decode() for shift in range(3)
    }
    safe = {form.replace("+", "-").replace("/", "_") for form in coded}
    return {form.encode() for form in plain | coded | safe} | {form[::-1].encode() for form in plain}


def drawn(draw):
    """A key as providers make them, with characters that are written differently in addresses and in base64."""
    letters = string.ascii_letters + string.digits
    return "sk-" + "".join(draw.choice(letters) for _ in range(24)) + "+/=" + "".join(draw.choice(letters) for _ in range(8))


def answer(key):
    """A provider that is careless with the key."""

    def reply(messages):
        content = messages[-1]["content"]
        return Raw(status=500, body=f"cannot: {key}".encode()) if content == "break" else "x"

    return reply


def through_python(place, key, url, elsewhere):
    """Run what a user has written, door after door; what it printed."""
    made = textwrap.dedent(HEAD)
    for name, code in DOORS.items():
        made += DOOR.format(name=name, code=textwrap.indent(textwrap.dedent(code).strip(), "    "))
    for word, other in elsewhere.items():
        made = made.replace(f'url + "/{word}"', repr(other))
    script = place / "script.py"
    script.write_text(made)
    environment = {**os.environ, "DOOR": key, "URL": url, "ADJOINT_LEDGER": str(place / "ledger.db")}
    process = subprocess.run([sys.executable, script], env=environment, cwd=place, capture_output=True, timeout=120, check=False)
    script.unlink()
    return process.returncode, process.stdout + process.stderr


def through_commands(place, key, url, part):
    """The command line, with the key in the environment, in a file, in a flag and in places where no key belongs."""
    (place / "rows.jsonl").write_text("".join(json.dumps({"q": f"word{n}", "answer": "x"}) + "\n" for n in range(12)))
    (place / "mine.py").write_text('import adjoint\nprogram = adjoint.Predict("q -> answer")\n')
    there = {"OPENAI_BASE_URL": url, "OPENAI_API_KEY": key, "ADJOINT_LEDGER": str(place / "ledger.db")}
    commands = {
        "the environment": ["eval", "mine.py:program", "rows.jsonl", "--model", "openai/m"],
        "a search": ["optimize", "mine.py:program", "rows.jsonl", "--model", "openai/m", "--json"],
        "an input": ["run", "mine.py:program", "--input", f"q={key}", "--model", "openai/m"],
        "a flag that there is not": ["eval", "mine.py:program", "rows.jsonl", "--api-key", key],
        "a flag with its value": ["eval", "mine.py:program", "rows.jsonl", f"--api-key={key}"],
        "a model's name": ["run", "mine.py:program", "--input", "q=x", "--model", f"openai/{key}"],
        "the list of runs": ["runs"],
        "the doctor": ["doctor", "--json"],
    }
    for name, arguments in list(commands.items())[::part]:
        process = kit.command(*arguments, **there)
        out, err = process.communicate(timeout=60)
        yield name, (out + err).encode()
    Path("adjoint.toml").write_text(f'api_key = "{key}"\n')
    process = kit.command("runs", **there)
    yield "a key in the settings", "".join(process.communicate(timeout=60)).encode()
    Path("adjoint.toml").unlink()


def found_on_disk(place, forms):
    """Files that hold a spelling of the key; SQLite's values are read too, since it may pack them."""
    hits = []
    for file in place.rglob("*"):
        if file.is_file():
            data = file.read_bytes()
            hits += [f"{file.name}: {form.decode()[:12]}..." for form in forms if form in data]
    database = place / "ledger.db"
    if database.exists():
        for (packed,) in kit.cells_of(database, "SELECT request FROM replies WHERE request IS NOT NULL"):
            hits += ["a packed request" for form in forms if form in unpack(packed).encode()]
    return hits


def _around(said, form):
    at = said.index(form)
    return said[max(0, at - 80) : at + 12].decode(errors="replace")


def test(figures, place, seed):
    draw = random.Random(seed)
    leaks, count, codes = [], 0, []
    for _ in range(1 if figures.short else 3):
        key = drawn(draw)
        forms = spellings(key)
        answers = answer(key)
        moved = Raw(302, b"", {"Location": f"http://127.0.0.1:1/?key={key}"})
        with (
            FakeProvider(answers) as good,
            FakeProvider(answers, api_key="another-key") as wrong,
            FakeProvider(answers, faults=[moved] * 999) as away,
        ):
            code, said = through_python(place, key, good.base_url, {"wrong": wrong.base_url, "moved": away.base_url})
            codes.append(code)
            outputs = [("Python", said), *through_commands(place, key, good.base_url, 4 if figures.short else 1)]
            for server in (wrong, away)[figures.short :]:
                process = kit.command(
                    "eval", "mine.py:program", "rows.jsonl", "--model", "openai/m",
                    OPENAI_BASE_URL=server.base_url, OPENAI_API_KEY=key, ADJOINT_LEDGER=str(place / "ledger.db"),
                )  # fmt: skip
                outputs.append(("a provider that repeats the key", "".join(process.communicate(timeout=60)).encode()))
        count += len(DOORS) + len(outputs) - 1
        leaks += [f"{name}: {_around(said, form)}" for name, said in outputs for form in forms if form in said]
        leaks += [f"disk: {hit}" for hit in found_on_disk(place, forms)]
    files = sum(file.is_file() for file in place.rglob("*"))
    figures.show("load", f"{count} doors, {len(forms)} spellings, {files} files searched")
    figures.hold("every door was tried to its end", true=not any(codes), seen=codes)
    figures.hold("the key is in no output and on no disk", true=not leaks, seen=leaks[:12] or 0)


if __name__ == "__main__":
    kit.main("A11 secrets", test)

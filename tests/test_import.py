"""`import adjoint` is light: it opens nothing and loads nothing heavy."""

import subprocess
import sys

WATCH = """
import sys, time
events = []
sys.addaudithook(lambda name, args: events.append((name, str(args[0]) if args else "")))
before = time.perf_counter()
import adjoint
took = time.perf_counter() - before
seen = list(events)
opened = [path for name, path in seen if name == "open" and not path.endswith((".py", ".pyc")) and "__pycache__" not in path]
made = [name for name, _ in seen if name.startswith(("socket.", "subprocess.", "sqlite3.", "os.mkdir", "_thread.start_new_thread"))]
heavy = sorted({"numpy", "pydantic", "aiohttp", "typer", "rich", "jinja2", "asyncio", "sqlite3"} & set(sys.modules))
print(f"import took {took * 1000:.1f} ms", file=sys.stderr)
print(opened, made, heavy)
"""

EVERYTHING = """
import adjoint
for name in adjoint.__all__:
    assert getattr(adjoint, name) is not None, name
assert set(dir(adjoint)) == set(adjoint.__all__)
try:
    adjoint.nothing
except AttributeError as error:
    print(error)
"""


def run(code):
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)


def test_importing_opens_nothing_and_loads_nothing_heavy():
    done = run(WATCH)
    sys.stderr.write(done.stderr)  # the time it took, for people: machines differ too much to assert it
    assert done.stdout.strip() == "[] [] []"


def test_every_public_name_is_there_on_first_use():
    assert run(EVERYTHING).stdout.strip() == "module 'adjoint' has no attribute 'nothing'"

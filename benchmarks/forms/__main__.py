"""Run `python -m benchmarks.forms`."""

from __future__ import annotations

import argparse
from pathlib import Path

from benchmarks.forms.proxy import Proxy, Store
from benchmarks.forms.report import write
from benchmarks.forms.run import FEWER, PATIENCE, SIDES, run
from benchmarks.forms.tasks import ROWS, tasks

HERE = Path(__file__).resolve().parent
RESULTS = HERE.parent / "results"


def main() -> None:
    """Read the command line and do what it says."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.forms", description=__doc__)
    parser.add_argument("--model", help="the name of the model, which is part of what is kept")
    parser.add_argument("--url", default="http://127.0.0.1:8105/v1", help="its OpenAI-compatible server")
    parser.add_argument("--side", action="append", help=f"one of {', '.join(SIDES)}, or adjoint-ANYTHING; all four unless given")
    parser.add_argument("--task", action="append", help="a task by name, or 'shapes' or 'modules'; all unless given")
    parser.add_argument("--rows", type=int, default=ROWS)
    parser.add_argument("--patience", type=float, default=PATIENCE, help=f"seconds after which a task ends at {FEWER} rows")
    parser.add_argument("--store", type=Path, default=HERE.parents[1] / ".adjoint" / "forms.db")
    parser.add_argument("--report", action="store_true", help="write the tables of what is kept and print them")
    parser.add_argument("--only", action="append", help="with --report: the sides to show")
    parser.add_argument("--out", type=Path, default=RESULTS / "forms.md", help="with --report: where to")
    args = parser.parse_args()
    store = Store(args.store)
    if args.report:
        print(write(store, args.out, sides=args.only, models=[args.model] if args.model else None))
        return
    if not args.model:
        parser.error("--model is needed, unless there is --report")
    known = tasks()
    names = args.task or list(known)
    groups = {kind + "s": [name for name, task in known.items() if task.kind == kind] for kind in ("shape", "module")}
    chosen = [known[name] for given in names for name in groups.get(given, [given])]
    with Proxy(store, args.model, args.url) as proxy:
        run(args.model, args.side or SIDES, chosen, args.rows, proxy, store, args.patience)
    store.close()


if __name__ == "__main__":
    main()

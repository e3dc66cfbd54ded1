"""The command line: verbs, their options, and what every error becomes. Whatever is heavy is imported by the verb itself."""

# No postponed annotations here: Typer reads them to build the options.
import enum
import os
import sys
import warnings
from collections.abc import Sequence
from typing import Annotated, Any

import typer

from adjoint.base.errors import AdjointError, Interrupted, UnknownNameError

app = typer.Typer(add_completion=False, no_args_is_help=True, pretty_exceptions_enable=False, rich_markup_mode=None)

# Typer brings the error classes of its command-line library under changing names; this is the root of them all.
_Refused: Any = next(base for base in typer.BadParameter.__mro__ if base.__name__ == "ClickException")

Json = Annotated[bool, typer.Option("--json", help="Print one JSON object on stdout.")]
LedgerPath = Annotated[
    str | None, typer.Option("--ledger", metavar="PATH", help="The ledger; default ADJOINT_LEDGER, else .adjoint/ledger.db.")
]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="No live line on stderr.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Ask nothing: say the most that it can cost.")]
Model = Annotated[
    str | None,
    typer.Option("--model", metavar="NAME", help="provider/model, pocket, or file.py:name; default ADJOINT_MODEL, else pocket."),
]
Limit = Annotated[str | None, typer.Option("--budget", metavar="CAP", help="For example 2000calls, 500000tokens, $5 or 30m.")]
Seed = Annotated[int, typer.Option("--seed", help="Every random choice follows from it.")]
Code = Annotated[
    str | None, typer.Option("--program", metavar="FILE.py:NAME", help="The code of a saved program of several modules.")
]
Program = Annotated[str, typer.Argument(metavar="PROGRAM", help="file.py:name, or a saved program such as best.json.")]
Data = Annotated[str, typer.Argument(metavar="DATA", help="Rows: .jsonl, .json or .csv.")]
MetricName = Annotated[
    str, typer.Option("--metric", metavar="NAME", help="exact_match, numeric_match, judge, ..., or file.py:function.")
]
Judging = Annotated[
    str | None, typer.Option("--judge", metavar="NAME", help="The model that judges, for a metric that asks one.")
]
Timeout = Annotated[
    float | None, typer.Option("--timeout", metavar="SECONDS", help="What one row may take; later it is an error.")
]
Repeats = Annotated[int, typer.Option("--repeats", min=1, help="How often each row is measured, with samples of its own.")]
Cluster = Annotated[
    str | None, typer.Option("--cluster", metavar="FIELD", help="Rows of one cluster resemble each other: wider intervals.")
]
Strata = Annotated[str | None, typer.Option("--strata", metavar="FIELD", help="Rows were drawn within each stratum.")]


def _list_optimizers(asked: bool) -> None:  # noqa: FBT001 - Typer's callback
    """Print what `--optimizer` may name, and end."""
    if asked:
        from adjoint.cli import text
        from adjoint.optim.registry import OPTIMIZERS, about

        text.table(("optimizer", "what it does"), [(name, about(name)) for name in sorted(OPTIMIZERS)])
        raise typer.Exit


class Ship(enum.StrEnum):
    """What is saved."""

    CERTIFIED = "certified"
    ALWAYS = "always"


@app.callback()
def _root() -> None:
    """Program language models declaratively, differentiate them with text, ship only what is measurably better.

    Exit codes: 0 ok, 1 error, 2 usage, 100 gate failed, 101 inconclusive, 102 budget spent with the best so far saved,
    130 interrupted (the same command continues).
    """


@app.command()
def demo(
    json: Json = False, ledger: LedgerPath = None, model: Model = None, budget: Limit = None, seed: Seed = 0, quiet: Quiet = False
) -> int:
    """See a small program get better, offline."""
    from adjoint.cli import verbs

    return verbs.demo(verbs.Common(json=json, ledger=ledger, quiet=quiet, model=model, budget=budget, seed=seed))


@app.command(name="run")
def predict(
    program: Program,
    data: Annotated[str | None, typer.Argument(metavar="[DATA]", help="Rows: .jsonl, .json or .csv.")] = None,
    inputs: Annotated[list[str] | None, typer.Option("--input", metavar="NAME=VALUE", help="One input of a single run.")] = None,
    code: Code = None,
    json: Json = False,
    ledger: LedgerPath = None,
    model: Model = None,
    budget: Limit = None,
    quiet: Quiet = False,
) -> int:
    """Run a program on inputs or rows."""
    from adjoint.cli import verbs

    common = verbs.Common(json=json, ledger=ledger, quiet=quiet, model=model, budget=budget, code=code)
    return verbs.run(common, program, data, inputs or [])


@app.command(name="eval")
def evaluate(
    program: Program,
    data: Data,
    metric: MetricName = "exact_match",
    judge: Judging = None,
    timeout: Timeout = None,
    repeats: Repeats = 1,
    cluster: Cluster = None,
    strata: Strata = None,
    by: Annotated[list[str] | None, typer.Option("--by", metavar="FIELD", help="Also the score of each kind of row.")] = None,
    csv: Annotated[str | None, typer.Option("--csv", metavar="FILE", help="Write every row there.")] = None,
    code: Code = None,
    json: Json = False,
    ledger: LedgerPath = None,
    model: Annotated[
        list[str] | None, typer.Option("--model", metavar="NAME", help="As for run; give several to compare them.")
    ] = None,
    budget: Limit = None,
    dry_run: DryRun = False,
    quiet: Quiet = False,
) -> int:
    """Measure a program on rows, with an interval."""
    from adjoint.cli import evaluation, planning, verbs

    common = verbs.Common(json=json, ledger=ledger, quiet=quiet, budget=budget, code=code)
    if dry_run:
        return planning.evaluation(common, program, data, model or [None], repeats=repeats, judged=judge is not None)
    how = evaluation.Measuring(
        metric=metric, judge=judge, timeout=timeout, repeats=repeats, cluster=cluster, strata=strata, by=by or (), csv=csv
    )
    return evaluation.evaluate(common, program, data, how, model or [None])


@app.command()
def optimize(
    program: Program,
    data: Data,
    metric: MetricName = "exact_match",
    optimizer: Annotated[
        str, typer.Option("--optimizer", metavar="NAME", help="One of --optimizers, or several: 'tgd -> bootstrap-rs'.")
    ] = "bootstrap-rs",
    out: Annotated[str, typer.Option("--out", metavar="FILE", help="Where the program is saved.")] = "best.json",
    valset: Annotated[str | None, typer.Option("--valset", metavar="FILE", help="Rows to choose with and to certify on.")] = None,
    ship: Annotated[Ship, typer.Option("--ship", help="'always' saves the best found without a certificate.")] = Ship.CERTIFIED,
    code: Code = None,
    json: Json = False,
    ledger: LedgerPath = None,
    model: Model = None,
    budget: Limit = None,
    seed: Seed = 0,
    dry_run: DryRun = False,
    quiet: Quiet = False,
    listed: Annotated[
        bool, typer.Option("--optimizers", is_eager=True, callback=_list_optimizers, help="List the optimizers.")
    ] = False,
) -> int:
    """Search for a better program and certify it."""
    del listed
    from adjoint.cli import planning, verbs

    common = verbs.Common(json=json, ledger=ledger, quiet=quiet, model=model, budget=budget, seed=seed, code=code)
    if dry_run:
        return planning.search(common, program, data, optimizer)
    return verbs.optimize(common, program, data, metric, optimizer=optimizer, out=out, valset=valset, ship=ship.value)


@app.command()
def compare(
    a: Annotated[str, typer.Argument(metavar="A", help="A program, as for run.")],
    b: Annotated[str, typer.Argument(metavar="B", help="The program that may be better.")],
    data: Data,
    metric: MetricName = "exact_match",
    judge: Judging = None,
    timeout: Timeout = None,
    repeats: Repeats = 1,
    gate: Annotated[bool, typer.Option("--gate", help="Exit with 100 if B is worse and 101 if that cannot be told.")] = False,
    code: Code = None,
    json: Json = False,
    ledger: LedgerPath = None,
    model: Model = None,
    budget: Limit = None,
    quiet: Quiet = False,
) -> int:
    """Compare two programs on the same rows."""
    from adjoint.cli import evaluation, verbs

    common = verbs.Common(json=json, ledger=ledger, quiet=quiet, model=model, budget=budget, code=code)
    how = evaluation.Measuring(metric=metric, judge=judge, timeout=timeout, repeats=repeats)
    return evaluation.compare(common, a, b, data, how, gate=gate)


@app.command()
def probe(
    model: Annotated[str, typer.Argument(metavar="MODEL", help="provider/model, or file.py:name.")],
    rows: Annotated[int, typer.Option("--rows", min=1, help="Rows for each shape of outputs and form.")] = 8,
    keep: Annotated[bool, typer.Option("--keep/--no-keep", help="Ask this model in the forms that were found best.")] = True,
    json: Json = False,
    ledger: LedgerPath = None,
    budget: Limit = None,
    quiet: Quiet = False,
) -> int:
    """Measure in which form a model replies best."""
    from adjoint.cli import probing, verbs

    return probing.probe(verbs.Common(json=json, ledger=ledger, quiet=quiet, model=model, budget=budget), rows, keep=keep)


@app.command()
def show(
    what: Annotated[str, typer.Argument(metavar="WHAT", help="A saved program such as best.json, or the id of a run.")],
    json: Json = False,
    ledger: LedgerPath = None,
) -> int:
    """Show the prompts of a program or a run."""
    from adjoint.cli import verbs

    return verbs.show(verbs.Common(json=json, ledger=ledger), what)


@app.command()
def runs(json: Json = False, ledger: LedgerPath = None) -> int:
    """List the runs in the ledger."""
    from adjoint.cli import verbs

    return verbs.runs(verbs.Common(json=json, ledger=ledger))


@app.command()
def doctor(
    repair: Annotated[
        bool, typer.Option("--repair", help="Save every intact row of a damaged ledger, and settle what dead processes left.")
    ] = False,
    json: Json = False,
    ledger: LedgerPath = None,
) -> int:
    """Check the ledger: its structure, the checksum of every row, and what processes that are gone have left."""
    from adjoint.cli import doctor as verb

    return verb.doctor(ledger, repair=repair, as_json=json)


@app.command()
def serve(
    what: Annotated[
        str, typer.Argument(metavar="WHAT", help="pocket, provider/model, file.py:name, or a saved program such as best.json.")
    ],
    host: Annotated[str, typer.Option("--host", help="Anything but this machine's own address needs a token.")] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", min=0, max=65535, help="0 takes a free one.")] = 8321,
    token: Annotated[
        str | None,
        typer.Option(
            "--token", help="What clients must send; default ADJOINT_SERVE_TOKEN. Off loopback one is made if none is given."
        ),
    ] = None,
    allow_host: Annotated[
        list[str] | None, typer.Option("--allow-host", metavar="NAME", help="A further name that clients may use.")
    ] = None,
    code: Code = None,
    model: Model = None,
    json: Json = False,
    ledger: Annotated[
        str | None, typer.Option("--ledger", metavar="PATH", help="Keep replies there and use them again; default: keep none.")
    ] = None,
) -> int:
    """Serve a model as OpenAI's interface, or a program as JSON in and out."""
    from adjoint.cli import serve as verb

    where = verb.Where(host=host, port=port, token=token, names=allow_host or [])
    return verb.serve(what, where, code=code, model=model, ledger=ledger, as_json=json)


VERBS = ("compare", "demo", "doctor", "eval", "optimize", "probe", "run", "runs", "serve", "show")


def main(arguments: Sequence[str]) -> int:
    """Run a command and return its exit code. Errors that Adjoint or the command line knows become one line on stderr."""
    try:
        if arguments and not arguments[0].startswith("-") and arguments[0] not in VERBS:
            raise UnknownNameError.of("verb", arguments[0], VERBS)
        code = int(app(list(arguments), standalone_mode=False, prog_name="adjoint") or 0)
    except AdjointError as error:
        _complain(str(error))
        return error.exit_code
    except _Refused as refused:
        if not arguments:
            typer.echo(refused.format_message(), err=True)
        else:
            verb = arguments[0] if arguments[0] in VERBS else ""
            _complain(f"{_worded(refused, arguments).removesuffix('.')}. Try: adjoint {verb} --help")
        return int(refused.exit_code)
    except (KeyboardInterrupt, typer.Abort):
        code = Interrupted.exit_code
    # Typer turns an interrupt into an error or into this code, depending on its version.
    if code == Interrupted.exit_code:
        from adjoint.cli.stop import SAID

        _complain(SAID)
    return code


def _worded(refused: Any, arguments: Sequence[str]) -> str:
    """What the command line says of an error, with the value that was given."""
    words = str(refused.format_message()).replace("Value error, ", "")
    for option in getattr(getattr(refused, "param", None), "opts", ()):
        for place, argument in enumerate(arguments):
            name, equals, value = argument.partition("=")
            if name == option:
                given = value if equals else "".join(arguments[place + 1 : place + 2])
                return words.replace("Invalid value for", f"Invalid value {given!r} for", 1)
    return words


def run() -> None:
    """The process: signals, a stdout that takes any text, one-line warnings, and an end that waits for nobody."""
    from adjoint.cli import stop

    stop.listen()
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
    warnings.showwarning = _warn  # type: ignore[assignment]
    try:
        code = main(sys.argv[1:])
        sys.stdout.flush()
    except BrokenPipeError:
        # The reader has gone (`| head`): nothing is left to say, and Python would say so while it ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = 1
    stop.leave(code)


def _complain(message: str) -> None:
    """One line, whatever the message is."""
    typer.echo(f"adjoint: {' '.join(message.split())}", err=True)


def _warn(message: Warning | str, *_: object) -> None:
    _complain(f"warning: {message}")

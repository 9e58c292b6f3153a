"""The command line, against the least that Python could do for the same."""

import json

from loginq.service.operations.stats import snapshot
from tests.benchmarks.cold import BARE
from tests.benchmarks.measure import Row, against, median, recorded, script
from tests.benchmarks.stage import Stage

ROUNDS = 20
_RUN = """
import contextlib, io, json, sys, time
began = time.perf_counter()
sys.argv = ["loginq", *sys.argv[1:]]
from loginq.cli import main
with contextlib.redirect_stdout(io.StringIO()), contextlib.suppress(SystemExit):
    main()
print(json.dumps({"took": time.perf_counter() - began}))
"""
_TYPER = """
import contextlib, io, json, sys, time
began = time.perf_counter()
sys.argv = ["two", "--help"]
import typer
app = typer.Typer()
@app.command()
def one(name: str, count: int = 1) -> None:
    "Do one thing."
@app.command()
def other(name: str, count: int = 1) -> None:
    "Do another."
with contextlib.redirect_stdout(io.StringIO()), contextlib.suppress(SystemExit):
    app()
print(json.dumps({"took": time.perf_counter() - began}))
"""


def commands(stage: Stage) -> list[Row]:
    """`loginq --help` and `loginq queue stats --json`."""
    with recorded() as calls:
        snapshot(stage.stack.queue)
    bare = json.dumps([(call.service, call.operation, call.parameters) for call in calls])
    pairs = [
        ("`loginq --help`", ["--help"], _TYPER, "", "a two-command Typer app", "< 1"),
        ("`loginq queue stats --json`", ["queue", "stats", "--json"], BARE, bare, "its bare boto3 calls", "≤ 1.5"),
    ]
    environment = {k: v for k, v in stage.environment.items() if k != "PYTHONDONTWRITEBYTECODE"}
    rows = []
    for name, words, other, stdin, what, aim in pairs:
        ours, theirs = [], []
        for _ in range(ROUNDS):
            ours.append(script(_RUN, environment, *words)["took"])
            theirs.append(script(other, environment, stdin=stdin)["took"])
        took, needs = median(ours) * 1_000, median(theirs) * 1_000
        rows.append(Row(name, f"{took:.0f} ms", f"{what}: {needs:.0f} ms", f"{against(ours, theirs):.2f}", aim))
    return rows

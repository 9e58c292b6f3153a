"""`loginq load run --real`: real accounts, played by a swarm in a process of its own, with a live summary."""

import json
import secrets
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from loginq.cli import console, scores
from loginq.cli.command import Found
from loginq.cli.session import Session, api_of
from loginq.service.operations.accounts import generated_password
from loginq.service.operations.crowds import real_accounts
from loginq.service.rules.account import NewAccount
from loginq.service.rules.errors import Failed, LoginqError
from loginq.service.rules.times import SECOND, iso
from loginq.service.store.table import attempts, chunks

_TOGETHER = 50


def run(session: Session, players: int, arrive: int, report: Path | None) -> Iterator[Found]:
    """Make the accounts, play them all, and say what was measured. `arrive`: within what time they come, ms.

    Ctrl-C ends the players and shows what was measured until then; their accounts stay until `load clean`.
    """
    if find_spec("locust") is None:
        raise Failed("The load library is not installed.", 'Install it with `pip install "loginq[load]"`.')
    run = secrets.token_hex(4)
    accounts = real_accounts(run, players, generated_password())
    if report is not None:
        keep(report, {"run": run})
    session.operator.crowd(run, players, synthetic=False)
    rate = session.queue.lines.read().rate_at(session.queue.clock())
    measured: dict[str, Any] = {}
    try:
        _create(session, accounts)
        with console.live() as show:
            for measured in _swarm(session, accounts, arrive):
                show(_summary(measured, rate))
    finally:
        measured = {"target": session.name, "run": run, "at": iso(session.queue.clock()), **_told(measured, rate)}
        if report is not None:
            keep(report, measured)
        yield Found(measured, partial(_draw, measured, rate, report), ok=measured.get("admitted") == players)
        console.say("`loginq load clean` deletes these accounts.")


def _draw(measured: dict[str, Any], rate: int, report: Path | None) -> None:
    if "calls_ms" in measured:
        console.draw(_summary(measured, rate))
        if report is not None:
            console.done(f"What was measured is in {report}.")


def _create(session: Session, accounts: list[NewAccount]) -> None:
    with console.progress("Creating accounts", len(accounts)) as advance:
        for some in chunks(accounts, _TOGETHER):
            for outcome in attempts(session.users.ensure, some):
                if isinstance(outcome, LoginqError):
                    raise outcome
            advance(len(some))


def _swarm(session: Session, accounts: list[NewAccount], arrive: int) -> Iterator[dict[str, Any]]:
    """What the swarm says each second. The password goes through a pipe, where no process list shows it."""
    order = {
        "api": asdict(api_of(session.target)),
        "usernames": [account.username for account in accounts],
        "password": accounts[0].password,
        "arrive_seconds": arrive / SECOND,
    }
    with tempfile.TemporaryFile("w+") as said:
        process = subprocess.Popen(
            [sys.executable, "-m", "loginq.rehearsal.swarm"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=said,
            text=True,
        )
        assert process.stdin and process.stdout  # noqa: S101 - they are pipes
        with suppress(BrokenPipeError), process.stdin:  # it has died already, and said why
            process.stdin.write(json.dumps(order))
        over = False
        try:
            for line in process.stdout:
                document = json.loads(line)
                over = bool(document.get("over"))
                yield document
        finally:
            if not over:
                process.terminate()
            process.stdout.close()
            process.wait(timeout=30)
        if not over:
            said.seek(0)
            last = said.read().strip().splitlines()[-1:] or ["it said nothing"]
            raise Failed(f"The swarm ended early: {last[0]}.")


def _told(measured: dict[str, Any], rate: int) -> dict[str, Any]:
    """The measurement with how many came in each second, in place of each instant."""
    if not measured:
        return {}
    at = measured.pop("admitted_at")
    measured.pop("over", None)
    seconds = [0] * (int(at[-1] - at[0]) + 1) if at else []
    for each in at:
        seconds[int(each - at[0])] += 1
    return {**measured, "rate_per_second": rate / 1_000, "admitted_in_each_second": seconds}


def _summary(measured: dict[str, Any], rate: int) -> Any:
    """What was measured so far, as one drawing."""
    at = measured.get("admitted_at", [])
    seconds = measured.get("admitted_in_each_second")
    span = max(1.0, at[-1] - at[0]) if at else float(len(seconds or [0]))
    waits = measured["wait_seconds"]
    facts = [
        ("done", f"{measured['done']:,} of {measured['players']:,}; {measured['admitted']:,} let in"),
        ("admitted", f"{measured['admitted'] / span:.1f}/s, asked {rate / 1_000:g}/s"),
        ("wait", ", ".join(f"{name} {value:.1f} s" for name, value in waits.items() if value is not None) or None),
        *scores.facts(measured["scores"]),
        *(("trouble", f"{count:,} × {text}") for text, count in measured["troubles"].items()),  # noqa: RUF001
    ]
    rows = [
        (name, f"{call['count']:,}", f"{call['failures']:,}", *(_ms(call[p]) for p in ("p50", "p95", "p99", "max")))
        for name, call in sorted(measured["calls_ms"].items())
    ]
    columns = ["call", "count", "failed", "p50 ms", "p95 ms", "p99 ms", "max ms"]
    return console.stacked(console.panel("real players", facts), console.grid(columns, rows, numbers=columns[1:]))


def _ms(value: float | None) -> str | None:
    return None if value is None else f"{value:,.0f}"


def keep(report: Path, document: dict[str, Any]) -> None:
    """Write a result to a file, in place of what was there. Raises `Failed`."""
    try:
        report.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    except OSError as exc:
        raise Failed(f"{report} cannot be written: {exc.strerror}.", "Choose another place.") from exc

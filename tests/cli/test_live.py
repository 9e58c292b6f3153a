"""What `doctor --live` says before it begins, and when it does not begin, on moto."""

import json
from functools import partial
from pathlib import Path

import pytest

from loginq.cli.live import draw, fitting
from loginq.doctor.live import Outcome, Result
from loginq.service.operations.target import Target
from loginq.service.rules.line import Line
from loginq.service.rules.minute import Memory
from loginq.service.rules.times import HOUR, iso
from loginq.service.store.queue import Queue, connect
from loginq.service.store.settlement import Settlement
from tests.cli.conftest import TARGET, Run
from tests.cli.test_irreversible import WHERE, rehearsed

BEFORE = [
    f"Target: {TARGET}",
    "It makes an account (its mail goes to AWS's test mailbox), 40 synthetic players and an SQS queue.",
    "For a minute it changes rate, pause and capacity of the line, and opens it: who comes is let in at 8/s.",
    "It rings every alarm once, and all who listen are told.",
    "It costs less than $0.01 (prices of 2026-11), and one active user of Cognito.",
    "It removes what it made, and puts back what it changed, also after Ctrl-C.",
]


@pytest.fixture(autouse=True)
def _here(monkeypatch: pytest.MonkeyPatch, now: list[int], tmp_path: Path) -> None:
    """The console goes by the tests' clock, in a folder of its own."""
    monkeypatch.setattr("loginq.cli.session.connect", partial(connect, clock=lambda: now[0]))
    monkeypatch.chdir(tmp_path)


def test_on_aws_it_says_what_it_makes_costs_and_removes_and_asks(
    run: Run, deployed: Target, queue: Queue, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    queue.lines.change(Line.renew)
    screen = run("doctor", "--live")
    assert (screen.code, screen.err.splitlines()[:6]) == (2, BEFORE)
    monkeypatch.setattr("loginq.cli.options.has_terminal", lambda: True)
    version = queue.lines.read().version
    screen = run("doctor", "--live", stdin="n\n")
    assert (screen.code, screen.err.splitlines()) == (1, [*BEFORE, "Go on? [y/N]:Nothing was changed."])
    assert (queue.lines.read().version, list(tmp_path.iterdir())) == (version, [])


@pytest.mark.parametrize(
    ("waits", "why"), [("sub-ada", "1 real players wait in line."), ("", "31 real players came in")]
)
def test_where_it_meets_real_players_it_wants_the_name_of_the_stack(
    run: Run, deployed: Target, queue: Queue, monkeypatch: pytest.MonkeyPatch, waits: str, why: str
) -> None:
    monkeypatch.setattr("loginq.cli.options.has_terminal", lambda: True)
    rehearsed(queue, waits)
    monkeypatch.setattr("loginq.cli.load.let_in_lately", lambda queue: 0 if waits else 31)
    screen = run("doctor", "--live", stdin="y\n")
    *before, reason, asked, answer = screen.err.splitlines()
    assert (screen.code, before) == (1, BEFORE)
    assert reason.startswith(why)
    assert (asked, answer) == (
        f"Prove the stack all the same: {WHERE}.",
        "Type loginq to go on:Nothing was changed.",
    )


@pytest.mark.parametrize("more", [["--live", "--players", "5", "--within", "1m"], ["--report", "live.json"]])
def test_it_goes_alone(run: Run, more: list[str]) -> None:
    screen = run("doctor", *more)
    assert (screen.code, screen.err.splitlines()[0]) == (2, "Error: --live goes alone, and --report with it.")


def test_a_small_terminal_shows_what_failed_and_where_it_is() -> None:
    """24 rows for the 28 steps of it: the oldest that went well give way."""
    known = [Outcome(f"step {n}", Result.OK, "fine") for n in range(28)]
    known[3] = Outcome("step 3", Result.FAILED, "It does not." + 80 * "x", "Mend it.")
    known[-1] = Outcome("step 27", Result.UNDER_WAY, "")
    shown = fitting(known, 80, 24)
    assert [each.step for each in shown] == ["step 3", *(f"step {n}" for n in range(8, 28))]
    assert fitting(known, 80, 40) == known


def test_a_proof_begins_by_the_clock_of_aws(
    run: Run, deployed: Target, queue: Queue, now: list[int], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Whose answers set the clock: so one comes first."""

    def answered(settlement: Settlement) -> Memory:
        now[0] += HOUR
        return Memory()

    queue.lines.change(Line.renew)
    monkeypatch.setattr(Settlement, "read", answered)
    monkeypatch.setattr("loginq.cli.live.prove", lambda trial: iter(()))
    monkeypatch.setattr("loginq.cli.live.put_back", lambda trial, proved: iter(()))
    before = now[0]
    assert run("doctor", "--live", "--yes", "--report", "live.json").code == 0
    assert json.loads((tmp_path / "live.json").read_text())["began"] == iso(before + HOUR)


def test_where_it_was_stopped_comes_first(capsys: pytest.CaptureFixture[str]) -> None:
    known = [
        Outcome("stack", Result.OK, "fine"),
        Outcome("capacity", Result.UNDER_WAY, ""),
        Outcome("line back", Result.OK, "as before"),
    ]
    draw({"target": TARGET, "proved": False, "seconds": 4}, known, Path("live.json"))
    assert capsys.readouterr().out.splitlines() == ["✗ capacity: it was stopped here", "✓ 2 ok: stack, line back"]


def test_what_failed_comes_first_and_what_went_well_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    known = [
        Outcome("stack", Result.OK, "fine"),
        Outcome("roles", Result.NOT_ASKED, "not asked here: an emulator"),
        Outcome("keys", Result.OK, "fine", seconds=2.5),
        Outcome("sign-up", Result.FAILED, "It does not.", "Mend it."),
        Outcome("sign-in", Result.NOT_ASKED, "needs: sign-up"),
        Outcome("pause", Result.NOT_ASKED, "needs: sign-in"),
    ]
    draw({"target": TARGET, "proved": False, "seconds": 4}, known, Path("live.json"))
    out, err = capsys.readouterr()
    assert out.splitlines() == [
        "✗ sign-up: It does not.",
        "  Mend it.",
        "– roles: not asked here: an emulator",  # noqa: RUF001
        "– 2 not asked, after what failed: sign-in, pause",  # noqa: RUF001
        "✓ 2 ok: stack, keys",
    ]
    assert err == f"{TARGET}: NOT proved in 4 s. The result is in live.json.\n"

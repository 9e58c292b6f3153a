"""What doctor and the screens say needs attention: the worst first, commands whole, on a terminal of 80 by 24."""

from dataclasses import replace
from pathlib import Path

import pytest

from loginq.cli import doctor, rate, stats
from loginq.cli.advice import attend
from loginq.doctor.checks import Finding, Verdict
from loginq.service.rules.act import Action
from tests import night

LONG = "loginq deploy --param BatchSize=500 --param BatchWindowSeconds=1 --param IntakeVisibilitySeconds=300"
FOUND = [
    *(Finding(f"check {n}", Verdict.OK, "as it should be") for n in range(30)),
    Finding("line", Verdict.WARN, "it is paused", "`loginq queue resume` lets players in."),
    Finding("placing", Verdict.WARN, "334/s come, 70/s are placed", f"Before the launch: `{LONG}`: 900/s."),
    Finding("drift", Verdict.UNKNOWN, "CloudFormation could not tell: too many asked"),
    Finding(
        "intake trigger", Verdict.BAD, "it is Disabled: nobody is placed, and whoever asks stands in no line at all",
        "Run `loginq deploy`.",
    ),
]  # fmt: skip


RAMP = tuple((night.NOW + n * 60_000, 60_000 + n * 10_000) for n in range(1, 21))


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")


def drawn(capsys: pytest.CaptureFixture[str]) -> list[str]:
    return [line.rstrip() for line in capsys.readouterr().out.splitlines()]


def test_doctor_has_what_is_bad_first_and_what_is_well_in_one_line(
    small: None, capsys: pytest.CaptureFixture[str]
) -> None:
    doctor._draw("emulator 127.0.0.1:4566 loginq", FOUND, False)
    screen = capsys.readouterr()
    assert [line.rstrip() for line in screen.out.splitlines()] == [
        "✗ intake trigger: it is Disabled: nobody is placed, and whoever asks stands in",
        "  no line at all",
        "    loginq deploy",
        "? drift: CloudFormation could not tell: too many asked",
        "! line: it is paused",
        "    loginq queue resume  # lets players in",
        "! placing: 334/s come, 70/s are placed",
        "    Before the launch:",
        f"    {LONG}",
        "    # 900/s",
        "✓ 30 ok; --all shows them",
    ]
    assert screen.err == "emulator 127.0.0.1:4566 loginq: 1 bad (intake trigger), 3 to look at, 34 checked.\n"


def test_doctor_shows_all_that_is_well_where_that_is_wanted(small: None, capsys: pytest.CaptureFixture[str]) -> None:
    doctor._draw("loginq", FOUND, True)
    assert drawn(capsys)[-30:] == [f"✓ check {n}: as it should be" for n in range(30)]


@pytest.mark.parametrize(
    ("sentence", "lines"),
    [
        ("", ["!"]),
        ("the line is gone", ["! the line is gone"]),
        (
            "3 dead letters: `loginq queue dlq` says why, `loginq queue redrive` puts them back",
            ["! 3 dead letters", "    loginq queue dlq  # says why", "    loginq queue redrive  # puts them back"],
        ),
        (
            "12 of 40 calls failed: `loginq logs --level ERROR` and `loginq doctor` say why",
            ["! 12 of 40 calls failed", "    loginq logs --level ERROR", "    loginq doctor  # say why"],
        ),
        (
            "status calls fail (`loginq logs get_login_status --level ERROR`)",
            ["! status calls fail", "    loginq logs get_login_status --level ERROR"],
        ),
        (
            "Not confirmed. A lost one comes again: `aws sns subscribe`. Tokens last `IdTokenHours`.",
            ["! Not confirmed. A lost one comes again", "    aws sns subscribe", "    Tokens last `IdTokenHours`"],
        ),
    ],
)
def test_a_command_stands_on_a_line_of_its_own(
    small: None, capsys: pytest.CaptureFixture[str], sentence: str, lines: list[str]
) -> None:
    attend([sentence])
    assert drawn(capsys) == lines


def test_a_plan_of_many_steps_leaves_room_for_all_else(small: None, capsys: pytest.CaptureFixture[str]) -> None:
    """A ramp has twenty steps; in full, twice, they pushed what needs attention off the screen."""
    line = replace(night.LINE, tail=98_400, steps=RAMP)
    before = {"rate": 50_000, "burst": 50, "steps": []}
    made = Action(night.NOW - 9_000, "user/ada", "plan", before=before, after={**before, "steps": list(RAMP)})
    now = night.snapshot(line, night.NOW, last_change=made)
    stats.draw_stats(night.NAME, now, night.door(), ())
    lines = drawn(capsys)
    assert len(lines) < 24
    assert [line[18:-1].rstrip() for line in lines if "16 03:" in line or "steps" in line] == [
        "70/s from 2027-01-16 03:03:00 UTC, and on in 20 steps, 260/s",
        "from 2027-01-16 03:22:00 UTC",
        "plan: 50/s → 50/s, 70/s from 2027-01-16 03:03:00 UTC, and on",
        "in 20 steps, 260/s from 2027-01-16 03:22:00 UTC",
    ]
    rate._draw(night.NAME, now)
    assert len(drawn(capsys)) < 24


def test_what_is_longer_than_the_screen_is_seen_from_its_top(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is bad stands there, and a terminal shows the end."""
    pager = tmp_path / "pager"
    pager.write_text(f"#!/bin/sh\ncat > {tmp_path}/shown\n")
    pager.chmod(0o700)
    monkeypatch.setenv("PAGER", str(pager))
    many = [Finding(f"check {n}", Verdict.BAD, "not as it should be", "Run `loginq deploy`.") for n in range(20)]
    with night.terminal() as screen:
        doctor._draw("loginq", many, False)
    assert screen.getvalue() == ""
    assert "check 0" in (tmp_path / "shown").read_text().splitlines()[0]

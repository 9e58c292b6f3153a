"""The file of `loginq players export`: for its owner alone, and inert in a spreadsheet."""

import csv
import json
import stat
from pathlib import Path

import pytest

from loginq.cli.export import inert
from loginq.service.operations.forgetting import forget
from loginq.service.operations.target import Target
from loginq.service.rules.line import Line
from loginq.service.rules.player import Identity
from loginq.service.store.queue import Queue
from tests.cli.conftest import Run, settled

FORMULA = '=HYPERLINK("http://x.invalid","ada")'


@pytest.fixture
def players(deployed: Target, queue: Queue) -> Queue:
    """Two players, one of them with a name that a spreadsheet would run, and one who is deleted."""
    settled(queue, Line(tail=0, rate=20_000, paused=True))
    for name in (FORMULA, "김철수", "gone"):
        queue.players.register(Identity(name, name, f"{name}@example.com"), queue.clock())
    forget(queue, Identity("gone", "gone"))
    return queue


def test_a_sheet_runs_nothing_and_a_program_gets_what_is_there(run: Run, players: Queue) -> None:
    assert run("players", "export", "all.csv").err.endswith("✓ 2 players are in all.csv.")
    assert run("players", "export", "all.jsonl").code == 0
    assert Path("all.csv").read_bytes().startswith(b"\xef\xbb\xbfsub,username,email,")
    with Path("all.csv").open(encoding="utf-8-sig", newline="") as file:
        sheet = {row["username"]: row["email"] for row in csv.DictReader(file)}
    assert sheet == {f"'{FORMULA}": f"'{FORMULA}@example.com", "김철수": "김철수@example.com"}
    documents = map(json.loads, Path("all.jsonl").read_text(encoding="utf-8").splitlines())
    assert {each["username"] for each in documents} == {FORMULA, "김철수"}


@pytest.mark.parametrize("text", ["=1", "+1", "-1", "@SUM(1)", "\t=1", "\r=1", "\n=1", "＝1"])  # noqa: RUF001
def test_what_would_begin_a_formula(text: str) -> None:
    assert inert(text) == f"'{text}"


@pytest.mark.parametrize("value", ["", "ada", "a=b", "'=1", -1, 0, None, True])
def test_what_begins_none(value: object) -> None:
    assert inert(value) == value


def test_the_file_is_its_owners_alone_and_no_link_is_followed(run: Run, players: Queue) -> None:
    victim = Path("victim")
    victim.write_text("mine")
    victim.chmod(0o644)
    for trap in ("all.csv.part", ".all.csv.part", "all.csv"):
        Path(trap).symlink_to(victim)
    assert run("players", "export", "all.csv", "--yes").code == 0
    assert (victim.read_text(), stat.S_IMODE(victim.stat().st_mode)) == ("mine", 0o644)
    assert not Path("all.csv").is_symlink()
    assert stat.S_IMODE(Path("all.csv").stat().st_mode) == 0o600
    assert sorted(each.name for each in Path().iterdir()) == [".all.csv.part", "all.csv", "all.csv.part", "victim"]


def test_what_cannot_be_written_leaves_nothing_behind(run: Run, players: Queue) -> None:
    Path("folder.csv").mkdir()
    refused = run("players", "export", "nowhere/all.csv", "--yes")
    assert (refused.code, refused.err.splitlines()[-2:]) == (
        1,
        ["Error: nowhere/all.csv cannot be written: No such file or directory.", "Choose another place."],
    )
    assert [each.name for each in Path().iterdir()] == ["folder.csv"]

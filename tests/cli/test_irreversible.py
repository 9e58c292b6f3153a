"""What cannot be undone, and what a rehearsal leaves: whole screens and exit codes, on moto."""

import json
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from loginq.cli.session import Session
from loginq.deploy import envfile
from loginq.deploy.deployment import Deployment
from loginq.deploy.removal import Removal
from loginq.deploy.stack import StackEvent
from loginq.emulator import Emulator, Running, note
from loginq.service.operations.accounts import Users
from loginq.service.operations.line_acts import Done
from loginq.service.operations.operator import Operator
from loginq.service.operations.target import Target
from loginq.service.rules.line import Line
from loginq.service.rules.times import iso
from loginq.service.store import keys
from loginq.service.store.audit import actions
from loginq.service.store.aws import Aws
from loginq.service.store.queue import Queue, connect
from loginq.service.store.rosters import Place
from tests.cli.conftest import TARGET, Run, settled
from tests.cli.test_queue import tickets
from tests.unit.scripted import Scripted

WHERE = "account 123456789012, region eu-west-1"


@pytest.fixture(autouse=True)
def _by_the_same_clock(monkeypatch: pytest.MonkeyPatch, now: list[int]) -> None:
    """The console goes by the tests' clock, which stands."""
    monkeypatch.setattr("loginq.cli.session.connect", partial(connect, clock=lambda: now[0]))


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody is there to be asked."""
    monkeypatch.setattr("loginq.cli.options.has_terminal", lambda: True)


def rehearsed(queue: Queue, waits: str = "", tail: int = 100) -> None:
    """Positions up to `tail`, 16 of them reached, nobody behind any but the last: `waits` there, if anybody."""
    places = [Place(n, f"synthetic-{n}", True) for n in range(1, tail)]
    queue.rosters.write([*places, Place(tail, waits or "synthetic", not waits)], queue.clock())
    settled(queue, Line(tail=tail, reached_to=16, gate=16_000_000, anchored_at=queue.clock(), rate=1_000))
    queue.lines.change(Line.renew)
    if waits:
        row = {"loginTicket": "t", "ticketIssuedAt": iso(queue.clock()), "queuePosition": tail, "username": "ada"}
        queue.table.put({**keys.keyed(keys.player(waits)), **row})


def stats(run: Run) -> tuple[int, int]:
    """How many wait, and what a newcomer waits, seconds."""
    shown = json.loads(run("queue", "stats", "--json").out)
    return shown["line"]["waiting"], shown["eta_seconds"]


def test_after_a_rehearsal_nobody_waits_for_nobody(run: Run, deployed: Target, queue: Queue) -> None:
    rehearsed(queue, tail=1_500)
    queue.table.put({**keys.keyed(keys.player("synthetic-17")), "synthetic": True})
    assert stats(run) == (1_484, 1_485)
    screen = run("load", "clean", "--yes")
    assert (screen.code, screen.err) == (
        0,
        f"Target: {TARGET}\n✓ Deleted 1 synthetic players.\n"
        "✓ 1,484 places of nobody are forgotten; who comes next is first in line.",
    )
    assert stats(run) == (0, 1)
    assert [each.what for each in actions(queue)] == ["reset line", "load clean"]


def test_where_a_real_player_waits_the_line_goes_on_and_says_what_is_in_front(
    run: Run, deployed: Target, queue: Queue
) -> None:
    rehearsed(queue, waits="sub-ada")
    stays = "83 places of nobody stay in front of 1 real players, the first of whom is ada at 100: "
    screen = run("load", "clean", "--yes")
    assert (screen.code, screen.err) == (
        0,
        f"Target: {TARGET}\n✓ There were no synthetic players.\n{stays}the line passes them at 1/s.",
    )
    screen = run("queue", "reset", "--yes")
    assert (screen.code, screen.err.splitlines()[1:]) == (
        1,
        [
            "Error: 1 real players wait in line, or may still be let in.",
            "A line is reset when there are none: let them in, or take their places away with `loginq players remove`.",
        ],
    )
    assert queue.lines.read().waiting(queue.clock()) == 84


def test_a_reset_wants_the_name_of_the_stack(run: Run, deployed: Target, queue: Queue, terminal: None) -> None:
    rehearsed(queue)
    tickets(queue, "a")
    asked = (
        f"Target: {TARGET}\n"
        f"Forget the line: 84 places, about 1 tickets in the intake, whose players ask anew, {WHERE}.\n"
        "Type loginq to go on:Nothing was changed."
    )
    for said in ("\n", "y\n"):
        screen = run("queue", "reset", stdin=said)
        assert (screen.code, screen.err) == (1, asked)
    ended = run("queue", "reset", stdin="")  # Ctrl-C, or Ctrl-D, at the question
    assert (ended.code, ended.err) == (130, asked.replace("go on:", "go on:\n"))
    assert queue.lines.read().waiting(queue.clock()) == 84
    screen = run("queue", "reset", "--json", stdin="loginq\n")
    assert (screen.code, json.loads(screen.out.splitlines()[-1])) == (0, {"target": TARGET, "forgotten": 84})


@pytest.mark.parametrize(("waits", "why"), [("sub-ada", "1 real players wait in line."), ("", "")])
def test_a_crowd_is_not_put_in_the_way_of_real_players(
    run: Run, deployed: Target, queue: Queue, monkeypatch: pytest.MonkeyPatch, waits: str, why: str
) -> None:
    sent: list[int] = []
    monkeypatch.setattr("loginq.cli.load.send", lambda session, players: sent.append(players))
    rehearsed(queue, waits)
    screen = run("load", "run", "--players", "300")
    assert (screen.code, sent) == ((2, []) if why else (0, [300]))
    assert why in screen.err


def test_nor_of_those_who_came_in_within_the_hour(
    run: Run, deployed: Target, queue: Queue, monkeypatch: pytest.MonkeyPatch, terminal: None
) -> None:
    monkeypatch.setattr("loginq.cli.load.send", lambda session, players: "run")
    monkeypatch.setattr("loginq.cli.load.let_in_lately", lambda queue: 31_204)
    queue.lines.change(Line.renew)
    screen = run("load", "run", "--players", "300", stdin="y\n")
    assert (screen.code, screen.err.splitlines()[1:]) == (
        1,
        [
            "31,204 real players came in within the hour.",
            f"Put 300 in line all the same: {WHERE}.",
            "Type loginq to go on:Nothing was changed.",
        ],
    )
    assert run("load", "run", "--players", "300", stdin="loginq\n").code == 0


class Removed(Deployment):
    """A deployment on moto, which has no stack."""

    deployed: Target
    is_gone = False

    def target(self) -> Target:
        return self.deployed

    def plan_removal(self, *, delete_data: bool) -> Removal:
        found = {"Parameters": [{"ParameterKey": "Edge", "ParameterValue": "true"}]}
        return Removal(found, {}, [], "", delete_data)

    def destroy(self, planned: Removal) -> Iterator[StackEvent]:
        self.is_gone = True
        yield from ()


def test_the_end_of_every_account_is_counted_and_wants_the_name(
    run: Run, target: Target, aws: Aws, queue: Queue, users: Users, monkeypatch: pytest.MonkeyPatch, terminal: None
) -> None:
    users.create("ada", "ada@example.com", "Correct-Horse-7-Battery")
    settled(queue, Line(tail=100, reached_to=16, gate=16_000_000, anchored_at=queue.clock()))
    deployment = Removed(aws, "loginq2", "123456789012", "eu-west-1")
    deployment.deployed = target
    monkeypatch.setattr(deployment.artifacts, "exists", lambda: False)
    monkeypatch.setattr("loginq.cli.destroy.open_deployment", lambda local: deployment)
    screen = run("destroy", "--delete-data", stdin="y\n")
    assert (screen.code, deployment.is_gone, screen.err.splitlines()) == (
        1,
        False,
        [
            "CloudFront takes some minutes to take the edge away.",
            "Take down the stack 'loginq2' and delete every account and player for ever: about 1 accounts, 84 waiting, "
            f"about 0 in the intake, 0 in the game, {WHERE}.",
            "Type loginq2 to go on:Nothing was changed.",
        ],
    )
    assert run("destroy", "--delete-data", stdin="loginq2\n").code == 0
    assert deployment.is_gone


def test_a_purge_is_counted(run: Run, deployed: Target, queue: Queue, terminal: None) -> None:
    queue.lines.change(Line.renew)
    tickets(queue, "a", "b")
    screen = run("queue", "purge", stdin="yes\n")
    assert screen.err.splitlines()[1] == (
        f"Empty the intake, and make its tickets void: 0 waiting, about 2 in the intake, 0 in the game, {WHERE}."
    )
    assert (screen.code, queue.intake.depth().total) == (1, 2)
    assert "Delete the dead letters: about 0 of them, 0 waiting" in run("queue", "purge", "--dead-letters").err


@pytest.mark.parametrize(("harms", "answer", "code"), [(False, "y\n", 0), (True, "y\n", 1), (True, "loginq\n", 0)])
def test_on_an_emulator_a_yes_will_do_where_nobody_waits(
    harms: bool, answer: str, code: int, monkeypatch: pytest.MonkeyPatch, terminal: None
) -> None:
    from typer import Typer
    from typer.testing import CliRunner

    from loginq.cli.irreversible import Loss, confirm_loss

    app = Typer()
    loss = Loss("Forget the line", ["3 places"], harms)
    app.command()(lambda: confirm_loss("emulator 127.0.0.1:4566 loginq", lambda: loss, yes=False))
    result = CliRunner().invoke(app, input=answer)
    assert result.exit_code == code
    assert "Forget the line: 3 places, emulator 127.0.0.1:4566." in result.stderr


COUNTS = f"84 waiting, about 0 in the intake, 0 in the game, {WHERE}"


@pytest.fixture
def busy(run: Run, deployed: Target, queue: Queue, users: Users) -> None:
    """Ada and bob, and 84 who wait."""
    for name in ("ada", "bob"):
        users.create(name, f"{name}@example.com", "Correct-Horse-7-Battery")
    Path("two.txt").write_text("ada\nbob\n")
    settled(queue, Line(tail=100, reached_to=16, gate=16_000_000, anchored_at=queue.clock()))


LOSSES = [
    (("players", "remove", "ada"), "Take the tickets and places of ada away"),
    (("players", "remove", "--file", "two.txt"), "Take the tickets and places of 2 players away"),
    (("players", "reset", "ada"), "Take tickets, places and blocks of ada away"),
    (("players", "reset", "--file", "two.txt"), "Take tickets, places and blocks of 2 players away"),
    (
        ("users", "reset-password", "--file", "two.txt", "--generate"),
        "Give 2 accounts another password, and end their sign-ins",
    ),
    (("users", "delete", "ada"), "Delete ada, the player row and the place"),
    (("users", "delete", "--file", "two.txt"), "Delete 2 accounts, their player rows and their places"),
]


def test_what_people_lose_is_counted_and_wants_the_name(run: Run, busy: None, queue: Queue, terminal: None) -> None:
    for words, what in LOSSES:
        screen = run(*words, stdin="y\n")
        assert (screen.code, screen.err.splitlines()[1:]) == (
            1,
            [f"{what}: {COUNTS}.", "Type loginq to go on:Nothing was changed."],
        ), words
    assert [each.what for each in actions(queue)] == []
    for words in (("players", "reset", "ada"), ("users", "delete", "--file", "two.txt")):
        assert run(*words, stdin="loginq\n").code == 0, words
    assert run("users", "list").err.startswith("There are no accounts yet.")


def test_of_a_broken_queue_it_says_that_nobody_could_be_counted(
    run: Run, busy: None, queue: Queue, terminal: None
) -> None:
    queue.table.write_all(deletes=[keys.line(queue.name)])
    screen = run("users", "delete", "ada", stdin="loginq\n")
    assert (screen.code, "who is there could not be counted (" in screen.err) == (0, True)


def test_without_a_terminal_it_is_refused_behind_what_would_be_asked(run: Run, busy: None) -> None:
    screen = run("users", "delete", "--file", "two.txt")
    assert (screen.code, screen.err.splitlines()[1:]) == (
        2,
        [
            f"Delete 2 accounts, their player rows and their places: {COUNTS}.",
            "Error: This needs a yes, and there is no terminal to ask.",
            "Give --yes if you mean it.",
        ],
    )


def test_a_key_is_rotated_by_the_name_of_the_stack(
    run: Run, busy: None, queue: Queue, monkeypatch: pytest.MonkeyPatch, terminal: None
) -> None:
    rotated: list[bool] = []

    def rotate(operator: Operator, signing: object, *, force: bool) -> Done:
        rotated.append(force)
        return operator.pause()

    monkeypatch.setattr(Operator, "rotate_keys", rotate)
    monkeypatch.setattr(Session, "keys", None)
    asked = f"Sign with the next key from now on: {COUNTS}."
    assert run("keys", "rotate", stdin="y\n").err.splitlines()[1] == asked
    forced = run("keys", "rotate", "--force", stdin="loginq\n")
    assert "from now on, even if that breaks tokens that are still alive: 84 waiting" in forced.err
    assert (forced.code, rotated) == (0, [True])


class Somewhere(Emulator):
    """An emulator of which no process is there: its note says where it was, and what answers is moto."""

    answering: Running | None = None

    def running(self) -> Running | None:
        return self.answering


@pytest.fixture
def emulator(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Somewhere:
    monkeypatch.chdir(tmp_path)
    found = Somewhere()
    monkeypatch.setattr("loginq.cli.local.Emulator", lambda: found)
    return found


def test_an_emulator_that_was_never_there_needs_but_a_yes(run: Run, emulator: Somewhere, terminal: None) -> None:
    screen = run("local", "reset", stdin="y\n")
    assert (screen.code, "nothing is in it, emulator 127.0.0.1.\nGo on?" in screen.err) == (0, True)


def test_an_emulator_that_cannot_be_counted_wants_the_name(run: Run, emulator: Somewhere, terminal: None) -> None:
    emulator.folder.mkdir()
    note.write(emulator.folder / "emulator.json", Running(0, 4566))
    screen = run("local", "reset", stdin="y\n")
    assert (screen.code, screen.err.splitlines()) == (
        1,
        [
            f"Target: emulator in {emulator.folder}",
            f"Forget everything in the emulator of {emulator.folder}: "
            "it does not answer, so that nobody can count what is in it, emulator 127.0.0.1:4566.",
            "Type loginq to go on:Nothing was changed.",
        ],
    )
    assert emulator.folder.exists()
    assert run("local", "reset", stdin="loginq\n").code == 0
    assert not emulator.folder.exists()


def test_all_stacks_of_an_emulator_are_counted(
    run: Run, emulator: Somewhere, aws: Aws, busy: None, target: Target, monkeypatch: pytest.MonkeyPatch, terminal: None
) -> None:
    emulator.folder.mkdir()
    emulator.answering = Running(1, 4566)
    monkeypatch.setattr(Running, "aws", lambda self: aws)
    monkeypatch.setattr("loginq.deploy.tags.stacks_of_ours", lambda aws: ["loginq", "loginq2"])
    monkeypatch.setattr(Deployment, "target", lambda self: target)
    asked = run("local", "reset", stdin="y\n").err
    each = "about 2 accounts, 84 waiting, about 0 in the intake, 0 in the game"
    assert f": in 'loginq' {each}, in 'loginq2' {each}, emulator 127.0.0.1" in asked
    assert asked.endswith("Type loginq to go on:Nothing was changed.")


def test_a_demo_that_takes_all_away_asks_about_what_was_there_before(
    run: Run, emulator: Somewhere, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("loginq.cli.demo.Emulator", lambda: emulator)
    monkeypatch.setattr("loginq.cli.demo.open_deployment", None)
    emulator.folder.mkdir()
    note.write(emulator.folder / "emulator.json", Running(0, 4566))
    screen = run("demo", "--down")
    assert (screen.code, screen.err.splitlines()[-1]) == (2, "Give --yes if you mean it.")


def test_a_demo_does_not_take_a_folder_from_its_target(
    run: Run, emulator: Somewhere, target: Target, monkeypatch: pytest.MonkeyPatch
) -> None:
    envfile.write(target)
    aws = Scripted({}, endpoint_url="http://127.0.0.1:1")  # whatever it is asked would fail
    monkeypatch.setattr("loginq.cli.demo.open_deployment", lambda local: Deployment(aws, "loginq", "0", "us-east-1"))
    screen = run("demo")
    assert (screen.code, "This folder's .env names another target: aws eu-west-1 loginq." in screen.err) == (2, True)
    assert envfile.read()["SQS_URL"] == target.sqs_url

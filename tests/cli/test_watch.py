"""The live screen of `queue watch`: what it shows of a snapshot, and what it says while AWS is silent."""

import time
from collections.abc import Callable
from dataclasses import asdict, replace
from typing import Any

import pytest
from rich.text import Text

from loginq.cli import console, watch
from loginq.cli.session import Session
from loginq.cli.watch import Watched
from loginq.service.operations.stats import snapshot
from loginq.service.operations.target import Target
from loginq.service.rules.door import FAILED, Door
from loginq.service.rules.errors import Unavailable
from loginq.service.rules.servers import Server
from loginq.service.rules.settings import COUNTS, Rules
from loginq.service.store import keys
from loginq.service.store.audit import actions
from loginq.service.store.aws import Aws
from loginq.service.store.queue import Queue
from tests import night
from tests.cli.conftest import door
from tests.cli.test_history import NIGHT
from tests.world import operator


@pytest.fixture
def session(target: Target, aws: Aws, queue: Queue) -> Session:
    made = Session(target, aws)
    made.queue = queue
    made.door.read = door  # type: ignore[method-assign]
    return made


def drawn(watched: Watched, capsys: pytest.CaptureFixture[str]) -> str:
    console.draw(watch.screen(watched, "aws 1 eu-west-1 loginq", 40))
    return capsys.readouterr().out


def test_before_the_first_answer(capsys: pytest.CaptureFixture[str]) -> None:
    assert drawn(Watched(), capsys).splitlines() == ["aws 1 eu-west-1 loginq", "Asking …"]
    assert "no right" in drawn(Watched(trouble="no right"), capsys)


def test_charts_begin_before_anybody_watched(session: Session, queue: Queue, now: list[int]) -> None:
    queue.lines.change(lambda line, t: line.set_rate(t, 1_000).join(t, 100))
    for minutes in (30, 9, 5, 1):
        queue.history.write(replace(NIGHT, at=now[0] - minutes * 60_000, tail=1_000 * minutes, reached=0))
    watched = Watched()
    watch._look(session, watched)
    now[0] += 1_000
    watch._look(session, watched)
    waiting, rates = watch._charts(watched)
    assert [round(ago) for ago, _ in waiting.series[0].points] == [-541, -301, -61, -1, 0]
    assert [value for _, value in waiting.series[0].points] == [9_000, 5_000, 1_000, 100, 99]
    assert [value for _, value in rates.series[1].points] == [NIGHT.asked / 1_000] * 3 + [1.0] * 2


def test_a_busy_queue(session: Session, queue: Queue, now: list[int], capsys: pytest.CaptureFixture[str]) -> None:
    queue.lines.change(lambda line, t: line.set_rate(t, 20_000).join(t, 1_000))
    watched = Watched()
    for _ in range(3):
        watch._look(session, watched)
        assert "nothing needs attention" not in drawn(watched, capsys)
        now[0] += 1_000
    watch._knock(session, watched)
    shown = drawn(watched, capsys)
    assert "waiting times" not in shown
    watched.door = door(now[0], told=50, late=1, untold=0)
    assert "waiting times told 100 % · late 2 %, of 50 let in within the last minute" in drawn(watched, capsys)
    assert "queue main · aws 1 eu-west-1 loginq · open" in shown
    for words in ("gate passes 20/s", "came in 0.0/s", "waiting 9", "rate asked 20/s", "nothing needs attention"):
        assert words in shown, words
    assert len(watched.seen) == 3
    line = watch._line(watched)
    assert "20/s pass of 20/s asked, 0.0/s came in" in line and "!" not in line
    queue.lines.change(lambda line, t: line.set_capacity(t, 1))
    watch._look(session, watched)
    assert " ! the game is full: nobody enters until players leave" in watch._line(watched)


def test_game_servers_that_count_are_on_the_screen(
    session: Session, queue: Queue, now: list[int], capsys: pytest.CaptureFixture[str]
) -> None:
    rules = {name: value for name, value in asdict(Rules(session_reports=COUNTS)).items() if value is not None}
    queue.table.put({**keys.keyed(keys.rules(queue.name)), **rules})
    queue.lines.read()
    watched = Watched()
    watch._look(session, watched)
    assert "game servers" not in drawn(watched, capsys)
    for name, in_game, ago in (("eu-1", 300, 125_000), ("eu-2", 50, 2_000), ("eu-2", 0, 1_000), ("us-1", 7, 0)):
        queue.servers.write(Server(name, in_game, now[0] - ago))
    watch._look(session, watched)
    shown = drawn(watched, capsys)
    assert "game servers 307 counted by 3, 1 of them silent, 3 odd" in shown
    for words in (
        "eu-1 has not said for 2 min",
        "eu-2 fell from 50 players",
        "eu-1, us-1: more players than were ever",
    ):
        assert words in shown and words in watch._line(watched)


def test_a_silence_is_said_and_the_old_numbers_stay(
    session: Session, queue: Queue, capsys: pytest.CaptureFixture[str]
) -> None:
    watched = Watched()
    watch._look(session, watched)
    session.queue = replace(queue, clock=_silent)
    watch._look(session, watched)
    watched.answered = time.monotonic() - 7
    shown = drawn(watched, capsys)
    assert "AWS has not answered for 7 s (AWS did not answer); trying again. These numbers are old." in shown
    assert "rate asked" in shown and "nothing needs attention" not in shown


def test_a_pause_lasts_since_it_was_made_also_by_an_undo(session: Session, queue: Queue, now: list[int]) -> None:
    me, watched = operator(queue), Watched()
    me.pause()
    me.resume()
    now[0] += 3_600_000
    me.undo(actions(queue)[0])
    now[0] += 1_000
    me.pause()  # changes nothing
    watch._look(session, watched)
    assert watched.paused_since == now[0] - 1_000


def _silent() -> Any:
    raise Unavailable("AWS did not answer.")


def test_who_paused_the_line_and_when(session: Session, queue: Queue, now: list[int]) -> None:

    operator(queue).pause()
    at = now[0]
    now[0] += 5_000
    watched = Watched()
    watch._look(session, watched)
    assert watched.paused_since == at
    queue.lines.change(lambda line, t: line.resume(t))
    watch._look(session, watched)
    assert watched.paused_since is None


def test_only_ten_minutes_are_kept(queue: Queue, now: list[int]) -> None:
    watched = Watched()
    for _ in range(15):
        watched.add(snapshot(queue))
        now[0] += 60_000
    assert [each.t for each in watched.seen] == [watched.seen[-1].t - n * 60_000 for n in range(10, -1, -1)]


def test_the_front_door_is_looked_at_each_ten_seconds_and_red_comes_first(
    session: Session, queue: Queue, now: list[int], capsys: pytest.CaptureFixture[str]
) -> None:
    watched, asked = Watched(), list[int]()
    found = [door(now[0]), door(now[0], **{FAILED: 12}), replace(door(now[0]), counts={}, unread="no right")]

    def read(t: int) -> Door:
        asked.append(t)
        return found[len(asked) - 1]

    session.door.read = read  # type: ignore[method-assign]
    watch._knock(session, watched)
    assert asked == []  # nothing is known of the queue yet
    watch._look(session, watched)
    for _ in range(2):
        watch._knock(session, watched)
    assert len(asked) == 1
    watched.knocked -= watch.KNOCK
    watch._knock(session, watched)
    lines = drawn(watched, capsys).splitlines()
    assert lines[2:4] == [
        "! 12 of 40 calls of the API failed (5xx) in the last minute",
        "    loginq logs --level ERROR",
    ]
    assert "calls of the API failed" in watch._line(watched)
    watched.knocked -= watch.KNOCK
    watch._knock(session, watched)
    shown = drawn(watched, capsys)
    assert "! the front door cannot be seen: no right" in shown and "nothing needs attention" not in shown
    watched.door = replace(found[0], t=now[0] - 31_000)
    assert "AWS has not answered for 31 s" in drawn(watched, capsys)


def test_arrivals_stand_beside_admissions(
    session: Session, queue: Queue, now: list[int], capsys: pytest.CaptureFixture[str]
) -> None:
    watched = Watched()
    for many in (0, 50, 150):
        queue.lines.change(lambda line, t, many=many: line.join(t, many) if many else line)  # type: ignore[misc]
        watch._look(session, watched)
        now[0] += 10_000
    assert "arriving 15.0/s ▃█" in drawn(watched, capsys)


def test_a_line_that_is_paused_is_not_said_to_need_nothing(
    session: Session, queue: Queue, capsys: pytest.CaptureFixture[str]
) -> None:
    queue.lines.change(lambda line, t: line.join(t, 5).pause(t))
    watched = Watched(door=door(queue.clock()))
    watch._look(session, watched)
    shown = drawn(watched, capsys)
    assert "paused" in shown and "nothing needs attention" not in shown


NIGHTS = (night.busy, night.empty, night.broken_door, night.full_game, night.dead_settle)


@pytest.mark.parametrize(
    ("of", "size"),
    [*((of, (80, 24)) for of in NIGHTS), *((night.broken_door, size) for size in [(100, 30), (120, 40)])],
    ids=lambda given: getattr(given, "__name__", str(given)),
)
def test_all_that_matters_is_on_every_terminal(of: Callable[[], Watched], size: tuple[int, int]) -> None:
    """What needs attention stands under the title, then every number, then as many charts as there is room for."""
    width, height = size
    with night.terminal(width, height) as drawn:
        console.draw(watch.screen(of(), night.NAME, height))
    lines = [line.rstrip() for line in Text.from_ansi(drawn.getvalue()).plain.splitlines()]
    assert len(lines) <= height and max(map(len, lines)) <= width
    assert lines[1] == "2027-01-16 03:02:00 UTC"
    assert lines[2].startswith("nothing needs attention" if of in (night.busy, night.empty) else "! ")
    numbers = next(n for n, line in enumerate(lines) if line.startswith("waiting "))
    below = " ".join(lines[numbers:])
    for name in ("waiting", "rate asked", "came in", "in the game", "dead letters", "front door"):
        assert f"{name} " in below
    assert lines.index("waiting") > numbers + 3
    assert sum(" ago" in line and line.endswith("now") for line in lines) == 1
    assert lines[-1] == "Ctrl-C ends this; nothing is changed by watching."
    if of is night.broken_door:
        assert [line for line in lines[2:numbers] if line.startswith("    ")] == [
            "    loginq logs --level ERROR",
            "    loginq doctor  # say why",
            "    loginq guide alarms  # says what to do",
        ]

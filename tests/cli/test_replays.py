"""What an operator typed on bad nights, typed again as it was, on moto: what went wrong then, and how it ends now."""

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from loginq.deploy import envfile
from loginq.deploy.deployment import Deployment
from loginq.deploy.removal import Removal
from loginq.deploy.stack import StackEvent
from loginq.service.operations.target import Target
from loginq.service.rules.line import Line
from loginq.service.rules.times import HOUR, MINUTE, SECOND
from loginq.service.store.aws import Aws
from loginq.service.store.queue import Queue, connect
from tests.cli.conftest import Run, settled
from tests.unit.scripted import Scripted
from tests.unit.test_output import zone

__all__ = ["zone"]


@pytest.fixture(autouse=True)
def _by_the_same_clock(monkeypatch: pytest.MonkeyPatch, now: list[int]) -> None:
    """The console goes by the tests' clock, which stands."""
    monkeypatch.setattr("loginq.cli.session.connect", partial(connect, clock=lambda: now[0]))


@pytest.fixture
def ramping(run: Run, deployed: Target, queue: Queue, now: list[int]) -> None:
    """Thirty seconds into a ramp from 50/s to 500/s within two minutes."""
    settled(queue, Line(tail=100_000, rate=50_000, burst=50, anchored_at=now[0], alive_at=now[0], lease=10 * MINUTE))
    assert run("rate", "ramp", "50", "500", "--over", "2m", "--yes").code == 0
    now[0] += 30 * SECOND


def rate(run: Run) -> float:
    """That which is asked now."""
    return float(json.loads(run("queue", "stats", "--json").out)["rate"]["per_second"])


def test_an_emergency_rate_in_a_ramp_sticks(run: Run, ramping: None, now: list[int]) -> None:
    """It said 5/s and was 72.5/s a few seconds later, 95/s ten seconds on; stats gave no reason."""
    foreseen = run("rate", "set", "5", "--what-if")
    assert foreseen.err.startswith("Nothing was changed. 15 planned steps would be dropped, the first: 185/s from ")
    screen = run("rate", "set", "5", "--yes")
    assert "✓ The rate is 5/s with a burst of 5 now; it was 162.5/s " in screen.err
    assert " 15 planned steps are dropped, the first: 185/s from " in screen.err
    for seconds in (5, 10, 300):
        now[0] += seconds * SECOND
        assert rate(run) == 5
    assert re.search(r"│ rate +5/s, burst 5 ", run("queue", "stats").out)


def test_a_rate_that_keeps_the_plan_says_so_before_and_after(run: Run, ramping: None, now: list[int]) -> None:
    kept = ("rate", "set", "5", "--keep-plan")
    assert run(*kept, "--what-if").err.startswith("Nothing was changed. By plan it would be 185/s from ")
    assert ". By plan it is 185/s from " in run(*kept, "--yes").err
    now[0] += 5 * SECOND
    assert rate(run) == 5
    now[0] += 5 * SECOND
    assert rate(run) == 185
    assert re.search(r"│ rate +185/s by plan since ", run("queue", "stats").out)


def test_a_plan_is_not_cleared_where_nobody_would_ever_be_let_in(run: Run, deployed: Target, queue: Queue) -> None:
    """It said that the rate stays at 0/s, which `rate set 0` itself refuses."""
    queue.lines.change(lambda line, t: line.set_rate(t, 20_000))
    assert run("rate", "set", "80", "--in", "5m", "--yes").code == 0
    assert run("rate", "set", "0", "--yes").code == 0
    for words in (("rate", "clear"), ("rate", "clear", "--what-if")):
        screen = run(*words)
        assert (screen.code, screen.err.splitlines()[-2]) == (
            2,
            "Error: Without its plan the line would stay at a rate of 0, and let nobody in.",
        )
    assert len(queue.lines.read().steps) == 1
    assert run("rate", "set", "80", "--yes").code == 0
    assert run("rate", "clear").code == 0


def test_a_pause_in_a_ramp_says_at_which_rate_it_ends(run: Run, ramping: None, now: list[int]) -> None:
    """It stopped near 190/s and went on at 387.5/s, saying that it moves on from where it stopped."""
    run("queue", "pause")
    now[0] += 15 * SECOND
    assert run("queue", "resume").err.endswith(
        "✓ Resumed: the line moves on from where it stopped. "
        "The rate is 207.5/s, and 230/s from 2027-01-15 08:00:48 UTC on."
    )


def test_a_slip_of_the_finger_hurts_nobody(run: Run, deployed: Target, queue: Queue, now: list[int]) -> None:
    """Each of these was taken, without a word, for what nobody means; or refused, though our own screens write so."""
    now[0] += 12 * HOUR + 40 * SECOND  # 20:00:40
    queue.lines.change(lambda line, t: line.set_rate(t, 20_000))
    before = queue.lines.read()
    asked, no_unit = "This needs a yes, and there is no terminal to ask.", "'10' has no unit."
    for words, says in (
        ("rate set 5000", asked),
        ("rate set 1e3", asked),
        ("rate set 50/h", asked),
        ("rate set 50 --in 10", no_unit),
        ("load run --players 5 --real --arrive 10", no_unit),
        ("simulate --players 5 --rate 5 --arrive 10", no_unit),
        ("doctor --players 5 --within 10", no_unit),
        ("rate set 50 --at 19:30", "'19:30' is over: it is 20:00:40 here."),
        ("rate set 50 --at 20:00", "'20:00' is over: it is 20:00:40 here."),
    ):
        screen = run(*words.split())
        assert (screen.code, f"Error: {says}" in screen.err) == (2, True), words
    assert run("rate", "set", "50", "--at", "20:00").err.endswith("If you mean that, write 2027-01-16T20:00:00.")
    assert queue.lines.read() == before
    for written, made in (("+10%", 22_000), ("3,000/min", 50_000), ("x2", 100_000)):
        assert run("rate", "set", written).code == 0
        assert queue.lines.read().rate == made
    assert run("rate", "set", "--capacity", "200,000").code == run("rate", "set", "--capacity", "20k").code == 0
    assert queue.lines.read().capacity == 20_000
    for back in (200_000, 20_000):
        assert run("queue", "undo").code == 0
        assert queue.lines.read().capacity == back


class Elsewhere(Deployment):
    """A stack that is taken down in a moment, and of which nothing else is asked."""

    def plan_removal(self, *, delete_data: bool) -> Removal:
        return Removal({}, {}, [], "", delete_data)

    def destroy(self, planned: Removal) -> Iterator[StackEvent]:
        return iter(())


@pytest.mark.parametrize(
    ("stack", "account", "region"),
    [
        ("loginq2", "123456789012", "eu-west-1"),
        ("loginq", "123456789012", "us-east-1"),
        ("loginq", "210987654321", "eu-west-1"),
    ],
)
def test_a_deploy_from_a_folder_of_another_target_asks(
    run: Run,
    aws: Aws,
    target: Target,
    queue: Queue,
    monkeypatch: pytest.MonkeyPatch,
    stack: str,
    account: str,
    region: str,
) -> None:
    """After a staging deploy from the production folder `queue pause` paused staging."""
    queue.lines.change(Line.renew)
    envfile.write(replace(target, account="123456789012"))
    noted = Path(".env").read_bytes()
    monkeypatch.setattr("loginq.cli.deploy.open_deployment", lambda local: Deployment(aws, stack, account, region))
    screen = run("deploy", "--stack", stack)
    assert screen.code == 2
    assert "This folder's .env names another target: aws 123456789012 eu-west-1 loginq." in screen.err
    assert f"Make aws {account} {region} {stack} this folder's target?" in screen.err
    assert Path(".env").read_bytes() == noted
    assert run("queue", "pause").code == 0
    assert queue.lines.read().paused


def test_a_stack_of_the_same_name_elsewhere_is_not_the_folders(
    run: Run, aws: Aws, target: Target, monkeypatch: pytest.MonkeyPatch
) -> None:
    envfile.write(target)
    for there, stays in ((Scripted({}, endpoint_url="http://127.0.0.1:1"), True), (aws, False)):
        deployment = Elsewhere(there, "loginq", "123456789012", "eu-west-1")
        monkeypatch.setattr("loginq.cli.destroy.open_deployment", lambda local, one=deployment: one)
        monkeypatch.setattr(deployment.artifacts, "exists", lambda: False)
        assert run("destroy", "--yes").code == 0
        assert ("SQS_URL" in envfile.read()) is stays


def test_one_zone_in_all_columns_and_its_name_behind_each_time(
    run: Run, deployed: Target, queue: Queue, zone: Callable[[str], None]
) -> None:
    """It mixed the zone of the machine, in one column, with UTC, in another, and named neither."""
    zone("Asia/Seoul")
    queue.lines.change(Line.renew)
    assert run("rate", "set", "30", "--at", "2027-01-15T18:00").code == 0
    said = run("queue", "audit").out
    assert "2027-01-15 17:00:00 KST" in said and "2027-01-15 18:00:00 KST" in " ".join(said.split())
    assert "UTC" not in said and len(re.findall(r"\d\d:\d\d:\d\d", said)) == said.count("KST")

"""A launch of a studio's from end to end: its accounts, its domain, its game servers, its clients; by the command line.

The short one is in the default run; the whole one is a drill of two and a half minutes.
"""

import json
import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from loginq.deploy.deployment import Deployment
from loginq.emulator import REGION, Running
from loginq.service.rules.server_keys import KNOWN
from loginq.service.rules.servers import ENTERING, SILENT
from loginq.service.rules.times import SECOND
from tests import provider as providers
from tests.conformance.clients import CLIENTS
from tests.conformance.real import hall
from tests.e2e.conftest import PATIENCE, in_process, stack_of, until
from tests.e2e.gaming import GameServer, Launch, in_the_end, verifier
from tests.provider import AUDIENCE


def said(*words: str) -> Any:
    """What a command answers, which must be well."""
    code, out, err = in_process(*words, "--json")
    assert code == 0, err
    return json.loads(out)


@pytest.fixture
def launched(emulator: Running, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Launch]]:
    """In an empty folder: the stack by `loginq deploy`, and the keys of game servers by `loginq servers add`."""
    started: list[Launch] = []

    def launch(name: str, *servers: str, **parameters: str) -> Launch:
        monkeypatch.chdir(tmp_path)
        domain = f"{name}.studio.example"
        given = {
            "SessionReports": "counts", "DomainName": domain, "PlacingMaxConcurrency": "2",
            "IdentityIssuer": provider.issuer, "IdentityAudience": AUDIENCE, **parameters,
        }  # fmt: skip
        with monkeypatch.context() as place:
            for variable, value in {
                "LOGINQ_STACK": name, "AWS_ENDPOINT_URL": emulator.url, "AWS_DEFAULT_REGION": REGION,
                "AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test",
            }.items():  # fmt: skip
                place.setenv(variable, value)
            said("deploy", "--yes", *(word for each in given.items() for word in ("--param", "=".join(each))))
        aws = emulator.aws()
        deployment = Deployment(aws, name, aws.client("sts").get_caller_identity()["Account"], REGION)
        made, player_of = [said("servers", "add", each) for each in servers], verifier(emulator.url, domain)
        counting = [GameServer(each["server"], each["url"], each["key"], player_of) for each in made]
        started.append(Launch(stack_of(deployment), emulator.url, domain, counting, provider.token))
        return started[-1]

    with providers.running() as provider:
        yield launch
        for each in started:
            each.close()


def test_a_few_behind_a_crowd(launched: Callable[..., Launch]) -> None:
    """Three behind twenty, one server that counts, and room for two."""
    quick = {"ClaimWindowSeconds": "10", "LeaseSeconds": "5"}  # who waits asks all the more often
    launch = launched("few", "eu-1", InitialRate="100", InitialCapacity="22", **quick)
    assert re.search(r"tokens name\s+https://few\.studio\.example\s", in_process("status")[1])
    queue = launch.stack.queue
    said("load", "run", "--players", "20", "--yes")
    until(lambda: queue.lines.read().tail == 20)
    launch.come(3)
    until(lambda: queue.lines.read().tail == 23 and launch.inside == 2)
    stats = until(lambda: (now := said("queue", "stats"))["servers"]["in_game"] == 2 and now)
    assert any("the game is full" in each for each in stats["attention"])
    said("rate", "set", "--capacity", "30", "--yes")
    assert len({player.result() for player in launch.players}) == launch.most == 3


@pytest.mark.drills
def test_a_launch(launched: Callable[..., Launch], tmp_path: Path) -> None:
    """Fifty players, in clients of all languages, behind a crowd of 500; thirty seats on three servers, of which one
    falls silent: everybody comes in, never more than there are seats; its own stay taken, and are told."""
    crowd, seats, players = 500, 30, 50
    launch = launched(
        "launch", "us-1", "eu-1", "eu-2",
        InitialRate="100", InitialCapacity=str(crowd + seats), ClaimWindowSeconds="40", LeaseSeconds="20",
    )  # fmt: skip
    queue, (us, *others) = launch.stack.queue, launch.servers
    clients = {client.name: client.made(tmp_path / client.name) for client in CLIENTS}

    said("queue", "pause")
    said("load", "run", "--players", str(crowd), "--yes")
    until(lambda: queue.lines.read().tail >= crowd)
    with hall(launch.stack.target.api_url) as place:
        launch.come(players - len(clients))
        launch.come_by(place, clients)
        until(lambda: queue.lines.read().tail >= crowd + players)
        said("queue", "resume")
        until(lambda: len(us.inside) >= 3)
        us.falls_silent()
        silent_at, kept = time.monotonic(), len(us.inside)
        said("rate", "set", "--capacity", str(seats), "--yes")  # the crowd holds seats until it is counted, and no more

        in_the_end(launch, lambda: launch.inside == seats)
        in_the_end(launch, lambda: time.monotonic() - silent_at > (max(SILENT, ENTERING) + 15 * SECOND) / SECOND)
        assert (launch.inside, launch.most, len(us.inside)) == (seats, seats, kept)
        stats = said("queue", "stats")
        assert (stats["servers"]["in_game"], stats["servers"]["silent"]) == (seats, ["us-1"])
        says = f"us-1 has not said for 1 min how many it holds, and keeps {kept} seats"
        assert [each for each in stats["attention"] if each.startswith(says)]
        found = json.loads(in_process("doctor", "--json")[1])["findings"]  # of a busy machine it may find more
        assert [each["says"].partition(";")[0] for each in found if each["what"] == "game servers"] == [says]
        listed = said("servers", "list")["items"]
        assert [each["server"] for each in listed if each["silent"]] == ["us-1"]
        assert all(each["key"]["last_used"] for each in listed)

        for server in others:
            server.leave(10)
        in_the_end(launch, lambda: all(player.done() for player in launch.players))
        tokens = [player.result() for player in launch.players]
        place.wait(PATIENCE)
    assert (launch.inside, launch.most, len(us.inside)) == (seats, seats, kept)
    assert len(set(tokens)) == players
    assert said("token", "verify", tokens[-1])["valid"]
    assert (queue.intake.depth().total, queue.intake.dead_letters()) == (0, 0)

    stolen = repr([*queue.table.scan("#PK > :any", {"any": " "})])
    assert not [server.name for server in launch.servers if server.key in stolen]
    assert us.count() == 200
    said("servers", "revoke", "us-1", "--yes")
    revoked, asked, code = time.monotonic(), 0.0, 200
    while code != 401:
        assert code != 200 or asked <= KNOWN / SECOND  # when it was asked for counts, however long an answer takes
        time.sleep(0.1)
        asked, code = time.monotonic() - revoked, us.count()

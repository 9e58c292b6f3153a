"""The operator's console on the emulator: what it foresees comes true, what it is told twice happens once."""

import json
import signal
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from pathlib import Path

import pytest

from loginq.cli.session import Session
from loginq.cli.watch import run
from loginq.client import Gone
from loginq.doctor.checks import Patient, Verdict
from loginq.doctor.door import examine_door
from loginq.service.operations.together import TOGETHER
from loginq.service.requests.minute import settle
from loginq.service.rules.player import Identity
from loginq.service.rules.times import iso
from tests.e2e.broken import code
from tests.e2e.conftest import PASSWORD, Stack, in_process, until
from tests.e2e.terminal import LOGINQ, environment

PARAMETERS: dict[str, str] = {}
"""A stack of its own: what is in its log is what these tests made."""


def test_logs_and_doctor(here: Stack) -> None:
    player = here.player()
    player.game.login()
    until(lambda: player.sub in in_process("logs", "queue_player_login")[1])
    code, out, _ = in_process("logs", "--player", player.username, "--json")
    lines = [json.loads(line) for line in out.splitlines()]
    assert code == 0 and {line["sub"] for line in lines} == {player.sub}
    assert in_process("logs", "--level", "ERROR", "queue_player_login")[2] == "Nothing was said in the last 10 min."
    assert in_process("logs", "nobody")[2].startswith("Error: There is no function 'nobody'.")
    assert in_process("logs", "--level", "LOUD")[0] == 2
    queue = here.queue
    queue.intake._sqs.send_message(QueueUrl=queue.intake.dead_letter_url, MessageBody="hello")
    code, out, _ = in_process("doctor", "--players", "200000", "--within", "10m", "--json")
    found = {each["what"]: each for each in json.loads(out)["findings"]}
    verdicts = {what: each["verdict"] for what, each in found.items()}
    assert code == 1
    assert verdicts == {
        "credentials": "ok",
        "rights": "ok",
        "stack": "ok",
        "drift": "ok",
        "code": "ok",
        "parameters": "ok",
        "intake trigger": "ok",
        "dead letters": "bad",
        "line": "ok",
        "clock": "ok",
        "API": "ok",
        "functions": "ok",
        "lock": "ok",
        "alarms": "ok",
        "listener": "ok",
        "front door": "ok",
        "settling": "ok",
        "sign-ins": "bad",
        "sign-ups": "warn",
        "API requests": "ok",
        "Lambdas at once": "ok",
        "polls": "ok",
        "ceiling": "ok",
        "table": "ok",
        "placing": "ok",
        "counting": "ok",
        "mail": "warn",
    }
    assert "documented default" in found["sign-ins"]["says"]
    _, out, _ = in_process("queue", "dlq")
    assert "not a ticket" in out
    assert in_process("queue", "purge", "--dead-letters", "--yes")[0] == 0
    assert in_process("doctor")[0] == 0
    assert in_process("doctor", "--players", "5")[0] == 2


def test_no_log_holds_an_address_a_password_a_ticket_or_a_token(here: Stack) -> None:
    """A whole way through, with an error of each kind, and then every line that any function said."""
    player = here.player("private-person")
    ticket = player.game.login()["ticket"]
    token = until(lambda: player.game.status(ticket).get("admission_token"))
    id_token = player.account.token()
    here.get("/login/status", id_token, login_ticket="somebody-elses-ticket")
    here.get("/login/status", id_token)
    here.get("/login", id_token, "DELETE")
    here.get("/login", id_token)
    here.get("/.well-known/jwks.json", None)
    here.aws.client("lambda").invoke(FunctionName=here.deployment.stack.outputs()["SettleLineFunction"])
    sub = player.sub
    until(lambda: sub in in_process("logs", "queue_player_login")[1])
    logs = here.aws.client("logs")
    groups = [
        each["PhysicalResourceId"]
        for each in here.deployment.stack.resources()
        if each["ResourceType"] == "AWS::Logs::LogGroup"
    ]
    said = "".join(
        event["message"]
        for group in groups
        for page in logs.pages("filter_log_events", logGroupName=group)
        for event in page["events"]
    )
    assert sub in said and '"unknown_ticket"' in said and '"too_many_requests"' in said
    signatures = [each.rpartition(".")[2] for each in (token, id_token)]
    secrets = [PASSWORD, "private-person@example.com", ticket, "somebody-elses-ticket", *signatures]
    assert not [secret for secret in secrets if secret in said]


@pytest.mark.parametrize("many", [2, pytest.param(12, marks=pytest.mark.drills)])
def test_real_players_of_a_load_run(here: Stack, tmp_path: Path, many: int) -> None:
    queue = here.queue
    queue.lines.change(lambda line, t: line.set_rate(t, 20_000 if many == 2 else 500))
    report = tmp_path / "report.json"
    words = ("load", "run", "--real", "--players", str(many), "--arrive", "1s", "--report", str(report), "--json", "-y")
    code, out, said = in_process(*words)
    assert code == 0, said
    measured = json.loads(out)
    assert measured == json.loads(report.read_text())
    assert (measured["players"], measured["done"], measured["admitted"]) == (many, many, many)
    for call in ("SRP sign-in", "GET /login"):  # what a busy machine answers too late is asked again
        assert measured["calls_ms"][call]["count"] - measured["calls_ms"][call]["failures"] == many
    assert sum(measured["admitted_in_each_second"]) == many
    first, polls = (measured["scores"][name] for name in ("first", "polls"))
    assert first["count"] <= polls["count"]
    if many > 2:  # at one in two seconds some of them wait
        assert first["told_share"] > 0 and polls["told_share"] > 0 and len(polls["deciles"]) == 10
    assert json.loads(in_process("load", "clean", "--yes", "--json")[1])["accounts"] == many
    assert not list(here.users.starting_with("load-"))


def test_a_launch_is_reported_on(here: Stack, tmp_path: Path) -> None:
    here.crowd(3)
    settle(here.queue)
    code, out, said = in_process("report", "--json")
    assert code == 0, said
    found, waiting = json.loads(out), {iso(each.at): each.waiting for each in here.queue.history.since(0)}
    assert found["players"]["still_waiting"] == waiting[found["until"]]
    assert found["faults"]["dead_letters"] == 0
    assert "│ players  " in in_process("report")[1]
    page = tmp_path / "launch.html"
    assert in_process("report", "-o", str(page))[0] == 0
    assert page.read_text().startswith("<!doctype html>")


def test_every_waiting_player_sees_a_message_with_the_next_poll(here: Stack) -> None:
    player = here.player()
    assert in_process("queue", "pause")[0] == 0
    ticket = player.game.login()["ticket"]
    until(lambda: player.game.status(ticket)["position"])
    assert in_process("queue", "message", "Gleich geht es los")[0] == 0
    assert until(lambda: player.game.status(ticket).get("message")) == "Gleich geht es los"
    assert in_process("queue", "message", "--clear")[0] == 0
    assert in_process("queue", "resume")[0] == 0


def test_a_purge_sends_nobody_away_for_ever(here: Stack) -> None:
    """Who was in the intake is told that the ticket is over, asks anew, and gets a place."""
    player = here.player()
    mapping = here.deployment.stack.resources()
    trigger = next(each["PhysicalResourceId"] for each in mapping if each["LogicalResourceId"] == "IntakeTrigger")
    lambdas = here.aws.client("lambda")
    lambdas.update_event_source_mapping(UUID=trigger, Enabled=False)
    time.sleep(1)
    ticket = player.game.login()["ticket"]
    assert in_process("queue", "peek", "--json")[1].count(player.sub) == 1
    assert in_process("queue", "purge", "--yes")[0] == 0
    lambdas.update_event_source_mapping(UUID=trigger, Enabled=True)
    with pytest.raises(Gone):
        player.game.status(ticket)
    again = player.game.login()
    assert again["ticket"] != ticket
    until(lambda: player.game.status(again["ticket"])["position"])


def test_a_broken_login_is_red_on_every_screen(here: Stack) -> None:
    """One of four breakages; the others, and that all is quiet again once it is mended, take minutes: drills."""
    token = here.player().account.token()
    session = Session(here.target, here.aws)
    with code(here):
        until(lambda: here.get("/login", token).status_code >= 500)
        for _ in range(2):  # each starts a function, which fails
            here.get("/login", token)
        said = until(lambda: [each for each in session.door.read(here.queue.clock()).troubles(0) if "(5xx)" in each])
        assert "`loginq logs --level ERROR` and `loginq doctor` say why" in said[0]
        (document,) = (found.document for found in islice(run(session, json=True), 1))
        screens = [
            document,
            *(json.loads(in_process(*words, "--json")[1]) for words in (("queue", "stats"), ("status",))),
        ]
        assert all("calls of the API failed (5xx)" in " ".join(each["attention"]) for each in screens if each)
        assert in_process("status")[0] == 1
        found = {each.what: each for each in examine_door(Patient(here.target, here.aws, here.queue, session.stack))}
        assert found["front door"].verdict is Verdict.BAD and "`loginq logs" in found["front door"].do
    until(lambda: here.get("/login", token).status_code == 200)


@pytest.mark.parametrize("many", [120, pytest.param(1_000, marks=pytest.mark.drills)])
def test_many_are_admitted_once_though_interrupted(here: Stack, tmp_path: Path, many: int) -> None:
    queue, subs = here.queue, [f"vip-{many}-{n:04}" for n in range(many)]
    with ThreadPoolExecutor(16) as pool:
        list(pool.map(lambda sub: queue.players.register(Identity(sub, sub), queue.clock()), subs))
    file = tmp_path / "vips.txt"
    file.write_text("\n".join(subs))
    environ = environment(here.target.names())
    command = [*LOGINQ, "players", "admit", "--file", str(file), "--json"]
    first = subprocess.Popen(
        command, env=environ, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )

    def admitted() -> dict[str, int | None]:
        return {s: p.admitted_at for s, p in queue.players.get_all(subs).items() if p.admitted_at is not None}

    def is_halfway() -> bool:
        first.send_signal(signal.SIGSTOP)  # while somebody looks: on a busy machine it would be through by then
        if len(admitted()) > max(TOGETHER + 10, many // 5):  # the first fifty are told
            return True
        first.send_signal(signal.SIGCONT)
        return False

    until(is_halfway)
    first.send_signal(signal.SIGINT)
    first.send_signal(signal.SIGCONT)
    out, said = first.communicate(timeout=60)
    assert first.returncode == 130, said
    assert "The same command again does the rest." in said
    report = json.loads(out)
    assert 0 < len(report["items"]) < many
    assert report["left"] == many - len(report["items"])
    before = admitted()
    code, out, said = in_process(*command[len(LOGINQ) :])
    assert code == 0, said
    results = json.loads(out)["items"]
    assert len(results) == many and {each["result"] for each in results} == {"let in", "was in already"}
    assert sum(each["result"] == "was in already" for each in results) == len(before)
    after = admitted()
    assert len(after) == many
    assert {sub: at for sub, at in after.items() if sub in before} == before
    positions = [player.position for player in queue.players.get_all(subs).values()]
    assert len(set(positions)) == many

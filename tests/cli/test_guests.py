"""Where players have accounts of another provider: who they are, and what the commands on people say and do."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from loginq.service.operations.target import Target
from loginq.service.requests import login
from loginq.service.rules.errors import Blocked
from loginq.service.rules.identity import identity_of, key_of
from loginq.service.store import keys
from loginq.service.store.aws import Aws
from loginq.service.store.queue import Queue, connect
from tests.cli.conftest import TARGET, Run

ISSUER = "https://accounts.example.com"
ADA = "auth0|5f7c8ec7"
KEY = key_of(ISSUER, ADA)


@pytest.fixture
def deployed(target: Target, monkeypatch: pytest.MonkeyPatch) -> Target:
    mine = replace(target, user_pool_id="", client_id="", provider=ISSUER)
    for name, value in mine.names().items():
        monkeypatch.setenv(name, value)
    assert "COGNITO_USER_POOL_ID" not in mine.names()
    return mine


@pytest.fixture
def queue(queue: Queue, aws: Aws, target: Target) -> Queue:
    """With ada and bob in line, who both came by an ID token."""
    queue.lines.change(lambda line, t: line.join(t, 2).pause(t))
    there = connect(aws, table=target.table, sqs_url=target.sqs_url, clock=queue.clock, provider=ISSUER)
    for position, name in enumerate((ADA, "bob"), 1):
        login.request(there, identity_of(ISSUER, name))
        there.table.update(*keys.player(key_of(ISSUER, name)), write={"queuePosition": position})
    return there


def shown(run: Run, name: str) -> dict[str, Any]:
    return dict(json.loads(run("players", "show", name, "--json").out))


def test_a_player_is_found_by_the_providers_sub_and_by_the_key(run: Run, deployed: Target, queue: Queue) -> None:
    one = shown(run, ADA)
    assert one == shown(run, KEY)
    assert (one["sub"], one["subject"], one["username"], one["account"]) == (KEY, ADA, ADA, None)
    assert (shown(run, "bob")["sub"], shown(run, "bob")["subject"]) == ("bob", "bob")
    screen = run("players", "show", ADA).out
    assert f"of {ISSUER}" in screen and KEY in screen and ADA in screen
    nobody = run("players", "show", "eve")
    assert (nobody.code, nobody.err) == (
        3, "Error: There is no player 'eve'.\n"
        "Give the sub of one who has come, letter by letter: `loginq players list`.",
    )  # fmt: skip


def test_whoever_is_named_either_way_is_let_in_removed_and_put_back(run: Run, deployed: Target, queue: Queue) -> None:
    Path("people.txt").write_text(f"{ADA}\nbob\n")
    done = json.loads(run("players", "admit", "--file", "people.txt", "--json").out)
    assert [(each["player"], each["result"]) for each in done["items"]] == [(ADA, "let in"), ("bob", "let in")]
    assert json.loads(run("players", "admit", KEY, "--json").out)["items"][0]["result"] == "was in already"
    row = queue.players.get(KEY)
    assert row and row.known_as == ADA  # it kept the name that tokens carry
    audited = json.loads(run("queue", "audit", "--player", ADA, "--json").out)["items"]
    assert [each["what"] for each in audited] == ["admit"]
    assert json.loads(run("players", "remove", ADA, "--yes", "--json").out)["items"][0]["result"] == "removed"
    assert run("players", "reset", KEY, "--yes").code == 0
    run("players", "export", "all.jsonl", "--yes")
    assert {json.loads(line)["subject"] for line in Path("all.jsonl").read_text().splitlines()} == {ADA, "bob"}


def test_a_ban_and_what_is_forgotten_are_of_the_queue(run: Run, deployed: Target, queue: Queue) -> None:
    banned = run("users", "disable", ADA)
    assert (banned.code, banned.err) == (0, f"Target: {TARGET}\n✓ {ADA} cannot log in.")
    with pytest.raises(Blocked):
        login.request(queue, identity_of(ISSUER, ADA))
    assert run("users", "enable", KEY).err == f"Target: {TARGET}\n✓ {ADA} can log in."
    many = json.loads(run("users", "disable", ADA, "bob", "eve", "--json").out)
    assert [each["result"] for each in many["items"]] == ["disabled", "disabled", "There is no player 'eve'."]
    gone = json.loads(run("users", "delete", ADA, "--yes", "--json").out)
    assert (gone["username"], gone["sub"], gone["deleted"]) == (ADA, KEY, True)
    assert run("players", "show", ADA).code == 3
    raw = queue.players._table.get(f"USER#{KEY}", f"METADATA#{KEY}")
    assert raw and not {"username", "subject", "email"} & raw.keys() and raw["ttl"]
    assert run("users", "delete", ADA, "bob", "--yes", "--json").code == 0


@pytest.mark.parametrize(
    "words",
    [
        ("users", "create", "eve", "--email", "eve@example.com", "--generate"),
        ("users", "list"),
        ("users", "show", ADA),
        ("users", "reset-password", ADA, "--generate"),
        ("users", "confirm", ADA),
    ],
)
def test_what_needs_an_account_says_whose_they_are(run: Run, deployed: Target, words: tuple[str, ...]) -> None:
    refused = run(*words)
    assert (refused.code, refused.err) == (
        2, f"Error: Players have accounts of {ISSUER}: loginq neither sees nor changes any.\n"
        "Do it there. `loginq users disable`, `enable` and `delete` do what there is to do here, by the sub.",
    )  # fmt: skip


def test_a_crowd_of_accounts_is_none_and_the_reference_client_wants_a_token(run: Run, deployed: Target) -> None:
    assert run("load", "run", "--players", "3", "--real").err.splitlines()[-1] == (
        "Without --real the crowd is synthetic, and needs no accounts."
    )
    assert run("play", "--username", "ada").err.splitlines()[-1] == (
        "Give ID tokens of it, a line each: `loginq play --token-stdin < id-tokens.txt`."
    )
    assert run("play", "--token-stdin", "--username", "ada", stdin="x\n").code == 2
    assert run("play", "--token-stdin", stdin="").err.splitlines()[0] == "Error: There is no ID token on stdin."
    assert run("play", "--token-stdin", stdin="a b\n").err.splitlines()[0] == "Error: What is on stdin is no ID token."

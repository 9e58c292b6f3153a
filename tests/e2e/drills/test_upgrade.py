"""An older loginq with players in line and in the game, updated in place: nobody may lose anything by it.

The old one is a commit of this repository, run from a tree and an interpreter of its own, as its user had it. Then the
package is a newer one, and the same folder is deployed again.
"""

import json
import os
import secrets
import subprocess
import tarfile
import venv
from collections.abc import Callable
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from sysconfig import get_path
from typing import Any

import boto3
import pytest
import requests
from botocore import UNSIGNED
from botocore.config import Config
from dotenv import dotenv_values

from loginq.service.operations.target import Target
from tests.e2e.conftest import PASSWORD, PATIENCE, free_port, until
from tests.e2e.terminal import LOGINQ, ROOT, environment

pytestmark = pytest.mark.drills

OLD = "d4b9468"
"""A whole loginq; since then nearly every file that is deployed has changed, and the template with them."""
IN_GAME, IN_LINE = 3, 400
KEPT_UP = {
    "alive_at", "anchored_at", "closed_to", "counted_to", "lived", "no_show_share", "refund_until", "version", "writer",
}  # fmt: skip
"""Of the line's row, what is stamped and counted by whoever looks after it, the older one too, with nobody moved."""
HELD = {
    "AWS::ApiGateway::RestApi", "AWS::ApiGateway::Stage", "AWS::Cognito::UserPool", "AWS::Cognito::UserPoolClient",
    "AWS::DynamoDB::Table", "AWS::Lambda::Function", "AWS::Logs::LogGroup", "AWS::SecretsManager::Secret",
    "AWS::SNS::Topic", "AWS::SQS::Queue",
}  # fmt: skip
TOLD = ("login_status", "state", "line_state", "position", "ahead", "message")

Loginq = Callable[..., Any]
Rows = dict[tuple[str, str], dict[str, Any]]


@dataclass
class Someone:
    """A real player, by nothing but what a game client has: the pool, the API, a ticket."""

    name: str
    api: str
    id_token: str
    ticket: str = ""

    def ask(self) -> dict[str, Any]:
        """Press Login, or poll."""
        path, query = ("/login/status", {"login_ticket": self.ticket}) if self.ticket else ("/login", {})
        headers = {"Authorization": f"Bearer {self.id_token}"}
        answer = requests.get(self.api + path, params=query, headers=headers, timeout=PATIENCE)
        assert answer.status_code == 200, answer.text
        body: dict[str, Any] = answer.json()
        self.ticket = self.ticket or body["ticket"]
        return body

    def queue(self) -> None:
        """Press Login, and wait for a place."""
        self.ask()
        until(lambda: self.ask()["position"])

    def let_in(self) -> str:
        """Press Login, and wait for one's turn; the admission token."""
        self.ask()
        return str(until(lambda: (answer := self.ask())["login_status"] and answer)["admission_token"])


def _command(python: list[str], environ: dict[str, str], folder: Path) -> Loginq:
    """`loginq` as one installation has it, in a folder: what it prints as JSON."""

    def run(*words: str, stdin: str = "") -> Any:
        done = subprocess.run(
            [*python, *words, "--json"],
            env=environ,
            cwd=folder,
            input=stdin,
            capture_output=True,
            text=True,
            check=False,
        )
        assert not done.returncode, f"loginq {' '.join(words)}: {done.stderr}"
        return json.loads(done.stdout)

    return run


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where the operator works: `.env` and the emulator's state."""
    made = tmp_path / "launch"
    made.mkdir()
    return made


def older_tree(commit: str, into: Path) -> None:
    """The files of an older commit; skips where the clone is a shallow one, which has none."""
    found = subprocess.run(["git", "archive", commit], cwd=ROOT, capture_output=True, check=False)
    if found.returncode:
        pytest.skip(f"this clone lacks the version before: `git fetch --unshallow` ({found.stderr.decode().strip()})")
    with tarfile.open(fileobj=BytesIO(found.stdout)) as archive:
        archive.extractall(into, filter="data")


@pytest.fixture
def old(tmp_path: Path, folder: Path) -> Loginq:
    """The older one: its tree, and an interpreter that finds that and what this one has installed."""
    tree, place = tmp_path / "tree", tmp_path / "venv"
    older_tree(OLD, tree)
    venv.create(place, symlinks=True)
    (packages,) = place.glob("lib/python*/site-packages")
    (packages / "old.pth").write_text(f"{tree}\n{get_path('purelib')}\n")  # of these, no `.pth` of their own counts
    plain = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    python = [str(place / "bin" / "python"), *LOGINQ[1:]]
    where = subprocess.check_output([python[0], "-c", "import loginq; print(loginq.__file__)"], env=plain, cwd=folder)
    assert where.decode().startswith(str(tree))
    return _command(python, plain, folder)


@pytest.fixture
def new(folder: Path) -> Loginq:
    """The one of this checkout."""
    return _command(LOGINQ, environment({}), folder)


def _target(folder: Path) -> Target:
    return Target.from_names({name: value or "" for name, value in dotenv_values(folder / ".env").items()})


def _sign_in(target: Target, name: str) -> Someone:
    cognito = boto3.client(
        "cognito-idp",
        region_name=target.region,
        endpoint_url=target.endpoint_url,
        config=Config(signature_version=UNSIGNED),
    )
    given = {"USERNAME": name, "PASSWORD": PASSWORD}
    signed = cognito.initiate_auth(ClientId=target.client_id, AuthFlow="USER_PASSWORD_AUTH", AuthParameters=given)
    return Someone(name, target.api_url, signed["AuthenticationResult"]["IdToken"])


def _rows(target: Target) -> Rows:
    """The whole table, as DynamoDB has it."""
    dynamodb = boto3.client(
        "dynamodb",
        region_name=target.region,
        endpoint_url=target.endpoint_url,
        aws_access_key_id=target.access_key,
        aws_secret_access_key=target.secret_key,
    )
    pages = dynamodb.get_paginator("scan").paginate(TableName=target.table)
    return {(item["PK"]["S"], item["SK"]["S"]): item for page in pages for item in page["Items"]}


def _made(target: Target) -> dict[str, str]:
    """What holds something, or is known to somebody, by its logical id: none of it may become another."""
    cloudformation = boto3.client(
        "cloudformation",
        region_name=target.region,
        endpoint_url=target.endpoint_url,
        aws_access_key_id=target.access_key,
        aws_secret_access_key=target.secret_key,
    )
    pages = cloudformation.get_paginator("list_stack_resources").paginate(StackName=target.stack)
    found = [each for page in pages for each in page["StackResourceSummaries"] if each["ResourceType"] in HELD]
    return {each["LogicalResourceId"]: each["PhysicalResourceId"] for each in found}


def _known(before: Any, now: Any) -> Any:
    """What is said now, of what was said before: a newer version may say more."""
    if isinstance(before, dict) and isinstance(now, dict):
        return {name: _known(value, now.get(name)) for name, value in before.items()}
    if isinstance(before, list) and len(before) == len(now):
        return [_known(*pair) for pair in zip(before, now, strict=True)]
    return now


def _as_then(act: dict[str, Any]) -> dict[str, Any]:
    """An act as the old one said it: whom it was done to stood where others have what was before."""
    said = {name: act[name] or "" for name in ("at", "who", "what", "after")}
    return {**said, "before": act["subject"] or act["before"] or ""}


def _lasting(rows: Rows) -> Rows:
    """All of them, without what settling stamps and counts."""
    lasting = {key: row for key, row in rows.items() if key[1] != "SETTLEMENT"}
    for key, row in lasting.items():
        if key[1] == "LINE":
            lasting[key] = {name: value for name, value in row.items() if name not in KEPT_UP}
    return lasting


def _accounts(rows: Rows) -> set[str]:
    return {pk for pk, _ in rows if pk.startswith("USER#")}


def _all_placed(stats: dict[str, Any]) -> bool:
    return stats["line"]["waiting"] >= IN_LINE - 1 and not any(stats["intake"].values())


def _stats(loginq: Loginq) -> Any:
    """`queue stats`, without what time changes by itself."""
    stats = loginq("queue", "stats")
    del stats["eta_seconds"], stats["line"]["version"], stats["rate"]["admitted_per_second"]
    return stats


def _all_told(players: list[Someone], message: str) -> list[list[Any]] | None:
    """What each is told, once all of them have heard the message: a function keeps the line for a second."""
    answers = [_told(player) for player in players]
    return answers if all(answer[-1] == message for answer in answers) else None


def _told(player: Someone) -> list[Any]:
    """What a poll says, without what the clock changes."""
    answer = player.ask()
    return [answer.get(name) for name in TOLD]


def _jwks(target: Target) -> Any:
    return requests.get(f"{target.api_url}/.well-known/jwks.json", timeout=PATIENCE).json()


def test_a_launch_goes_on_where_it_was(old: Loginq, new: Loginq, folder: Path) -> None:
    """Three are in the game, 400 stand in line, and there are a plan, a capacity and a message.

    Then the newer package starts the emulator on the same state, and deploys. No row is lost and none has changed, but
    for what settling stamps; every answer is the one before; tokens of before hold, by the same keys. Then the line
    moves, and the first and the last in it get in.
    """
    old("local", "up", "--port", str(free_port()))
    try:
        old("deploy", "--local", "--yes", "--param", "InitialRate=20", "--param", "AdmissionSeconds=3600")
        target = _target(folder)
        names = [f"p{n}-{secrets.token_hex(3)}" for n in range(IN_GAME + 2)]
        for name in names:
            old("users", "create", name, "--email", f"{name}@example.com", "--password-stdin", stdin=f"{PASSWORD}\n")
        *inside, first, last = players = [_sign_in(target, name) for name in names]
        tokens = [player.let_in() for player in inside]
        old("rate", "set", "50", "--in", "6h")
        old("rate", "set", "0")
        first.queue()
        old("load", "run", "--players", str(IN_LINE - 2))
        until(lambda: _all_placed(_stats(old)))
        last.queue()
        old("rate", "set", "--capacity", "900")
        old("queue", "message", "Back soon")
        answers = until(lambda: _all_told(players, "Back soon"))
        stats, audit, keys, jwks = _stats(old), old("queue", "audit"), old("keys", "show"), _jwks(target)
        rows, made = _rows(target), _made(target)
    finally:
        old("local", "down")
    assert stats["line"]["waiting"] >= IN_LINE  # a batch that came twice leaves holes
    assert stats["players"]["in_game"] == IN_GAME
    assert {each["what"] for each in audit} >= {"plan", "rate", "capacity", "message", "load run", "create user"}
    try:
        new("local", "up")
        deployed = new("deploy", "--local", "--yes")
        assert deployed["applied"]
        assert _target(folder) == target
        assert made.items() <= _made(target).items()
        now = _rows(target)
        assert _known(_lasting(rows), now) == _lasting(rows)
        assert _accounts(now) == _accounts(rows)
        assert _known(stats, _stats(new)) == stats
        assert [_as_then(act) for act in new("queue", "audit")["items"]] == audit
        assert _known(keys, new("keys", "show")) == keys
        assert _known(jwks, _jwks(target)) == jwks
        assert [_told(player) for player in players] == answers
        assert all(new("token", "verify", stdin=token)["valid"] for token in tokens)
        new("rate", "set", "50", "--yes")
        for player in (first, last):
            assert new("token", "verify", stdin=player.let_in())["valid"]
        assert _stats(new)["players"]["in_game"] == IN_GAME + 2
        assert new("doctor")["healthy"]
    finally:
        new("local", "down")

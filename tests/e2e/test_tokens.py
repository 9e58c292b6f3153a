"""Admission tokens end to end: a game server that knows nothing but the public key set."""

import json
from pathlib import Path

import pytest
import requests
from joserfc import jwt as other_jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet as OtherKeySet

from loginq.emulator import Running
from loginq.service.rules.times import MINUTE
from loginq.service.store.clock import system_clock
from loginq.service.store.signing import Keys, mint, new_keys
from tests.e2e.conftest import PATIENCE, Player, Stack, until
from tests.world import operator

PARAMETERS: dict[str, str] = {}
"""A stack of its own: its keys are rotated."""


def key_set(stack: Stack) -> OtherKeySet:
    """What a game server fetches, without any token."""
    answer = requests.get(f"{stack.target.api_url}/.well-known/jwks.json", timeout=PATIENCE)
    assert answer.status_code == 200
    assert answer.headers["Cache-Control"] == "public, max-age=300"
    return OtherKeySet.import_key_set(answer.json())


def let_in(player: Player) -> str:
    ticket = player.game.login()["ticket"]
    return str(until(lambda: player.game.status(ticket).get("admission_token")))


def claims(token: str, keys: OtherKeySet) -> dict[str, object]:
    return dict(other_jwt.decode(token, keys, algorithms=["ES256"]).claims)


def test_a_token_of_before_a_rotation_verifies_after_it_and_a_foreign_one_never(stack: Stack) -> None:
    ada = stack.player()
    old = let_in(ada)
    theirs = {"sub": ada.sub, "ticket": "t", "position": 1, "admitted_at": system_clock(), "admission": 5 * MINUTE}
    foreign = mint(new_keys(0).active, issuer=stack.target.api_url, **theirs)  # type: ignore[arg-type]
    said = claims(old, key_set(stack))
    assert (said["iss"], said["aud"], said["sub"]) == (stack.target.api_url, "loginq", ada.sub)
    keys = Keys(stack.aws.client("secretsmanager"), stack.deployment.stack.outputs()["SigningKeysId"])
    before = keys.read()
    operator(stack.queue).rotate_keys(keys)
    until(lambda: _kid(let_in(stack.player())) == before.next["kid"])
    assert claims(old, key_set(stack)) == said
    with pytest.raises((JoseError, ValueError)):
        claims(foreign, key_set(stack))


def _kid(token: str) -> str:
    import jwt

    return str(jwt.get_unverified_header(token)["kid"])


def test_the_private_keys_are_nowhere_but_in_the_secret(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> None:
    let_in(stack.player())
    requests.get(f"{stack.target.api_url}/.well-known/jwks.json", timeout=PATIENCE)
    keys = Keys(stack.aws.client("secretsmanager"), stack.deployment.stack.outputs()["SigningKeysId"]).read()
    secrets = [keys.active["d"], keys.next["d"]]
    logs = stack.aws.client("logs")
    texts = [json.dumps(stack.deployment.stack.outputs())]
    texts.append(json.dumps(stack.aws.client("cloudformation").get_template(StackName=stack.target.stack), default=str))
    for group in logs.describe_log_groups()["logGroups"]:
        for stream in logs.describe_log_streams(logGroupName=group["logGroupName"])["logStreams"]:
            events = logs.get_log_events(logGroupName=group["logGroupName"], logStreamName=stream["logStreamName"])
            texts += [event["message"] for event in events["events"]]
    texts.append(json.dumps(stack.queue.table.get("QUEUE#main", "LINE")))
    assert not [text for text in texts for secret in secrets if secret in text]


def test_a_stack_that_published_nothing_has_its_keys_published_before_its_functions_change(stack: Stack) -> None:
    """One of an older version: its functions read the secret, the new ones the row."""
    stack.queue.table.write_all(deletes=[("PUBLIC#main", "JWKS")])
    plan = stack.deployment.plan({"LogLevel": "WARNING"}, lambda text: None)
    events = stack.deployment.apply(plan)
    next(events)
    assert stack.queue.table.get("PUBLIC#main", "JWKS")
    for _ in events:
        pass


def test_the_emulators_files_are_for_their_owner_only(emulator: Running) -> None:
    assert Path(f"/proc/{emulator.pid}/cwd").stat().st_mode & 0o077 == 0

"""A stack is taken down in front of a line and rebuilt under another name: nobody who knows the domain is cut off."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import requests

from loginq.emulator import Running
from loginq.service.operations.target import Target
from tests.e2e.conftest import PASSWORD, PATIENCE, free_port, until
from tests.e2e.drills.test_upgrade import Loginq, Someone, _command, _sign_in, _stats, _target, folder, new
from tests.e2e.terminal import LOGINQ, environment

pytestmark = pytest.mark.drills
__all__ = ["folder", "new"]

DOMAIN, IN_FRONT = "queue.example.com", 300
WAITING = ("first", "middle", "last")


@dataclass
class AtTheDomain(Someone):
    """A real player, by nothing but what a shipped client has: the domain."""

    def ask(self) -> dict[str, Any]:
        path, query = ("/login/status", {"login_ticket": self.ticket}) if self.ticket else ("/login", {})
        headers = {"Authorization": f"Bearer {self.id_token}", "Host": DOMAIN}
        answer = requests.get(self.api + path, params=query, headers=headers, timeout=PATIENCE)
        if answer.status_code >= 500 or ("error" not in answer.text[:10] and answer.status_code == 403):
            return {"position": None, "login_status": False}  # while there is no stack, or not all of it yet
        assert answer.status_code == 200, answer.text
        body: dict[str, Any] = answer.json()
        self.ticket = self.ticket or body["ticket"]
        return body


def signed_in(target: Target, name: str) -> AtTheDomain:
    signed = _sign_in(target, name)
    return AtTheDomain(name, str(target.endpoint_url), signed.id_token)


def trigger(target: Target, *, enabled: bool) -> None:
    lambdas = Running(0, int(str(target.endpoint_url).rpartition(":")[2])).aws().client("lambda")
    (mapping,) = lambdas.list_event_source_mappings()["EventSourceMappings"]
    lambdas.update_event_source_mapping(UUID=mapping["UUID"], Enabled=enabled)


def test_a_stack_that_is_rebuilt_under_another_name_cuts_nobody_off(new: Loginq, folder: Path) -> None:
    new("local", "up", "--port", str(free_port()))
    try:
        new("deploy", "--local", "--yes", "--param", f"DomainName={DOMAIN}", "--param", "AdmissionSeconds=3600")
        target = _target(folder)
        assert target.iss == f"https://{DOMAIN}" and target.api_url.startswith("http://127.0.0.1:")
        for name in ("inside", *WAITING, "unplaced"):
            new("users", "create", name, "--email", f"{name}@example.com", "--password-stdin", stdin=f"{PASSWORD}\n")
        inside, unplaced, *waiting = (signed_in(target, name) for name in ("inside", "unplaced", *WAITING))
        token = inside.let_in()
        new("queue", "pause")
        waiting[0].queue()
        new("load", "run", "--players", str(IN_FRONT), "--yes")
        until(lambda: _stats(new)["line"]["waiting"] > IN_FRONT and not any(_stats(new)["intake"].values()))
        for player in waiting[1:]:
            player.queue()
        trigger(target, enabled=False)
        assert unplaced.ask()["position"] is None
        places = [player.ask()["position"] for player in waiting]

        kept = new("destroy", "--local", "--yes")["kept"]
        assert waiting[0].ask()["position"] is None  # and no answer that ends a client
        taken = {"TableName": "Table", "UserPoolId": "UserPool", "UserClientId": "UserClient"}
        words = [word for name, each in taken.items() for word in ("--param", f"{name}={kept[each]}")]
        new("--stack", "later", "deploy", "--local", "--yes", "--param", f"DomainName={DOMAIN}", *words)

        assert _target(folder).stack == "later"
        until(lambda: [player.ask()["position"] for player in waiting] == places)
        assert new("token", "verify", token)["valid"]  # whose keys went with the stack
        assert {each["what"]: each["verdict"] for each in new("doctor")["findings"]}["domain"] == "ok"
        until(lambda: unplaced.ask()["position"])  # sent again, as the intake went with the stack
        new("rate", "set", "500", "--yes")
        new("queue", "resume")
        for player in (*waiting, unplaced):
            assert new("token", "verify", player.let_in())["valid"]
        assert new("destroy", "--local", "--yes", "--delete-data")["kept"] == kept
        words[1] += "x"
        _refused(folder, "There is no table", *words)
    finally:
        new("local", "down")


def _refused(folder: Path, why: str, *words: str) -> None:
    with pytest.raises(AssertionError, match=why):
        _command(LOGINQ, environment({}), folder)("deploy", "--local", "--yes", *words)

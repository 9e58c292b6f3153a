"""A stack is destroyed and another one takes over its domain, its table and its pool: whoever waits gets in there."""

import threading
import time
from dataclasses import replace
from typing import Any

import pytest
import requests

from loginq.cli.session import api_of
from loginq.client import Account, Game, enter, published
from loginq.deploy import removal
from loginq.doctor import domain, taken
from loginq.doctor.checks import Patient, Verdict
from loginq.emulator import Running
from loginq.service.rules.errors import Invalid
from loginq.service.store.signing import explain
from tests.e2e.conftest import PASSWORD, PATIENCE, Player, Stack, deployed, until

DOMAIN, OTHER = "queue.example.com", "line.example.com"


class AtTheDomain(requests.Session):
    """A shipped client's way: it knows the domain alone, which leads to this machine."""

    def __init__(self) -> None:
        super().__init__()
        self.trust_env = False
        self.headers["Host"] = DOMAIN


def at_the_domain(emulator: Running, player: Player) -> Game:
    return Game(emulator.url, player.account.token, AtTheDomain())


class Waiting:
    """A player who waits with the reference client, and is told of nothing that happens meanwhile."""

    def __init__(self, game: Game) -> None:
        self.seen, self.troubles, self.found = list[dict[str, Any]](), list[str](), dict[str, Any]()
        self._game = game
        self._thread = threading.Thread(target=self._wait, daemon=True)
        self._thread.start()
        until(lambda: self.seen and self.seen[-1]["position"])

    def _wait(self) -> None:
        def trouble(fault: Any, pause: float) -> None:
            self.troubles.append(fault.message)

        self.found |= enter(self._game, self.seen.append, trouble, lambda seconds: time.sleep(min(seconds, 0.3)))

    def let_in(self) -> dict[str, Any]:
        until(lambda: not self._thread.is_alive())
        return self.found


def taken_down(stack: Stack, *, delete_data: bool = False) -> removal.Removal:
    planned = stack.deployment.plan_removal(delete_data=delete_data)
    for _ in stack.deployment.destroy(planned):
        pass
    assert removal.untie(stack.aws, planned) == ""
    return planned


def wrong(stack: Stack, token: str) -> list[str]:
    """What a game server that knows the stack finds wrong with a token."""
    keys, now = published(stack.target.own_url)
    return [f"{claim.name}: {claim.wrong}" for claim in explain(token, keys, stack.target.iss, now) if claim.wrong]


@pytest.fixture(scope="module")
def earlier(emulator: Running) -> Stack:
    return deployed(emulator, "earlier", DomainName=DOMAIN)


@pytest.fixture(scope="module")
def left(earlier: Stack) -> dict[str, Any]:
    """What is left of it: a player in line, one on the way into the game, and the parameters that take it over."""
    inside = earlier.player()
    game = Game(earlier.target.api_url, inside.account.token)
    token = enter(game, lambda _: None, lambda *_: None)["admission_token"]
    earlier.queue.lines.change(lambda line, t: line.pause(t))
    waits = Waiting(at_the_domain(emulator_of(earlier), earlier.player()))
    kept = taken_down(earlier).kept
    names = {"TableName": "Table", "UserPoolId": "UserPool", "UserClientId": "UserClient"}
    return {"token": token, "waits": waits, "parameters": {name: kept[each] for name, each in names.items()}}


def emulator_of(stack: Stack) -> Running:
    return Running(0, int(str(stack.aws.endpoint_url).rpartition(":")[2]))


def test_who_waits_at_a_domain_gets_in_with_the_same_ticket_at_the_stack_that_takes_over(
    emulator: Running, earlier: Stack, left: dict[str, Any]
) -> None:
    waits, parameters = left["waits"], left["parameters"]
    until(lambda: waits.troubles)
    later = deployed(emulator, "later", DomainName=DOMAIN, **parameters)
    assert later.deployment.stack.outputs()["UserPoolId"] == earlier.target.user_pool_id
    assert wrong(later, left["token"]) == []  # whose secret went with the stack that let its player in
    with pytest.raises(Invalid, match="The stack 'later' uses"):
        deployed(emulator, "third", **parameters)
    with pytest.raises(Invalid, match=f"{DOMAIN} is another API's"):
        deployed(emulator, "third", DomainName=DOMAIN)
    later.queue.lines.change(lambda line, t: line.resume(t))
    patient = Patient(later.target, later.aws, later.queue, later.deployment.stack)
    findings = [*domain.examine(patient), *taken.examine(patient)]
    assert {each.what: each.verdict for each in findings} == {"domain": Verdict.OK, "taken over": Verdict.OK}
    found = waits.let_in()
    assert found["login_status"] and found["position"] == waits.seen[-1]["position"]
    assert {each.get("ticket", found["login_ticket"]) for each in waits.seen} == {found["login_ticket"]}
    assert wrong(later, found["admission_token"]) == []
    _signs_up_and_comes_in(emulator, later)
    _goes_by_another_name(later, found["admission_token"])
    assert taken_down(later, delete_data=True).kept == {}
    for call, name in (("describe_table", "TableName"), ("describe_user_pool", "UserPoolId")):
        client = later.aws.client("dynamodb" if name == "TableName" else "cognito-idp")
        assert getattr(client, call)(**{name: parameters[name]})


def _goes_by_another_name(stack: Stack, token: str) -> None:
    """A token that names the domain before is good as long as it lives, though nobody is there any more."""
    for _ in stack.deployment.apply(stack.deployment.plan({"DomainName": OTHER}, lambda text: None)):
        pass
    stack.deployment.start_line()
    stack.target = stack.deployment.target()
    assert stack.target.iss == f"https://{OTHER}"
    until(lambda: published(stack.target.own_url)[0]["issuers"] == [f"https://{OTHER}", f"https://{DOMAIN}"])
    assert wrong(stack, token) == []
    for host, status in ((OTHER, 200), (DOMAIN, 403)):
        url = f"{stack.aws.endpoint_url}/.well-known/jwks.json"
        assert requests.get(url, headers={"Host": host}, timeout=PATIENCE).status_code == status


def _signs_up_and_comes_in(emulator: Running, stack: Stack) -> None:
    """Somebody new, in a pool whose trigger went with the stack that made it: the first call makes the row."""
    account = Account(replace(api_of(stack.target), url=emulator.url), "newcomer")
    account.sign_up(PASSWORD, "newcomer@example.com")
    account.confirm("000000")
    account.sign_in(PASSWORD)
    game = Game(emulator.url, account.token, AtTheDomain())
    assert enter(game, lambda _: None, lambda *_: None)["login_status"]


def test_nothing_else_is_at_the_domain(emulator: Running) -> None:
    for path in ("/", "/_ministack/health", "/restapis"):
        answer = requests.get(emulator.url + path, headers={"Host": DOMAIN}, timeout=PATIENCE)
        assert answer.status_code == 403

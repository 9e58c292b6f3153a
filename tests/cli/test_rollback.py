"""`loginq deployments` and `loginq rollback`: what an operator sees of them, on scripted AWS."""

import json

import pytest

from loginq.cli.console import DASH
from loginq.deploy import bundle
from tests.cli.conftest import Run
from tests.unit.scripted import in_turn
from tests.unit.test_deployment import planning, there
from tests.unit.test_deployments import NEWER, Place
from tests.unit.test_lock import ROW


@pytest.fixture
def place(monkeypatch: pytest.MonkeyPatch) -> Place:
    """Three deployments: an old one, a parameter changed, a bad one with another template."""
    monkeypatch.setattr(bundle, "sources_hash", lambda: "here")
    monkeypatch.setattr("loginq.deploy.deployments.commit", lambda: "0123456789abcdef-dirty")
    made = Place()
    for command in ("deployments", "rollback"):
        monkeypatch.setattr(f"loginq.cli.{command}.open_deployment", lambda local: made.deployment)
    return made


def test_the_deployments_are_listed_the_newest_first(run: Run, place: Place) -> None:
    assert run("deployments").err == "No deployment of this stack is kept."
    old, new = place.noted("loginq/1.zip"), place.noted("loginq/2.zip", NEWER, Shiny="much")
    header, _, *rows = [line.split() for line in run("deployments").out.splitlines()]
    assert header == ["id", "when", "who", "version", "commit", "back", "to"]
    assert [(row[0], *row[-4:]) for row in rows] == [
        (new.id, "user/ada", "2", "01234567-dirty", DASH),
        (old.id, "user/ada", "1", "01234567-dirty", DASH),
    ]
    items = json.loads(run("deployments", "--json").out)["items"]
    assert [each["id"] for each in items] == [new.id, old.id]
    assert (items[0]["commit"], items[0]["at"]) == ("0123456789abcdef-dirty", "2027-01-15T10:00:00.000Z")


def test_a_rollback_shows_what_it_will_do_and_asks(run: Run, place: Place) -> None:
    old, new = place.noted("loginq/1.zip"), place.noted("loginq/2.zip", NEWER, Shiny="much")
    screen = run("rollback")
    rows = [line.split() for line in screen.err.splitlines() if line.strip()]
    assert ["runs", "now", new.id, "2"] in [row[:4] for row in rows]
    assert ["will", "run", old.id, "1"] in [row[:4] for row in rows]
    assert ["Shiny", "much"] in rows and "Api" in [word for row in rows if row[0] == "Modify" for word in row]
    assert (screen.code, screen.err.splitlines()[-1]) == (2, "Give --yes if you mean it.")
    assert len(place.aws.made("DeleteChangeSet")) == 1
    assert not place.aws.made("ExecuteChangeSet")


def test_who_goes_back_behind_a_provider_types_the_stacks_name(
    run: Run, place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A version that knows of none makes a pool, in which nobody has an account."""
    monkeypatch.setattr("loginq.cli.rollback.counted_in", lambda deployment: (["7 waiting"], True))
    monkeypatch.setattr("loginq.cli.options.has_terminal", lambda: True)
    place.noted("loginq/1.zip")
    place.noted("loginq/2.zip", NEWER, IdentityIssuer="https://a.example.com")
    screen = run("rollback", stdin="y\n")
    assert screen.err.splitlines()[-2:] == [
        "Let in accounts of a user pool, a new one, and no more of https://a.example.com: 7 waiting, account "
        "123456789012, region eu-west-1.",
        "Type loginq to go on:Nothing was changed.",
    ]
    assert (screen.code, place.aws.made("ExecuteChangeSet")) == (1, [])


def test_a_lock_that_comes_behind_the_plan_leaves_no_change_set(
    run: Run, place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    place.noted("loginq/1.zip")
    place.noted("loginq/2.zip")
    place.aws._answers["GetItem"] = in_turn({}, ROW)
    up = there(CorsOrigin="*")
    up["Stacks"][0]["Outputs"] = [{"OutputKey": "TableName", "OutputValue": "t"}]
    deployment, aws = planning(up)
    aws._answers["GetItem"] = in_turn({}, {}, ROW)
    monkeypatch.setattr("loginq.cli.deploy.open_deployment", lambda local: deployment)
    for command, asked in (("rollback", place.aws), ("deploy", aws)):
        screen = run(command, "--yes")
        assert (screen.code, "locked by user/ada" in screen.err) == (1, True)
        assert len(asked.made("CreateChangeSet")) == len(asked.made("DeleteChangeSet")) == 1
        assert not asked.made("ExecuteChangeSet")


def test_a_domain_that_the_older_template_does_not_know_is_said_to_lead_nowhere(run: Run, place: Place) -> None:
    place.noted("loginq/1.zip")
    place.noted("loginq/2.zip", NEWER, DomainName="queue.example.com")
    said = "queue.example.com leads nowhere then: clients that know no other address can no longer ask."
    assert said in run("rollback").err.splitlines()

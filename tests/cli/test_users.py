"""`loginq users`: whole screens and exit codes, on moto."""

import json
from pathlib import Path

import boto3
import pytest

from loginq.service.operations.target import Target
from loginq.service.requests import login
from loginq.service.rules.errors import Blocked
from loginq.service.rules.line import Line
from loginq.service.rules.player import Identity
from loginq.service.store.queue import Queue
from tests.cli.conftest import TARGET, Run


def test_accounts(run: Run, deployed: Target, queue: Queue) -> None:
    assert run("users", "list").err == (
        "There are no accounts yet. Create one with `loginq users create NAME --email ADDRESS`."
    )
    created = run("users", "create", "ada", "--email", "ada@example.com", "--generate", "--json")
    account = json.loads(created.out)
    assert (created.code, account["username"], account["email"]) == (0, "ada", "ada@example.com")
    assert len(account["password"]) == 20
    again = run("users", "create", "ada", "--email", "eve@example.com", "--generate")
    assert again.code == 1
    assert again.err == (
        f"Target: {TARGET}\nError: The user name 'ada' or the address 'eve@example.com' is taken.\nChoose another."
    )
    shown = run("users", "show", "ada")
    assert shown.code == 0
    assert shown.out.splitlines()[0].startswith("╭─ account ada ─")
    assert account["sub"] in shown.out
    assert json.loads(run("users", "show", "ada", "--json").out)["sub"] == account["sub"]
    (listed,) = json.loads(run("users", "list", "--json").out)["items"]
    assert listed["username"] == "ada"
    assert "ada@example.com" in run("users", "list").out
    refused = run("users", "delete", "ada")
    assert refused.code == 2
    assert refused.err.endswith("Error: This needs a yes, and there is no terminal to ask.\nGive --yes if you mean it.")
    assert run("users", "delete", "ada", "--yes").err == f"Target: {TARGET}\n✓ Deleted ada."
    gone = run("users", "show", "ada")
    assert (gone.code, gone.err) == (3, "Error: There is no user 'ada'.\nSee `loginq users list`.")


def test_a_password_comes_from_stdin_and_must_fulfil_the_policy(run: Run, deployed: Target, queue: Queue) -> None:
    words = ("users", "create", "bob", "--email", "bob@example.com", "--password-stdin")
    weak = run(*words, stdin="short\n")
    assert (weak.code, weak.err.splitlines()[1]) == (2, "Error: The password breaks the pool's policy.")
    assert run(*words, stdin="").err.splitlines()[1] == "Error: There is no password on stdin."
    good = run(*words, stdin="Correct-Horse-7-Battery\n")
    assert (good.code, good.err) == (0, f"Target: {TARGET}\n✓ Created bob.")
    assert "Correct" not in good.out
    both = run(*words, "--generate", stdin="x\n")
    assert (both.code, both.err.splitlines()[0]) == (
        2,
        "Error: --generate and --password-stdin exclude each other.",
    )


def test_import_is_safe_to_run_again(run: Run, deployed: Target, queue: Queue) -> None:
    file = Path("players.csv")
    file.write_text(
        "username,email,password\n"
        "ada,ada@example.com,Correct-Horse-7-Battery\n"
        "bob,bob@example.com,\n"
        "weak,weak@example.com,short\n"
    )
    screen = run("users", "import", "players.csv")
    assert (screen.code, screen.err.splitlines()) == (
        1,
        [
            f"Target: {TARGET}",
            "✓ 2 accounts are created, 0 were there already, 1 failed.",
            "Mend the file and run the same command again: what is done is not done twice.",
        ],
    )
    assert screen.out.splitlines()[2].split(None, 1) == ["weak", "The password breaks the pool's policy."]
    assert sorted(each["username"] for each in json.loads(run("users", "list", "--json").out)["items"]) == [
        "ada",
        "bob",
    ]
    assert "Correct" not in screen.out + screen.err
    file.write_text(file.read_text().replace("short", "Correct-Horse-8-Battery"))
    again = run("users", "import", "players.csv", "--json")
    assert (again.code, json.loads(again.out)) == (
        0,
        {"target": TARGET, "created": 1, "there_already": 2, "failed": [], "left": 0},
    )


def test_import_finishes_what_was_cut_off(run: Run, deployed: Target, queue: Queue) -> None:
    """Between making the account and its password: it is there, but nobody can sign in, and it has no row."""
    client = boto3.client("cognito-idp", deployed.region)
    client.admin_create_user(
        UserPoolId=deployed.user_pool_id,
        Username="ada",
        UserAttributes=[{"Name": "email", "Value": "ada@example.com"}],
        MessageAction="SUPPRESS",
    )
    Path("players.csv").write_text("username,email\nada,ada@example.com\n")
    assert json.loads(run("users", "import", "players.csv", "--json").out)["created"] == 1
    account = json.loads(run("users", "show", "ada", "--json").out)
    assert account["status"] == "CONFIRMED"
    assert queue.players.get(account["sub"]) is not None


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("name,mail\nada,a@b\n", "The first line names the columns name, mail."),
        ("", "The first line names the columns of nothing."),
        ("username,email\nada\n", "Line 2: It needs a user name and an e-mail address."),
        (
            "username,email\nada,a@example.com\n\nADA,b@example.com\n",
            "Line 4: The user name 'ADA' is on line 2 already.",
        ),
        ("username,email\nada,a@example.com,x,y\n", "Line 2: It has more cells than the first line has columns."),
    ],
)
def test_a_bad_file_changes_nothing(run: Run, deployed: Target, text: str, says: str) -> None:
    Path("players.csv").write_text(text)
    screen = run("users", "import", "players.csv")
    assert (screen.code, screen.err.splitlines()[0]) == (2, f"Error: {says}")
    assert json.loads(run("users", "list", "--json").out)["items"] == []


def test_a_disabled_player_is_out_at_once(run: Run, deployed: Target, queue: Queue) -> None:
    sub = json.loads(run("users", "create", "ada", "--email", "ada@example.com", "--generate", "--json").out)["sub"]
    screen = run("users", "disable", "ada")
    assert (screen.code, screen.out, screen.err) == (0, "", f"Target: {TARGET}\n✓ ada can neither sign in nor log in.")
    queue.lines.change(Line.renew)
    with pytest.raises(Blocked):
        login.request(queue, Identity(sub, "ada"))
    assert json.loads(run("users", "show", "ada", "--json").out)["enabled"] is False
    assert run("users", "enable", "ada").err.endswith("✓ ada can sign in and log in.")
    assert login.request(queue, Identity(sub, "ada")).ticket
    done = [(each["what"], each["subject"]) for each in json.loads(run("queue", "audit", "--json").out)["items"]]
    assert done == [("enable user", sub), ("disable user", sub), ("create user", sub)]
    assert run("users", "disable", "nobody").code == 3


def test_another_password(run: Run, deployed: Target, queue: Queue) -> None:
    run("users", "create", "ada", "--email", "ada@example.com", "--generate")
    screen = run("users", "reset-password", "ada", "--password-stdin", stdin="Correct-Horse-9-Battery\n")
    assert (screen.code, screen.out, screen.err) == (
        0,
        "",
        f"Target: {TARGET}\n✓ ada has another password, and is signed out everywhere.",
    )
    signed_in = boto3.client("cognito-idp", deployed.region).initiate_auth(
        ClientId=deployed.client_id,
        AuthFlow="USER_PASSWORD_AUTH",
        AuthParameters={"USERNAME": "ada", "PASSWORD": "Correct-Horse-9-Battery"},
    )
    assert "AuthenticationResult" in signed_in
    assert len(json.loads(run("users", "reset-password", "ada", "--generate", "--json").out)["password"]) == 20
    assert run("users", "reset-password", "ada", "--password-stdin", stdin="short\n").code == 2

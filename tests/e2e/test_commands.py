"""Commands of the operator and of the player, one after another, on a real stack."""

import json
import subprocess

import pytest

from tests.e2e.conftest import PASSWORD, Stack, in_process


def command(*words: str, stdin: str = "") -> "subprocess.CompletedProcess[str]":
    """One command, as `subprocess.run` would give it."""
    return subprocess.CompletedProcess(words, *in_process(*words, stdin=stdin))


@pytest.mark.drills
def test_a_crowd_and_a_player_who_gets_through(here: Stack) -> None:
    assert command("load", "clean", "--yes").returncode == 0  # whoever a test before has left
    assert command("load", "run", "--players", "20", "--yes").returncode == 0
    words = ("users", "create", "bob", "--email", "bob@example.com", "--password-stdin")
    assert command(*words, stdin=PASSWORD + "\n").returncode == 0
    wrong = command("play", "--username", "bob", "--password-stdin", stdin="Wrong-Horse-7-Battery\n")
    assert (wrong.returncode, wrong.stderr) == (
        4,
        "Error: The user name or the password is wrong.\nCheck both and try again.",
    )
    played = command("play", "--username", "bob", "--password-stdin", stdin=PASSWORD + "\n")
    assert played.returncode == 0, played.stderr
    assert "You are In AWSome Game World" in played.stdout
    shown = json.loads(command("players", "show", "bob", "--json").stdout)
    assert (shown["state"], shown["has_ticket"]) == ("admitted", True)
    assert json.loads(command("load", "clean", "--yes", "--json").stdout)["deleted"] == 20


def test_keys_and_tokens(here: Stack) -> None:
    words = ("users", "create", "kay", "--email", "kay@example.com", "--password-stdin")
    assert command(*words, stdin=PASSWORD + "\n").returncode == 0
    played = command("play", "--username", "kay", "--password-stdin", "--json", stdin=PASSWORD + "\n")
    token = json.loads(played.stdout.splitlines()[-1])["admission_token"]
    good = command("token", "verify", stdin=token)
    assert (good.returncode, good.stderr) == (0, "✓ This token is good: its player was let in.")
    bad = command("token", "verify", token[:-6] + "AAAAAA")
    assert (bad.returncode, "signature: it does not fit" in bad.stderr) == (1, True)
    assert json.loads(command("token", "verify", "--json", stdin=token).stdout)["valid"] is True
    assert command("token", "verify", stdin="nonsense").returncode == 2
    before = json.loads(command("keys", "show", "--json").stdout)
    assert before["signs"] == before["keys"]["active"]
    assert command("keys", "rotate").returncode == 2
    rotated = command("keys", "rotate", "--yes", "--json")
    assert json.loads(rotated.stdout)["signs"] == before["keys"]["next"]
    again = command("keys", "rotate", "--yes")
    assert (again.returncode, "--force" in again.stderr) == (2, True)
    assert command("token", "verify", stdin=token).returncode == 0
    assert '"d"' not in rotated.stdout + command("keys", "show").stdout


def test_one_player_is_let_in_taken_out_and_reset(here: Stack) -> None:
    words = ("users", "create", "liz", "--email", "liz@example.com", "--password-stdin")
    assert command(*words, stdin=PASSWORD + "\n").returncode == 0
    admitted = command("players", "admit", "liz", "nobody", "--json")
    assert admitted.returncode == 1
    results = {each["player"]: each["result"] for each in json.loads(admitted.stdout)["items"]}
    assert results == {"liz": "let in", "nobody": "There is no player 'nobody'."}
    assert "was in already" in command("players", "admit", "liz").stdout
    assert command("players", "remove", "liz").returncode == 2
    assert "removed" in command("players", "remove", "liz", "--yes").stdout
    assert "had no place" in command("players", "remove", "liz", "--yes").stdout
    assert "reset" in command("players", "reset", "liz", "--yes").stdout
    assert json.loads(command("players", "show", "liz", "--json").stdout)["state"] == "registered"


def test_signing_up_in_the_client(here: Stack) -> None:
    words = ("play", "--username", "eve", "--password-stdin", "--sign-up", "--email", "eve@example.com", "--json")
    played = command(*words, stdin=PASSWORD + "\n123456\n")
    assert played.returncode == 0, played.stderr
    last = json.loads(played.stdout.splitlines()[-1])
    assert (last["login_status"], last["state"]) == (True, "admitted")

"""What people hand in by stdin, files and arguments: UTF-8 and nothing else, one letter in one form."""

import io
import json
import os
import sys
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout, suppress
from pathlib import Path
from typing import NoReturn

import boto3
import pytest

from loginq.cli import app
from loginq.cli.reading import STDIN, first_line, has_terminal, text_of
from loginq.service.operations.target import Target
from loginq.service.rules.errors import Invalid
from loginq.service.rules.line import Line
from loginq.service.store.audit import actions
from loginq.service.store.queue import Queue
from tests.cli.conftest import TARGET, Run, clean, settled

GOOD = "Correct-Horse-7-Battery"
BOM = b"\xef\xbb\xbf"
NO_TEXT = "is no UTF-8 text: see line"
Given = Callable[[bytes | None], None]


@pytest.fixture
def stdin(monkeypatch: pytest.MonkeyPatch) -> Given:
    """Makes these bytes stdin; None closes it, as `<&-` does."""

    def given(raw: bytes | None) -> None:
        monkeypatch.setattr(sys, "stdin", None if raw is None else io.TextIOWrapper(io.BytesIO(raw)))

    return given


@pytest.mark.parametrize(
    "raw",
    [
        "김,é\nb".encode(),
        BOM + "김,é\nb".encode(),
        "김,e\u0301\nb".encode(),
        "\ufeff김,é\nb".encode("utf-16-le"),
        "\ufeff김,é\nb".encode("utf-16-be"),
    ],
)
def test_bytes_become_text_the_same_way_from_a_file_and_from_stdin(stdin: Given, raw: bytes) -> None:
    Path("file").write_bytes(raw)
    stdin(raw)
    assert text_of(Path("file")) == text_of(STDIN) == "김,é\nb"
    stdin(raw)
    assert first_line("It") == "김,é"


@pytest.mark.parametrize("raw", [b"a\nb\xff", "ä\n".encode("latin-1"), b"\xff\xfea", b"\xed\xa0\x80"])
def test_what_is_no_text_is_refused_by_name_and_line(stdin: Given, raw: bytes) -> None:
    Path("file").write_bytes(raw)
    stdin(raw)
    line = 2 if raw.startswith(b"a") else 1
    for file, where in ((Path("file"), "file"), (STDIN, "stdin")):
        with pytest.raises(Invalid) as refused:
            text_of(file)
        assert refused.value.message == f"{where} {NO_TEXT} {line}."
    stdin(b"\xff\n")
    with pytest.raises(Invalid, match=f"The password on stdin {NO_TEXT} 1"):
        first_line("The password on stdin")


def test_a_closed_stdin_is_an_empty_one_that_is_no_terminal(stdin: Given) -> None:
    stdin(None)
    assert (has_terminal(), text_of(STDIN), first_line("It")) == (False, "", "")


CLOSED = [
    (("users", "delete", "ada"), "This needs a yes, and there is no terminal to ask."),
    (("users", "create", "bob", "--email", "b@example.com"), "There is no terminal to ask for the password."),
    (("users", "create", "bob", "--email", "b@b", "--password-stdin"), "There is no password on stdin."),
    (("users", "reset-password", "ada"), "There is no terminal to ask for the password."),
    (("users", "import", "-"), "The first line names the columns of nothing."),
    (("players", "admit", "-"), "No player is named."),
    (("players", "remove", "sub-ada"), "This needs a yes, and there is no terminal to ask."),
    (("players", "reset", "sub-ada"), "This needs a yes, and there is no terminal to ask."),
    (("queue", "purge"), "This needs a yes, and there is no terminal to ask."),
    (("local", "reset"), "This needs a yes, and there is no terminal to ask."),
    (("keys", "rotate"), "This needs a yes, and there is no terminal to ask."),
    (("load", "clean"), "This needs a yes, and there is no terminal to ask."),
    (("play",), "There is no terminal to ask for the user name."),
    (("play", "--username", "ada"), "There is no terminal to ask for the password."),
    (("simulate", "--rate", "5", "--shape", "-"), "The file has no players in it."),
]


def test_no_command_breaks_without_stdin(stdin: Given, run: Run, deployed: Target, queue: Queue) -> None:
    run("users", "create", "ada", "--email", "ada@example.com", "--generate")
    for words, says in CLOSED:
        stdin(None)
        said = io.StringIO()
        with redirect_stdout(said), redirect_stderr(said), pytest.raises(SystemExit) as ended:
            app(list(words), prog_name="loginq")
        assert ended.value.code == 2, words
        assert f"Error: {says}" in clean(said.getvalue())


@pytest.mark.parametrize(
    "words",
    [
        ("users", "create", "bad\udcff", "--email", "bad@example.com", "--generate"),
        ("users", "show", "bad\udcff"),
        ("--stack", "bad\udcff", "queue", "stats"),
        ("queue", "message", "bad\udcff"),
        ("players", "admit", "ada", "bad\udcff"),
    ],
)
def test_an_argument_that_is_no_text_is_refused_before_anything_else(run: Run, words: tuple[str, ...]) -> None:
    screen = run(*words)
    assert (screen.code, screen.out) == (2, "")
    assert screen.err == "Error: 'bad\\udcff' is no UTF-8 text.\nGive it in UTF-8."


def known(queue: Queue, *names: str) -> None:
    """Players in line, whose subs are their names."""
    settled(queue, Line(tail=len(names), rate=20_000, paused=True))
    for n, name in enumerate(names, start=1):
        row = {"username": name, "loginTicket": f"secret-{n}", "queuePosition": n}
        queue.table.update(f"USER#{name}", f"METADATA#{name}", write=row)


def test_names_of_a_file_and_of_stdin(stdin: Given, run: Run, deployed: Target, queue: Queue) -> None:
    """A mark at the front, line ends of Windows, remarks; and a name that begins like one."""
    known(queue, "ada", "#ace", "José")
    raw = BOM + "# the sponsors\r\n#\r\n\r\nada\r\n#ace\r\n  Jose\u0301".encode()
    Path("vips.txt").write_bytes(raw)
    wanted = [{"player": name, "ok": True, "result": "let in"} for name in ("ada", "#ace", "José")]
    assert json.loads(run("players", "admit", "--file", "vips.txt", "--json").out)["items"] == wanted
    removed = json.loads(run("players", "remove", "-", "--yes", "--json", stdin=raw).out)["items"]
    assert [each["result"] for each in removed] == ["removed"] * 3
    Path("latin.txt").write_bytes(b"ada\nj\xf6rg\n")
    refused = run("players", "admit", "--file", "latin.txt")
    assert (refused.code, refused.err.splitlines()[0]) == (2, f"Error: latin.txt {NO_TEXT} 2.")


def test_a_password_from_stdin(run: Run, deployed: Target, queue: Queue) -> None:
    words = ("users", "create", "ada", "--email", "ada@example.com", "--password-stdin")
    latin = run(*words, stdin=b"P\xe4sswort-Lang-12\n")
    assert (latin.code, latin.err.splitlines()[1]) == (2, f"Error: The password on stdin {NO_TEXT} 1.")
    blank = run(*words, stdin=f"{GOOD} \n".encode())
    assert blank.err.splitlines()[1].startswith("Error: The password begins or ends with a blank")
    assert run(*words, stdin=BOM + f"{GOOD}\r\n".encode()).code == 0
    boto3.client("cognito-idp", deployed.region).initiate_auth(
        ClientId=deployed.client_id,
        AuthFlow="USER_PASSWORD_AUTH",
        AuthParameters={"USERNAME": "ada", "PASSWORD": GOOD},
    )


def test_a_sheet_from_stdin_and_what_of_it_is_not_used(run: Run, deployed: Target, queue: Queue) -> None:
    sheet = f"cognito:username;email;name;password\r\nada;ada@example.com;Ada;{GOOD}\r\n;;;\r\n"
    screen = run("users", "import", "-", stdin=sheet.encode("utf-16"))
    assert (screen.code, screen.err.splitlines()) == (
        0,
        [
            "Not used: name. An account is made of a user name, an address and a password.",
            f"Target: {TARGET}",
            "✓ 1 accounts are created, 0 were there already, 0 failed.",
        ],
    )
    assert [each["username"] for each in json.loads(run("users", "list", "--json").out)["items"]] == ["ada"]


class Full(io.StringIO):
    """A stdout on a full disk."""

    def write(self, text: str) -> NoReturn:
        raise OSError(28, os.strerror(28))


@pytest.mark.parametrize("json_", [(), ("--json",)])
def test_what_was_done_is_recorded_though_nobody_can_be_told(
    run: Run, deployed: Target, queue: Queue, json_: tuple[str, ...]
) -> None:
    for words in (
        ("users", "create", "ada", "--email", "ada@example.com", "--generate"),
        ("users", "reset-password", "ada", "--generate"),
    ):
        with redirect_stdout(Full()), redirect_stderr(io.StringIO()), suppress(OSError, SystemExit):
            app([*words, *json_], prog_name="loginq")
    assert [each.what for each in actions(queue)] == ["reset password", "create user"]


def test_signing_up_under_an_address_is_refused_before_cognito_is_asked(run: Run, deployed: Target) -> None:
    words = ("play", "--sign-up", "--username", "kim@example.com", "--email", "kim@example.com", "--password-stdin")
    screen = run(*words, stdin=GOOD)
    assert (screen.code, screen.err.splitlines()[-2:]) == (
        2,
        [
            "Error: The user name 'kim@example.com' is an e-mail address.",
            "Choose another name; the player can sign in with the address all the same.",
        ],
    )

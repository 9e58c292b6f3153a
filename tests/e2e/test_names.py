"""Names that players choose go through every screen: nothing that a terminal obeys, no traceback, and readable."""

import csv
import json
import signal
import unicodedata
from pathlib import Path

import pytest

from loginq.cli.output import HIDDEN
from loginq.service.rules.ticket import Ticket
from tests.e2e.conftest import PASSWORD, Stack, in_process
from tests.e2e.terminal import LOGINQ, Terminal

PARAMETERS: dict[str, str] = {}
"""A stack of its own: it lists all whom it has, and fills its dead letters."""

NAMES = {
    "\x1b]0;mine\x07\x1b[2Jesc": "\\x1b]0;mine\\x07\\x1b[2Jesc",
    "bidi\u202egnp\u2066": "bidi\\u202egnp\\u2066",
    "[/red]boss[bold]": "[/red]boss[bold]",
    ":smile:": ":smile:",
    "=1+1": "=1+1",
    unicodedata.normalize("NFD", "José"): "José",
    "😀" * 128: "😀",
}
"""A name, and what is to be seen of it."""


@pytest.fixture(scope="module")
def named(stack: Stack) -> dict[str, str]:
    """Accounts and players of these names, whom the emulator takes as they are; name -> subject."""
    cognito = stack.aws.client("cognito-idp")
    subs = {}
    for n, name in enumerate(NAMES):
        pool = {"UserPoolId": stack.target.user_pool_id, "Username": name}
        email = [{"Name": "email", "Value": f"n{n}@example.com"}, {"Name": "email_verified", "Value": "true"}]
        made = cognito.admin_create_user(**pool, MessageAction="SUPPRESS", UserAttributes=email)["User"]
        cognito.admin_set_user_password(**pool, Password=PASSWORD, Permanent=True)
        subs[name] = next(each["Value"] for each in made["Attributes"] if each["Name"] == "sub")
        stack.queue.table.update(*keys(subs[name]), write={"username": name, "email": f"n{n}@example.com"})
    return subs


def keys(sub: str) -> tuple[str, str]:
    return f"USER#{sub}", f"METADATA#{sub}"


def screens(*words: str) -> str:
    """What a command shows, in words and as JSON; no traceback, nothing that a terminal obeys."""
    seen = ""
    for json_ in ([], ["--json"]):
        end = words.index("--") if "--" in words else len(words)
        code, out, err = in_process(*words[:end], *json_, *words[end:])
        assert code in (0, 1), err
        assert not HIDDEN.search(out + err), words
        seen += out + err
    return unicodedata.normalize("NFC", seen)


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=() if "mine" in name else pytest.mark.drills, id=NAMES[name]) for name in NAMES]
)
def test_one_name_on_every_screen_about_one(here: Stack, named: dict[str, str], name: str) -> None:
    assert NAMES[name] in screens("users", "show", "--", name)
    assert NAMES[name] in screens("players", "show", "--", name)
    screens("players", "admit", "--", name)
    screens("logs", "--player", name)
    screens("users", "disable", "--", name)
    screens("users", "enable", "--", name)


def test_all_of_them_on_every_screen_about_many(here: Stack, named: dict[str, str], tmp_path: Path) -> None:
    bodies = [Ticket(sub, name[:128], 1_800_000_000_000).body() for name, sub in named.items()]
    for body in [*bodies, *(name for name in NAMES if "\x07" not in name)]:
        here.queue.intake._sqs.send_message(QueueUrl=here.queue.intake.dead_letter_url, MessageBody=body)
    players = "".join(screens("players", "list", "--state", state) for state in ("registered", "admitted", "left"))
    for seen in (screens("users", "list"), players):
        assert [shown for shown in NAMES.values() if shown not in seen] == []
    screens("queue", "audit")
    screens("queue", "dlq", "--limit", "20")
    files = [str(tmp_path / f"players.{kind}") for kind in ("csv", "jsonl")]
    for file in files:
        assert in_process("players", "export", file, "--yes")[0] == 0
    with Path(files[0]).open(encoding="utf-8-sig", newline="") as sheet:
        cells = {row["username"] for row in csv.DictReader(sheet)}
    assert "'=1+1" in cells and "=1+1" not in cells
    exported = {json.loads(line)["username"] for line in Path(files[1]).read_text(encoding="utf-8").splitlines()}
    assert exported == set(NAMES)


def test_a_live_screen_of_one(here: Stack, named: dict[str, str], tmp_path: Path) -> None:
    """`play` and `watch` on a terminal, with such a name and such a message."""
    name = next(iter(NAMES))
    assert in_process("players", "reset", "--yes", "--", name)[0] == 0
    here.queue.lines.change(lambda line, t: line.pause(t).say(t, "\x1b]0;soon\x07[/red]:smile:\u202e"))
    playing = Terminal([*LOGINQ, "play", "--username", name], here.target.names(), tmp_path)
    watching = Terminal([*LOGINQ, "queue", "watch"], here.target.names(), tmp_path)
    playing.shows("Password: ")
    playing.type(PASSWORD + "\n")
    playing.shows("(?s)mine.*in line")
    playing.shows(r"\[/red\]:smile:")
    watching.shows("needs attention|dead letters")
    assert playing.end(signal.SIGINT) == 130
    assert watching.end(signal.SIGINT) == 130
    for drawn in (playing.drawn, watching.drawn):
        assert "\x1b]0;" not in drawn and "\u202e" not in drawn and "Traceback" not in drawn

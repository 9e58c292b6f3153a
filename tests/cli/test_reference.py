"""The commands as a whole: what the design names exists, all of it has JSON, and help is quick."""

import re
import subprocess
import sys
from io import BytesIO, TextIOWrapper

import pytest
import typer.main

from loginq.cli import app, console
from loginq.cli.fields import DOCUMENTS
from loginq.cli.reference import commands

DESIGNED = {
    "": "demo deploy deployments rollback lock unlock destroy status target play client simulate doctor logs guide "
    "completion report",
    "local": "up down status reset logs",
    "users": "create list show import reset-password confirm disable enable delete",
    "queue": "stats watch peek pause resume undo rebuild reset close open message purge dlq redrive audit note history",
    "players": "list show admit remove reset export",
    "rate": "show set ramp clear",
    "servers": "list forget add rotate revoke",
    "load": "run clean",
    "keys": "show rotate",
    "token": "issue verify",
}


def test_every_designed_command_exists_and_no_other() -> None:
    there = {" ".join(words[1:]) for words, _ in commands(typer.main.get_command(app))}
    assert there == {f"{group} {name}".strip() for group, names in DESIGNED.items() for name in names.split()}


def test_every_command_that_shows_or_changes_something_has_json() -> None:
    without = {
        " ".join(words[1:])
        for words, command in commands(typer.main.get_command(app))
        if not any("--json" in parameter.opts for parameter in command.params)
    }
    assert without == {"demo"}


def test_every_document_says_its_target_and_every_list_its_total() -> None:
    with_json = {
        " ".join(words[1:])
        for words, command in commands(typer.main.get_command(app))
        if any("--json" in parameter.opts for parameter in command.params)
    }
    assert set(DOCUMENTS) == with_json
    for name, shapes in DOCUMENTS.items():
        for shape in shapes:
            fields = re.sub(r"\(.*?\)", "", shape).split()
            assert fields[0] == "target", name
            assert ("items" in fields) is ("total" in fields), name


def test_help_imports_nothing_heavy() -> None:
    heavy = "boto3 botocore requests cfnlint yaml pycognito locust loginq.service.rules.line loginq.deploy"
    slow = "rich.markdown rich.traceback typer.rich_utils"  # what Typer's own help has beside what ours has
    look = f"""
import sys, loginq.cli
print("rich" in sys.modules)
sys.argv = ["loginq", "--help"]
try:
    loginq.cli.main()
except SystemExit:
    print([name for name in {[*heavy.split(), *slow.split()]!r} if name in sys.modules])
"""
    found = subprocess.run([sys.executable, "-c", look], capture_output=True, text=True, check=True)
    lines = found.stdout.strip().splitlines()
    assert (lines[0], lines[-1]) == ("False", "[]")


def test_an_output_without_unicode_gets_plain_letters(monkeypatch: pytest.MonkeyPatch) -> None:
    raw = BytesIO()
    out = TextIOWrapper(raw, encoding="ascii", write_through=True)
    monkeypatch.setattr(sys, "stdout", out)
    console.facts("queue · main", [("newcomer waits", None), ("user", "김")])
    console.document({"user": "김"})
    text = raw.getvalue().decode("ascii")
    assert "queue - main" in text and "newcomer waits  -" in text and "user            ?" in text
    assert text.splitlines()[-1] == '{"user": "\\uae40"}'

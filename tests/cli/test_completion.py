"""What TAB offers: only names that mean nothing to any shell, at once or not at all."""

import json
import platform
import threading
from collections.abc import Iterator
from pathlib import Path

import botocore
import pytest
from hypothesis import given
from hypothesis import strategies as st

import loginq
from loginq import __version__
from loginq.cli import info
from loginq.cli.completion import MOST, offered, player_names
from loginq.deploy.commit import commit
from loginq.service.operations.accounts import Users
from loginq.service.operations.target import Target
from tests.cli.conftest import Run

HOSTILE = [
    "mia\\$(id>F)", "mia;id>F", "mia`id>F`", "mia|id", "mia&id", "mia*", "mia?", "mia[a]", "mia{a,b}", "mia~", "mia!id",
    "mia#x", "mia'x", 'mia"x', "mia<x", "mia>x", "mia(x)", "mia\nid", "mia\tx", "mia x", "mia/x", "mia:x", "mia%x",
    "mia^x", "mia$x", "mia\x1b[2J", "mia\u202ex",
]  # fmt: skip


@pytest.mark.parametrize("name", [*HOSTILE, "-mia", "=mia", "~mia"])
def test_what_a_shell_might_obey_is_not_offered(name: str) -> None:
    assert offered(lambda: [name, "mia"], "") == ["mia"]


@given(st.text(max_size=12))
def test_whatever_is_offered_is_inert(name: str) -> None:
    for each in offered(lambda: [name], ""):
        assert all(letter.isalnum() or letter in "_.@+=,-" for letter in each)
        assert each[0] not in "-="


def test_ordinary_names_are_offered() -> None:
    names = ["ada", "ada.l", "ada_1", "ada@example.com", "a+b=c,d-e", "김철수", "José"]
    assert offered(lambda: names, "") == names
    assert offered(lambda: names, "ada.") == ["ada.l"]
    assert len(offered(lambda: (f"p{n}" for n in range(1_000)), "p")) == MOST


def test_what_fails_or_is_slow_offers_nothing() -> None:
    over = threading.Event()

    def slow() -> Iterator[str]:
        over.wait(60)
        yield "ada"

    assert offered(lambda: 1 / 0, "") == []  # type: ignore[arg-type, return-value]
    assert offered(slow, "") == []
    over.set()


def test_names_of_a_pool(deployed: Target, users: Users) -> None:
    for n, name in enumerate(("mia", "mia;id", "zoe")):
        users._cognito.admin_create_user(
            UserPoolId=deployed.user_pool_id,
            Username=name,
            UserAttributes=[{"Name": "email", "Value": f"{n}@example.com"}],
        )
    assert set(player_names("m")) <= {"mia"}


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_script_of_a_shell_goes_to_stdout(run: Run, shell: str) -> None:
    screen = run("completion", shell)
    assert (screen.code, screen.err) == (0, "")
    assert f"_LOGINQ_COMPLETE=complete_{shell}" in screen.out
    assert json.loads(run("completion", shell, "--json").out)["shell"] == shell
    assert run("--install-completion").code == 2


def test_what_was_typed_wrongly_is_shown_typed_rightly(run: Run) -> None:
    missing = run("users", "create", "ada")
    assert missing.code == 2
    assert missing.err.splitlines()[-2:] == [
        "Error: Missing option '--email'.",
        "Example: loginq users create ada --email ada@example.com --generate",
    ]
    unknown = run("client", "rust", "Assets")
    assert unknown.err.splitlines()[-3:] == [
        "Error: Invalid value for 'language': 'rust' is not one of 'csharp', 'cpp', 'typescript', 'python'.",
        "Example: loginq client csharp Assets/Scripts",
        "Example: loginq client typescript src",
    ]
    wrong = run("players", "list", "--limit", "many")
    assert wrong.err.splitlines()[-2:] == [
        "Example: loginq players list --limit 20",
        "Example: loginq players list --state admitted",
    ]


def test_an_option_with_a_variable_in_the_environment_names_it(run: Run) -> None:
    shown = " ".join(run("--help").out.split())
    assert all(f"[env: {name}]" in shown for name in ("LOGINQ_STACK", "AWS_PROFILE", "AWS_DEFAULT_REGION"))


def test_which_loginq_this_is(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = json.loads(run("--info").out)
    assert (found["loginq"], found["place"]) == (__version__, str(Path(loginq.__file__).parent))
    assert found["botocore"] == botocore.__version__ and found["python"] == platform.python_version()
    assert found["extras"]["local"] and found["commit"] == commit()
    assert commit(tmp_path) is None
    monkeypatch.setattr(info, "_is_there", lambda name: name != "ministack")
    extras = info.info()["extras"]
    assert (extras["local"], extras["load"]) == (False, found["extras"]["load"])
    monkeypatch.setattr(info, "_installed", lambda: None)
    assert (info.info()["from"], info.info()["extras"]) == (None, {})

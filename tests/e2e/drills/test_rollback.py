"""A bad deploy in front of a line, taken back; and a lock that holds from wherever somebody deploys."""

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.e2e.conftest import PASSWORD, PATIENCE, free_port, until
from tests.e2e.drills.test_upgrade import (
    Loginq,
    _accounts,
    _command,
    _lasting,
    _made,
    _rows,
    _sign_in,
    _stats,
    _target,
    folder,
    new,
    older_tree,
)
from tests.e2e.terminal import LOGINQ, ROOT, environment

pytestmark = pytest.mark.drills
__all__ = ["folder", "new"]

IN_LINE = 300


@pytest.fixture
def bad(tmp_path: Path, folder: Path) -> Loginq:
    """A later loginq whose /login fails, and whose template has a parameter more."""
    tree = tmp_path / "tree"
    for part in ("loginq", "lambdas", "cloudformation"):
        shutil.copytree(ROOT / part, tree / part, ignore=shutil.ignore_patterns("__pycache__"))
    with (tree / "lambdas" / "queue_player_login.py").open("a") as code:
        code.write('\nraise RuntimeError("a slip")\n')
    text = tree / "cloudformation" / "loginq.yaml"
    more = "Parameters:\n  Shiny:\n    Type: String\n    Default: new\n    Description: A new thing.\n"
    text.write_text(text.read_text().replace("Parameters:\n", more, 1))
    return _command(LOGINQ, {**environment({}), "PYTHONPATH": str(tree)}, folder)


def test_a_bad_deploy_is_taken_back_and_nobody_loses_a_place(new: Loginq, bad: Loginq, folder: Path) -> None:
    new("local", "up", "--port", str(free_port()))
    try:
        new("deploy", "--local", "--yes", "--param", "AdmissionSeconds=3600")
        target = _target(folder)
        for name in ("first", "last"):
            new("users", "create", name, "--email", f"{name}@example.com", "--password-stdin", stdin=f"{PASSWORD}\n")
        first, last = (_sign_in(target, name) for name in ("first", "last"))
        new("rate", "set", "50", "--in", "6h", "--yes")
        new("rate", "set", "0", "--keep-plan")
        first.queue()
        new("load", "run", "--players", str(IN_LINE - 2), "--yes")
        until(lambda: _stats(new)["line"]["waiting"] >= IN_LINE - 1 and not any(_stats(new)["intake"].values()))
        last.queue()
        rows, made, stats, place = _rows(target), _made(target), _stats(new), last.ask()["position"]

        bad("deploy", "--yes", "--param", "Shiny=much", "--param", "CorsOrigin=https://a.example")
        headers = {"Authorization": f"Bearer {first.id_token}"}
        assert requests.get(f"{target.api_url}/login", headers=headers, timeout=PATIENCE).status_code == 502
        assert last.ask()["position"] == place

        back = new("rollback", "--yes")
        assert back["dropped"] == {"Shiny": "much"}
        assert requests.get(f"{target.api_url}/login", headers=headers, timeout=PATIENCE).status_code == 200
        origin = requests.get(f"{target.api_url}/login", timeout=PATIENCE).headers["Access-Control-Allow-Origin"]
        assert origin == "https://a.example"
        now = _rows(target)
        assert _accounts(now) == _accounts(rows)
        assert {key: _lasting(now)[key] for key in _lasting(rows) if key[1] != "RULES"} == {
            key: row for key, row in _lasting(rows).items() if key[1] != "RULES"
        }
        assert made.items() <= _made(target).items()
        assert (_stats(new)["line"], last.ask()["position"]) == (stats["line"], place)
        assert [each["of"] for each in new("deployments")["items"]] == [back["to"]["id"], "", ""]
        assert new("queue", "audit")["items"][0]["what"] == "rollback"
        until(lambda: "calls of the API" not in str(_stats(new)["attention"]))  # of a minute ago
        assert new("doctor")["healthy"]
        new("rate", "set", "100", "--yes")
        for player in (first, last):
            assert new("token", "verify", stdin=player.let_in())["valid"]
    finally:
        new("local", "down")


def refused(folder: Path, names: dict[str, str], *words: str) -> str:
    """The error of a command, run in another folder."""
    done = subprocess.run(
        [*LOGINQ, *words], env=environment(names), cwd=folder, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1, done.stderr
    return next(line for line in done.stderr.splitlines() if line.startswith("Error"))


def test_a_lock_holds_against_everything_from_wherever(new: Loginq, bad: Loginq, folder: Path, tmp_path: Path) -> None:
    new("local", "up", "--port", str(free_port()))
    try:
        new("deploy", "--local", "--yes")
        bad("deploy", "--yes")
        target = _target(folder)
        before = _facts(new)
        new("lock", "launch until 20:00")
        elsewhere = tmp_path / "elsewhere"
        elsewhere.mkdir()
        for place, names in ((folder, {}), (elsewhere, dict(target.names()))):
            for words in (("deploy", "--yes"), ("rollback", "--yes"), ("destroy", "--yes"), ("deploy", "--dry-run")):
                assert refused(place, names, *words).endswith(": launch until 20:00.")
        assert _facts(new) == before
        assert new("status")["lock"]["reason"] == "launch until 20:00"
        new("unlock")
        new("rollback", "--yes")
        new("destroy", "--yes")
    finally:
        new("local", "down")


def _facts(loginq: Loginq) -> Any:
    status = loginq("status")
    return json.dumps([status["stack_status"], status["bundle"], status["resources"], loginq("deployments")])


BEFORE = "9d0d011"
"""The last loginq without a public line, whose template has a throttle and text logs."""


@pytest.fixture
def before(tmp_path: Path, folder: Path) -> Loginq:
    """That one."""
    older_tree(BEFORE, tmp_path / "before")
    return _command(LOGINQ, {**environment({}), "PYTHONPATH": str(tmp_path / "before")}, folder)


def test_a_public_line_comes_with_an_update_and_goes_with_a_rollback(before: Loginq, new: Loginq, folder: Path) -> None:
    new("local", "up", "--port", str(free_port()))
    try:
        before("deploy", "--local", "--yes")
        target, throttle = _target(folder), {"RequestsPerSecond": "8000", "RequestsBurst": "4000"}
        new("users", "create", "ada", "--email", "ada@example.com", "--password-stdin", stdin=f"{PASSWORD}\n")
        new("queue", "pause")
        ada = _sign_in(target, "ada")
        ada.queue()
        place = until(lambda: ada.ask()["position"])
        assert "line_url" not in ada.ask()

        new("deploy", "--yes", "--param", "PublicLine=true")
        assert _target(folder) == target
        there = {each["name"]: each["now"] for each in new("deploy", "--params")["items"]}
        assert throttle.items() <= there.items()
        look = until(lambda: ada.ask().get("line_url"))
        assert requests.get(look, timeout=PATIENCE).json()["tail"] == place

        back = new("rollback", "--yes")
        assert back["dropped"] == {"PublicLine": "true", "Edge": "false"}
        assert _target(folder) == target
        assert requests.get(look, timeout=PATIENCE).status_code == 403
        assert ada.ask()["position"] == place and "line_url" not in ada.ask()
        new("queue", "resume")
        assert new("token", "verify", stdin=ada.let_in())["valid"]
    finally:
        new("local", "down")

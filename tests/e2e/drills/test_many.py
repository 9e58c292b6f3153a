"""Acts on many, on the emulator: two hundred VIPs, and bots by the hundred.

`pytest -m drills` runs them; `tests/unit/test_together.py` has what the audit says wherever one is cut off.
"""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from botocore.client import BaseClient

from loginq.service.rules.account import NewAccount
from loginq.service.store.audit import DONE, actions, members
from loginq.service.store.table import attempts
from tests.e2e.conftest import PASSWORD, Stack, in_process

pytestmark = pytest.mark.drills

PARAMETERS: dict[str, str] = {}
VIPS, CALLS = 200, 3.5
"""How many calls of AWS each takes: who it is, a ticket, the admission, and a share of what is done for all at once.
With these it takes 4 s on two cores that do nothing else."""


def accounts(here: Stack, names: list[str]) -> list[str]:
    made = attempts(lambda name: here.users.ensure(NewAccount(name, f"{name}@example.com", PASSWORD)), names)
    assert made == ["created"] * len(names)
    return [account.sub for name in names for account in [here.users.get(name)]]


def test_two_hundred_vips_are_in_by_few_calls(here: Stack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By one act, without a hole: once it took 18 s, 309 positions and 200 rows of the audit."""
    calls, ask = Counter[str](), BaseClient._make_api_call

    def counted(self: BaseClient, operation: str, parameters: dict[str, Any]) -> Any:
        calls[operation] += 1
        return ask(self, operation, parameters)

    names = [f"vip{n}" for n in range(VIPS)]
    subs = accounts(here, names)
    file = tmp_path / "vips.txt"
    file.write_text("\n".join(names))
    here.queue.lines.change(lambda line, t: line.pause(t))
    monkeypatch.setattr(BaseClient, "_make_api_call", counted)
    code, out, _ = in_process("players", "admit", "--file", str(file), "--json")
    monkeypatch.undo()
    report = json.loads(out)
    assert (code, {each["result"] for each in report["items"]}, report["total"]) == (0, {"let in"}, VIPS)
    assert calls.total() <= CALLS * VIPS, calls
    players = here.queue.players.get_all(subs).values()
    assert sorted(player.position or 0 for player in players) == list(range(1, VIPS + 1))
    done = [act for act in actions(here.queue) if act.what == "admit"]
    assert [act.id for act in done] == [report["act"]]
    assert sorted(members(here.queue, report["act"])) == sorted((sub, DONE) for sub in subs)


def test_bots_of_a_file_are_out_and_again_it_does_no_harm(here: Stack, tmp_path: Path) -> None:
    names = [f"bot{n}" for n in range(300)]
    subs = accounts(here, names)
    file = tmp_path / "bots.txt"
    file.write_text("\n".join(names))
    for said in ("disabled", "was disabled already"):
        report = json.loads(in_process("users", "disable", "--file", str(file), "--json")[1])
        assert {each["result"] for each in report["items"]} == {said}
    assert all(player.blocked for player in here.queue.players.get_all(subs).values())
    assert not any(here.users.get(name).enabled for name in names[::50])
    again, first = (act.after["done"] for act in actions(here.queue) if act.what == "disable user")
    assert (first, again) == (300, 0)

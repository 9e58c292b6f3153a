"""Every client that `loginq client` writes, in every conversation: what it asks, how long it waits, what it shows."""

import json
import re
import subprocess
import time
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.browser.chromium import needed, opened
from tests.conformance.clients import CLIENTS, FILES, PYTHON, TYPESCRIPT, Client
from tests.conformance.clients import page as page_of
from tests.conformance.conversations import CONVERSATIONS, LINE, let_in, login, status
from tests.conformance.mutations import MUTATIONS
from tests.conformance.server import Ask, Talk, scripted


def test_no_two_conversations_have_one_name() -> None:
    names = [each.name for each in CONVERSATIONS]
    assert len(set(names)) == len(names) >= 40


def test_what_is_said_in_them_is_what_the_api_says() -> None:
    described = yaml.safe_load((FILES.parents[2] / "cloudformation" / "openapi.yaml").read_text())
    schemas = described["components"]["schemas"]
    for own, bodied in (("Ticket", login()), ("Status", status()), ("Status", let_in()), ("Line", LINE)):
        body = bodied.body if isinstance(bodied, Ask) else bodied
        parts = [schemas["Standing"], schemas[own]["allOf"][1]] if "allOf" in schemas[own] else [schemas[own]]
        named = {name for part in parts for name in part["properties"]}
        needed = {name for part in parts for name in part["required"]}
        assert isinstance(body, dict) and needed <= set(body) <= named
    codes = schemas["Error"]["properties"]["error"]["properties"]["code"]["enum"]
    bodies = [step.body for each in CONVERSATIONS for step in each.steps if isinstance(step, Ask)]
    errors = {body for body in bodies if isinstance(body, str) and body.startswith('{"error": {"code')}
    assert {json.loads(body)["error"]["code"] for body in errors} == set(codes) - {"wrong_report"}


@pytest.mark.parametrize("client", CLIENTS, ids=lambda client: client.name)
def test_a_client_does_in_every_conversation_what_it_has_to(client: Client, tmp_path: Path) -> None:
    words = client.made(tmp_path)
    with scripted(CONVERSATIONS) as server:
        done = subprocess.run([*words, server.base], capture_output=True, text=True, timeout=120)
        assert server.faults() == []
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_an_answer_that_a_busy_machine_delays_is_nobody_s_fault(tmp_path: Path) -> None:
    (at_once, *_), told = CONVERSATIONS, login().body
    assert at_once.steps[1] == login() and isinstance(told, dict)

    def late(_: Talk) -> dict[str, Any]:
        time.sleep(0.6)
        return told

    steps = (at_once.steps[0], replace(login(), body=late), *at_once.steps[2:])
    with scripted([replace(at_once, steps=steps)]) as server:
        subprocess.run([*PYTHON.made(tmp_path), server.base], timeout=120)
        assert server.faults() == []


def test_a_browser_does_so_too(tmp_path: Path) -> None:
    binary = needed()
    TYPESCRIPT.made(tmp_path)
    with scripted(CONVERSATIONS) as server, opened(binary) as page:
        server.pages.update(page_of(tmp_path))
        page.open(f"{server.base}/", 600)
        assert server.over.wait(120)
        assert server.faults() == []


def test_typescript_has_nothing_but_types_that_a_runtime_would_have_to_compile() -> None:
    """https://www.typescriptlang.org/tsconfig/#erasableSyntaxOnly"""
    text = (FILES / TYPESCRIPT.file).read_text()
    properties = re.findall(r"constructor\([^{]*\b(?:public|protected|private|readonly)\b", text)
    assert properties == re.findall(r"^\s*(?:export )?(?:const )?(?:enum|namespace|module)\b", text, re.MULTILINE) == []


@pytest.mark.parametrize("client", CLIENTS, ids=lambda client: client.name)
def test_a_mutation_changes_one_place(client: Client) -> None:
    text = (FILES / client.file).read_text()
    assert [what for what, old, _ in MUTATIONS[client.file] if text.count(old) != 1] == []


@pytest.mark.drills
@pytest.mark.parametrize("client", CLIENTS, ids=lambda client: client.name)
def test_some_conversation_notices_each_mutation(client: Client, tmp_path: Path) -> None:
    text, unnoticed = (FILES / client.file).read_text(), list[str]()
    for n, (what, old, new) in enumerate(MUTATIONS[client.file]):
        words = client.made(tmp_path / str(n), text.replace(old, new))
        with scripted(CONVERSATIONS) as server, suppress(subprocess.TimeoutExpired):
            subprocess.run([*words, server.base], capture_output=True, timeout=60)
            if not server.faults():
                unnoticed.append(what)
    assert unnoticed == []

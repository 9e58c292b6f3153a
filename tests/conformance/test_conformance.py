"""Every client that `loginq client` writes, in every conversation: what it asks, how long it waits, what it shows."""

import subprocess
from contextlib import suppress
from pathlib import Path

import pytest

from tests.browser.chromium import NAMES, chromium, opened
from tests.conformance.clients import CLIENTS, FILES, TYPESCRIPT, Client
from tests.conformance.conversations import CONVERSATIONS
from tests.conformance.mutations import MUTATIONS
from tests.conformance.server import scripted


def test_no_two_conversations_have_one_name() -> None:
    names = [each.name for each in CONVERSATIONS]
    assert len(set(names)) == len(names) >= 40


@pytest.mark.parametrize("client", CLIENTS, ids=lambda client: client.name)
def test_a_client_does_in_every_conversation_what_it_has_to(client: Client, tmp_path: Path) -> None:
    if why := client.missing():
        pytest.skip(why)
    words = client.made(tmp_path)
    with scripted(CONVERSATIONS) as server:
        done = subprocess.run([*words, server.base], capture_output=True, text=True, timeout=120)
        assert server.faults() == []
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_a_browser_does_so_too(tmp_path: Path) -> None:
    binary = chromium()
    if binary is None:
        pytest.skip(f"there is no {' or '.join(NAMES)} here: `apt-get install chromium`")
    if why := TYPESCRIPT.missing():
        pytest.skip(why)
    TYPESCRIPT.made(tmp_path)
    with scripted(CONVERSATIONS) as server, opened(binary) as page:
        for name in ("driver.js", "loginq.js"):
            server.pages[f"/{name}"] = "text/javascript", (tmp_path / name).read_bytes()
        server.pages["/"] = "text/html", b"<!doctype html><script type=module src=driver.js></script>"
        page.open(f"{server.base}/", 600)
        assert server.over.wait(120)
        assert server.faults() == []


@pytest.mark.parametrize("client", CLIENTS, ids=lambda client: client.name)
def test_a_mutation_changes_one_place(client: Client) -> None:
    text = (FILES / client.file).read_text()
    assert [what for what, old, _ in MUTATIONS[client.file] if text.count(old) != 1] == []


@pytest.mark.drills
@pytest.mark.parametrize("client", CLIENTS, ids=lambda client: client.name)
def test_some_conversation_notices_each_mutation(client: Client, tmp_path: Path) -> None:
    if why := client.missing():
        pytest.skip(why)
    text, unnoticed = (FILES / client.file).read_text(), list[str]()
    for n, (what, old, new) in enumerate(MUTATIONS[client.file]):
        words = client.made(tmp_path / str(n), text.replace(old, new))
        with scripted(CONVERSATIONS) as server, suppress(subprocess.TimeoutExpired):
            subprocess.run([*words, server.base], capture_output=True, timeout=60)
            if not server.faults():
                unnoticed.append(what)
    assert unnoticed == []

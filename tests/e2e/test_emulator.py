"""The emulator's own life: guarded, found again, kept over a stop, and missed when it dies."""

import os
import signal
import socket
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import requests

from loginq.emulator import Emulator, Running
from loginq.service.errors import Invalid
from tests.e2e.conftest import free_port, until


@pytest.mark.parametrize(
    "headers",
    [{"Host": "evil.example"}, {"Host": "evil.example:4566"}, {"Origin": "https://evil.example"}, {"Origin": "null"}],
)
def test_the_web_is_refused(emulator: Running, headers: dict[str, str]) -> None:
    assert requests.get(emulator.url + "/_ministack/health", headers=headers, timeout=5).status_code == 403
    invoke = f"{emulator.url}/2015-03-31/functions"
    assert requests.post(invoke, headers=headers, json={}, timeout=5).status_code == 403


def test_a_reset_over_http_is_refused(emulator: Running) -> None:
    assert requests.post(emulator.url + "/_ministack/reset", timeout=5).status_code == 403


def test_it_listens_on_loopback_only(emulator: Running) -> None:
    inodes = {str(fd.readlink()) for fd in Path(f"/proc/{emulator.pid}/fd").iterdir()}
    listening = []
    for table in ("tcp", "tcp6"):
        for row in Path(f"/proc/net/{table}").read_text().splitlines()[1:]:
            words = row.split()
            if words[3] == "0A" and f"socket:[{words[9]}]" in inodes:
                listening.append(words[1])
    assert listening == [f"0100007F:{emulator.port:04X}"]


def test_the_lambdas_see_nothing_of_the_users_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "a real secret")
    one = Emulator(tmp_path / ".loginq")
    found = one.up(free_port())
    try:
        assert b"a real secret" not in Path(f"/proc/{found.pid}/environ").read_bytes()
    finally:
        one.down()


def test_up_again_finds_it_and_its_state_survives_a_stop(tmp_path: Path) -> None:
    one = Emulator(tmp_path / ".loginq")
    found = one.up(free_port())
    assert one.up() == found
    with pytest.raises(Invalid, match="already running on port"):
        one.up(found.port + 1)
    found.aws().client("sqs").create_queue(QueueName="kept")
    assert one.down() is True
    assert (one.running(), one.died(), one.down()) == (None, False, False)
    again = one.up()
    assert again.port == found.port
    assert "kept" in again.aws().client("sqs").list_queues()["QueueUrls"][0]
    one.reset()
    assert not one.folder.exists()


def test_a_dead_process_is_noticed(tmp_path: Path) -> None:
    one = Emulator(tmp_path / ".loginq")
    found = one.up(free_port())
    os.kill(found.pid, signal.SIGKILL)
    until(lambda: one.running() is None)
    assert one.died()
    again = one.up()
    assert again.pid != found.pid
    assert not one.died()
    one.down()


def test_two_that_start_at_once_take_two_ports(tmp_path: Path) -> None:
    both = [Emulator(tmp_path / name) for name in ("one", "two")]
    with ThreadPoolExecutor(2) as pool:
        found = list(pool.map(lambda one: one.up(), both))
    assert found[0].port != found[1].port
    assert all(one.running() for one in both)
    for one in both:
        one.down()


def test_a_port_in_use(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(Invalid, match=f"Port {port} is in use"):
            Emulator(tmp_path / ".loginq").up(port)
    other = tmp_path / "other"
    one = Emulator(other)
    found = one.up(free_port())
    one.down()
    with pytest.raises(Invalid, match=f"belongs to port {found.port}"):
        one.up(found.port + 1)

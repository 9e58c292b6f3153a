"""What is known of an emulator's process without one: who lives, who answers, and what may be stopped and deleted."""

import fcntl
import json
import os
import signal
import socket
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from loginq.emulator import Emulator, Running, note
from loginq.service.rules.errors import Failed, Invalid

ORIGINS = {
    "http://localhost:3000": "http://localhost:3000",
    "https://game.example": "https://game.example",
    "HTTPS://Game.Example": "https://game.example",
    "https://game.example:443": "https://game.example",
    "http://game.example:80": "http://game.example",
    "http://game.example:443": "http://game.example:443",
    "http://[::1]:8080": "http://[::1]:8080",
}
NO_ORIGINS = [
    *("", "null", "*", "game.example", "localhost:3000", "ftp://game.example", "file://", "https://"),
    *("https://game.example/", "https://game.example/page", "https://game.example?a", "https://game.example#a"),
    *("https://me@game.example", "https://*.example", "https://game example", "https://game.example\nhttp://b"),
    *("http://game.example:", "http://game.example:0", "http://game.example:65536", "http://spiel.österreich"),
]


@pytest.mark.parametrize("given", ORIGINS)
def test_an_origin_is_kept_as_browsers_send_it(given: str) -> None:
    assert note.origins_of([given, given]) == (ORIGINS[given],)


@pytest.mark.parametrize("given", NO_ORIGINS)
def test_what_is_no_origin(tmp_path: Path, given: str) -> None:
    with pytest.raises(Invalid, match="is not the origin of a web page") as raised:
        Emulator(tmp_path / ".loginq").up(origins=["http://localhost:3000", given])
    assert "http://HOST[:PORT]" in raised.value.hint
    assert not (tmp_path / ".loginq").exists()


@pytest.mark.parametrize(
    "text", ["", "{}", "[]", "null", '{"pid": 1}', '{"pid": "x", "port": 1}', '{"pid": 1, "port": 1, "origins": ["*"]}']
)
def test_a_note_that_makes_no_sense_is_none(tmp_path: Path, text: str) -> None:
    (tmp_path / "emulator.json").write_text(text)
    one = Emulator(tmp_path)
    assert (one.noted(), one.running(), one.died(), one.down()) == (None, None, False, False)


def test_a_note_without_origins_has_none(tmp_path: Path) -> None:
    (tmp_path / "emulator.json").write_text('{"pid": 0, "port": 4566}')
    assert Emulator(tmp_path).noted() == Running(0, 4566)


@contextmanager
def process(one: Emulator, *, noted: bool = True, locked: bool = True) -> Iterator[subprocess.Popen[bytes]]:
    """A process that answers nobody, in the emulator's place."""
    one.folder.mkdir(exist_ok=True)
    with (one.folder / "life").open("w") as life:
        if locked:
            fcntl.flock(life, fcntl.LOCK_EX)
        sleeper = subprocess.Popen(["sleep", "60"], pass_fds=[life.fileno()])
    if noted:
        note.write(one.folder / "emulator.json", Running(sleeper.pid, 1))
    try:
        yield sleeper
    finally:
        sleeper.kill()
        sleeper.wait()


def test_who_lives_without_answering_is_neither_dead_nor_started_again(tmp_path: Path) -> None:
    one = Emulator(tmp_path / ".loginq")
    with process(one) as sleeper:
        assert (one.running(), one.lives(), one.died()) == (None, True, False)
        with pytest.raises(Failed, match=rf"process {sleeper.pid}\) lives but does not answer") as raised:
            one.up()
        assert "loginq local down" in raised.value.hint
    assert (one.lives(), one.died()) == (False, True)


def test_nothing_is_deleted_under_a_process_that_lives(tmp_path: Path) -> None:
    one = Emulator(tmp_path / ".loginq", stop_seconds=0.1)
    with process(one) as sleeper:
        sleeper.send_signal(signal.SIGSTOP)
        os.waitpid(sleeper.pid, os.WUNTRACED)  # it has stopped
        with pytest.raises(Failed, match=rf"process {sleeper.pid}\) lives and does not stop") as raised:
            one.reset()
        assert f"kill -9 {sleeper.pid}" in raised.value.hint
        assert (one.lives(), one.noted()) == (True, Running(sleeper.pid, 1))
        sleeper.send_signal(signal.SIGCONT)
        assert sleeper.wait(5) == -signal.SIGTERM
        one.reset()
        assert not one.folder.exists()


def test_one_that_does_not_answer_is_stopped_gently(tmp_path: Path) -> None:
    one = Emulator(tmp_path / ".loginq")
    with process(one) as sleeper:
        assert one.down() is True
        assert sleeper.wait(5) == -signal.SIGTERM
    assert (one.lives(), one.died(), one.noted()) == (False, False, Running(0, 1))


def test_another_program_with_the_number_of_a_dead_one_is_left_alone(tmp_path: Path) -> None:
    one = Emulator(tmp_path / ".loginq")
    with process(one, locked=False) as sleeper:
        assert (one.lives(), one.died(), one.down()) == (False, True, False)
        one.reset()
        assert sleeper.poll() is None
    assert not one.folder.exists()


def test_a_process_that_no_note_names_keeps_its_folder(tmp_path: Path) -> None:
    one = Emulator(tmp_path / ".loginq")
    with process(one, noted=False) as sleeper:
        with pytest.raises(Failed, match="does not say which process it is"):
            one.reset()
        with pytest.raises(Failed, match="lives but does not answer"):
            one.up()
        assert sleeper.poll() is None
    assert one.folder.exists()


class _Health(BaseHTTPRequestHandler):
    said: object

    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(json.dumps(self.said).encode())

    def log_message(self, *_: object) -> None: ...


@contextmanager
def answering(said: object) -> Iterator[int]:
    """A port where somebody says this about the process that he is."""
    server = HTTPServer(("127.0.0.1", 0), type("Health", (_Health,), {"said": said}))
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    yield server.server_port
    server.shutdown()
    server.server_close()


def test_no_proxy_is_asked_for_the_emulator(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{closed.getsockname()[1]}")
        monkeypatch.delenv("no_proxy", raising=False)
        monkeypatch.delenv("NO_PROXY", raising=False)
        with answering({"pid": os.getpid()}) as port:
            found = Running(os.getpid(), port)
            note.write(tmp_path / "emulator.json", found)
            assert Emulator(tmp_path).running() == found


@pytest.mark.parametrize("said", [{"pid": 1}, {}, [], None, "pid"])
def test_somebody_else_on_the_port_is_not_ours(tmp_path: Path, said: object) -> None:
    with answering(said) as port:
        note.write(tmp_path / "emulator.json", Running(os.getpid(), port))
        assert Emulator(tmp_path).running() is None


def test_who_speaks_no_http_is_not_ours(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def speak() -> None:
            with server.accept()[0] as connection:
                connection.recv(1_000)
                connection.sendall(b"SSH-2.0-OpenSSH\r\n")

        threading.Thread(target=speak, daemon=True).start()
        note.write(tmp_path / "emulator.json", Running(os.getpid(), server.getsockname()[1]))
        assert Emulator(tmp_path).running() is None


def test_up_again_with_other_origins_is_refused(tmp_path: Path) -> None:
    listed = "https://game.example"
    with answering({"pid": os.getpid()}) as port:
        found = Running(os.getpid(), port, (listed,))
        note.write(tmp_path / "emulator.json", found)
        one = Emulator(tmp_path)
        assert one.up() == one.up(origins=[listed.upper()]) == found
        with pytest.raises(Invalid, match=f"is already running and lists {listed}") as raised:
            one.up(origins=[listed, "http://localhost:3000"])
        assert "loginq local down" in raised.value.hint
        note.write(tmp_path / "emulator.json", Running(os.getpid(), port))
        with pytest.raises(Invalid, match="lists no origin but its own"):
            one.up(origins=[listed])


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(Failed, match="cannot be written"):
        Emulator(tmp_path / "file" / ".loginq").up()


def test_a_folder_that_is_gone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    with pytest.raises(Failed, match="The folder that you are in is gone") as raised:
        Emulator()
    assert raised.value.hint == "cd to another one."

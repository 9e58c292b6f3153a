"""The emulator's own life: guarded, found again, kept over a stop, and missed when it dies."""

import json
import os
import secrets
import signal
import socket
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from loginq.emulator import Emulator, Running
from loginq.service.rules.errors import Invalid
from tests.e2e.conftest import PASSWORD, Stack, free_port, until


def raw(port: int, *lines: str, body: str = "", host: str | None = None) -> tuple[int, dict[str, str], str]:
    """The answer to a request sent byte for byte: status, headers, body."""
    head = "\r\n".join([lines[0], f"Host: {host or f'127.0.0.1:{port}'}", *lines[1:], "Connection: close"])
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        connection.sendall(f"{head}\r\n\r\n{body}".encode())
        with connection.makefile("rb") as file:
            said = file.read().decode()
    first, _, rest = said.partition("\r\n")
    fields, _, document = rest.partition("\r\n\r\n")
    return int(first.split()[1]), dict(line.lower().split(": ", 1) for line in fields.split("\r\n")), document


def test_what_is_refused_on_the_wire(emulator: Running) -> None:
    port, own = emulator.port, f"Origin: {emulator.url}"
    upgrade = ("Upgrade: websocket", "Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==")
    signs_up = ("POST / HTTP/1.1", "X-Amz-Target: AWSCognitoIdentityProviderService.SignUp")
    refused = [
        raw(port, "GET /_ministack/health HTTP/1.1", host="evil.example"),
        raw(port, "GET /?Action=ListStacks HTTP/1.1", host=f"evil.example:{port}"),
        raw(port, "GET /?Action=ListStacks HTTP/1.1", "Sec-Fetch-Site: cross-site", "Sec-Fetch-Dest: image"),
        raw(port, "GET /?Action=ListStacks HTTP/1.1", "User-Agent: Mozilla/5.0"),
        raw(port, "POST /2015-03-31/functions HTTP/1.1", "Origin: null", "Content-Length: 2", body="{}"),
        raw(port, "POST /2015-03-31/functions HTTP/1.1", own, "Content-Length: 2", body="{}"),
        raw(port, *signs_up, "Origin: https://evil.example", "Content-Length: 2", body="{}"),
        raw(port, *signs_up, own, "Content-Length: 2", "Transfer-Encoding: chunked", body="2\r\n{}\r\n0\r\n\r\n"),
        raw(port, "GET /restapis/x/v1/_user_request_/..%2f..%2fresources HTTP/1.1", own),
        raw(port, "GET /_aws/execute-api/x/v1/login HTTP/1.1", own),
        raw(port, "OPTIONS / HTTP/1.1", "Origin: null", "Access-Control-Request-Method: POST"),
        raw(port, "POST /_ministack/reset HTTP/1.1", "Content-Length: 0"),
        raw(port, "GET /_aws/execute-api/x/v1 HTTP/1.1", "Connection: Upgrade", *upgrade),
    ]
    assert [status for status, _, _ in refused] == [403] * len(refused)
    two_hosts = raw(port, "GET /_ministack/health HTTP/1.1", f"Host: 127.0.0.1:{port}", host="evil.example")
    assert two_hosts[0] == 400
    assert raw(port, "GET /_ministack/health HTTP/1.1")[0] == 200
    assert not [line for line in _log_of(emulator).splitlines() if "Traceback" in line]


def _log_of(emulator: Running) -> str:
    return Path(f"/proc/{emulator.pid}/cwd/emulator.log").read_text()


def test_what_a_page_may_do(stack: Stack, emulator: Running) -> None:
    """Any page calls the player API; the API's own signs a player up and in, and manages nothing."""
    at = urlsplit(f"{stack.target.api_url}/login")
    foreign = raw(
        emulator.port, f"GET {at.path} HTTP/1.1", "Origin: https://evil.example", "Sec-Fetch-Site: cross-site"
    )
    assert (foreign[0], foreign[1]["access-control-allow-origin"]) == (401, "*")
    asks = ("Origin: https://evil.example", "Access-Control-Request-Method: DELETE")
    assert raw(emulator.port, f"OPTIONS {at.path} HTTP/1.1", *asks)[1]["access-control-allow-methods"] == (
        "get,delete,options"
    )

    def page(operation: str, **asked: object) -> tuple[int, dict[str, str], str]:
        body = json.dumps(asked)
        return raw(
            emulator.port,
            "POST / HTTP/1.1",
            f"Origin: {emulator.url}",
            "Sec-Fetch-Site: same-origin",
            "Content-Type: application/x-amz-json-1.1",
            f"X-Amz-Target: AWSCognitoIdentityProviderService.{operation}",
            f"Content-Length: {len(body)}",
            body=body,
        )

    client, name = stack.target.client_id, f"p-{secrets.token_hex(4)}"
    email = [{"Name": "email", "Value": f"{name}@example.com"}]
    sign_up = page("SignUp", ClientId=client, Username=name, Password=PASSWORD, UserAttributes=email)
    confirm = page("ConfirmSignUp", ClientId=client, Username=name, ConfirmationCode="123456")
    assert (sign_up[0], confirm[0]) == (200, 200)
    player = stack.queue.players.get(json.loads(sign_up[2])["UserSub"])
    assert player is not None
    assert player.username == name
    words = {"USERNAME": name, "PASSWORD": PASSWORD}
    signed = page("InitiateAuth", ClientId=client, AuthFlow="USER_PASSWORD_AUTH", AuthParameters=words)
    token = json.loads(signed[2])["AuthenticationResult"]["IdToken"]
    own = (f"Origin: {emulator.url}", f"Authorization: Bearer {token}")
    assert raw(emulator.port, f"GET {at.path} HTTP/1.1", *own)[0] == 200
    assert page("ListUsers", UserPoolId=stack.target.user_pool_id)[0] == 403
    assert raw(emulator.port, "GET /restapis HTTP/1.1", "Sec-Fetch-Site: same-origin")[0] == 403


def test_it_listens_on_loopback_only(emulator: Running) -> None:
    inodes = set()
    for fd in Path(f"/proc/{emulator.pid}/fd").iterdir():
        with suppress(FileNotFoundError):  # it has been closed meanwhile, and does not listen
            inodes.add(str(fd.readlink()))
    listening = []
    for table in ("tcp", "tcp6"):
        for row in Path(f"/proc/net/{table}").read_text().splitlines()[1:]:
            words = row.split()
            if words[3] == "0A" and f"socket:[{words[9]}]" in inodes:
                listening.append(words[1])
    assert listening == [f"0100007F:{emulator.port:04X}"]


def test_up_again_finds_it_and_its_state_survives_a_stop(tmp_path: Path) -> None:
    one = Emulator(tmp_path / ".loginq")
    listed = "https://game.example"
    found = one.up(free_port(), [listed])
    assert one.up() == found
    asks = (f"Origin: {listed}", "Access-Control-Request-Method: POST")
    assert raw(found.port, "OPTIONS / HTTP/1.1", *asks)[1]["access-control-allow-origin"] == listed
    with pytest.raises(Invalid, match="already running on port"):
        one.up(found.port + 1)
    found.aws().client("sqs").create_queue(QueueName="kept")
    assert one.down() is True
    assert (one.running(), one.died(), one.down()) == (None, False, False)
    with pytest.raises(Invalid, match=f"belongs to port {found.port}"):
        one.up(found.port + 1)
    again = one.up()
    assert (again.port, again.origins) == (found.port, (listed,))
    assert raw(found.port, "OPTIONS / HTTP/1.1", *asks)[0] == 204
    assert "kept" in again.aws().client("sqs").list_queues()["QueueUrls"][0]
    one.reset()
    assert not one.folder.exists()


def test_a_dead_process_is_noticed_and_the_next_sees_nothing_of_the_users_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the emulator sees, its functions see."""
    one = Emulator(tmp_path / ".loginq")
    found = one.up(free_port())
    os.kill(found.pid, signal.SIGKILL)
    until(lambda: one.running() is None)
    assert one.died()
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "a real secret")
    again = one.up()
    assert again.pid != found.pid
    assert not one.died()
    assert b"a real secret" not in Path(f"/proc/{again.pid}/environ").read_bytes()
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

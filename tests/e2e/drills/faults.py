"""A bad line between the Lambdas and their AWS: a proxy in front of the emulator that makes DynamoDB fail."""

import threading
from collections import Counter
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from random import Random
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

from tests.e2e.conftest import PATIENCE, Stack

_DYNAMODB = "DynamoDB_20120810."
_THROTTLED = (
    b'{"__type": "com.amazonaws.dynamodb.v20120810#ProvisionedThroughputExceededException", "message": "drill"}'
)
_BROKEN = b'{"__type": "com.amazonaws.dynamodb.v20120810#InternalServerError", "message": "drill"}'


class Faults:
    """While it is entered, every function of `stack` calls AWS through it.

    `share` of the DynamoDB calls fail: throttled, or, with `broken`, also with a 500 after they took effect.
    """

    def __init__(self, stack: Stack, share: float = 0.0, *, broken: bool = False) -> None:
        self.stack, self.share, self.broken = stack, share, broken
        self.seen: Counter[str] = Counter()
        self._random, self._lock = Random(), threading.Lock()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        self._point(f"http://127.0.0.1:{self._server.server_port}")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._point(None)
        self._server.shutdown()
        self._server.server_close()

    def _point(self, url: str | None) -> None:
        """The functions' environment with this address of AWS, so that each of them starts anew."""
        lambdas = self.stack.aws.client("lambda")
        for each in self.stack.deployment.stack.resources():
            if each["ResourceType"] == "AWS::Lambda::Function":
                name = each["PhysicalResourceId"]
                variables = lambdas.get_function_configuration(FunctionName=name)["Environment"]["Variables"]
                variables = {key: value for key, value in variables.items() if key != "AWS_ENDPOINT_URL"}
                variables |= {} if url is None else {"AWS_ENDPOINT_URL": url}
                lambdas.update_function_configuration(FunctionName=name, Environment={"Variables": variables})

    def _fault(self, target: str) -> str:
        if not target.startswith(_DYNAMODB):
            return ""
        with self._lock:
            fails = self._random.random() < self.share
            fault = self._random.choice(["throttled", "broken"] if self.broken else ["throttled"]) if fails else ""
            self.seen[fault] += 1
        return fault

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        faults, emulator = self, urlsplit(str(self.stack.target.endpoint_url)).netloc

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                fault = faults._fault(self.headers.get("X-Amz-Target", ""))
                if fault == "throttled":
                    self._answer(400, _THROTTLED)
                    return
                upstream = HTTPConnection(emulator, timeout=PATIENCE)
                upstream.request(self.command, self.path, body, {**dict(self.headers), "Host": emulator})
                answer = upstream.getresponse()
                status, content = answer.status, answer.read()
                upstream.close()
                if fault == "broken":
                    status, content = 500, _BROKEN
                self._answer(status, content, answer.headers.get("Content-Type"))

            do_GET = do_POST  # noqa: N815 - the name that http.server calls

            def _answer(self, status: int, body: bytes, kind: str | None = None) -> None:
                self.send_response(status)
                self.send_header("Content-Type", kind or "application/x-amz-json-1.0")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None: ...

        return Handler

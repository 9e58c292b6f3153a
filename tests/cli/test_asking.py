"""A network that stands still: what is said meanwhile, and at the end what is known of a change."""

import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from typing import Any

import pytest
from botocore.exceptions import ReadTimeoutError
from moto.core.botocore_stubber import BotocoreStubber

from loginq.cli import asking, console, play, session
from loginq.cli.asking import Asking
from loginq.service.operations.target import Target
from loginq.service.rules.errors import Unavailable
from loginq.service.rules.line import Line
from loginq.service.store.queue import Queue
from tests.cli.conftest import Run, settled
from tests.serving import Reply, serving

MORE = "More: `loginq guide errors`."


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """One attempt a call, and no time before it is said that AWS is asked."""
    monkeypatch.setattr(session, "connection", partial(session.connection, patience=(1, 2)))
    monkeypatch.setattr(asking, "SILENCE", 0.01)


@pytest.fixture
def told(impatient: None, monkeypatch: pytest.MonkeyPatch) -> threading.Event:
    """Set as soon as somebody was told that AWS is asked."""
    told, say = threading.Event(), asking.ASKING.tell

    def tell(silent: float) -> None:
        say(silent)
        told.set()

    monkeypatch.setattr(asking.ASKING, "tell", tell)
    monkeypatch.setattr(asking.ASKING, "_timer", None)  # one of another test would be waited for
    return told


@pytest.fixture
def mute(told: threading.Event) -> Iterator[str]:
    """An endpoint that takes whatever it is asked and says nothing; once somebody was told so, it hangs up."""
    server = socket.create_server(("127.0.0.1", 0))

    def hold() -> None:
        while True:
            try:
                taken, _ = server.accept()
            except OSError:  # the test is over
                return
            with taken:
                told.wait(30)

    threading.Thread(target=hold, daemon=True).start()
    yield f"http://127.0.0.1:{server.getsockname()[1]}"
    server.shutdown(socket.SHUT_RDWR)
    server.close()


def test_nothing_is_mute_while_aws_says_nothing(
    run: Run, target: Target, mute: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    there = replace(target, endpoint_url=mute, api_url=f"{mute}/v1", sqs_url=f"{mute}/intake")
    for name, value in there.names().items():
        monkeypatch.setenv(name, value)
    screen = run("queue", "pause")
    lines = screen.err.splitlines()
    assert screen.code == 1 and "Asking AWS …" in lines  # perhaps more than once, so impatient is this one
    first, error, hint = (line for line in lines if line != "Asking AWS …")
    assert first.startswith("Target: emulator 127.0.0.1:")
    assert error.startswith("Error: AWS did not answer: ")
    assert hint == f"Check the network, or `loginq local status`. Nothing was changed. {MORE}"
    assert "changed" not in run("queue", "stats").err


@pytest.fixture
def unanswered(monkeypatch: pytest.MonkeyPatch) -> Callable[[BaseException], None]:
    """Has every write of the table end in this, once it was sent."""

    def ending(fault: BaseException) -> None:
        def answer(self: Any, event_name: str, request: Any, **given: Any) -> Any:
            answered = stub(self, event_name, request, **given)
            if event_name == "before-send.dynamodb.PutItem":
                raise fault
            return answered

        stub = BotocoreStubber.__call__
        monkeypatch.setattr(BotocoreStubber, "__call__", answer)

    return ending


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        (("queue", "pause"), "Whether this was done is not known; the same command again does no harm."),
        (("rate", "set", "25"), "Whether this was done is not known; the same command again does no harm."),
        (
            ("rate", "set", "+10%"),
            "Whether this was done is not known, and twice is not the same as once: look first, with "
            "`loginq queue audit`.",
        ),
    ],
    ids=["pause", "rate", "rate by what is"],
)
def test_a_change_without_an_answer_is_not_known(
    run: Run,
    deployed: Target,
    queue: Queue,
    impatient: None,
    unanswered: Callable[[BaseException], None],
    words: tuple[str, ...],
    hint: str,
) -> None:
    settled(queue, Line(rate=20_000))
    unanswered(ReadTimeoutError(endpoint_url="https://dynamodb"))
    screen = run(*words)
    assert screen.code == 1
    assert screen.err.endswith(f"Check the network, or `loginq local status`. {hint} {MORE}")


def test_who_ends_a_command_in_the_middle_of_a_change_is_told_so(
    run: Run, deployed: Target, queue: Queue, unanswered: Callable[[BaseException], None]
) -> None:
    settled(queue, Line(rate=20_000))
    unanswered(KeyboardInterrupt())
    screen = run("queue", "pause")
    assert screen.code == 130
    assert "Whether this was done is not known; the same command again does no harm." in screen.err
    assert queue.lines.read().paused  # it was


def test_it_is_said_again_and_not_over_what_is_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asking, "SILENCE", 0.01)
    monkeypatch.setattr(asking, "AGAIN", 0.0)
    said, twice = list[float](), threading.Semaphore(0)

    def tell(silent: float) -> None:
        said.append(silent)
        twice.release()

    asks = Asking(tell)
    asks.hushed = 1
    with asks("get_item"):
        assert not twice.acquire(timeout=0.05)
        asks.hushed = 0
        assert twice.acquire(timeout=30) and twice.acquire(timeout=30)
    assert sorted(said) == said and asks.changes == 0


@pytest.mark.parametrize(
    ("operation", "is_change"),
    [
        *[(name, False) for name in ("", "get_item", "admin_get_user", "describe_stacks", "query")],
        *[
            (name, True)
            for name in ("put_item", "admin_create_user", "batch_execute_statement", "execute_change_set", "invoke")
        ],
    ],
)
def test_what_is_a_change(operation: str, is_change: bool) -> None:
    asks = Asking(lambda silent: None)
    with pytest.raises(Unavailable), asks(operation):
        raise Unavailable("AWS did not answer.")
    assert (asks.changes, asks.cut_off) == (is_change, is_change)


def test_a_player_is_not_left_alone_either(told: threading.Event, capsys: pytest.CaptureFixture[str]) -> None:
    def answer(method: str, path: str) -> Reply:
        told.wait(30)
        return Reply({"ticket": "t", "poll_after_seconds": 1})

    with serving(answer) as server:
        assert play._Game(server.url, lambda renew=False: "token").login()["ticket"] == "t"
    assert "Asking AWS …\n" in capsys.readouterr().err


def test_nothing_is_said_into_the_question_for_a_code(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session, "typed_code", lambda prompt: f"{prompt}{asking.ASKING.hushed}")
    assert session._typed_code("MFA ") == "MFA 1" and not asking.ASKING.hushed


def test_long_work_without_a_terminal_says_what_it_is(
    impatient: None, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    said, say = threading.Event(), console.say
    monkeypatch.setattr(console, "say", lambda text: [say(text), said.set()])  # type: ignore[func-returns-value]
    with console.progress("Examining", None) as advance:
        assert said.wait(30)
        advance()
    assert capsys.readouterr().err == "Examining …\n"

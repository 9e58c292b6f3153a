"""What is drawn: foreign text that no terminal obeys, instants by their own day's offset, full outputs."""

import io
import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loginq.cli import console, logs
from loginq.cli.output import HIDDEN, Output, Unwritable, folded, plain
from loginq.service.rules.errors import Invalid

HOSTILE = "\x1b]0;mine\x07\x1b[2J\x9b31m\r\x00\x7f\u202e\u2066\u200b\ufeff[/red]:smile:=1+1"


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    encoding = "utf-8"

    def isatty(self) -> bool:
        return True


@given(st.text())
def test_nothing_that_a_terminal_obeys_is_left(text: str) -> None:
    drawn = plain(text)
    assert not HIDDEN.search(drawn)
    assert all(letter >= " " or letter in "\t\n" for letter in drawn)
    assert plain(drawn) == drawn


def test_what_is_hidden_is_seen_and_what_is_not_is_as_it_was() -> None:
    assert plain("\x1b[2J\u202eadA\r\n") == "\\x1b[2J\\u202eadA\\x0d\n"
    for name in ("José", "김철수", "👩‍👩‍👧‍👦" * 20, "[/red]", "a\tb", "=1+1", "عمر", "नमस्ते"):
        assert plain(name) == name


def test_every_way_of_drawing_goes_through_it(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = Terminal()
    monkeypatch.setenv("COLUMNS", "400")
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.delenv("NO_COLOR")
    monkeypatch.setattr("sys.stdout", screen)
    monkeypatch.setattr("sys.stderr", screen)
    console.say(HOSTILE)
    console.done(HOSTILE)
    console.error(Invalid(HOSTILE, HOSTILE))
    console.document({"name": HOSTILE})
    console.table([HOSTILE], [(HOSTILE,)], empty="")
    console.table(["a"], [], empty=HOSTILE)
    console.facts(HOSTILE, [(HOSTILE, HOSTILE)])
    console.lines([HOSTILE])
    console.draw(console.columns([(HOSTILE, HOSTILE)]))
    logs.draw_line(0, "INFO", HOSTILE, HOSTILE, {"name": HOSTILE, HOSTILE: [HOSTILE]})
    with console.progress(HOSTILE, 1) as advance:
        advance(1, HOSTILE)
    drawn = screen.getvalue()
    assert drawn.count("[/red]:smile:=1+1") >= 14
    for code in ("\x1b]0;", "\x1b[2J\\x9b", "\x9b", "\x07", "\u202e", "\u2066", "\ufeff", "\x00"):
        assert code not in drawn


def test_json_reads_back_as_it_was(capsys: pytest.CaptureFixture[str]) -> None:
    console.document({"name": HOSTILE})
    out = capsys.readouterr().out
    assert json.loads(out) == {"name": HOSTILE}
    assert not HIDDEN.search(out.rstrip("\n"))


class Full(io.StringIO):
    def flush(self) -> None:
        raise OSError(28, "No space left on device")


def test_a_full_stdout_has_words_and_a_full_stderr_is_quiet(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdout", Full())
    monkeypatch.setattr("sys.stderr", Full())
    draws: list[Callable[[], None]] = [
        lambda: console.document(1), lambda: console.lines(["x"]), lambda: console.facts("x", [])
    ]  # fmt: skip
    for draw in draws:
        with pytest.raises(Unwritable, match="stdout: No space left on device") as said:
            draw()
        assert "queue audit" in said.value.hint
    console.say("x")
    console.done("x")


def test_a_closed_output(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdout", None)
    monkeypatch.setattr("sys.stderr", None)
    with pytest.raises(Unwritable, match="Bad file descriptor"):
        console.document(1)
    console.say("x")
    assert not console.is_live(console.err())


def test_a_reader_who_has_gone_is_left_to_click() -> None:
    class Gone(io.StringIO):
        def write(self, text: str) -> int:
            raise BrokenPipeError(32, "Broken pipe")

    with pytest.raises(BrokenPipeError):
        Output(Gone(), "stdout").write("x")


@pytest.mark.parametrize("name", ["FORCE_COLOR", "TTY_COMPATIBLE"])
def test_wished_colours_make_no_live_screen_of_a_log(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv(name, "1")
    monkeypatch.setattr("sys.stdout", io.StringIO())
    assert not console.is_live(console.out())
    monkeypatch.setattr("sys.stdout", Terminal())
    monkeypatch.setenv("TERM", "xterm")
    assert console.is_live(console.out())


def test_a_width_of_zero_is_none(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("COLUMNS", "0")
    console.table(["name"], [("ada",)], empty="")
    assert "ada" in capsys.readouterr().out


@pytest.fixture
def zone(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    def be(name: str) -> None:
        monkeypatch.setenv("TZ", name)
        time.tzset()

    yield be
    monkeypatch.undo()
    time.tzset()


@pytest.mark.parametrize(
    ("place", "shown"),
    [
        ("Europe/Berlin", ["2027-01-01 13:00:00 CET", "2027-07-01 14:00:00 CEST"]),
        ("America/New_York", ["2027-01-01 07:00:00 EST", "2027-07-01 08:00:00 EDT"]),
        ("Asia/Seoul", ["2027-01-01 21:00:00 KST", "2027-07-01 21:00:00 KST"]),
    ],
)
def test_an_instant_has_the_offset_of_its_own_day(zone: Any, place: str, shown: list[str]) -> None:
    zone(place)
    assert [console.moment(t) for t in (1_798_804_800_000, 1_814_443_200_000)] == shown


def test_an_instant_beyond_all_calendars_is_a_number() -> None:
    assert console.moment(10**18) == "instant 1,000,000,000,000,000,000 ms"
    assert console.moment(None) == console.DASH


def test_the_folder_may_be_gone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from loginq.deploy import envfile

    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    assert envfile.read() == {}


@pytest.mark.parametrize(
    ("text", "width", "lines"),
    [
        ("short", 20, ["short"]),
        ("one two three four", 9, ["one two", "three", "four"]),
        ("Create one with `loginq users create NAME`.", 30, ["Create one with", "`loginq users create NAME`."]),
        ("`loginq deploy --param BatchSize=500` first", 20, ["`loginq deploy --param BatchSize=500`", "first"]),
        ("\n  two in\nand\n\nnext", 10, ["", "  two in", "and", "", "next"]),
        ("김철수 김철수", 10, ["김철수", "김철수"]),
        ("", 10, [""]),
    ],
)
def test_nothing_breaks_inside_a_word_or_a_command(text: str, width: int, lines: list[str]) -> None:
    assert folded(text, width).split("\n") == lines


def test_what_is_said_folds_on_a_terminal_and_is_one_line_in_a_pipe(monkeypatch: pytest.MonkeyPatch) -> None:
    said = "There are no accounts yet. Create one with `loginq users create NAME --email ADDRESS`."
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("TERM", "xterm-256color")
    for screen, shown in ((Terminal(), said.replace(" with `", " with\n`")), (io.StringIO(), said)):
        monkeypatch.setattr("sys.stderr", screen)
        console.say(said)
        assert screen.getvalue() == f"{shown}\n"


def test_a_line_of_a_log_folds_between_words_on_a_terminal_and_is_one_line_elsewhere(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("COLUMNS", "50")
    monkeypatch.setenv("TERM", "xterm-256color")
    for screen, lines in ((Terminal(), 2), (io.StringIO(), 1)):
        monkeypatch.setattr("sys.stdout", screen)
        logs.draw_line(0, "INFO", "settle_line", "call", {"counted_to": 2_500})
        drawn = screen.getvalue().splitlines()
        assert len(drawn) == lines and "counted_to=2500" in drawn[-1]

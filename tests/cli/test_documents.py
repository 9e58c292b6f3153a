"""README and guide: what they name is there, what they say to type can be typed, what is made from code is current."""

import ast
import html
import json
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer.main

from lambdas import http
from loginq.cli import app, console
from loginq.cli.reference import commands, described
from loginq.deploy import template
from loginq.service.rules.errors import LoginError, LoginqError, Unavailable
from tests.cli.conftest import Run
from tests.documents import GUIDE, PAGES, PARTS, PICTURES, ROOT, names, remade

TEXTS = {page.stem: page.read_text(encoding="utf-8") for page in PAGES}
README = TEXTS["README"]
LOGINQ = typer.main.get_command(app)
_BLOCK = re.compile(r"^```(\w*)\n(.*?)^```", re.DOTALL | re.MULTILINE)
_SPAN = re.compile(r"`([^`]+)`")
_LINK = re.compile(r"]\(([^)\s]+)\)")
_FILE = re.compile(r"(?:loginq|lambdas|cloudformation|tests|\.ci|\.checkov|\.env\.example|\w+\.md)\b[\w/.-]*")
_STANDS_FOR = {"N": "5", "T": "10m", "NAME": "ada"}
"""What texts from elsewhere have for a value."""

pages = pytest.mark.parametrize("page", TEXTS)


def _prose(text: str) -> str:
    """A page without its blocks and without the list of commands, which are no lines to type."""
    return _BLOCK.sub("", re.sub(r"<!-- commands: begin -->.*<!-- commands: end -->", "", text, flags=re.DOTALL))


def _typed(text: str) -> Iterator[list[str]]:
    """The words of every line of `loginq` in a page: in its blocks for a shell, and in its sentences."""
    shells = [line for kind, block in _BLOCK.findall(text) if kind == "bash" for line in block.splitlines()]
    for line in [*shells, *_SPAN.findall(_prose(text))]:
        last = re.sub(r"^(.*&& )?(\.venv/bin/)?", "", line)
        if last.startswith("loginq "):
            yield [_STANDS_FOR.get(word, word) for word in shlex.split(last, comments=True)[1:]]


_AT_ONCE = {"--help", *(name for each in LOGINQ.params if each.callback is not None for name in each.opts)}
"""Options that act while they are parsed: one of them writes to the home folder."""


def _parse(command: Any, words: list[str], name: str = "loginq", above: Any = None) -> None:
    """What the real parser does with these words, and nothing of what the command does; raises what it raises.

    A command that is only named is no line to type: nothing of it has to be there but itself.
    """
    if words:
        context = command.make_context(name, words, parent=above)
        command = context.command
        if getattr(command, "commands", None):
            found, child, behind = command.resolve_command(context, [*context._protected_args, *context.args])
            _parse(child, behind, found, context)


def _anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, as forges make them."""
    heads = re.findall(r"^#+ (.*)", _BLOCK.sub("", page.read_text(encoding="utf-8")), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", head.lower()).replace(" ", "-") for head in heads}


def test_the_readme_is_short_and_leads_to_every_page() -> None:
    assert len(README.splitlines()) <= 130
    assert "loginq/guide/start.ko.md" in README.splitlines()[0]
    for page in GUIDE.glob("*.md"):
        assert f"(loginq/guide/{page.name})" in README, page.name


@pages
def test_what_is_made_from_the_code_is_current(page: str) -> None:
    assert TEXTS[page] == remade(TEXTS[page]), "run `python -m tests.documents`"


@pytest.mark.parametrize("picture", PICTURES, ids=lambda picture: picture.stem)
def test_each_picture_is_what_the_screens_show_today(picture: Path) -> None:
    assert picture.read_text(encoding="utf-8") == PICTURES[picture](), "run `python -m tests.documents`"


def test_everything_that_is_made_stands_somewhere() -> None:
    assert {name for text in TEXTS.values() for name in names(text)} == set(PARTS)
    shown = {link for text in TEXTS.values() for link in _LINK.findall(text) if link.endswith(".svg")}
    assert {Path(link).name for link in shown} == {path.name for path in GUIDE.glob("*.svg")}
    assert set(PICTURES) < set(GUIDE.glob("*.svg"))


@pages
def test_every_line_of_loginq_parses(page: str) -> None:
    for handed_in in ("players.csv", "vips.txt"):
        Path(handed_in).touch()
    for words in _typed(TEXTS[page]):
        if not _AT_ONCE & set(words):
            _parse(LOGINQ, words)


def test_every_command_is_listed_and_said_when_to_use() -> None:
    told = " ".join(_prose(text) + "".join(block for _, block in _BLOCK.findall(text)) for text in TEXTS.values())
    for words, _ in commands(LOGINQ):
        assert f"| `{' '.join(words)}" in TEXTS["commands"]
        assert " ".join(words) in told, words


def test_what_is_typed_in_the_picture_parses() -> None:
    drawn = html.unescape((GUIDE / "session.svg").read_text(encoding="utf-8")).replace("\xa0", " ")
    typed = re.findall(r">(loginq .*?)<", drawn)
    assert len(typed) == 4, typed
    for line in typed:
        _parse(LOGINQ, line.split()[1:])


@pages
def test_nothing_to_copy_is_broken_over_two_lines(page: str) -> None:
    assert [span for span in _SPAN.findall(_prose(TEXTS[page])) if "\n" in span] == []


@pages
def test_every_python_block_compiles(page: str) -> None:
    for kind, block in _BLOCK.findall(TEXTS[page]):
        if kind == "python":
            ast.parse(block)
        elif kind == "json":
            json.loads(block)


@pages
def test_every_file_that_is_named_is_there(page: str) -> None:
    named = {word for span in _SPAN.findall(_prose(TEXTS[page])) for word in span.split() if _FILE.fullmatch(word)}
    paths = {word for word in named if "/" in word or word.endswith((".md", ".yaml", ".example"))}
    assert {word for word in paths if not (ROOT / word).exists()} == set()


@pages
def test_every_link_within_leads_somewhere(page: str) -> None:
    (here,) = (each for each in PAGES if each.stem == page)
    for link in _LINK.findall(TEXTS[page]):
        path, _, anchor = link.partition("#")
        if "://" in path:
            continue
        there = (here.parent / path) if path else here
        assert there.is_file(), link
        assert not anchor or anchor in _anchors(there), link


def test_every_module_that_is_to_be_run_is_there() -> None:
    for module in set(re.findall(r"python -m (tests[.\w]+)", " ".join(TEXTS.values()))):
        place = ROOT / module.replace(".", "/")
        assert place.with_suffix(".py").is_file() or (place / "__main__.py").is_file(), module


def test_every_alarm_has_its_section() -> None:
    alarms = re.findall(r"^\| \[(\w+)]", TEXTS["alarms"], re.MULTILINE)
    assert len(alarms) >= 11
    assert {alarm.lower() for alarm in alarms} <= _anchors(GUIDE / "alarms.md")


def test_the_api_describes_every_error_that_there_is() -> None:
    ours, kinds = dict[str, int](), [LoginError]
    for kind in kinds:
        kinds += kind.__subclasses__()
        if "code" in vars(kind):
            ours[kind.code] = kind.status
    for fault in (Unavailable(""), LoginqError("")):
        status, body = http._error(fault)
        ours[body["error"]["code"]] = status
    by_gateway = set(re.findall(r'"code": "(\w+)"', json.dumps(template.load().document).replace('\\"', '"')))
    said = described()["x-errors"]
    assert set(said) == set(ours) | by_gateway
    assert {code: said[code]["status"] for code in ours} == ours
    assert all(each["means"] and each["do"] for each in said.values())
    error = described()["components"]["schemas"]["Error"]["properties"]["error"]["properties"]["code"]
    assert error["enum"] == sorted(said)
    answers = [
        answer for path in described()["paths"].values() for each in path.values() for answer in each["responses"]
    ]
    assert {str(each["status"]) for each in said.values()} <= {*answers, "500"}


def test_every_field_of_the_api_is_described() -> None:
    """The table of fields would have a gap, or none of them would be told."""
    schemas = described()["components"]["schemas"]
    for name in {*schemas["Standing"]["properties"], "ticket", "login_ticket", "login_status", "message"}:
        assert f"| `{name}` |" in TEXTS["api"], name


def test_the_list_of_pages(run: Run) -> None:
    screen = run("guide")
    assert screen.code == 0
    for page in GUIDE.glob("*.md"):
        title = page.read_text(encoding="utf-8").partition("\n")[0].removeprefix("# ")
        assert re.search(rf"^ ?{re.escape(page.stem)} +{re.escape(title)}$", screen.out, re.MULTILINE), page.stem
    assert screen.err == "Read one with `loginq guide TOPIC`."
    listed = json.loads(run("guide", "--json").out)
    assert listed["total"] == len(listed["items"]) == len(list(GUIDE.glob("*.md")))


def test_a_page_in_a_pipe_is_as_it_is_written_without_its_marks(run: Run) -> None:
    screen = run("guide", "limits")
    written = (GUIDE / "limits.md").read_text(encoding="utf-8")
    assert screen.code == 0 and not screen.err
    assert screen.out == re.sub(r"<!-- .* -->\n", "", written).strip()
    assert json.loads(run("guide", "limits", "--json").out)["topic"] == "limits"


def test_a_terminal_has_no_pictures(run: Run) -> None:
    written = (GUIDE / "alarms.md").read_text(encoding="utf-8")
    assert "![" in written
    for words in ((), ("--json",)):
        assert ".svg" not in run("guide", "alarms", *words).out


def test_a_page_that_is_not_there(run: Run) -> None:
    screen = run("guide", "../../README")
    assert screen.code == 3
    assert screen.err.splitlines()[0] == "Error: There is no page '../../README'."
    assert screen.err.splitlines()[1].startswith("There are: alarms, api, benchmarks, ")


def test_an_error_names_pages_that_are_there(run: Run) -> None:
    assert {*console.GUIDED.values()} <= {page.stem for page in GUIDE.glob("*.md")}
    assert run("queue", "stats").err.endswith(" More: `loginq guide operating`.")


def test_pages_are_completed(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("_LOGINQ_COMPLETE", "complete_bash")
    monkeypatch.setenv("COMP_WORDS", "loginq guide la")
    monkeypatch.setenv("COMP_CWORD", "2")
    assert run().out == "launch-day"

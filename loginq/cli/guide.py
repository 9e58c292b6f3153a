"""`loginq guide`: the pages that a forge shows, too, for whoever has only a terminal."""

import re
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from loginq.cli import console
from loginq.cli.command import Found, alone, command, listed
from loginq.service.rules.errors import NotFound, quoted

app = alone()

PAGES = Path(__file__).parents[1] / "guide"
_MARK = re.compile(r"^<!--.*-->\n|^!\[.*\]\(.*\)\n\n?", re.MULTILINE)
_TO_A_PAGE = re.compile(r"\[([^]]+)]\(([\w.-]+)\.md(?:#[\w-]+)?\)")
_TO_A_PART = re.compile(r"\[([^]]+)]\(#[\w-]+\)")


def topics(incomplete: str = "") -> list[str]:
    """The pages that there are and begin so."""
    return sorted(page.stem for page in PAGES.glob("*.md") if page.stem.startswith(incomplete))


@command(app, "loginq guide", "loginq guide launch-day")
def guide(
    topic: Annotated[
        str | None, typer.Argument(help="A page; without one, the list of them.", autocompletion=topics)
    ] = None,
) -> Found:
    """Show a page of the guide, or which there are."""
    if topic is not None:
        text = _page(topic)
        return Found({"topic": topic, "text": text}, partial(_draw, text))
    titles = [{"topic": each, "title": _page(each).partition("\n")[0].removeprefix("# ")} for each in topics()]

    def draw() -> None:
        console.table(["topic", "what it is"], [tuple(each.values()) for each in titles], empty="")
        console.say("Read one with `loginq guide TOPIC`.")

    return listed(None, titles, draw, len(titles))


def _draw(text: str) -> None:
    if console.is_live(console.out()):
        console.markdown(_TO_A_PART.sub(r"\1", _TO_A_PAGE.sub(r"\1 (`loginq guide \2`)", text)))
    else:
        console.lines(text.splitlines())


def _page(topic: str) -> str:
    """A page as Markdown, without pictures and what only its makers need.

    Raises `NotFound`, which names those that there are.
    """
    if topic not in topics():
        raise NotFound(f"There is no page {quoted(topic)}.", f"There are: {', '.join(topics())}.")
    return _MARK.sub("", (PAGES / f"{topic}.md").read_text(encoding="utf-8"))

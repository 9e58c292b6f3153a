"""What the documents take from elsewhere, made anew: `python -m tests.documents`."""

import re
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

from loginq.cli import reference
from loginq.deploy.assets import PACKAGE
from tests import night
from tests.benchmarks import idle

ROOT = Path(__file__).parents[1]
GUIDE = PACKAGE / "guide"
PAGES = [ROOT / "README.md", *sorted(GUIDE.glob("*.md"))]
PARTS: Mapping[str, Callable[[], str]] = {**reference.PARTS, "idle": idle.table}
PICTURES = {GUIDE / f"{name}.svg": partial(night.drawing, name) for name in night.SCREENS}


def names(text: str) -> list[str]:
    """The marks of a page."""
    return re.findall(r"<!-- (\S+): begin -->", text)


def remade(text: str) -> str:
    """A page in which every part between two marks is made anew."""
    for name in names(text):
        text = reference.between(text, name, PARTS[name]())
    return text


if __name__ == "__main__":
    for page in PAGES:
        page.write_text(remade(page.read_text(encoding="utf-8")), encoding="utf-8")
    for picture, draw in PICTURES.items():
        picture.write_text(draw(), encoding="utf-8")

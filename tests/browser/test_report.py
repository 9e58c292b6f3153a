"""The report's page in a browser: it says nothing, asks for nothing, runs nothing, fits a telephone, and is printed."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from loginq.cli import console
from loginq.cli.findings import local
from loginq.cli.page import write
from loginq.service.rules.act import Action
from loginq.service.rules.report import report_of
from tests.browser.chromium import Page, needed, opened
from tests.launch import ADA, acts, launch

pytestmark = pytest.mark.drills
T = 1_800_036_000_000


@pytest.fixture(scope="module")
def page() -> Iterator[Page]:
    binary = needed()
    with opened(binary) as page:
        yield page


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A launch in which much was done, some of it at once, and with a word that no screen has room for."""
    many = [Action(T + n * 20_000, ADA, "note", "", None, "x" * 400 if n == 3 else f"note {n}") for n in range(60)]
    found = report_of(list(launch(T, 150, 12_000)), actions=[*acts(T), *many])
    bill = {"bill": {"total_usd": 12.3, "prices": "2025-12"}}
    file = tmp_path / "launch.html"
    title = "aws 123456789012 ap-northeast-2 a-very-long-name-of-a-stack-for-the-launch-of-a-game"
    write(file, replace(found, bill=bill), title, local(found.since, found.until), console.moment(found.since))
    return file


@pytest.mark.parametrize("width", [360, 768, 1_200])
def test_nothing_sticks_out_on_any_screen(page: Page, file: Path, width: int) -> None:
    page.open(file.as_uri(), width)
    assert page.value("document.documentElement.scrollWidth") <= width
    outside = f"[...document.querySelectorAll('main *')].filter(each => each.getBoundingClientRect().right > {width})"
    assert page.value(f"{outside}.map(each => each.outerHTML.slice(0, 80))") == []
    small = (
        "[...document.querySelectorAll('*')].filter(each => parseFloat(getComputedStyle(each).fontSize) < 12).length"
    )
    assert page.value(small) == 0


def test_it_says_nothing_asks_for_nothing_and_runs_nothing(page: Page, file: Path) -> None:
    page.said.clear()
    page.open(file.as_uri(), 1_200)
    assert page.events("Log.entryAdded", "Runtime.consoleAPICalled", "Runtime.exceptionThrown") == []
    assert {each["request"]["url"] for each in page.events("Network.requestWillBeSent")} <= {file.as_uri(), "data:,"}
    assert page.value("document.scripts.length") == 0
    assert "<script>alert('x')</script>" in page.value("document.querySelector('.acts').innerText")
    assert page.value("document.title").startswith("Launch report aws")


def test_each_chart_is_drawn_and_each_mark_leads_to_what_was_done(page: Page, file: Path) -> None:
    page.open(file.as_uri(), 1_200)
    widths = "[...document.querySelectorAll('polyline')].map(each => each.getBoundingClientRect().width)"
    assert len(page.value(widths)) == 4 and min(page.value(widths)) > 900
    assert page.value("document.querySelectorAll('.bars rect, .plot rect').length") > 10
    led = "[...document.querySelectorAll('.marks a')].every(each => document.querySelector(each.getAttribute('href')))"
    said = str(page.value("[...document.querySelectorAll('.marks a')].map(each => each.innerText).join(' ')"))
    assert said.endswith("64") and page.value(led)


def test_it_is_printed(page: Page, file: Path) -> None:
    page.open(file.as_uri(), 1_200)
    assert page.pdf().startswith(b"%PDF-")
    page.do("Emulation.setEmulatedMedia", media="print")
    assert page.value("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    page.do("Emulation.setEmulatedMedia", media="")


def test_a_page_that_is_at_fault_is_found_out(page: Page, tmp_path: Path) -> None:
    """What the tests above look for is seen where it is."""
    file = tmp_path / "bad.html"
    file.write_text("<script>console.error('oh')</script><img src='http://127.0.0.1:9/'><p style='width:900px'>wide")
    page.said.clear()
    page.open(file.as_uri(), 360)
    assert page.events("Runtime.consoleAPICalled")
    assert "http://127.0.0.1:9/" in {each["request"]["url"] for each in page.events("Network.requestWillBeSent")}
    assert page.value("document.documentElement.scrollWidth") > 360

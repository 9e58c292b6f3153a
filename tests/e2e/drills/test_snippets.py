"""What the guide has for game servers with a key, in each language: as it stands there, against a real stack."""

import os
import re
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import pytest

from loginq.service.rules.settings import COUNTS
from tests.documents import GUIDE
from tests.e2e.conftest import Stack
from tests.world import operator

pytestmark = pytest.mark.drills

PARAMETERS = {"SessionReports": COUNTS}
PAGE = (GUIDE / "game-server.md").read_text(encoding="utf-8")
SNIPPETS = {
    language: text
    for language, text in re.findall(r"^```(\w+)\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)
    if "/sessions/eu-1" in text
}


class Language(NamedTuple):
    """How a snippet becomes a program that reports the count it is given, and ends with 0 when that was taken.

    Args:
        file: with the snippet, between `head` and `tail`; beside it `other`, where there is another.
        build, run: commands in their folder. needs: what brings the first word of `build`, or of `run`.
    """

    needs: str
    file: str
    build: str
    run: str
    head: str = ""
    tail: str = ""
    other: tuple[str, str] = ("", "")


LANGUAGES = {
    "bash": Language("curl", "report.sh", "curl --version", "bash report.sh"),
    "python": Language(
        "python3", "report.py", "", "python3 report.py",
        tail='import sys\nassert report({"in_game": int(sys.argv[1])}) == ["counted"]\n',
    ),
    "csharp": Language(
        "mono-devel", "Report.cs", "mcs -langversion:7 -r:System.Net.Http Report.cs Main.cs", "mono Report.exe",
        other=("Main.cs", "static class P { static void Main(string[] a) { Loginq.Report(int.Parse(a[0])).Wait(); } }"),
    ),
    "cpp": Language(
        "g++ and libcurl4-openssl-dev", "report.cpp",
        "g++ -std=c++17 -Wall -Wextra -Wpedantic -Werror -o report report.cpp -lcurl", "./report",
        head="#include <cstdlib>\n",
        tail='int main(int, char** a) {\n  return report(getenv("LOGINQ_SESSIONS_ENDPOINT"), getenv("LOGINQ_KEY"), '
        "atol(a[1])) == 200 ? 0 : 1;\n}\n",
    ),
    "go": Language(
        "golang-go", "report.go", "go build -o report report.go main.go", "./report",
        head="package main\n",
        other=(
            "main.go",
            'package main\nimport ("os"; "strconv")\nfunc main() {\n\tn, _ := strconv.Atoi(os.Args[1])\n'
            "\tif report(n) != nil { os.Exit(1) }\n}\n",
        ),
    ),
}  # fmt: skip


def test_every_snippet_is_here() -> None:
    assert SNIPPETS.keys() == LANGUAGES.keys()


@pytest.fixture(scope="module")
def key(stack: Stack) -> str:
    return operator(stack.queue).add_server_key("eu-1")


@pytest.mark.parametrize("name", LANGUAGES)
def test_a_game_server_counts_with_what_the_guide_has(stack: Stack, key: str, name: str, tmp_path: Path) -> None:
    language, holds = LANGUAGES[name], 100 + [*LANGUAGES].index(name)
    tool = (language.build or language.run).split()[0]
    if shutil.which(tool) is None:
        pytest.skip(f"there is no {tool} on this machine: install {language.needs}")
    text = SNIPPETS[name].replace("18442", "'$1'") if name == "bash" else SNIPPETS[name]
    (tmp_path / language.file).write_text(language.head + text + language.tail)
    if language.other[0]:
        (tmp_path / language.other[0]).write_text(language.other[1])
    env = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "GO111MODULE": "off"}
    if language.build:
        done(language.build, tmp_path, env)

    def counted() -> list[tuple[str, int]]:
        return [(each.name, each.in_game) for each in stack.queue.servers.every()]

    env |= {"LOGINQ_SESSIONS_ENDPOINT": stack.target.own_url, "LOGINQ_KEY": key}
    prints = done(f"{language.run} {holds}", tmp_path, env)
    assert name == "bash" or prints == ""  # what a game server prints is its studio's
    assert counted() == [("eu-1", holds)]
    with pytest.raises(AssertionError):
        done(f"{language.run} 1", tmp_path, env | {"LOGINQ_KEY": "another"})
    assert counted() == [("eu-1", holds)]


def done(command: str, folder: Path, env: Mapping[str, str]) -> str:
    """What it prints, run to its end, which is 0."""
    ran = subprocess.run(command.split(), cwd=folder, env=env, capture_output=True, text=True, timeout=120)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return ran.stdout

"""What the repository promises of itself: the form of its changelog, one list of checks, the Pythons it runs on."""

import re
import tomllib
from pathlib import Path

import yaml

from loginq.deploy.bundle import PYTHON

ROOT = Path(__file__).parents[2]
KINDS = {"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"}


def test_the_changelog_keeps_its_form() -> None:
    """https://keepachangelog.com/en/1.1.0/"""
    _, *versions = re.split(r"^## ", (ROOT / "CHANGELOG.md").read_text(), flags=re.MULTILINE)
    names = [version.splitlines()[0] for version in versions]
    assert names[0] == "[Unreleased]"
    assert [name for name in names[1:] if not re.fullmatch(r"\[\d+\.\d+\.\d+\] - \d{4}-\d\d-\d\d", name)] == []
    for version in versions:
        kinds = re.findall(r"^### (.*)$", version, flags=re.MULTILINE)
        assert len(kinds) == len(set(kinds)) and set(kinds) <= KINDS, kinds


def test_ci_runs_on_every_python_from_the_oldest_to_that_of_the_functions() -> None:
    workflow = yaml.safe_load((ROOT / ".github/workflows/ci.yml").read_text())["jobs"]["run"]
    oldest = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["requires-python"].removeprefix(">=")
    first, last = (int(version.partition(".")[2]) for version in (oldest, PYTHON))
    assert workflow["strategy"]["matrix"]["python"] == [f"3.{minor}" for minor in range(first, last + 1)]
    assert workflow["steps"][-1]["run"] == ".ci/run"


def test_what_is_checked_before_a_commit_is_what_ci_checks() -> None:
    ci = (ROOT / ".ci/run").read_text()
    hooks = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())["repos"][0]["hooks"]
    assert [hook["entry"] for hook in hooks if hook["entry"] not in ci] == []

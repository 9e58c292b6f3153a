"""pip, out of reach of the folder that somebody works in, and with only those settings that say where packages are."""

import ast
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from loginq.service.rules.errors import Failed

Run = Callable[..., "subprocess.CompletedProcess[str]"]
"""Runs a command as `subprocess.run` does."""
KEPT = (
    "index-url", "extra-index-url", "no-index", "find-links", "trusted-host", "proxy", "cert", "client-cert",
    "keyring-provider", "cache-dir", "no-cache-dir", "timeout", "default-timeout", "retries", "use-feature",
    "use-deprecated",
)  # fmt: skip
"""Settings of pip that say where packages come from, and how. All others say where they go, or which: `user`, `prefix`,
`target`, `dry-run`, `constraint`, … would break the bundle or empty it. https://pip.pypa.io/en/stable/cli/pip_install/
"""
_SETTING = re.compile(r"(global|install|:env:)\.([a-z-]+)=(.+)")


def call(words: list[str], run: Run = subprocess.run) -> "subprocess.CompletedProcess[str]":
    """Run `pip WORDS`. Raises `Failed` when pip's settings cannot be read.

    Neither the present folder nor PYTHONPATH is searched for modules (`-P`, `-E`), because a `types.py` or a folder
    `pip` of a game's repository would run with the operator's credentials.
    """
    with tempfile.TemporaryDirectory() as folder:
        return _run(words, {"PIP_CONFIG_FILE": os.devnull, **settings(folder, run)}, folder, run)


def settings(folder: str, run: Run = subprocess.run) -> dict[str, str]:
    """pip's settings that are kept, as its environment: files first, `PIP_*` over them, as pip itself has it."""
    given = {name: os.environ[name] for name in map(_variable, KEPT) if name in os.environ}
    if "PIP_CONFIG_FILE" in os.environ:
        given["PIP_CONFIG_FILE"] = str(Path(os.environ["PIP_CONFIG_FILE"]).absolute())
    # `config list` has a `--user` and its like of its own, which a file may set for every command.
    every = dict.fromkeys(("PIP_USER", "PIP_GLOBAL", "PIP_SITE", "PIP_QUIET", "PIP_VERBOSE"), "0")
    said = _run(["config", "list"], {**given, **every}, folder, run)
    if said.returncode:
        raise Failed(
            f"pip's settings cannot be read: {last_word(said)}",
            "Is pip installed here? See `python -m pip config list`.",
        )
    found = {(section, name): value for section, name, value in _listed(said.stdout)}
    chosen = {name: found[section, name] for section in ("global", "install", ":env:") for name in KEPT
              if found.get((section, name))}  # fmt: skip
    return {_variable(name): _anchored(value) for name, value in chosen.items()}


def last_word(said: "subprocess.CompletedProcess[str]") -> str:
    """The last line of what pip complained about."""
    return (said.stderr.strip().splitlines() or ["it said nothing"])[-1]


def _run(words: list[str], settings: dict[str, str], folder: str, run: Run) -> "subprocess.CompletedProcess[str]":
    bare = {name: value for name, value in os.environ.items() if not name.startswith("PIP_")}
    command = [sys.executable, "-E", "-P", "-m", "pip", "--disable-pip-version-check", "--no-input", *words]
    return run(command, cwd=folder, env={**bare, **settings}, capture_output=True, text=True, check=False)


def _listed(text: str) -> Iterator[tuple[str, str, str]]:
    """(section, name, value) of the lines `section.name='value'`."""
    for match in filter(None, map(_SETTING.fullmatch, text.splitlines())):
        yield match[1], match[2], str(ast.literal_eval(match[3]))


def _anchored(value: str) -> str:
    """A path that is relative to the present folder, named so that it is good in any other."""
    if Path(value).exists():
        return str(Path(value).absolute())
    return " ".join(Path(word).absolute().as_uri() if Path(word).exists() else word for word in value.split())


def _variable(name: str) -> str:
    return f"PIP_{name.upper().replace('-', '_')}"

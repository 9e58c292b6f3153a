"""The client files of `loginq client`, each made ready to play: compiled with its driver in a folder of its own."""

import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

import loginq.client

FILES = Path(loginq.client.__file__).parent / "files"
DRIVERS = Path(__file__).parent / "drivers"


@dataclass(frozen=True)
class Client:
    """One client file.

    Args:
        file: its name. driver: that of what plays it. tools: the commands that it needs. packages: Debian's for them.
        build: makes it ready in a folder that holds both; the command that plays it, without the address of the server.
    """

    name: str
    file: str
    driver: str
    tools: tuple[str, ...]
    packages: str
    build: Callable[[Path], list[str]]

    def made(self, folder: Path, text: str | None = None) -> list[str]:
        """The command that plays it; skips where a tool is missing, and says how to get it.

        `text`: of the file, where it is not as `loginq client` writes it.
        """
        if lacks := [tool for tool in self.tools if shutil.which(tool) is None]:
            how = f"`apt-get install {self.packages}`"
            pytest.skip(
                f"the {self.name} client cannot be made without {' and '.join(lacks)}: {how}; CI has all of them"
            )
        folder.mkdir(parents=True, exist_ok=True)
        (folder / self.file).write_text(text if text is not None else (FILES / self.file).read_text())
        shutil.copy(DRIVERS / self.driver, folder)
        return self.build(folder)


def compiled(*words: str | Path, within: Path) -> None:
    """A compiler's run, without a word of complaint."""
    done = subprocess.run([str(word) for word in words], cwd=within, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    assert not (done.stdout + done.stderr).strip(), done.stdout + done.stderr


def _python(folder: Path) -> list[str]:
    return [sys.executable, str(folder / "driver.py")]


def _typescript(folder: Path) -> list[str]:
    (folder / "package.json").write_text('{"type": "module"}')
    how = ("--strict", "--target", "es2020", "--module", "es2020", "--lib", "es2020,dom")
    compiled("tsc", *how, "driver.ts", within=folder)
    return ["node", str(folder / "driver.js")]


def page(folder: Path) -> dict[str, tuple[str, bytes]]:
    """What a browser needs to play the TypeScript client that was made there: path -> kind and bytes."""
    scripts = {f"/{name}": ("text/javascript", (folder / name).read_bytes()) for name in ("driver.js", "loginq.js")}
    return scripts | {"/": ("text/html", b"<!doctype html><script type=module src=/driver.js></script>")}


def _csharp(folder: Path) -> list[str]:
    """As Unity takes it: C# 7.2, without a warning."""
    how = ("-langversion:7.2", "-warn:4", "-warnaserror", "-r:System.Net.Http.dll", "-out:driver.exe")
    compiled("mcs", *how, "Driver.cs", "LoginqClient.cs", within=folder)
    return ["mono", str(folder / "driver.exe")]


def _cpp(folder: Path) -> list[str]:
    """The driver's HTTP is the guide's own."""
    guide = FILES.parents[1] / "guide" / "client.md"
    found = re.search("^```cpp\n(.*?)^```", guide.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)
    assert found
    (folder / "http.hpp").write_text(f"#pragma once\n{found[1]}")
    how = ("-std=c++17", "-Wall", "-Wextra", "-Wpedantic", "-Werror", "-Wconversion", "-Wshadow")
    compiled("g++", *how, "driver.cpp", "-o", "driver", "-lcurl", within=folder)
    return [str(folder / "driver")]


PYTHON = Client("python", "loginq_client.py", "driver.py", (), "", _python)
TYPESCRIPT = Client("typescript", "loginq.ts", "driver.ts", ("node", "tsc"), "nodejs node-typescript", _typescript)
CSHARP = Client("csharp", "LoginqClient.cs", "Driver.cs", ("mcs", "mono"), "mono-devel", _csharp)
CPP = Client("cpp", "loginq.hpp", "driver.cpp", ("g++", "curl-config"), "g++ libcurl4-openssl-dev", _cpp)
CLIENTS = (PYTHON, TYPESCRIPT, CSHARP, CPP)

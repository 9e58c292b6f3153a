"""`loginq --info`: which loginq this is, and what it runs on, for whoever has to find out why it is otherwise there."""

import json
import platform
import re
import subprocess
from contextlib import suppress
from importlib.metadata import Distribution, PackageNotFoundError, distribution, version
from pathlib import Path
from typing import Any

import loginq

_EXTRA = re.compile(r"extra == ['\"](\w+)")
_NAME = re.compile(r"[\w.-]+")
ROOT = Path(loginq.__file__).parents[1]


def info() -> dict[str, Any]:
    """Version, commit and place of loginq, what it runs on, and which extras are there."""
    installed = _installed()
    origin = json.loads((installed and installed.read_text("direct_url.json")) or "{}")
    return {
        "loginq": loginq.__version__,
        "commit": origin.get("vcs_info", {}).get("commit_id") or _checked_out(ROOT),
        "place": str(Path(loginq.__file__).parent),
        "from": origin.get("url", "an index" if installed else None),
        "python": platform.python_version(),
        "system": platform.platform(terse=True),
        "botocore": version("botocore"),
        "extras": {} if installed is None else _extras(installed),
    }


def _installed() -> Distribution | None:
    with suppress(PackageNotFoundError):
        return distribution("loginq")
    return None


def _checked_out(root: Path) -> str | None:
    """The commit of a checkout, None where this is none, or git is not there."""
    if not (root / ".git").exists():
        return None
    with suppress(OSError, subprocess.SubprocessError):
        asked = ["git", "-C", str(root), "rev-parse", "HEAD"]
        return subprocess.run(asked, capture_output=True, text=True, check=True, timeout=5).stdout.strip()
    return None


def _extras(installed: Distribution) -> dict[str, bool]:
    """Whether everything that an extra wants is installed."""
    wanted = dict[str, list[str]]()
    for requirement in installed.requires or []:
        if (extra := _EXTRA.search(requirement)) and (name := _NAME.match(requirement)):
            wanted.setdefault(extra[1], []).append(name[0])
    return {extra: all(map(_is_there, names)) for extra, names in wanted.items()}


def _is_there(name: str) -> bool:
    with suppress(PackageNotFoundError):
        return bool(version(name))
    return False

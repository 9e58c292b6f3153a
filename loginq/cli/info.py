"""`loginq --info`: which loginq this is, and what it runs on, for whoever has to find out why it is otherwise there."""

import json
import platform
import re
from contextlib import suppress
from importlib.metadata import Distribution, PackageNotFoundError, distribution, version
from pathlib import Path
from typing import Any

import loginq
from loginq.deploy.commit import commit

_EXTRA = re.compile(r"extra == ['\"](\w+)")
_NAME = re.compile(r"[\w.-]+")


def info() -> dict[str, Any]:
    """Version, commit and place of loginq, what it runs on, and which extras are there."""
    installed = _installed()
    origin = json.loads((installed and installed.read_text("direct_url.json")) or "{}")
    return {
        "loginq": loginq.__version__,
        "commit": origin.get("vcs_info", {}).get("commit_id") or commit(),
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

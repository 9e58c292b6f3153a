"""Which commit of loginq this is: known where the package runs from a checkout of its own, and nowhere else."""

import os
import subprocess
from pathlib import Path

from loginq.deploy.assets import PACKAGE

_SECONDS = 10
_DEPLOYED = ("loginq", "lambdas", "cloudformation")


def commit(root: Path = PACKAGE.parent) -> str | None:
    """The commit in hexadecimal, with `-dirty` where what is deployed from here is not what was committed.

    None for an installed package, also inside of somebody's own repository, and where git cannot tell.
    """
    said = _git(root, "rev-parse", "--show-toplevel", "HEAD").splitlines()
    if len(said) != 2 or Path(said[0]).resolve() != root.resolve():
        return None
    if not _git(root, "ls-files", "--", _DEPLOYED[0]):
        return None
    return said[1] + "-dirty" * bool(_git(root, "status", "--porcelain", "--", *_DEPLOYED))


def _git(root: Path, *words: str) -> str:
    """What git says; nothing where it is missing or refuses."""
    plain = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    command = ["git", "--no-optional-locks", "-C", str(root), *words]
    try:
        said = subprocess.run(command, env=plain, capture_output=True, text=True, timeout=_SECONDS, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return "" if said.returncode else said.stdout.strip()

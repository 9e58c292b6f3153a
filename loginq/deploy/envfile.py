"""The `.env` file: what `deploy` made, in the names that clients know; only our own lines are touched."""

from collections.abc import Mapping
from pathlib import Path

from dotenv import dotenv_values, set_key, unset_key

from loginq.service.errors import Failed, Invalid
from loginq.service.settings import EMULATOR_NAMES, NAMES, Target

ENV = Path(".env")


def read(path: Path = ENV) -> dict[str, str]:
    """What is set in it; nothing when there is none. Raises `Failed` when it cannot be read."""
    try:
        return {name: value for name, value in dotenv_values(path).items() if value is not None}
    except (OSError, UnicodeDecodeError) as exc:
        raise Failed(f"{path} cannot be read: {exc}.") from exc


def write(target: Target, path: Path = ENV) -> None:
    """Set our lines to `target`; take away those of an emulator when it is none.

    Raises `Failed`, with the lines to add by hand, when the file cannot be written; `Invalid` when an emulator's
    credentials would replace real ones.
    """
    ours, there = target.names(), read(path)
    emulated = "AWS_ENDPOINT_URL" in there
    if target.endpoint_url and not emulated and "AWS_ACCESS_KEY_ID" in there:
        raise Invalid(
            f"{path} holds AWS credentials of your own, which the emulator's would replace.",
            "Use the emulator in another folder, or move your credentials to a profile.",
        )
    try:
        if not path.exists():
            path.touch(mode=0o600)
        for name, value in ours.items():
            set_key(path, name, value, quote_mode="never")
        if emulated:
            _drop([name for name in EMULATOR_NAMES.values() if name not in ours], path)
    except OSError as exc:
        lines = "\n".join(f"{name}={value}" for name, value in ours.items())
        raise Failed(
            f"{path} cannot be written: {exc}.", f"The stack is deployed. Set these yourself:\n{lines}"
        ) from exc


def forget(path: Path = ENV) -> None:
    """Take our lines away, and the file if nothing is left. Real credentials that somebody put there stay."""
    emulated = "AWS_ENDPOINT_URL" in read(path)
    _drop([*NAMES.values(), *(EMULATOR_NAMES.values() if emulated else ())], path)
    if path.exists() and not path.read_text().strip():
        path.unlink()


def _drop(names: list[str], path: Path) -> None:
    present: Mapping[str, str] = read(path)
    for name in names:
        if name in present:
            unset_key(path, name, quote_mode="never")

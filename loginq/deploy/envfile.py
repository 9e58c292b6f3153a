"""The `.env` file: what `deploy` made, in the names that clients know; only our own lines are touched."""

import io
import os
import secrets
from collections.abc import Collection, Mapping
from pathlib import Path

from dotenv import dotenv_values
from dotenv.parser import parse_stream

from loginq.service.operations.target import EDGE_NAMES, EMULATOR_NAMES, NAMES, PLACE_NAMES, Target
from loginq.service.rules.errors import Failed, Invalid

ENV = Path(".env")
_BOM = "\ufeff"
_NOT_ALWAYS = {PLACE_NAMES["account"], *EDGE_NAMES.values(), NAMES["client_id"], NAMES["user_pool_id"]}
"""Lines of ours that a target may be without."""


def read(path: Path = ENV) -> dict[str, str]:
    """What is set in it; nothing when there is none. Raises `Failed` when it cannot be read."""
    found = dotenv_values(stream=io.StringIO(_text(path).removeprefix(_BOM)))
    return {name: value for name, value in found.items() if value is not None}


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
    gone = {*_NOT_ALWAYS, *(EMULATOR_NAMES.values() if emulated else ())} - set(ours)
    try:
        _rewrite(path, ours, gone)
    except OSError as exc:
        lines = "\n".join(f"{name}={value}" for name, value in ours.items())
        raise Failed(
            f"{path} cannot be written: {exc}.", f"The stack is deployed. Set these yourself:\n{lines}"
        ) from exc


def forget(path: Path = ENV) -> None:
    """Take our lines away, and the file if nothing is left. Real credentials that somebody put there stay."""
    emulated = EMULATOR_NAMES.values() if "AWS_ENDPOINT_URL" in read(path) else ()
    try:
        if path.exists():
            _rewrite(path, {}, {*NAMES.values(), *_NOT_ALWAYS, *emulated})
            if not _text(path).removeprefix(_BOM).strip():
                path.unlink()
    except OSError as exc:
        raise Failed(f"{path} cannot be written: {exc}.", "The stack is gone. Take its lines away yourself.") from exc


def _text(path: Path) -> str:
    """The file as it is, line ends and BOM included; empty when there is none."""
    try:
        return path.read_bytes().decode()
    except FileNotFoundError:
        return ""
    except (OSError, UnicodeDecodeError) as exc:
        raise Failed(f"{path} cannot be read: {exc}.", "It must be a text file in UTF-8.") from exc


def _rewrite(path: Path, ours: Mapping[str, str], gone: Collection[str]) -> None:
    """Set some lines and take some away; the others keep every byte, and a link stays one."""
    text, real = _text(path), path.resolve()
    end = "\r\n" if "\r\n" in text else "\n"
    bom = _BOM * text.startswith(_BOM)
    kept, left = list[str](), dict(ours)
    for binding in parse_stream(io.StringIO(text.removeprefix(_BOM), newline="")):
        if binding.key in ours:
            kept.append(f"{binding.key}={left.pop(binding.key)}{end}" if binding.key in left else "")
        elif binding.key not in gone:
            kept.append(binding.original.string)
    body = "".join(kept)
    body += end * bool(body and left and not body.endswith("\n"))
    body += "".join(f"{name}={value}{end}" for name, value in left.items())
    draft = real.with_name(f"{real.name}.{secrets.token_hex(4)}")
    mode = real.stat().st_mode & 0o777 if real.exists() else 0o600
    try:
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
            file.write((bom + body).encode())
        draft.replace(real)
    except BaseException:
        draft.unlink(missing_ok=True)
        raise

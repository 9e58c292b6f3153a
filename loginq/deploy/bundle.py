"""The zip that a Lambda runs from: the same input gives the same bytes, and their hash is its name."""

import hashlib
import io
import struct
import subprocess
import tempfile
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from loginq.deploy import pip
from loginq.deploy.assets import LAMBDAS, PACKAGE, REQUIREMENTS
from loginq.deploy.imports import missing, needed
from loginq.service.rules.errors import Failed

PYTHON = "3.13"
PLATFORMS = ("manylinux2014_aarch64", "manylinux_2_28_aarch64")
_WHEELS = [*(word for platform in PLATFORMS for word in ("--platform", platform)), "--python-version", PYTHON]
"""What pip is told of the machine that the wheels are for."""
AARCH64 = 183
"""EM_AARCH64, the `e_machine` of an ELF header: https://refspecs.linuxfoundation.org/elf/gabi4+/ch4.eheader.html"""
_EPOCH = (1980, 1, 1, 0, 0, 0)
"""The earliest time a zip can hold."""
_LEFT_OUT = ("__pycache__", "bin", "RECORD", "INSTALLER", "REQUESTED", "direct_url.json")
UNUSED = ("aws_lambda_powertools/event_handler", "cffi", "pycparser")
"""Parts of dependencies that nothing in a Lambda imports; cryptography needs only cffi's compiled half."""
_FOR_COMPILERS = (".pyi", ".h")


@dataclass(frozen=True, slots=True)
class Bundle:
    """The zip's bytes."""

    content: bytes

    @property
    def key(self) -> str:
        """Its S3 key."""
        return f"loginq/{hashlib.sha256(self.content).hexdigest()}.zip"


def build(*, for_aws: bool, run: pip.Run = subprocess.run) -> Bundle:
    """The bundle for AWS, with its dependencies as arm64 wheels, or for the emulator, which brings its own.

    Raises `Failed` when pip cannot get the wheels, one of them is for another machine, or something that a function
    imports is not among them. `run` runs pip.
    """
    files = dict(_own_files())
    if for_aws:
        with tempfile.TemporaryDirectory() as folder:
            _install(Path(folder), run)
            files |= _files(Path(folder))
        if wrong := foreign_objects(files):
            raise Failed(f"The bundle would hold objects that are not for arm64: {', '.join(wrong)}.")
        if lost := missing(files):
            raise Failed(
                f"The bundle would lack what its functions import: {', '.join(lost)}.",
                "Nothing was uploaded. pip said that it had installed it: see what `pip config list` says.",
            )
    return Bundle(_zip(files))


def sources_hash() -> str:
    """The hash of all that a bundle is made from: our files, the pinned requirements, Lambda's machine and Python."""
    made_from = [*_own_files(), ("requirements", REQUIREMENTS.read_bytes()), *((word, b"") for word in _WHEELS)]
    every = hashlib.sha256()
    for name, content in made_from:
        every.update(f"{name} {len(content)}\n".encode() + content)
    return every.hexdigest()


def foreign_objects(files: dict[str, bytes]) -> list[str]:
    """The names of shared objects that are not 64-bit little-endian ELF for aarch64."""
    return [
        name
        for name, content in sorted(files.items())
        if (content[:4] == b"\x7fELF" or ".so" in Path(name).suffixes)
        and (content[:6] != b"\x7fELF\x02\x01" or struct.unpack_from("<H", content, 18) != (AARCH64,))
    ]


def _own_files() -> Iterator[tuple[str, bytes]]:
    """The handlers, and of the package what they import."""
    every = [*LAMBDAS.glob("*.py"), *PACKAGE.rglob("*.py")]
    files = {_name(file): file.read_bytes() for file in every}
    yield from ((name, files[name]) for name in needed(files))


def _name(file: Path) -> str:
    return file.relative_to((LAMBDAS if file.is_relative_to(LAMBDAS) else PACKAGE).parent).as_posix()


def _install(folder: Path, run: pip.Run) -> None:
    """The pinned requirements, as wheels for Lambda's machine and Python, whatever this machine is."""
    words = ["install", "--quiet", "--no-compile", *_WHEELS, "--only-binary=:all:", "--no-deps", "--require-hashes"]
    said = pip.call([*words, "--target", str(folder), "--requirement", str(REQUIREMENTS)], run)
    if said.returncode:
        raise Failed(
            f"pip could not get the Lambdas' dependencies: {pip.last_word(said)}",
            "Is PyPI within reach, and pip installed?",
        )


def _files(folder: Path) -> dict[str, bytes]:
    files = (file for file in folder.rglob("*") if file.is_file())
    return {
        file.relative_to(folder).as_posix(): file.read_bytes()
        for file in files
        if not _is_left_out(file.relative_to(folder))
    }


def _is_left_out(file: Path) -> bool:
    named = any(part in _LEFT_OUT for part in file.parts)
    return named or file.suffix in _FOR_COMPILERS or any(file.is_relative_to(part) for part in UNUSED)


def _zip(files: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for name, content in sorted(files.items()):
            entry = zipfile.ZipInfo(name, _EPOCH)
            entry.create_system, entry.external_attr = 3, 0o644 << 16
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, content)
    return buffer.getvalue()

"""`loginq client`: what a studio's own launcher or game waits in line with, one file for each language."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from loginq import __version__
from loginq.cli import console
from loginq.cli.command import Found, alone, command
from loginq.cli.options import Yes, confirm
from loginq.service.rules.errors import Failed

app = alone()

FILES = Path(__file__).parents[1] / "client" / "files"
TITLE = "loginq's queue client"
"""How each file begins; the version is put behind it."""


class Language(StrEnum):
    """Those that there is a client in."""

    CSHARP = "csharp"
    CPP = "cpp"
    TYPESCRIPT = "typescript"
    PYTHON = "python"


NAMES = {
    Language.CSHARP: "LoginqClient.cs",
    Language.CPP: "loginq.hpp",
    Language.TYPESCRIPT: "loginq.ts",
    Language.PYTHON: "loginq_client.py",
}


def written(language: Language) -> str:
    """The file of a language as it is written: its head says of which version it is."""
    return (FILES / NAMES[language]).read_text(encoding="utf-8").replace(TITLE, f"{TITLE} {__version__}", 1)


@command(app, "loginq client csharp Assets/Scripts", "loginq client typescript src")
def client(
    language: Annotated[Language, typer.Argument(help="Which.", case_sensitive=False)],
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Where to write it; made if it is not there.")],
    yes: Yes = False,
) -> Found:
    """Write the client with which your own game waits in line.

    One file without dependencies, yours to keep and to change; its head says how to use it.
    """
    file, text = folder / NAMES[language], written(language)
    try:
        before = file.read_text(encoding="utf-8", errors="replace") if file.exists() else None
        if before not in (None, text):
            confirm(f"Replace {file}, which is another version or was changed?", yes)
        if before != text:
            folder.mkdir(parents=True, exist_ok=True)
            file.write_text(text, encoding="utf-8", newline="\n")
    except OSError as exc:
        at = folder if folder.exists() and not folder.is_dir() else file
        why = "it is no folder" if at == folder else exc.strerror
        raise Failed(f"{at} cannot be written: {why}.", "Choose another place.") from exc

    def draw() -> None:
        console.done(f"{file} was there already." if before == text else f"Wrote {file}.")
        console.say("Its head says how to use it. More: `loginq guide client`.")

    document = {"language": language.value, "file": str(file), "version": __version__, "changed": before != text}
    return Found(document, draw)

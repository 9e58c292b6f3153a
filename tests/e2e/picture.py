"""The README's picture: a session that really happens, on an emulator, drawn as SVG: `python -m tests.e2e.picture`."""

import re
import signal
import subprocess
import tempfile
from io import StringIO
from pathlib import Path

from rich._export_format import CONSOLE_SVG_FORMAT
from rich.console import Console
from rich.text import Text

from tests.documents import GUIDE
from tests.e2e.conftest import PASSWORD, free_port
from tests.e2e.terminal import LOGINQ, Terminal, environment

PICTURE = GUIDE / "session.svg"
WIDTH = 100
_FORMAT = re.sub(r"@font-face \{\{.*?\}\}\n", "", CONSOLE_SVG_FORMAT, flags=re.DOTALL)
"""Without the fonts that a picture would fetch from somebody else's server."""
_WATCHED = ["env", "LINES=26", *LOGINQ, "queue", "watch"]


def session(folder: Path) -> list[tuple[str, str]]:
    """What happened: each command with what its terminal showed, escapes and all."""

    def quietly(*words: str, stdin: str = "") -> None:
        subprocess.run(
            [*LOGINQ, *words], cwd=folder, env=environment({}), input=stdin, text=True, check=True, capture_output=True
        )

    def terminal(*words: str) -> Terminal:
        return Terminal([*LOGINQ, *words], {}, folder)

    quietly("local", "up", "--port", str(free_port()))
    try:
        quietly("deploy", "--local", "--yes")
        quietly("users", "create", "ada", "--email", "ada@example.com", "--password-stdin", stdin=f"{PASSWORD}\n")
        rate = terminal("rate", "set", "10")
        rate.end()
        crowd = terminal("load", "run", "--players", "250")
        crowd.end()
        watch = Terminal(_WATCHED, {}, folder)
        play = terminal("play", "--username", "ada")
        play.shows("Password: ")
        play.type(f"{PASSWORD}\n")
        play.shows(r"\b[5-9]\d ahead")
        watch.forget()
        watch.shows(r"(?s)\x1b\[H.*\x1b\[H")
        screen, panel = watch.drawn.split("\x1b[H")[-2], _last(r"╭.*?╯", play.drawn)
        play.end()
        watch.end(signal.SIGINT)
    finally:
        quietly("local", "down")
    return [
        ("loginq rate set 10", rate.drawn),
        ("loginq load run --players 250", _last(r"Target.*?\n", crowd.drawn) + _last(r"\S*✓.*", crowd.drawn)),
        ("loginq queue watch", screen),
        ("loginq play --username ada", panel + "\n" + _last(r"[^\n]*You are In.*", play.drawn)),
    ]


def _last(pattern: str, drawn: str) -> str:
    return str(re.findall(pattern, drawn, re.DOTALL)[-1])


def drawn(happened: list[tuple[str, str]]) -> str:
    """The SVG of a session."""
    paper = Console(record=True, width=WIDTH, file=StringIO(), force_terminal=True, color_system="truecolor")
    for command, shown in happened:
        paper.print(Text.assemble(("$ ", "bold green"), (command, "bold")))
        lines = [line.rstrip() for line in shown.replace("\r\n", "\n").splitlines()]
        paper.print(Text.from_ansi("\n".join(lines)))
    return paper.export_svg(title="loginq", code_format=_FORMAT, unique_id="loginq")


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        PICTURE.write_text(drawn(session(Path(folder))), encoding="utf-8")

"""The README's picture: a session that really happens, on an emulator, drawn as SVG: `python -m tests.e2e.picture`."""

import re
import signal
import subprocess
import tempfile
from pathlib import Path

from tests.documents import GUIDE
from tests.drawing import picture
from tests.e2e.conftest import PASSWORD, free_port
from tests.e2e.terminal import LOGINQ, Terminal, environment

PICTURE = GUIDE / "session.svg"
WIDTH = 100
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


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        PICTURE.write_text(picture(session(Path(folder)), WIDTH), encoding="utf-8")

"""TAB in real shells, where players have chosen their names to be run: no file appears, and ordinary names complete."""

import shutil
import sys
from pathlib import Path

import pytest

from tests.e2e.conftest import PASSWORD, Stack, until
from tests.e2e.terminal import Terminal

PARAMETERS: dict[str, str] = {}
"""A stack of its own: it has hostile players only."""

TRAP = "trapped"
HOSTILE = [
    f"mia\\$(id>{TRAP})", f"mia$(id>{TRAP})", f"mia`id>{TRAP}`", f"bob;id>{TRAP}", f"bob|id>{TRAP}", f"bob&id>{TRAP}",
    "*", "mia*", f"mia\\`id>{TRAP}\\`", f"-mia;id>{TRAP}", f"mia';id>{TRAP};'", f'bob";id>{TRAP};"', f"mia>{TRAP}",
    f"sam;id>{TRAP}",
]  # fmt: skip
SCRIPT = f"""#!{sys.executable}
import loginq.cli.completion
loginq.cli.completion.SECONDS = 60  # a busy machine's TAB, too, is to show what it would offer
loginq.cli.main()
"""
NAMES = [
    "users show", "users reset-password", "users disable", "users enable", "users delete", "players show",
]  # fmt: skip
"""The commands that complete a player's name."""
SHELLS = {
    "bash": (["bash", "--norc", "--noprofile", "-i"], 'eval "$(loginq completion bash)"'),
    "zsh": (["zsh", "-f", "-i"], 'autoload -Uz compinit; compinit -u -D; eval "$(loginq completion zsh)"'),
    "fish": (["fish", "--no-config", "-i"], "loginq completion fish | source"),
}


@pytest.fixture(scope="module")
def attacked(stack: Stack) -> Stack:
    """A pool whose players chose such names; the emulator takes any, Cognito most of these."""
    cognito = stack.aws.client("cognito-idp")
    for n, name in enumerate([*HOSTILE, "zoe.l"]):
        cognito.admin_create_user(
            UserPoolId=stack.target.user_pool_id,
            Username=name,
            TemporaryPassword=PASSWORD,
            MessageAction="SUPPRESS",
            UserAttributes=[{"Name": "email", "Value": f"{n}@example.com"}],
        )
    return stack


class Shell(Terminal):
    """A shell that completes loginq, in an empty folder."""

    def __init__(self, name: str, stack: Stack, home: Path) -> None:
        command, setup = SHELLS[name]
        (home / "bin").mkdir()
        script = home / "bin" / "loginq"
        script.write_text(SCRIPT)
        script.chmod(0o755)
        self.cwd = home / "here"
        self.cwd.mkdir()
        path = f"{home / 'bin'}:/usr/bin:/bin"
        names = {**stack.target.names(), "PATH": path, "HOME": str(home)}
        super().__init__(command, names, self.cwd)
        self.run(setup)

    def run(self, text: str) -> None:
        """Type a line, and wait until the shell has run it."""
        self.forget()
        self.type(text + "\r" + "echo fin''ished\r")
        self.shows(r"finished")


def tab(shell: Shell, words: str) -> None:
    """Complete these words, look, then leave the line without running it."""
    shell.run(f"loginq {words}\t\t\x15")


@pytest.mark.parametrize(
    "name", ["bash", pytest.param("zsh", marks=pytest.mark.drills), pytest.param("fish", marks=pytest.mark.drills)]
)
def test_tab_runs_nothing_and_completes_what_is_harmless(attacked: Stack, tmp_path: Path, name: str) -> None:
    if shutil.which(name) is None:
        pytest.skip(f"there is no {name} on this machine")
    shell = Shell(name, attacked, tmp_path)
    for words in NAMES if name != "bash" else NAMES[:1]:
        for start in ("mi", "bo", "") if name != "bash" else ("mi",):
            tab(shell, f"{words} {start}")
    shell.run("loginq users show sa\t")  # and Enter, on whatever TAB has made of it
    shell.run("loginq users show zo\t")
    assert "account zoe.l" in shell.drawn
    assert list(shell.cwd.iterdir()) == []
    shell.type("exit\r")
    until(lambda: shell.process.poll() is not None)

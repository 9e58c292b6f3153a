"""The command line as a program of its own, from a built wheel, in an empty folder, on an emulator of its own."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from loginq import __version__
from loginq.emulator import Emulator
from tests.e2e.conftest import PASSWORD, PATIENCE, free_port, in_process, until
from tests.e2e.terminal import LOGINQ

ROOT = Path(__file__).parents[2]
Loginq = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """loginq from its wheel, without the checkout."""
    folder = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder), str(ROOT)]
    subprocess.run(build, check=True, capture_output=True)
    (wheel,) = folder.glob("*.whl")
    site = folder / "site"
    pip = [
        sys.executable,
        "-m",
        "pip",
        "install",
        "--quiet",
        "--no-deps",
        "--no-index",
        "--no-compile",
        "--target",
        str(site),
        str(wheel),
    ]
    subprocess.run(pip, check=True, capture_output=True)
    return site


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """An empty folder; whatever emulator is started in it is stopped at the end."""
    empty = tmp_path_factory.mktemp("empty")
    yield empty
    Emulator(empty / ".loginq").down()


@pytest.fixture(scope="module")
def environment(installed: Path) -> dict[str, str]:
    kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    return {**kept, "PYTHONPATH": str(installed), "COLUMNS": "100", "LANG": "C.UTF-8"}


@pytest.fixture(scope="module")
def loginq(folder: Path, environment: dict[str, str]) -> Loginq:
    def run(*words: str, stdin: str = "", cwd: Path = folder) -> subprocess.CompletedProcess[str]:
        command = [*LOGINQ, *words]
        return subprocess.run(
            command, cwd=cwd, env=environment, input=stdin, capture_output=True, text=True, check=False, timeout=90
        )

    return run


@pytest.fixture
def there(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In the same folder, for what does not ask for the wheel: a process more costs a second of CPU."""
    monkeypatch.chdir(folder)


@pytest.fixture(scope="module")
def stack(loginq: Loginq, folder: Path) -> str:
    """Acceptance: one command in an empty folder."""
    assert loginq("local", "up", "--port", str(free_port())).returncode == 0
    done = loginq("deploy", "--local", "--yes")
    assert done.returncode == 0, done.stderr
    assert "✓ The stack 'loginq' is up." in done.stderr
    assert not (folder / "loginq").exists()
    return (folder / ".env").read_text()


def test_the_wheel_bears_the_version_of_the_package_and_its_types(loginq: Loginq, installed: Path) -> None:
    assert loginq("--version").stdout == f"loginq {__version__}\n"
    assert (installed / f"loginq-{__version__}.dist-info").is_dir()
    assert (installed / "loginq" / "py.typed").is_file()


def test_the_guide_travels_in_the_wheel(loginq: Loginq) -> None:
    done = loginq("guide", "down")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == (ROOT / "loginq" / "guide" / "down.md").read_text(encoding="utf-8")


def test_deploy_create_stats(loginq: Loginq, stack: str) -> None:
    created = loginq("users", "create", "ada", "--email", "ada@example.com", "--generate")
    assert created.returncode == 0, created.stderr
    stats = loginq("queue", "stats", "--json")
    document = json.loads(stats.stdout)
    assert (stats.returncode, document["line"]["state"], document["rate"]["per_second"]) == (0, "open", 20.0)
    assert document["target"].startswith("emulator 127.0.0.1:")
    shown = {"queue", "target", "intake", "line", "rate", "players", "servers", "eta_seconds", "eta_basis", "note"}
    assert set(document) == shown | {"settled_at", "counting_behind_seconds", "last_change", "door", "attention"}


def test_the_env_file_has_the_names_that_clients_know(stack: str) -> None:
    names = {line.partition("=")[0] for line in stack.splitlines()}
    assert names == {
        "COGNITO_USER_CLIENT_ID", "AWSOMEGAME_REST_ENDPOINT", "DYNAMO_TABLE_NAME", "SQS_URL", "COGNITO_USER_POOL_ID",
        "LOGINQ_STACK", "AWS_DEFAULT_REGION", "AWS_ENDPOINT_URL", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY",
    }  # fmt: skip


@pytest.mark.drills
def test_deploying_again_and_a_dry_run(loginq: Loginq, stack: str) -> None:
    dry = loginq("deploy", "--local", "--dry-run", "--param", "CorsOrigin=https://game.example")
    assert dry.returncode == 0
    assert "LoginCors" in dry.stderr and "Nothing was changed" in dry.stderr
    unasked = loginq("deploy", "--local", "--param", "CorsOrigin=https://game.example")
    assert (unasked.returncode, "--yes" in unasked.stderr) == (2, True)
    again = loginq("deploy", "--local", "--json")
    assert again.returncode == 0
    assert "No changes" in again.stderr
    assert json.loads(again.stdout)["applied"] is False


def test_status_and_a_stack_by_its_name(loginq: Loginq, stack: str, there: None) -> None:
    status = loginq("status", "--json")
    assert (status.returncode, json.loads(status.stdout)["healthy"]) == (0, True)
    assert in_process("--stack", "loginq", "queue", "stats", "--json")[0] == 0
    code, _, err = in_process("--stack", "nothing", "queue", "stats")
    assert (code, err.splitlines()[0]) == (3, "Error: There is no stack 'nothing' here.")


@pytest.mark.drills
def test_ctrl_c_keeps_the_place_and_a_dead_emulator_does_not_end_the_wait(
    loginq: Loginq, stack: str, folder: Path, environment: dict[str, str]
) -> None:
    assert loginq("queue", "pause").returncode == 0
    words = ("users", "create", "dan", "--email", "dan@example.com", "--password-stdin")
    assert loginq(*words, stdin=PASSWORD + "\n").returncode == 0

    def play() -> subprocess.Popen[str]:
        playing = subprocess.Popen(
            [*LOGINQ, "play", "--username", "dan", "--password-stdin", "--json"],
            cwd=folder,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert playing.stdin is not None
        playing.stdin.write(PASSWORD + "\n")
        playing.stdin.close()
        playing.stdin = None
        return playing

    def position() -> int | None:
        found = json.loads(loginq("players", "show", "dan", "--json").stdout)["position"]
        return None if found is None else int(found)

    first = play()
    place = until(position)
    first.send_signal(signal.SIGINT)
    _, said = first.communicate(timeout=PATIENCE)
    assert first.returncode == 130
    assert "Your place is kept. Come back with `loginq play --username dan`." in said

    again = play()
    assert again.stdout is not None
    assert json.loads(again.stdout.readline())["position"] == place
    assert loginq("local", "down").returncode == 0
    assert again.stderr is not None
    said = next(line for line in again.stderr if "Trouble" in line)
    assert "your place is kept" in said
    gone = loginq("queue", "stats")
    assert (gone.returncode, "loginq local up" in gone.stderr) == (3, True)
    assert loginq("local", "up").returncode == 0
    assert loginq("queue", "resume").returncode == 0
    out, said = again.communicate(timeout=120)
    assert again.returncode == 0, said
    last = json.loads(out.splitlines()[-1])
    assert (last["position"], last["login_status"]) == (place, True)


def test_destroy_says_what_it_keeps(loginq: Loginq, stack: str, folder: Path, there: None) -> None:
    assert in_process("destroy")[0] == 2
    gone = loginq("destroy", "--yes")
    assert gone.returncode == 0, gone.stderr
    assert "loginq-Table" in gone.stdout and "UserPool" in gone.stdout
    assert "loginq local reset" in gone.stderr
    assert not (folder / ".env").exists()
    assert in_process("queue", "stats")[0] == 3
    code, _, err = in_process("deploy", "--local", "--yes")
    assert (code, "would wipe it" in err) == (1, True)
    assert loginq("local", "reset", "--yes").returncode == 0
    assert json.loads(in_process("local", "status", "--json")[1])["running"] is False

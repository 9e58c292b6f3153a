"""`loginq local`: the embedded emulator, its state in `.loginq/` beside `.env`."""

from functools import partial
from typing import Annotated

import typer

from loginq.cli import console
from loginq.cli.command import Found, command, group, listed
from loginq.cli.irreversible import Loss, confirm_loss, counted_in
from loginq.cli.options import Yes
from loginq.cli.session import local_stack
from loginq.deploy import envfile
from loginq.emulator import REGION, Emulator, Running

app = group("The embedded emulator, for this machine alone.")


@command(app, "loginq local up")
def up(
    port: Annotated[
        int | None, typer.Option(min=1024, max=65_535, help="Its port; the first free one from 4566.")
    ] = None,
    origin: Annotated[
        list[str] | None,
        typer.Option(
            metavar="URL", help="Let the web page at this origin sign in; repeat it for more. Kept for the next time."
        ),
    ] = None,
) -> Found:
    """Start the emulator, or find it running."""
    emulator = Emulator()
    was = emulator.running()
    found = emulator.up(port, origin or None)
    said = f"The emulator is {'up' if was is None else 'already running'} at {found.url}."
    document = {"target": _name(emulator), "running": True, **_document(found), "started": was is None}
    return Found(document, partial(console.done, said))


@command(app, "loginq local down")
def down() -> Found:
    """Stop the emulator.

    It keeps its state for the next `up`.
    """
    emulator = Emulator()
    stopped = emulator.down()
    said = "The emulator is down; its state is kept." if stopped else "The emulator was not running."
    return Found({"target": _name(emulator), "running": False, "stopped": stopped}, partial(console.done, said))


@command(app, "loginq local status")
def status() -> Found:
    """Say whether the emulator runs, and where its state is."""
    emulator = Emulator()
    found, lives = emulator.running(), emulator.lives()
    died = not lives and emulator.died()
    facts: list[tuple[str, object]] = [("folder", emulator.folder), ("log", emulator.log)]
    noted = emulator.noted()
    if noted is not None and noted.origins:
        facts.append(("origins", ", ".join(noted.origins)))
    drawn = partial(console.facts, "emulator", [("state", _state(found, noted, lives, died)), *facts])
    state = {"running": found is not None, "lives": lives, "died": died, "folder": str(emulator.folder)}
    return Found({"target": _name(emulator), **(_document(found) if found else {}), **state}, drawn)


def _name(emulator: Emulator) -> str:
    """The target of all of these, which is no stack in it."""
    return f"emulator in {emulator.folder}"


def _document(found: Running) -> dict[str, object]:
    return {"pid": found.pid, "url": found.url, "origins": list(found.origins)}


def _state(found: Running | None, noted: Running | None, lives: bool, died: bool) -> str:
    if found is not None:
        return f"running at {found.url} (process {found.pid})"
    if lives:
        process = f"process {noted.pid}" if noted is not None and noted.pid else "its process"
        return f"not answering: {process} lives, and is busy, starting or stopped"
    if died:
        return "not running: its process ended without `loginq local down`, and what it had not written yet is lost"
    return "not running"


@command(app, "loginq local reset --yes")
def reset(yes: Yes = False) -> Found:
    """Stop the emulator and forget everything in it.

    The target in .env, too, if it was this.
    """
    emulator = Emulator()
    console.say(f"Target: {_name(emulator)}")
    confirm_reset(emulator, yes)
    emulator.reset()
    if "AWS_ENDPOINT_URL" in envfile.read():
        envfile.forget()
    document = {"target": _name(emulator), "running": False, "reset": True}
    return Found(document, partial(console.done, "The emulator is empty."))


def confirm_reset(emulator: Emulator, yes: bool) -> None:
    """Ask before everything in an emulator is forgotten, as before any other loss; the stack is the folder's own."""
    noted = emulator.noted()
    where = f"127.0.0.1:{noted.port}" if noted else "127.0.0.1"
    confirm_loss(f"emulator {where} {local_stack()}", partial(_loss, emulator), yes)


def _loss(emulator: Emulator) -> Loss:
    from loginq.deploy.deployment import Deployment
    from loginq.deploy.tags import stacks_of_ours

    what, found = f"Forget everything in the emulator of {emulator.folder}", emulator.running()
    if found is None:
        there = emulator.folder.exists()
        unknown = "it does not answer, so that nobody can count what is in it"
        return Loss(what, [unknown if there else "nothing is in it"], harms=there)
    aws, counts, harms = found.aws(), list[str](), False
    account = aws.client("sts").get_caller_identity()["Account"]
    for name in stacks_of_ours(aws):
        words, waits = counted_in(Deployment(aws, name, account, REGION))
        counts, harms = [*counts, f"in {name!r} {', '.join(words)}"], harms or waits
    return Loss(what, counts or ["nothing is deployed in it"], harms)


@command(app, "loginq local logs --lines 20")
def logs(lines: Annotated[int, typer.Option(min=1, help="How many, from the end.")] = 50) -> Found:
    """Print the end of the emulator's own log."""
    emulator = Emulator()
    text = emulator.log.read_text(errors="replace").splitlines() if emulator.log.exists() else []

    def draw() -> None:
        if not text:
            console.say("The emulator has said nothing.")
        console.lines(text[-lines:])

    return listed(_name(emulator), text[-lines:], draw, len(text))

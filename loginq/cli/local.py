"""`loginq local`: the embedded emulator, its state in `.loginq/` beside `.env`."""

from typing import TYPE_CHECKING, Annotated

import typer

from loginq.cli.options import Json, Yes, confirm, example, group

if TYPE_CHECKING:
    from loginq.emulator import Running

app = group("The embedded emulator, for this machine alone.")


@app.command(**example("loginq local up"))
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
    json: Json = False,
) -> None:
    """Start the emulator, or find it running."""
    from loginq.cli import console
    from loginq.emulator import Emulator

    emulator = Emulator()
    was = emulator.running()
    found = emulator.up(port, origin or None)
    if json:
        console.document({"running": True, **_document(found), "started": was is None})
    else:
        console.done(f"The emulator is {'up' if was is None else 'already running'} at {found.url}.")


@app.command(**example("loginq local down"))
def down(json: Json = False) -> None:
    """Stop the emulator. It keeps its state for the next `up`."""
    from loginq.cli import console
    from loginq.emulator import Emulator

    stopped = Emulator().down()
    if json:
        console.document({"running": False, "stopped": stopped})
    else:
        console.done("The emulator is down; its state is kept." if stopped else "The emulator was not running.")


@app.command(**example("loginq local status"))
def status(json: Json = False) -> None:
    """Say whether the emulator runs, and where its state is."""
    from loginq.cli import console
    from loginq.emulator import Emulator

    emulator = Emulator()
    found, lives = emulator.running(), emulator.lives()
    died = not lives and emulator.died()
    if json:
        running = _document(found) if found else {}
        state = {"running": found is not None, "lives": lives, "died": died}
        console.document({**running, **state, "folder": str(emulator.folder)})
        return
    facts: list[tuple[str, object]] = [("folder", emulator.folder), ("log", emulator.log)]
    noted = emulator.noted()
    if noted is not None and noted.origins:
        facts.append(("origins", ", ".join(noted.origins)))
    console.facts("emulator", [("state", _state(found, noted, lives, died)), *facts])


def _document(found: "Running") -> dict[str, object]:
    return {"pid": found.pid, "url": found.url, "origins": list(found.origins)}


def _state(found: "Running | None", noted: "Running | None", lives: bool, died: bool) -> str:
    if found is not None:
        return f"running at {found.url} (process {found.pid})"
    if lives:
        process = f"process {noted.pid}" if noted is not None and noted.pid else "its process"
        return f"not answering: {process} lives, and is busy, starting or stopped"
    if died:
        return "not running: its process ended without `loginq local down`, and what it had not written yet is lost"
    return "not running"


@app.command(**example("loginq local reset --yes"))
def reset(yes: Yes = False, json: Json = False) -> None:
    """Stop the emulator and forget everything in it.

    The target in .env, too, if it was this.
    """
    from loginq.cli import console
    from loginq.deploy import envfile
    from loginq.emulator import Emulator

    emulator = Emulator()
    console.say(f"Target: emulator in {emulator.folder}")
    confirm("Forget everything that is deployed in this emulator?", yes)
    emulator.reset()
    if "AWS_ENDPOINT_URL" in envfile.read():
        envfile.forget()
    if json:
        console.document({"running": False, "reset": True})
    else:
        console.done("The emulator is empty.")


@app.command(**example("loginq local logs --lines 20"))
def logs(lines: Annotated[int, typer.Option(min=1, help="How many, from the end.")] = 50, json: Json = False) -> None:
    """Print the end of the emulator's own log."""
    from loginq.cli import console
    from loginq.emulator import Emulator

    log = Emulator().log
    text = log.read_text(errors="replace").splitlines() if log.exists() else []
    if json:
        console.document(text[-lines:])
        return
    if not text:
        console.say("The emulator has said nothing.")
    console.lines(text[-lines:])

"""`loginq local`: the embedded emulator, its state in `.loginq/` beside `.env`."""

from typing import Annotated

import typer

from loginq.cli.options import Json, Yes, confirm, example, group

app = group("The embedded emulator, for this machine alone.")


@app.command(**example("loginq local up"))
def up(
    port: Annotated[
        int | None, typer.Option(min=1024, max=65_535, help="Its port; the first free one from 4566.")
    ] = None,
    json: Json = False,
) -> None:
    """Start the emulator, or find it running."""
    from loginq.cli import console
    from loginq.emulator import Emulator

    emulator = Emulator()
    was = emulator.running()
    found = emulator.up(port)
    if json:
        console.document({"running": True, "pid": found.pid, "url": found.url, "started": was is None})
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
    found = emulator.running()
    if json:
        running = {"running": True, "pid": found.pid, "url": found.url} if found else {"running": False}
        console.document({**running, "folder": str(emulator.folder), "died": emulator.died()})
        return
    says = f"running at {found.url} (process {found.pid})" if found else "not running"
    if found is None and emulator.died():
        says = "not running: its process ended without `loginq local down`, and what it had not written yet is lost"
    console.facts("emulator", [("state", says), ("folder", emulator.folder), ("log", emulator.log)])


@app.command(**example("loginq local reset --yes"))
def reset(yes: Yes = False, json: Json = False) -> None:
    """Stop the emulator and forget everything in it, and the target in .env if it was this."""
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

"""`loginq keys`: the keys that sign admission tokens."""

from typing import Annotated

import typer

from loginq.cli.options import Json, Yes, confirm, example, group

app = group("The keys that sign admission tokens.")


@app.command(**example("loginq keys show"))
def show(json: Json = False) -> None:
    """Show which keys there are, and which one signs. Never the keys themselves."""
    from loginq.cli import console
    from loginq.cli.session import open_session

    session = open_session()
    keys = session.keys.read()
    signs = session.queue.lines.read().kid or keys.active["kid"]
    if json:
        console.document({"target": session.name, **keys.document(), "signs": signs})
        return
    rows = [(role, kid, "signs" if kid == signs else "") for role, kid in keys.kids().items()]
    console.table(["key", "id", ""], rows, empty="")
    console.say(f"Rotated last: {console.moment(keys.rotated_at)}.")


@app.command(**example("loginq keys rotate --yes"))
def rotate(
    force: Annotated[bool, typer.Option("--force", help="Even if that breaks tokens that are still alive.")] = False,
    yes: Yes = False,
    json: Json = False,
) -> None:
    """Sign with the next key from now on. Tokens of the present one stay good until they expire."""
    from loginq.cli import console
    from loginq.cli.session import open_session
    from loginq.service.operations.acts import rotate_keys

    session = open_session()
    session.announce()
    confirm("Sign with the next key from now on?", yes)
    admission = session.queue.rules.admission
    done = rotate_keys(session.queue, session.keys, session.caller, admission, force=force)
    if json:
        console.document({"target": session.name, "signs": done.after, "signed": done.before})
    else:
        console.done(f"The key {done.after} signs now; {done.before} did.")

"""`loginq keys`: the keys that sign admission tokens."""

from functools import partial
from typing import Annotated

import typer

from loginq.cli import console
from loginq.cli.asking import AUDIT
from loginq.cli.command import Found, command, group
from loginq.cli.irreversible import confirm_act
from loginq.cli.options import Yes
from loginq.cli.session import open_session

app = group("The keys that sign admission tokens.")


@command(app, "loginq keys show")
def show() -> Found:
    """Show which keys there are, and which one signs.

    Never the keys themselves.
    """
    session = open_session()
    keys = session.keys.read()
    signs = session.queue.lines.read().kid or keys.active["kid"]

    def draw() -> None:
        rows = [(role, kid, "signs" if kid == signs else "") for role, kid in keys.kids().items()]
        console.table(["key", "id", ""], rows, empty="")
        console.say(f"Rotated last: {console.moment(keys.rotated_at)}.")

    return Found({"target": session.name, **keys.document(), "signs": signs}, draw)


@command(app, "loginq keys rotate --yes", look=AUDIT)
def rotate(
    force: Annotated[bool, typer.Option("--force", help="Even if that breaks tokens that are still alive.")] = False,
    yes: Yes = False,
) -> Found:
    """Sign with the next key from now on.

    Tokens of the present one stay good until they expire.
    """
    session = open_session()
    session.announce()
    broken = ", even if that breaks tokens that are still alive" if force else ""
    confirm_act(session, f"Sign with the next key from now on{broken}", yes)
    act = session.operator.rotate_keys(session.keys, force=force).act
    document = {"target": session.name, "signs": act.after, "signed": act.before}
    return Found(document, partial(console.done, f"The key {act.after} signs now; {act.before} did."))

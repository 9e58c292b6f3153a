"""`loginq target`: which queue the commands here are about, and who says so."""

from loginq.cli import console
from loginq.cli.command import Found, alone, command
from loginq.cli.session import resolved
from loginq.service.operations.resolver import ACCOUNT, ENDPOINT, FILE, REGION, STACK
from loginq.service.operations.target import in_words

app = alone()


@command(app, "loginq target", "loginq target --stack eu-launch --region eu-west-1")
def target() -> Found:
    """Say which queue the commands here are about, and who says so.

    Asks nobody. A target is one whole set of names from one source: --stack, --profile and --region, else the
    environment, else .env.
    """
    found = resolved(quietly=True)
    shown = {name: each for name, each in found.names.items() if "SECRET" not in name and "ACCESS_KEY" not in name}
    place = f"emulator {found.get(ENDPOINT)}" if found.get(ENDPOINT) else "aws"

    def draw() -> None:
        rows = [(name, each.value, each.source) for name, each in shown.items()]
        console.table([f"{found.get(STACK)} · {place}", "", "from"], rows, empty="")
        if not found.is_whole:
            console.say("Everything else comes from the outputs of that stack.")
        if found.ignored:
            console.say(f"Not taken from {FILE}: {', '.join(found.ignored)}.")

    names = {name: {"value": each.value, "from": each.source} for name, each in shown.items()}
    stack = found.names[STACK].value
    words = in_words(stack, found.get(REGION), found.get(ENDPOINT), found.get(ACCOUNT))
    document = {"target": words, "stack": stack, "place": place, "names": names, "ignored": list(found.ignored)}
    return Found(document, draw)

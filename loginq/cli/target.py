"""`loginq target`: which queue the commands here are about, and who says so."""

from typing import Any

from loginq.cli.options import Json, example

EXAMPLE: dict[str, Any] = example("loginq target", "loginq target --stack eu-launch --region eu-west-1")


def target(json: Json = False) -> None:
    """Say which queue the commands here are about, and who says so.

    Asks nobody. A target is one whole set of names from one source: --stack, --profile and --region, else the
    environment, else .env.
    """
    from loginq.cli import console
    from loginq.cli.session import resolved
    from loginq.service.operations.resolver import ENDPOINT, FILE, STACK

    found = resolved(quietly=True)
    shown = {name: each for name, each in found.names.items() if "SECRET" not in name and "ACCESS_KEY" not in name}
    place = f"emulator {found.get(ENDPOINT)}" if found.get(ENDPOINT) else "aws"
    if json:
        names = {name: {"value": each.value, "from": each.source} for name, each in shown.items()}
        console.document({"stack": found.get(STACK), "place": place, "names": names, "ignored": list(found.ignored)})
        return
    rows = [(name, each.value, each.source) for name, each in shown.items()]
    console.table([f"{found.get(STACK)} · {place}", "", "from"], rows, empty="")
    if not found.is_whole:
        console.say("Everything else comes from the outputs of that stack.")
    if found.ignored:
        console.say(f"Not taken from {FILE}: {', '.join(found.ignored)}.")

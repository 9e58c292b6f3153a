"""`loginq deploy --params`: what of a stack can be chosen, and what it is now."""

from collections.abc import Mapping, Sequence
from functools import partial

from loginq.cli import console
from loginq.cli.command import Found, listed
from loginq.cli.opening import name_of, open_deployment
from loginq.deploy import template
from loginq.deploy.stack import parameters_of
from loginq.deploy.template import Parameter, shown
from loginq.emulator import Emulator
from loginq.service.rules.errors import LoginqError


def parameters(local: bool) -> Found:
    """Every parameter; with its value now, where a stack is deployed. Starts and changes nothing."""
    target, now = _now(local)
    known = template.load().parameters()
    now = {p.name: shown(p.spec, now[p.name]) or "" for p in known if p.name in now}
    items = [
        {"name": p.name, "now": now.get(p.name), "default": p.default, "range": p.range, "means": p.means}
        for p in known
    ]
    return listed(target, items, partial(_draw, known, now), len(items))


def _now(local: bool) -> tuple[str | None, Mapping[str, str]]:
    """The target, and the values of its stack; none of either where that cannot be told, which is said."""
    if local and Emulator().running() is None:
        console.say("The emulator does not run: nothing is deployed there now.")
        return None, {}
    try:
        deployment = open_deployment(local)
        found = deployment.stack.describe()
    except LoginqError as exc:
        console.say(f"What is deployed now could not be seen: {exc.message}")
        return None, {}
    if found is None:
        console.say(f"There is no stack {deployment.stack.name!r} yet.")
    return name_of(deployment), parameters_of(found)


def _draw(known: Sequence[Parameter], now: Mapping[str, str]) -> None:
    def said(value: str | None) -> str | None:
        return "nothing" if value == "" else value

    rows = [((p.name, said(now.get(p.name)), said(p.default), p.bounds), f"{p.means} {p.rule}".rstrip()) for p in known]
    console.draw(console.entries(["parameter", "now", "default", "range"], rows))

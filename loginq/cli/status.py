"""`loginq status`: what is deployed, and whether it is well."""

from functools import partial
from typing import Any

from loginq import __version__
from loginq.cli import console
from loginq.cli.advice import attend
from loginq.cli.command import Found, alone, command
from loginq.cli.session import Session, open_session
from loginq.deploy.stack import failed_of
from loginq.service.operations.front_door import settling
from loginq.service.rules.errors import NoTarget
from loginq.service.store import lock

app = alone()


@command(app, "loginq status")
def status() -> Found:
    """Say what is deployed and whether it is well.

    Ends with 1 when it is not.
    """
    session = open_session()
    report, locked = _examined(session), lock.read(session.queue.table, session.queue.name)
    report["lock"] = locked.document() if locked else None
    draw = partial(_draw, session, report, locked.words if locked else "")
    return Found(report, draw, ok=report["healthy"], is_long=True)


def _draw(session: Session, report: dict[str, Any], locked: str) -> None:
    attend(report["attention"])
    console.facts(
        session.name,
        [
            ("stack", report["stack_status"]),
            *([("note", report["note"])] if report["note"] else []),
            ("version", f"{report['version']} (this is {report['here']})"),
            ("bundle", report["bundle"]),
            *([("lock", locked)] if locked else []),
            ("resources", report["resources"]),
            ("intake trigger", report["intake_trigger"]),
            ("dead letters", report["dead_letters"]),
            ("front door", report["front_door"]),
            ("API", session.target.api_url),
            *([("API itself", session.target.own_url)] if session.target.sessions_url else []),
            *([("tokens name", session.target.iss)] if session.target.issuer else []),
            ("healthy", "yes" if report["healthy"] else "no"),
        ],
    )


def _examined(session: Session) -> dict[str, Any]:
    found = session.stack.describe()
    if found is None:
        raise NoTarget(f"There is no stack {session.target.stack!r}.", "Deploy it with `loginq deploy`.")
    state, outputs, resources = session.stack.state(found), session.stack.outputs(), session.stack.resources()
    trigger, dead = _trigger_state(session, resources), session.queue.intake.dead_letters()
    t = session.queue.clock()
    door = session.door.read(t)
    troubles = [*door.troubles(t), *settling(session.queue, found)]
    failed = failed_of(resources)
    return {
        "target": session.name,
        "stack_status": state.status,
        "note": " ".join([*filter(None, (state.says, state.do)), *failed]),
        "version": outputs.get("LoginqVersion"),
        "here": __version__,
        "bundle": outputs.get("CodeKey", "")[7:19],
        "resources": len(resources),
        "intake_trigger": trigger,
        "dead_letters": dead,
        "front_door": door.words(),
        "door": door.document(),
        "attention": troubles,
        "healthy": state.works and not failed and not dead and not troubles and trigger == "Enabled",
    }


def _trigger_state(session: Session, resources: list[dict[str, Any]]) -> str:
    found = [each["PhysicalResourceId"] for each in resources if each["LogicalResourceId"] == "IntakeTrigger"]
    if not found:
        return "missing"
    return str(session.aws.client("lambda").get_event_source_mapping(UUID=found[0])["State"])

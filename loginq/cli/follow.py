"""A change of the stack, followed on the screen: a bar on a terminal, a line an event elsewhere, and never mute."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from loginq.cli import console
from loginq.deploy.deployment import Deployment
from loginq.deploy.stack import StackEvent
from loginq.deploy.triggers import MINUTES

SILENCE = 30
"""Seconds without an event after which it is said that things go on."""
_DONE = ("CREATE_COMPLETE", "UPDATE_COMPLETE", "DELETE_COMPLETE")
_STACK = "AWS::CloudFormation::Stack"


@dataclass(slots=True)
class _Pulse:
    """The pauses between two looks at the stack, and how long nothing was new in them."""

    sleep: Callable[[float], None]
    tell: Callable[[str], None]
    quiet: float = 0

    def __call__(self, seconds: float) -> None:
        before = self.quiet
        self.sleep(seconds)
        self.quiet += seconds
        if self.quiet // SILENCE > before // SILENCE:
            self.tell(f"nothing new for {console.duration(round(self.quiet) * 1_000)}")


def follow(
    deployment: Deployment, events: Iterator[StackEvent], what: str, total: int | None = None, *, watched: bool = False
) -> None:
    """Show the events until there are no more.

    On the emulator, which takes a second, they are no lines. Args:
        total: resources that change; None for unknown. watched: whether alarms are watched at the end of it.
    """
    begun = False
    try:
        for _ in _shown(deployment, events, what, total, watched):
            begun = True
    except (KeyboardInterrupt, SystemExit):
        _say_what_goes_on(deployment, begun)
        raise


def _shown(
    deployment: Deployment, events: Iterator[StackEvent], what: str, total: int | None, watched: bool
) -> Iterator[StackEvent]:
    live, stack = console.is_live(console.err()), deployment.stack
    also = f" (at the end its alarms are watched for {MINUTES} min)" if watched else ""
    with console.progress(what, total) as advance:

        def tell(quiet: str) -> None:
            if live:
                advance(0, quiet + also)
            else:
                console.say(f"{what}: {quiet}; CloudFormation goes on{also}.")

        pulse = stack.sleep = _Pulse(stack.sleep, tell)
        try:
            for event in events:
                pulse.quiet = 0
                advance(event.status in _DONE and event.type != _STACK, event.logical_id)
                if not live and not deployment.is_local:
                    console.say(_line(event))
                yield event
        finally:
            stack.sleep = pulse.sleep


def _line(event: StackEvent) -> str:
    reason = f": {event.reason}" if event.reason else ""
    return f"{event.status}  {event.logical_id} ({event.type.removeprefix('AWS::')}){reason}"


def _say_what_goes_on(deployment: Deployment, begun: bool) -> None:
    """Ending the command ends nothing there."""
    name, again = deployment.stack.name, f"loginq deploy{' --local' if deployment.is_local else ''}"
    if begun:
        console.say(f"CloudFormation goes on with the change of {name!r}: only the command was ended.")
    else:
        console.say(f"Whether CloudFormation has begun with the change of {name!r} is not known; if so, it goes on.")
        console.say("If it has not, the same command again, with its parameters, begins it.")
    console.say(f"`{again}` picks it up: it follows that to its end, and does what comes after.")
    console.say("`loginq status` says how it is.")

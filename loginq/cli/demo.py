"""`loginq demo`: the whole story on a laptop, step by step, saying what is real and what is synthetic."""

import time
from typing import Annotated

import typer

from loginq.cli import console, full_game
from loginq.cli.advice import Command
from loginq.cli.command import alone, command
from loginq.cli.deploy import apply, claim
from loginq.cli.load import send
from loginq.cli.local import confirm_reset
from loginq.cli.opening import open_deployment
from loginq.cli.options import Yes
from loginq.cli.play import run
from loginq.cli.session import Session, api_of
from loginq.cli.sign_in import signed_in
from loginq.cli.stats import draw_stats
from loginq.deploy import envfile
from loginq.deploy.deployment import Deployment
from loginq.deploy.deployments import Deployments
from loginq.emulator import Emulator
from loginq.service.operations.accounts import generated_password
from loginq.service.operations.guests import elsewhere
from loginq.service.operations.stats import snapshot

app = alone()

CROWD, RATE = 300, 20
_NEXT = (
    ("loginq load run --players 2000", "another crowd"),
    ("loginq users create ada --email ada@example.com", "a player of your own"),
    ("loginq play --username ada", "wait in line yourself"),
    ("loginq queue watch", "meanwhile, beside it"),
    ("loginq rate set 100 --what-if", "what that would do"),
    ("loginq queue pause", "and `loginq queue resume`"),
    ("loginq report", "what there is to say of it afterwards"),
    ("loginq demo --down", "again, and all gone after"),
)


@command(app, "loginq demo")
def demo(
    down: Annotated[bool, typer.Option("--down", help="Take everything away at the end.")] = False,
    yes: Yes = False,
) -> None:
    """Show the whole story on this machine.

    An embedded AWS, a deployment, a player, a crowd, a rate, the game.
    """
    if down and Emulator().noted():
        confirm_reset(Emulator(), yes)
    session = _deployed(yes)
    name = f"demo-{session.queue.clock() // 1_000 % 10_000_000}"
    _play(session, name)
    _step(5, "What the operator sees: loginq queue stats")
    now = snapshot(session.queue)
    draw_stats(session.name, now, session.door.read(now.t), ())
    _step(6, "Second act, on the virtual clock: a full game, by the same code; what three were told, and the report")
    full_game.play()
    if down:
        Emulator().reset()
        envfile.forget()
        console.done("Everything is taken away again.")
        return
    console.say("\nThe stack stays up. Try next, here:")
    for words, what in _NEXT:
        console.err().print(Command(words, what), crop=False)


def _deployed(yes: bool) -> Session:
    _step(1, "An embedded AWS on this machine, then the real template and the real lambdas on it")
    deployment = _deploy(yes)
    session = Session(deployment.target(), deployment.aws)
    if session.target.provider:
        raise elsewhere(session.target.provider, "`loginq local reset` starts afresh.")
    waiting = session.queue.lines.read().waiting(session.queue.clock())
    if waiting > CROWD:
        console.say(f"{waiting:,} are still in line from before; `loginq local reset` starts afresh.")
    return session


def _play(session: Session, name: str) -> None:
    """A real player behind a crowd, from the account to the game."""
    _step(2, f"A real player, {name}: an account in Cognito and a row in DynamoDB")
    secret = generated_password()
    session.operator.create_user(name, f"{name}@example.com", secret)
    console.done(f"Created {name}.")

    _step(3, f"A synthetic crowd of {CROWD}: rows and tickets like any other, but nobody behind them")
    session.operator.set_rate(RATE * 1_000)
    _crowd(session)

    _step(4, f"{RATE} players a second; {name} signs in (SRP), gets a ticket behind the crowd, and waits")
    api = api_of(session.target)
    run(api, signed_in(api, name, secret)).draw()


def _step(number: int, text: str) -> None:
    console.err().print(console.text(f"\n{number}. ", "bold cyan") + console.text(text, "bold"))


def _deploy(yes: bool) -> Deployment:
    """The emulator with the stack on it; what `deploy --local` does, which asks before the folder's target changes."""
    deployment = open_deployment(local=True)
    claim(deployment, yes)
    plan = deployment.plan({}, console.say)
    if plan.change_set:
        apply(deployment, plan)
        Deployments(deployment).keep(console.say, plan.parameters)
    else:
        console.done("The stack is there already.")
    deployment.start_line()
    envfile.write(deployment.target())
    return deployment


def _crowd(session: Session) -> None:
    """Send the crowd and wait until the line has taken it, so that the player comes behind it."""
    before = session.queue.lines.read().tail
    send(session, CROWD)
    with console.progress("Placing the crowd in line", CROWD) as advance:
        placed = 0
        deadline = time.monotonic() + 60
        while placed < CROWD and time.monotonic() < deadline:
            time.sleep(0.2)
            now = session.queue.lines.read().tail - before
            advance(min(now, CROWD) - placed)
            placed = min(now, CROWD)
    console.done(f"{CROWD} synthetic players are in line.")

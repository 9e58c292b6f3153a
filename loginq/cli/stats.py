"""`loginq queue stats`: everything at one glance, once."""

from collections.abc import Sequence
from functools import partial

from loginq.cli import console, scores
from loginq.cli.advice import attend
from loginq.cli.command import Found
from loginq.cli.rate import asked
from loginq.cli.session import open_session
from loginq.service.operations.stats import snapshot
from loginq.service.rules.attention import attention
from loginq.service.rules.door import Door
from loginq.service.rules.measure import Snapshot
from loginq.service.rules.rates import rate_text, steps_text
from loginq.service.rules.servers import summary


def stats() -> Found:
    """Show intake, line, rate, and what a newcomer would wait."""
    session = open_session()
    now = snapshot(session.queue)
    door = session.door.read(now.t)
    said = attention([now], door=door)
    document = {**now.document(session.name), "door": door.document(), "attention": said}
    return Found(document, partial(draw_stats, session.name, now, door, said), is_long=True)


def draw_stats(name: str, now: Snapshot, door: Door, said: Sequence[str]) -> None:
    """What needs attention, and the snapshot of the target `name` as a panel."""
    attend(said)
    line, intake = now.line, now.intake
    last = now.last_change
    reached, steps = line.reached(now.t), [step for step in line.steps if step[0] > now.t]
    console.facts(
        f"queue {now.queue} · {name}",
        [
            ("state", line.line_state),
            ("waiting", f"{line.waiting(now.t):,}"),
            ("reached", f"{reached:,} of {line.tail:,}"),
            ("rate", f"{asked(now)}, burst {line.burst:,}"),
            ("planned", ", ".join(steps_text(steps, console.moment)) or "nothing"),
            ("capacity", "no limit" if line.capacity is None else f"{line.capacity:,} in the game{_held(now)}"),
            ("gate", f"{rate_text(line.passing(now.t))} pass"),
            ("admitted", f"{now.admitted:,} in the last minute, {now.admitted_per_second:.1f}/s"),
            ("in the game", f"{now.players.in_game:,}: {now.players.admitted:,} let in, {_gone(now.players.departed)}"),
            *([("game servers", counting(now))] if now.servers is not None else []),
            ("no-shows", f"{now.players.no_shows:,}"),
            ("arriving", "not known" if now.arriving is None else f"{now.arriving:.1f}/s {_lately(now)}"),
            ("front door", door.words()),
            *([("edge", edge)] if (edge := door.edge_words()) else []),
            ("intake", f"{intake.visible:,} visible, {intake.in_flight:,} in flight, {intake.delayed:,} delayed"),
            ("dead letters", f"{now.dead_letters:,}"),
            ("newcomer waits", scores.wait(now.eta, now.eta_basis)),
            *([("waiting times", told)] if (told := scores.lately(door)) else []),
            *([("message", line.message)] if line.message else []),
            *([("last change", f"{last.what}: {' → '.join(last.words(console.moment))}")] if last else []),
            *([("", f"{console.duration(now.t - last.at)} ago, by {last.name}")] if last else []),
            *([("note", f"{now.note.after}")] if now.note else []),
            *([("", f"{console.duration(now.t - now.note.at)} ago, by {now.note.name}")] if now.note else []),
        ],
    )


def _gone(departed: int) -> str:
    """Below nothing, where an operator or the game servers say that more are in the game than came in."""
    return f"{departed:,} left" if departed >= 0 else f"{-departed:,} more besides"


def counting(now: Snapshot) -> str:
    """How many all game servers count, and how many of those are to be looked after: `servers list` says which."""
    found = summary(now.servers or (), now.t, now.players.admitted)
    silent = f", {len(found['silent']):,} of them silent" if found["silent"] else ""
    odd = len({*found["fell"], *found["two"], *found["above"]})
    return f"{found['in_game']:,} counted by {found['heard']:,}{silent}" + (f", {odd:,} odd" if odd else "")


def _lately(now: Snapshot) -> str:
    return f"placed since {console.duration(now.t - now.settled_at)} ago"


def _held(now: Snapshot) -> str:
    """The places that are not taken, and not free either."""
    held = now.line.occupied(now.t) - now.players.in_game
    return f", {held:,} held for who was reached" if held > 0 else ""

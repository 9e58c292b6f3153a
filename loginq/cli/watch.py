"""`loginq queue watch`: one live screen. AWS is asked in a thread, so that the screen never stands still with it."""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from loginq.cli import console, scores
from loginq.cli.advice import advice
from loginq.cli.asking import drawing
from loginq.cli.chart import Chart, Charted, Series, spark
from loginq.cli.command import Found
from loginq.cli.rate import asked
from loginq.cli.session import Session
from loginq.cli.stats import counting
from loginq.service.operations.stats import snapshot
from loginq.service.rules.act import Action
from loginq.service.rules.attention import attention
from loginq.service.rules.door import Door
from loginq.service.rules.errors import LoginqError
from loginq.service.rules.history import Minute
from loginq.service.rules.measure import WINDOW, Snapshot, arriving
from loginq.service.rules.rates import rate_text
from loginq.service.rules.times import MINUTE, SECOND
from loginq.service.store.audit import actions

TICK = 1.0
"""Seconds between two readings."""
KNOCK = 10.0
"""Seconds between two looks at the front door: CloudWatch takes a cent for a thousand metrics."""
KEPT = 10 * MINUTE
"""How far back the charts go, ms."""
LATE = 3.0
"""Seconds without an answer that are worth saying."""
SPARKS = 8
"""How many times 10 s stand beside a number."""
_BUCKETS = KEPT // (10 * SECOND)


@dataclass(slots=True)
class Watched:
    """What has been seen so far, shared between the thread that asks and the one that draws."""

    seen: tuple[Snapshot, ...] = ()
    past: tuple[Minute, ...] = ()
    """How it was, by the minute, before anybody watched."""
    through: dict[int, int] = field(default_factory=dict)
    """How many came in, in each 10 s: start in ms -> players."""
    answered: float = field(default_factory=time.monotonic)
    trouble: str = ""
    paused_since: int | None = None
    door: Door | None = None
    """The front door as it was seen last; None before."""
    knocked: float = -KNOCK
    """When it was looked at last, by the monotonic clock."""

    @property
    def is_blind(self) -> bool:
        """Whether what was seen last is old, and nobody knows what is now."""
        return bool(self.trouble) or time.monotonic() - self.answered > LATE

    def add(self, now: Snapshot) -> None:
        """One more reading. Both are replaced, not changed: somebody may be drawing them."""
        self.seen = (*(each for each in self.seen if each.t >= now.t - KEPT), now)
        every = {**self.through, **now.buckets}
        self.through = {start: count for start, count in every.items() if start >= now.t - KEPT}
        self.answered, self.trouble = time.monotonic(), ""


def run(session: Session, *, json: bool) -> Iterator[Found]:
    """Watch until Ctrl-C: on a live screen, in lines where there is no terminal, or as JSON documents."""
    watched = Watched()
    if not json and console.is_live(console.out()):
        _live(session, watched)
        return
    faulty = False
    while True:
        started = time.monotonic()
        _look(session, watched)
        _knock(session, watched)
        if watched.trouble and not faulty:
            console.say(f"Trouble: {watched.trouble} Trying again each second.")
        elif not watched.trouble:
            if faulty:
                console.say("AWS answers again.")
            now = watched.seen[-1]
            said = attention(_minute(watched), watched.paused_since, watched.door)
            door = watched.door.document() if watched.door else None
            document = {"t": now.t, **now.document(session.name), "door": door, "attention": said}
            yield Found(document, partial(console.lines, [_line(watched)]))
        faulty = bool(watched.trouble)
        time.sleep(max(0.0, TICK - (time.monotonic() - started)))


def _knock(session: Session, watched: Watched) -> None:
    """One look at the front door, when that is due: sooner where the last one saw nothing."""
    well = watched.door is not None and not watched.door.unread
    if watched.seen and time.monotonic() - watched.knocked >= (KNOCK if well else TICK):
        watched.knocked = time.monotonic()
        watched.door = session.door.read(session.queue.clock())


def _look(session: Session, watched: Watched) -> None:
    """One reading; a fault is kept for the screen."""
    try:
        now = snapshot(session.queue, WINDOW + 1 if watched.through else _BUCKETS)
        if not now.line.paused:
            watched.paused_since = None
        elif watched.paused_since is None:
            pauses = (act.at for act in actions(session.queue, 50) if act.changed and act.after == "paused")
            watched.paused_since = next(pauses, now.t)
        if not watched.seen:
            watched.past = tuple(session.queue.history.since(now.t - KEPT))
        watched.add(now)
    except LoginqError as exc:
        watched.trouble = exc.message


def _live(session: Session, watched: Watched) -> None:
    from rich.live import Live

    over = threading.Event()

    def ask(look: Callable[[Session, Watched], None]) -> None:
        while not over.is_set():
            started = time.monotonic()
            try:
                look(session, watched)
            except Exception as exc:  # noqa: BLE001 - the edge of this thread: the screen has to say it
                watched.trouble = f"{type(exc).__name__}: {exc}"
            over.wait(max(0.0, TICK - (time.monotonic() - started)))

    name = session.name  # asked for here: an error of the target ends the command, later ones do not
    for look in (_look, _knock):  # apart: the line is read while CloudWatch is slow
        threading.Thread(target=ask, args=(look,), daemon=True).start()
    try:
        with drawing(), Live(console=console.out(), screen=True, auto_refresh=False) as live:
            while True:
                live.update(screen(watched, name, live.console.height), refresh=True)
                time.sleep(0.25)
    finally:
        over.set()


def screen(watched: Watched, name: str, height: int) -> Any:
    """Everything at one glance, on a terminal with so many lines."""
    if not watched.seen:
        return console.text(f"{name}\n{watched.trouble or 'Asking …'}")
    note = watched.seen[-1].note
    above = [_title(watched, name), *_attention(watched), *([] if note is None else [_note(note)]), _numbers(watched)]
    below = console.text("Ctrl-C ends this; nothing is changed by watching.", "dim")
    return Charted(above, _charts(watched), below, height)


def _title(watched: Watched, name: str) -> Any:
    now = watched.seen[-1]
    state = console.text(f"queue {now.queue} · {name} · ", "bold")
    state += console.text(now.line.line_state, _colour(now.line.line_state))
    if watched.is_blind:
        silent = time.monotonic() - watched.answered
        why = f" ({watched.trouble.rstrip('.')})" if watched.trouble else ""
        old = f"\nAWS has not answered for {silent:.0f} s{why}; trying again. These numbers are old."
        state += console.text(old, "bold red")
    else:
        state += console.text(f"\n{console.moment(now.t)}", "dim")
    return state


def _numbers(watched: Watched) -> Any:
    now = watched.seen[-1]
    line, t = now.line, now.t
    door = watched.door
    counts = now.players
    capacity = "" if line.capacity is None else f" of {line.capacity:,}"
    pairs = [
        ("waiting", f"{line.waiting(t):,}"),
        ("newcomer waits", console.duration(now.eta)),
        ("rate asked", asked(now)),
        ("gate passes", rate_text(line.passing(t))),
        ("came in", f"{now.admitted_per_second:.1f}/s {_sparks(_came_in(watched))}"),
        ("arriving", f"{_arriving(watched)} {_sparks(_arrived(watched))}"),
        ("reached", f"{line.reached(t):,} of {line.tail:,}"),
        ("in the game", f"{counts.in_game:,}{capacity}"),
        ("intake", f"{now.intake.total:,}"),
        ("dead letters", f"{now.dead_letters:,}"),
        ("no-shows", f"{counts.no_shows:,}"),
        ("planned", _next_step(now)),
    ]
    lines = [("front door", door.words() if door else "asking …")]
    if now.servers:
        lines.insert(0, ("game servers", counting(now)))
    if door and (edge := door.edge_words()):
        lines.append(("edge", edge))
    if door and (said := scores.lately(door)):
        lines.append(("waiting times", said))
    return console.stacked(
        console.columns(pairs),
        *(console.text(f"{name} ", "dim") + console.text(words, "bold") for name, words in lines),
    )


def _arriving(watched: Watched) -> str:
    """How many players a second came in the last 10 s."""
    each = arriving(watched.seen, watched.seen[-1].t)
    return console.DASH if each is None else f"{each:.1f}/s"


def _arrived(watched: Watched) -> list[float]:
    """The same as it was, each 10 s, oldest first."""
    now = watched.seen[-1].t
    each = (arriving(watched.seen, now - n * 10 * SECOND) for n in reversed(range(SPARKS)))
    return [one for one in each if one is not None]


def _came_in(watched: Watched) -> list[float]:
    return [float(count) for _, count in sorted(watched.through.items())[:-1]][-SPARKS:]


def _sparks(values: list[float]) -> str:
    return spark(values, fine=console.out().encoding.startswith("utf"))


def _next_step(now: Snapshot) -> str:
    step = next((step for step in now.line.steps if step[0] > now.t), None)
    return "nothing" if step is None else f"{rate_text(step[1])} in {console.duration(step[0] - now.t)}"


def _attention(watched: Watched) -> list[Any]:
    said = attention(_minute(watched), watched.paused_since, watched.door)
    unsure = watched.is_blind or watched.door is None or watched.seen[-1].line.paused
    calm = "" if unsure else "nothing needs attention"
    return [advice(console.Mark.WARN, [each]) for each in said] or [console.text(calm, "green")]


def _note(note: Action) -> Any:
    return console.text(f"{console.moment(note.at)}, {note.name}: {note.after}", "cyan")


def _charts(watched: Watched) -> list[Chart]:
    now = watched.seen[-1]
    past = [each for each in watched.past if now.t - KEPT <= each.at < watched.seen[0].t]
    waiting = [(each.at, each.waiting) for each in past] + [(e.t, e.line.waiting(e.t)) for e in watched.seen]
    asked = [(each.at, each.asked) for each in past] + [(each.t, each.line.flow_at(each.t)) for each in watched.seen]
    through = sorted(watched.through.items())[:-1]
    first = next((n for n, (_, count) in enumerate(through) if count), len(through))
    shown = through[max(0, min(first - 1, len(through) - 6)) :]
    admitted = [((start + 10 * SECOND - now.t) / SECOND, count / 10) for start, count in shown]

    def since(points: Sequence[tuple[int, int]], unit: int = 1) -> list[tuple[float, float]]:
        return [((t - now.t) / SECOND, value / unit) for t, value in points]

    return [
        Chart([Series("waiting", since(waiting))], x=_ago, y=lambda n: f"{n:,.0f}", title="waiting"),
        Chart(
            [Series("admitted", admitted), Series("rate", since(asked, 1_000))],
            x=_ago, y=lambda n: f"{n:,.1f}", title="admitted per second",
        ),
    ]  # fmt: skip


def _ago(seconds: float) -> str:
    return "now" if seconds >= -1 else f"{console.duration(round(-seconds * SECOND))} ago"


def _minute(watched: Watched) -> list[Snapshot]:
    """The readings of the last minute or so."""
    now = watched.seen[-1]
    return [each for each in watched.seen if each.t >= now.t - MINUTE - 5 * SECOND]


def _colour(state: str) -> str:
    return {"open": "bold green", "paused": "bold red"}.get(state, "bold yellow")


def _line(watched: Watched) -> str:
    """One reading in a line, and what needs attention."""
    now = watched.seen[-1]
    line, t = now.line, now.t
    said = attention(_minute(watched), watched.paused_since, watched.door)
    return (
        f"{console.moment(t)} {line.line_state}: {line.waiting(t):,} waiting, {now.intake.total:,} in the intake, "
        f"{rate_text(line.passing(t))} pass of {rate_text(line.rate_at(t))} asked, "
        f"{now.admitted_per_second:.1f}/s came in, newcomer waits {console.duration(now.eta)}"
        + "".join(f" ! {each}" for each in said)
    )

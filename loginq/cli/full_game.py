"""The demo's second act: a full game, on a virtual clock, and what its players were told."""

from loginq.cli import console
from loginq.cli.played import reported, since_start, span_of
from loginq.cli.report import draw
from loginq.rehearsal.paper import START, Launch, on_paper
from loginq.rehearsal.scenario import Played, Visitor
from loginq.rehearsal.stays import Exponential, Leaving
from loginq.service.rules.times import MINUTE, SECOND

LAUNCH = Launch(
    players=3_000,
    rate=50_000,
    arrive=12 * MINUTE,
    capacity=1_500,
    session=Exponential(30 * MINUTE),
    leaving=Leaving(late=60 * SECOND),
    no_show=0.1,
    seed=1,
)
"""Twice as many as there is room for, and nobody knows who will leave when."""
SHOWN = 3


def play() -> None:
    """Play it, say what some of its players were told, and report on it."""
    with console.progress("Playing the launch", None):
        paper = on_paper(LAUNCH)
    rows = []
    for player in _some(paper.played):
        told, promised = player.told.numbers()[0]
        true = (player.admitted_at or told) - told
        rows.append((f"{player.position:,}", since_start(START + player.arrival.at), *_times(promised - told, true)))
    head = ["position", "came after", "first told", "waited from then"]
    console.table(head, rows, empty="", numbers=head)
    found = reported(LAUNCH, paper)
    draw(found, f"{LAUNCH.players:,} players, {LAUNCH.capacity:,} places", since_start, span_of(found))


def _times(*waits: int) -> list[str]:
    return [console.duration(wait // SECOND * SECOND) for wait in waits]


def _some(played: Played) -> list[Visitor]:
    """Of those who had to wait for others to leave, in order of their places: early, in the middle, the last."""
    line = played.lines[0][1]
    beyond = [each for each in played.admitted() if each.told.numbers() and (each.position or 0) > (line.capacity or 0)]
    ordered = sorted(beyond, key=lambda each: each.position or 0)
    return [ordered[(len(ordered) - 1) * n // SHOWN] for n in range(1, SHOWN + 1)]

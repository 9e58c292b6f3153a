"""What it costs that 200,000 wait half an hour, how late they come in, and how many could wait: each product of it.

They come as steadily as they are let in, behind a line of half an hour, so everybody waits as long. It is played by the
simulation, without an edge and with one, in cohorts; what is bought and what breaks is counted in what was played.
"""

from bisect import bisect_left
from dataclasses import dataclass
from functools import cache

from loginq.deploy.limits import WARM
from loginq.doctor import ceilings
from loginq.doctor.ceilings import Allowed, Asking, Limit, about
from loginq.doctor.quotas import Crowd, needs
from loginq.rehearsal import prices
from loginq.rehearsal.edge import CACHES
from loginq.rehearsal.paper import START
from loginq.rehearsal.prices import AS_OF, PRICES, SOURCE, Bill, estimate
from loginq.rehearsal.scenario import Arrival, Change, Played, Scenario, Visitor
from loginq.rehearsal.simulation import simulate
from loginq.service.rules.line import Line, burst_for
from loginq.service.rules.measure import percentile
from loginq.service.rules.public import MAX_AGE
from loginq.service.rules.times import HOUR, MINUTE, SECOND
from tests.benchmarks.measure import Row
from tests.benchmarks.stage import Stage

PLAYERS, WAIT, COHORT = 200_000, 30 * MINUTE, 100
RATE = PLAYERS * SECOND * 1_000 // WAIT
"""Thousandths of a player a second: as many come, and are let in."""
FASTER, AT = 5, 20 * MINUTE
"""How many times as fast it goes on, and when, in the run that shows how late they then are."""
MOST_DOLLARS, FEWEST_WAITING = 17, 2_500_000
LATEST, LATEST_AFTER = 1 * SECOND, 15 * SECOND
NOTHING = "–"  # noqa: RUF001


@dataclass(frozen=True, slots=True)
class Half:
    """A run, and what was counted in it of all real players."""

    outcome: Played
    polls: int
    looks: int

    @property
    def fetches(self) -> int:
        """Looks that reach the API: a cohort looks seldom, so each cache is taken to ask each second."""
        return min(self.looks, CACHES * (self.outcome.ended - START) // MAX_AGE)

    @property
    def bill(self) -> Bill:
        """By list prices."""
        writes = len(self.outcome.lines)
        batches = WAIT // SECOND  # one a second, as players come: a cohort would make fewer
        return estimate(
            players=PLAYERS,
            polls=self.polls,
            admitted=PLAYERS,
            batches=batches,
            line_writes=writes,
            length=self.outcome.ended - START,
            sessions=False,
            looks=self.looks,
            origin_looks=self.fetches,
        )

    @property
    def asking(self) -> Asking:
        """What one of those who waited asked for, a second: `/login` and all status calls; looks."""
        seconds = PLAYERS * WAIT / SECOND
        return Asking((PLAYERS + self.polls) / seconds, self.looks / seconds)


@cache
def played(*, edge: bool, faster: bool = False) -> Half:
    """The same players; `faster`: until the rate becomes `FASTER` times what it was."""
    ahead = Arrival(0, synthetic=True, count=PLAYERS)
    came = [Arrival(2 * SECOND + n * COHORT * SECOND * 1_000 // RATE, count=COHORT) for n in range(PLAYERS // COHORT)]
    changes: tuple[tuple[int, Change], ...] = ()
    if faster:
        changes = ((AT, lambda line, t: line.set_rate(t, FASTER * RATE)),)
    line = Line(anchored_at=START, alive_at=START, rate=RATE, burst=burst_for(RATE))
    outcome = simulate(Scenario(line, (ahead, *came), until=3 * HOUR, changes=changes, edge=edge, ends=True))
    real = [player for player in outcome.players if not player.arrival.synthetic]
    assert all(player.admitted_at for player in real)
    polls = sum(player.polls * player.arrival.count for player in real) + outcome.signs
    return Half(outcome, polls, sum(player.looks * player.arrival.count for player in real))


def late(outcome: Played, since: int = 0) -> list[int]:
    """How long after its turn each cohort came in, ms, in order; of those whose turn was `since` then."""
    ends = [line.reached(at) for at, line in outcome.lines[1:]]
    found = []
    for player in outcome.players:
        turn = _turn(player, outcome, ends)
        if not player.arrival.synthetic and turn >= START + since:
            found.append((player.admitted_at or 0) - turn)
    return sorted(found)


def _turn(player: Visitor, outcome: Played, ends: list[int]) -> int:
    """When the line reached the position, by the line as it was then."""
    at, line = outcome.lines[bisect_left(ends, player.position or 0)]
    return max(at, line.eta(player.position or 0, at) or at)


def costs(_: Stage) -> list[Row]:
    """The bill, product by product, and how late players come in."""
    without, edge = (played(edge=each) for each in (False, True))
    rows = [_assumed(words) for words in _ASSUMED]
    bills = without.bill, edge.bill
    for name, price in PRICES.items():
        before, now = (bill.counts.get(name, 0) for bill in bills)
        if before or now:
            ours, theirs = (f"{_count(count)} = {count * price:.2f} USD" for count in (now, before))
            rows.append(Row(f"{name}, {_price(price)}", ours, theirs, _ratio(before, now), NOTHING))
    a, b = (bill.total for bill in bills)
    rows.append(Row("**together**", f"**{b:.2f} USD**", f"{a:.2f} USD", _ratio(a, b), f"≤ {MOST_DOLLARS} USD"))
    for what, faster, aim in (
        ("at a steady rate", False, LATEST),
        (f"after a rate {FASTER} times as high", True, LATEST_AFTER),
    ):
        since = AT if faster else 0
        runs = [late(played(edge=each, faster=faster).outcome, since) for each in (False, True)]
        a, b = ((percentile(run, 0.99) or 0) / SECOND for run in runs)
        rows.append(Row(f"late, p99, {what}", f"{b:.1f} s", f"{a:.1f} s", _ratio(a, b), f"≤ {aim // SECOND} s"))
    return rows


_ASSUMED = (
    f"{PLAYERS:,} players come steadily, {RATE / 1_000:.1f}/s, as they are let in, and wait {WAIT // MINUTE} min; ours "
    "is with Edge=true, against it without",
    f"prices of {AS_OF}: {SOURCE}; Cognito left out",
    f"a call takes {prices.CALL_GB_SECONDS / prices.GB * 1_000:.0f} ms of {prices.GB} GB, 4 ms of it DynamoDB's; "
    f"logs {prices.LINE_BYTES} B; an answer has {prices.ANSWER_BYTES:,} B, a look {prices.LOOK_BYTES:,} B",
    f"one Lambda for each {prices.SERVED} calls/s reads the line each second; {CACHES} caches ask for it each second",
)


def _assumed(words: str) -> Row:
    return Row(f"assumed: {words}", NOTHING, NOTHING, NOTHING, NOTHING)


def _count(count: float) -> str:
    return f"{count:,.0f}" if count >= 100 else f"{count:.2f}"


def _price(price: float) -> str:
    return f"{price * prices.MILLION:g} USD a million" if price < 0.001 else f"{price:g} USD"


def _ratio(before: float, now: float) -> str:
    return f"{now / before:.2f}" if before else NOTHING


def ceiling(_: Stage) -> list[Row]:
    """How many may wait by each limit, by the documented defaults and by what was asked in the same runs."""
    asked = [played(edge=each).asking for each in (False, True)]
    without, edge = ({each.name: each for each in ceilings.limits(of, Allowed())} for of in asked)
    said = " and ".join(
        f"{of.calls * SECOND:.2f} calls and {of.looks * SECOND:.2f} looks with{'' if of.looks else 'out'} Edge"
        for of in asked
    )
    rows = [
        _assumed(f"documented default limits; 1,000 who wait ask, a second, {said}: as counted in `cost`"),
        _assumed("a call reads its row for 0.5 read units, and each 10 calls/s the line and its rules for 1"),
    ]
    for name, limit in sorted(edge.items(), key=lambda each: each[1].waiting):
        before = without.get(name)
        rows.append(
            Row(
                limit.words,
                _quotient(limit),
                NOTHING if before is None else _quotient(before),
                NOTHING if before is None else f"{limit.waiting / before.waiting:.1f}",
                NOTHING,
            )
        )
    a, b = (min(each.waiting for each in of.values()) for of in (without, edge))
    aim = f"≥ {FEWEST_WAITING:,}"
    rows.append(Row("**waiting, until the first breaks**", f"**{about(b)}**", about(a), f"{b / a:.1f}", aim))
    return [*rows, *_rates()]


def _quotient(limit: Limit) -> str:
    return f"÷ {limit.each * SECOND:.3f} of 1,000 = {about(limit.waiting)}"


def _rates() -> list[Row]:
    """What breaks by who comes or is let in, however many wait."""
    sign_ins = needs(Crowd(1, SECOND))[0]
    writes = WARM["WarmWrites"]
    found = (
        (sign_ins.name, sign_ins.default, 1, "newcomers"),
        ("writes of a new table", writes, 2, "newcomers"),
        ("writes of a new table", writes, 2, "let in"),
        ("positions that settling counts", ceilings.COUNTED, 1, "let in"),
    )
    return [
        Row(f"{name}, {allowed:,}/s", f"÷ {each} = {allowed // each:,} {who}/s", f"{allowed // each:,}", "1.0", NOTHING)
        for name, allowed, each, who in found
    ]

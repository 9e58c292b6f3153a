"""A launch on paper, minute by minute: what the history would have, and so the report of it."""

import pytest

from loginq.rehearsal.minutes import minutes
from loginq.rehearsal.paper import START, Launch
from loginq.rehearsal.simulation import simulate
from loginq.rehearsal.stays import Exponential
from loginq.service.rules.measure import percentile
from loginq.service.rules.report import SHARES, report_of
from loginq.service.rules.times import MINUTE


@pytest.mark.parametrize("cohort", [1, 7])
def test_the_report_of_its_minutes_says_what_happened(cohort: int) -> None:
    """One by one, and by cohorts that are cut in two where they are counted."""
    launch = Launch(players=300, rate=1_500, arrive=2 * MINUTE, no_show=0.1, capacity=150, session=Exponential(MINUTE))
    played = simulate(launch.scenario(cohort))
    rows = list(minutes(played))
    found = report_of(rows)
    assert [row.at for row in rows] == sorted(row.at for row in rows) and rows[0].at == START + MINUTE
    inside = played.admitted()
    waits = sorted((one.admitted_at or 0) - START - one.arrival.at for one in inside for _ in range(one.arrival.count))
    silent = sum(one.arrival.count for one in played.players if one.arrival.silent)
    assert (found.came, found.got_in, found.no_shows, found.waiting) == (300, len(waits), silent, 0)
    assert found.known == len(waits) and found.waits["worst"] == waits[-1]
    for name, share in SHARES.items():
        assert found.waits[name] == pytest.approx(percentile(waits, share), rel=0.0251, abs=500), name
    told = sum(one.arrival.count for one in inside if one.row.eta_at is not None)
    assert found.told_share == pytest.approx(told / len(waits), abs=0.0001)

"""What a crowd that waits costs, with the longest poll that a short lease allows and with that of a longer one."""

from dataclasses import dataclass, replace

from loginq.rehearsal.paper import Launch, on_paper
from loginq.rehearsal.prices import MILLION
from loginq.rehearsal.scenario import Scenario
from loginq.service.rules.polling import longest_poll
from loginq.service.rules.settings import Rules
from loginq.service.rules.times import MINUTE, SECOND
from tests.benchmarks.measure import Row
from tests.benchmarks.stage import Stage

PLAYERS, COME, CLEAR = 200_000, 10 * MINUTE, 30 * MINUTE
LEASES = 60 * SECOND, 120 * SECOND
"""A claim window is twice as long: the template's defaults before and after the longest poll became 60 s."""


@dataclass(frozen=True, slots=True)
class Leased(Launch):
    """A launch on a stack with this lease, ms."""

    lease: int = LEASES[0]

    @property
    def claim_window(self) -> int:
        return 2 * self.lease

    def scenario(self, size: int = 1) -> Scenario:
        """As that of any launch, by the rules of its stack."""
        given = Launch.scenario(self, size)
        return replace(given, line=replace(given.line, lease=self.lease), rules=Rules(claim_window=self.claim_window))


def polling(_: Stage) -> list[Row]:
    """Calls of the API, and the bill by list prices, Cognito left out."""
    rate = PLAYERS * 1_000 * SECOND // CLEAR
    launches = [Leased(PLAYERS, rate, COME, lease=lease) for lease in LEASES]
    bills = [on_paper(launch).bill for launch in launches]
    shorter, longer = (longest_poll(launch.lease, launch.claim_window) // SECOND for launch in launches)
    figures = {
        "calls of the API": ("million", [bill.counts["API Gateway requests"] / MILLION for bill in bills]),
        "AWS's bill": ("USD", [bill.total for bill in bills]),
    }
    return [
        Row(
            f"{what} with a longest poll of {longer} s: {1 - new / old:z.0%} less",
            f"{new:.2f} {unit}",
            f"{shorter} s: {old:.2f} {unit}",
            f"{new / old:.2f}",
            "–",  # noqa: RUF001
        )
        for what, (unit, (old, new)) in figures.items()
    ]

"""`python -m tests.benchmarks [SECTION…]` prints one table; all of it takes three minutes."""

import sys

from tests.benchmarks import arithmetic, cold, console, costs, counting, crowd, half_hour, report, rush, speed, start
from tests.benchmarks.measure import HEADER, section
from tests.benchmarks.stage import opened

SECTIONS = {
    "requests": ("An admitted player, one poll included", costs.of_a_player),
    "polls": ("Polls of a player", costs.polls),
    "crowd": ("200,000 come within 10 min and are in after 30 min, on a virtual clock", crowd.polling),
    "cost": ("What 200,000 cost who wait half an hour each, on a virtual clock", half_hour.costs),
    "ceiling": ("How many could wait as they do", half_hour.ceiling),
    "placing": ("Placing, against the same writes sent bare", speed.placing),
    "rush": ("Ten functions that place at once, each call of DynamoDB taken as 5 ms", rush.placing),
    "counting": ("Counting closed positions, against the same rows read bare", counting.one_run),
    "answering": ("Answering, against the bare calls", speed.answering),
    "cold": ("First call in a fresh interpreter, against boto3, its clients and the same calls", cold.starting),
    "start": (f"A cold function that signs, and what a poll logs, against {start.BEFORE}", start.answering),
    "large": ("Memory", cold.large),
    "bundle": ("Bundle", cold.bundled),
    "console": ("Command line", console.commands),
    "arithmetic": ("Arithmetic", arithmetic.calls),
    "simulate": ("Simulation", arithmetic.launches),
    "report": ("Report", report.reported),
    "sizes": ("What a poll takes and costs, DynamoDB's answer taken as 4 ms", speed.sizes),
    "growth": ("Growth with the line", speed.growing),
}


def main(names: list[str]) -> None:
    """Print the tables of these sections, all without a name."""
    unknown = [name for name in names if name not in SECTIONS]
    if unknown:
        sys.exit(f"There is no section {', '.join(unknown)}: choose from {', '.join(SECTIONS)}.")
    print(HEADER)  # noqa: T201
    with opened() as stage:
        for name in names or SECTIONS:
            title, measure = SECTIONS[name]
            print(section(title, measure(stage)), flush=True)  # noqa: T201


main(sys.argv[1:])

"""`python -m tests.benchmarks [SECTION…]`: all of it takes some minutes."""

import sys

from tests.benchmarks import arithmetic, cold, console, costs, speed
from tests.benchmarks.measure import table
from tests.benchmarks.stage import opened

SECTIONS = {
    "requests": ("What an admitted player costs", costs.of_a_player),
    "polls": ("Polls", costs.polls),
    "placing": ("Placing", speed.placing),
    "answering": ("Answering", speed.answering),
    "cold": ("Cold start and memory", cold.starting),
    "large": ("Memory", cold.large),
    "bundle": ("Bundle", cold.bundled),
    "console": ("Command line", console.commands),
    "arithmetic": ("Arithmetic", arithmetic.calls),
    "simulate": ("Simulation", arithmetic.launches),
    "sizes": ("Memory size", speed.sizes),
    "growth": ("Growth", speed.growing),
}


def main(names: list[str]) -> None:
    """Print the tables of these sections, all without a name."""
    unknown = [name for name in names if name not in SECTIONS]
    if unknown:
        sys.exit(f"There is no section {', '.join(unknown)}: choose from {', '.join(SECTIONS)}.")
    with opened() as stage:
        for name in names or SECTIONS:
            title, measure = SECTIONS[name]
            print(table(title, measure(stage)), flush=True)  # noqa: T201


main(sys.argv[1:])

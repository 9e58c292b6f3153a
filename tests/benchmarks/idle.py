"""The guide's table of what a month costs in which nobody comes; `python -m tests.documents` writes it.

Alarms, dashboard and secret are counted in the template, the calls of settle_line on a queue that has been used.
"""

from loginq.deploy import template
from loginq.deploy.foresight import resources
from loginq.rehearsal.prices import Bill, Run, idle
from loginq.service.requests.minute import settle
from loginq.service.rules.settings import Rules
from loginq.service.rules.times import MINUTE
from loginq.service.store.table import Row
from tests.benchmarks.costs import units
from tests.benchmarks.measure import Call
from tests.memory import InMemory, Work
from tests.world import made, someone


def settled_run() -> Run:
    """What one run asks of DynamoDB once everybody who came is counted."""
    memory, calls = InMemory(), list[Call]()

    def seen(operation: str, parameters: Row, work: Work) -> Row:
        calls.append(Call("dynamodb", operation.title().replace("_", ""), parameters))
        return work(**parameters)

    memory.dynamodb.spoil = seen
    world = made(memory, rules=Rules(initial_rate=20_000))
    world.let_in(someone())
    for _ in range(30):
        world.later(MINUTE)
        calls.clear()
        settle(world.queue)
    reads, writes = units(calls)
    return Run(len(calls), reads, writes)


def month(run: Run, **parameters: str) -> Bill:
    """An idle month of a stack on AWS with these parameters, else the defaults."""
    source = template.load()
    there = resources(source.document, {**source.defaults, "EmulatorEndpoint": "", **parameters})
    return idle(there, run)


def table() -> str:
    """The Markdown table."""
    run = settled_run()
    lean, full = month(run), month(run, Monitoring="full")
    lines = ["| a month, nobody comes | count | USD | `Monitoring=full` | USD |", "|---|--:|--:|--:|--:|"]
    for name in sorted(full.counts, key=lambda name: -lean.dollars[name]):
        if full.counts[name]:
            cells = [cell for bill in (lean, full) for cell in (_count(bill.counts[name]), f"{bill.dollars[name]:.2f}")]
            lines.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join([*lines, f"| **together** | | **{lean.total:.2f}** | | **{full.total:.2f}** |"])


def _count(number: float) -> str:
    return f"{number:,.0f}" if number >= 1 or not number else f"{number:.2f}"

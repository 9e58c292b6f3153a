"""Crowds of a rehearsal, always marked, always removable: accounts for real players, and everybody gone again."""

import json
from collections.abc import Iterator
from dataclasses import asdict

from loginq.service.operations.accounts import Users
from loginq.service.requests.crowd import Part, parts, synthetic_sub
from loginq.service.rules.account import NewAccount
from loginq.service.rules.errors import Failed, Invalid, LoginqError
from loginq.service.store import keys
from loginq.service.store.aws import Client
from loginq.service.store.queue import Queue
from loginq.service.store.table import attempts, chunks

MOST_REAL = 5_000
"""Real players in one run: what one process can play."""
_REAL, _DOMAIN = "load-", "@load.invalid"


def real_accounts(run: str, players: int, password: str) -> list[NewAccount]:
    """Accounts for a crowd of real players; their addresses, which nobody can have, mark them.

    https://www.rfc-editor.org/rfc/rfc2606 reserves `.invalid`. Raises `Invalid` when there are none or too many.
    """
    if not 1 <= players <= MOST_REAL:
        raise Invalid(f"{players} real players cannot be played from one machine.", f"Ask for 1 to {MOST_REAL:,}.")
    names = [f"{_REAL}{run}-{n:05}" for n in range(players)]
    return [NewAccount(name, name + _DOMAIN, password) for name in names]


def send(lambdas: Client, function: str, run: str, players: int) -> Iterator[int]:
    """Have `function`, the stack's `generate_load`, make a run of synthetic players; how many, some at a time.

    Raises `Invalid` when there are none or too many, before anything is begun; `Failed` when the function fails.
    """
    return _sent(lambdas, function, list(parts(run, players)))


def _sent(lambdas: Client, function: str, work: list[Part]) -> Iterator[int]:
    for part in work:
        answer = lambdas.invoke(FunctionName=function, Payload=json.dumps(asdict(part)).encode())
        if "FunctionError" in answer:
            raise Failed(
                f"generate_load failed after {part.start:,} players.",
                "See its log; `loginq load clean` removes them.",
            )
        yield part.count


def clean_real(users: Users) -> Iterator[int]:
    """Delete the accounts of every crowd of real players, and their rows; how many, some at a time.

    Raises the first error, once as much as possible is deleted.
    """
    marked = [account.username for account in users.starting_with(_REAL) if account.email.endswith(_DOMAIN)]
    errors: list[LoginqError] = []
    for some in chunks(marked, 50):
        done = attempts(users.delete, some)
        errors += [each for each in done if isinstance(each, LoginqError)]
        yield sum(not isinstance(each, LoginqError) for each in done)
    if errors:
        raise errors[0]


def clean(queue: Queue) -> Iterator[int]:
    """Delete every synthetic player, page by page of a scan of the whole table; how many in each page.

    Their positions stay behind as holes.
    """
    for rows in queue.table.scan("#synthetic = :yes", {"yes": True}):
        subs = [keys.sub_of(row) for row in rows]
        queue.players.delete(subs)
        yield len(subs)


def clean_run(queue: Queue, run: str, players: int) -> None:
    """Delete the synthetic players of one run, without a scan."""
    queue.players.delete([synthetic_sub(run, n) for n in range(players)])

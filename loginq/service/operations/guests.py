"""Players whose accounts are another provider's: loginq knows of each the row, once somebody has come."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any, NoReturn

from loginq.service.operations.accounts import Account, Users
from loginq.service.operations.forgetting import forget
from loginq.service.rules.errors import Invalid, NotFound
from loginq.service.rules.identity import meant
from loginq.service.rules.player import Identity
from loginq.service.store.queue import Queue

IN_THE_QUEUE = "Do it there. `loginq users disable`, `enable` and `delete` do what there is to do here, by the sub."


WHO = "Give the sub of one who has come, letter by letter: `loginq players list`."


def elsewhere(provider: str, do: str = IN_THE_QUEUE) -> Invalid:
    """Why nothing is done with an account that is no pool's. `do`: what to do instead."""
    return Invalid(f"Players have accounts of {provider}: loginq neither sees nor changes any.", do)


class _NoPool:
    """In place of Cognito, where there is none to ask."""

    def __init__(self, provider: str) -> None:
        self._provider = provider

    def __getattr__(self, name: str) -> NoReturn:
        raise elsewhere(self._provider)


class Guests(Users):
    """The players of a queue in place of the accounts of a pool, by sub or key; what needs an account is `Invalid`."""

    def __init__(self, queue: Queue) -> None:
        nobody: Any = _NoPool(queue.provider)
        super().__init__(nobody, "", queue)

    def get(self, who: str | Account) -> Account:
        """A player as far as the row knows. Raises `NotFound` for one who has never come, or is deleted."""
        if isinstance(who, Account):
            return who
        player = self._queue.players.get(meant(self._queue.provider, who))
        if player is None or player.deleted:
            raise NotFound(f"There is no player {who!r}.", WHO)
        return Account(player.sub, player.known_as, "", "", not player.blocked, player.created_at or 0)

    def find(self, name: str) -> Account:
        """The same."""
        return self.get(name)

    def starting_with(self, prefix: str) -> Iterator[Account]:
        """Nobody: only a provider lists its accounts."""
        return iter(())

    def disable(self, who: str | Account) -> Account:
        """Keep the player out of the queue."""
        account = self.get(who)
        self._queue.players.block(account.sub, blocked=True)
        return replace(account, enabled=False)

    def enable(self, who: str | Account) -> Account:
        """Undo `disable`."""
        account = self.get(who)
        self._queue.players.block(account.sub, blocked=False)
        return replace(account, enabled=True)

    def delete(self, who: str | Account) -> Account:
        """Take the row away; who comes again once that is forgotten begins anew. Raises `NotFound`."""
        account = self.get(who)
        forget(self._queue, Identity(account.sub, account.username))
        return account

"""One act on many: a batch at a time, safe to repeat, one record in the audit whose members can be listed."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from loginq.service.operations.accounts import Account, generated_password, patiently
from loginq.service.operations.found import identities
from loginq.service.operations.operator import Operator, Outcome
from loginq.service.rules.act import Action
from loginq.service.rules.errors import LoginqError, NotFound, Refused
from loginq.service.rules.player import Identity
from loginq.service.store.audit import DONE, FAILED, SAME, Ledger
from loginq.service.store.table import attempts, chunks

TOGETHER = 50
"""Of whom the members of an act are written together: some 2 KB, where DynamoDB takes 400 KB."""


@dataclass(frozen=True, slots=True)
class Verb:
    """What can be done to many.

    Args:
        what: its name in the audit, as of one that is done to a single player.
        find: who the names mean; an outcome where there is nobody to do it to.
        work: does it, as an operator who notes what is done.
    """

    what: str
    find: Callable[[Operator, Sequence[str]], Sequence[Any]]
    work: Callable[[Operator, Sequence[Any]], list[Outcome]]


class Together:
    """One act on these names, which differ; iterated over, it does it, and gives (name, outcome) for each batch.

    Args:
        source: where the names are from.
    """

    def __init__(self, operator: Operator, verb: Verb, names: Sequence[str], source: str) -> None:
        self._operator, self._verb, self._names, self._source = operator, verb, names, source
        self.id = ""
        """By which the audit lists its members; of a single name it has no members."""

    def __iter__(self) -> Iterator[list[tuple[str, Outcome]]]:
        """Raises `Refused` once credentials do not suffice: they would not for the next either."""
        me, names = self._operator, self._names
        if len(names) == 1:
            found = self._verb.find(me, names)
            done = self._verb.work(me, [who for who in found if not isinstance(who, str | LoginqError)])
            yield [(names[0], (done or found)[0])]
            return
        ledger = Ledger(me.queue, Action(me.queue.clock(), me.who, self._verb.what, self._source), len(names))
        self.id = ledger.id
        for some in chunks(names, TOGETHER):
            outcomes = self._batch(ledger, some)
            yield list(zip(some, outcomes, strict=True))
            if refused := next((each for each in outcomes if isinstance(each, Refused)), None):
                raise refused

    def _batch(self, ledger: Ledger, names: Sequence[str]) -> list[Outcome]:
        """Two names may mean the same player."""
        found = self._verb.find(self._operator, names)
        people = {who.sub: who for who in found if not isinstance(who, str | LoginqError)}
        nobody = [_became(who) for who in found if isinstance(who, str | LoginqError)]
        became, changed = dict[str, str](), set[str]()

        def note(act: Action) -> None:
            if act.changed:
                changed.add(act.subject)

        ledger.begin(list(people))
        try:
            outcomes = dict(
                zip(people, self._verb.work(replace(self._operator, noted=note), list(people.values())), strict=True)
            )
            became = {sub: _became(outcome) for sub, outcome in outcomes.items()}
        finally:
            ledger.end({**became, **dict.fromkeys(changed, DONE)}, nobody)
        return [who if isinstance(who, str | LoginqError) else outcomes[who.sub] for who in found]


def _became(outcome: Outcome) -> str:
    """Of somebody whom nothing was noted of."""
    return SAME if isinstance(outcome, str) else FAILED


def _players(me: Operator, names: Sequence[str]) -> list[Identity | LoginqError]:
    return identities(me.queue, me.users, names)


def _accounts(me: Operator, names: Sequence[str]) -> list[Account | LoginqError]:
    table = me.queue.table
    return attempts(lambda name: patiently(lambda: me.users.find(name), table.sleep, me.queue.random), names)


def _accounts_left(me: Operator, names: Sequence[str]) -> list[Account | Outcome]:
    """To delete who is gone is done: the same file again goes on where it was cut off."""
    return ["is not there" if isinstance(who, NotFound) else who for who in _accounts(me, names)]


def _disable(me: Operator, account: Account) -> str:
    me.disable_user(account)
    return "disabled" if account.enabled else "was disabled already"


def _enable(me: Operator, account: Account) -> str:
    me.enable_user(account)
    return "was enabled already" if account.enabled else "enabled"


class Given(str):
    """An outcome with the password that an account has now: nobody can read it anywhere else."""

    password = ""


def _reset_password(me: Operator, account: Account) -> str:
    password, outcome = generated_password(), Given("another password")
    me.reset_password(account, password)
    outcome.password = password
    return outcome


def _delete(me: Operator, account: Account) -> str:
    me.delete_user(account)
    return "deleted"


def _each(one: Callable[[Operator, Account], str]) -> Callable[[Operator, Sequence[Account]], list[Outcome]]:
    return lambda me, accounts: attempts(lambda account: one(me, account), accounts)


ADMIT = Verb("admit", _players, Operator.admit)
REMOVE = Verb("remove", _players, Operator.remove)
RESET = Verb("reset", _players, Operator.reset)
DISABLE = Verb("disable user", _accounts, _each(_disable))
ENABLE = Verb("enable user", _accounts, _each(_enable))
RESET_PASSWORD = Verb("reset password", _accounts, _each(_reset_password))
DELETE = Verb("delete user", _accounts_left, _each(_delete))

"""What an operator does, each act with an audit row: on the line as `LineActs` has it, on players and accounts here."""

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass

from loginq.service.operations import admitting, crowds
from loginq.service.operations.accounts import Account, Users
from loginq.service.operations.line_acts import LineActs
from loginq.service.requests import login
from loginq.service.rules.account import NewAccount
from loginq.service.rules.errors import LoginqError, UnknownTicket
from loginq.service.rules.player import Identity
from loginq.service.store.table import attempts, chunks, in_threads

_TOGETHER = 50

Outcome = str | LoginqError
"""What became of one player: what is true now, or why nothing was done."""


@dataclass(frozen=True, slots=True)
class Operator(LineActs):
    """Somebody who acts on a queue and its accounts, and answers for it."""

    users: Users

    # Players

    def admit(self, players: Sequence[Identity]) -> list[Outcome]:
        """Let players in out of turn. Doing it again for somebody who is in changes nothing."""
        before = self.queue.players.get_all([player.sub for player in players])
        inside = {sub for sub, player in before.items() if player.in_game() and player.returning is None}

        def outcome(player: Identity, error: LoginqError | None) -> Outcome:
            if error is not None:
                return error
            if player.sub in inside:
                return "was in already"
            self._record("admit", player.sub, after="admitted")
            return "let in"

        admitted = zip(players, admitting.admit(self.queue, players), strict=True)
        return in_threads(lambda pair: outcome(*pair), admitted)

    def remove(self, players: Sequence[Identity]) -> list[Outcome]:
        """Take players' tickets and places away, in line or in the game."""
        return attempts(self._remove, players)

    def reset(self, players: Sequence[Identity]) -> list[Outcome]:
        """Back to how players are after signing up: no ticket, no place, not blocked.

        That undoes half of `disable_user`, and the outcome names the other half: the account is Cognito's.
        """

        def one(player: Identity) -> str:
            self._remove(player)
            before = self.queue.players.get(player.sub)
            self.queue.players.block(player.sub, blocked=False)
            self._record("reset", player.sub, after="registered")
            if before is None or not before.blocked:
                return "reset"
            return f"reset, no longer blocked; to let the account sign in: `loginq users enable {player.username}`"

        return attempts(one, players)

    def _remove(self, player: Identity) -> str:
        try:
            login.leave(self.queue, player, by_operator=True)
        except UnknownTicket:
            return "had no place"
        self._record("remove", player.sub, after="registered")
        return "removed"

    # Accounts: what each does, and raises, is at the method of `Users` with its name

    def create_user(self, username: str, email: str, password: str) -> Account:
        """A confirmed account with a permanent password, and its player row."""
        account = self.users.create(username, email, password)
        self._record("create user", account.sub, after="created")
        return account

    def import_users(self, accounts: Sequence[NewAccount], source: str) -> Generator[list[Outcome], None, None]:
        """Create the accounts that are not there yet; what became of each, some at a time. `source`: from what file."""
        created = 0
        try:
            for some in chunks(accounts, _TOGETHER):
                outcomes = attempts(self.users.ensure, some)
                created += outcomes.count("created")
                yield outcomes
        finally:
            self._record("import users", source, after={"created": created, "accounts": len(accounts)})

    def reset_password(self, who: str | Account, password: str) -> Account:
        """Another permanent password, and an end to the account's sign-ins."""
        account = self.users.reset_password(who, password)
        self._record("reset password", account.sub, after="reset")
        return account

    def confirm_user(self, username: str) -> tuple[str, Account]:
        """Confirm an account in the player's stead; its status before, and the account."""
        before, account = self.users.confirm(username)
        if before != account.status:
            self._record("confirm user", account.sub, before, account.status)
        return before, account

    def disable_user(self, who: str | Account) -> Account:
        """Keep the player from logging in."""
        return self._switched("disable user", self.users.disable, who)

    def enable_user(self, who: str | Account) -> Account:
        """Undo `disable_user`."""
        return self._switched("enable user", self.users.enable, who)

    def _switched(self, what: str, switch: Callable[[Account], Account], who: str | Account) -> Account:
        was = self.users.get(who)
        account = switch(was)
        self._record(what, was.sub, was.switch, account.switch)
        return account

    def delete_user(self, who: str | Account) -> Account:
        """Take the account away, its row, and its place."""
        account = self.users.delete(who)
        self._record("delete user", account.sub, after="deleted")
        return account

    # Rehearsals

    def crowd(self, run: str, players: int, *, synthetic: bool) -> None:
        """A crowd came: `players` of the run `run`."""
        self._record("load run", run, after={"players": players, "synthetic": synthetic})

    def clean_crowds(self) -> Generator[tuple[int, int], None, None]:
        """Delete synthetic players, then the accounts of real crowds; (players, accounts), some at a time."""
        players = accounts = 0
        try:
            for gone in crowds.clean(self.queue):
                players += gone
                yield gone, 0
            for gone in crowds.clean_real(self.users):
                accounts += gone
                yield 0, gone
        finally:
            self._record("load clean", before=players + accounts, after=0)

"""Accounts in Cognito and their player rows."""

import secrets
import string
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from random import Random
from typing import Any, TypeVar

from loginq.service.operations.forgetting import forget
from loginq.service.rules.account import NewAccount, check_account, check_password, composed, forms
from loginq.service.rules.errors import Conflict, Invalid, LoginqError, NotFound, NotReady, Unavailable
from loginq.service.rules.player import Identity
from loginq.service.rules.times import iso
from loginq.service.store.aws import Client
from loginq.service.store.queue import Queue

MIN_PASSWORD = 12
"""The shortest password that the template's policy allows; it also wants lower, upper, digit and symbol."""
PATIENCE = 8
"""How often a throttled call is asked again: Cognito makes about 30 accounts a second."""
T = TypeVar("T")
_SYMBOLS = "!@#%^*-_=+"


@dataclass(frozen=True, slots=True)
class Account:
    """One Cognito user."""

    sub: str
    username: str
    email: str
    status: str
    enabled: bool
    created_at: int
    """ms since the epoch."""

    @property
    def switch(self) -> str:
        """`enabled` or `disabled`, as the audit has it."""
        return "enabled" if self.enabled else "disabled"

    def document(self) -> dict[str, Any]:
        """The JSON form."""
        return {**asdict(self), "created_at": iso(self.created_at)}


def patiently(ask: Callable[[], T], sleep: Callable[[float], None], random: Random) -> T:
    """The answer of `ask`, which is asked again while AWS throttles, for about a minute. Raises `Unavailable` then."""
    for attempt in range(PATIENCE):
        try:
            return ask()
        except NotReady:
            raise
        except Unavailable:
            sleep(random.uniform(0.5, 1) * 0.2 * 2**attempt)
    return ask()


def generated_password(length: int = 20) -> str:
    """A random password that fulfils the policy, from the system's secure randomness."""
    kinds = (string.ascii_lowercase, string.ascii_uppercase, string.digits, _SYMBOLS)
    letters = [secrets.choice(kind) for kind in kinds]
    letters += [secrets.choice("".join(kinds)) for _ in range(length - len(kinds))]
    secrets.SystemRandom().shuffle(letters)
    return "".join(letters)


class Users:
    """The accounts of one user pool."""

    def __init__(self, cognito: Client, pool_id: str, queue: Queue) -> None:
        self._cognito, self._pool, self._queue = cognito, pool_id, queue

    def create(self, username: str, email: str, password: str) -> Account:
        """A confirmed account with a permanent password, and its player row.

        Raises `Conflict` for a name or address that is taken, in upper or lower case, and `Invalid` for what Cognito
        refuses; then nothing is left behind.
        """
        username, email = composed(username), composed(email)
        check_account(username, email)
        if self._is_taken(username, email):
            raise _taken(username, email)
        return self._create(username, email, password)

    def _is_taken(self, username: str, email: str) -> bool:
        """Whether somebody is found by this name or address; Cognito itself knows only of the one form it is told."""
        spelled = {each for form in forms(username) for each in (form, form.lower())}
        addresses = {each for form in forms(email) for each in (form, form.lower())}
        wanted = [*(("username", each) for each in spelled), *(("email", each) for each in addresses)]
        return any(next(self._matching(*each), None) for each in wanted)

    def _create(self, username: str, email: str, password: str) -> Account:
        username, email, password = composed(username), composed(email), composed(password)
        check_account(username, email)
        check_password(password)
        try:
            answer = self._cognito.admin_create_user(
                UserPoolId=self._pool,
                Username=username,
                MessageAction="SUPPRESS",
                UserAttributes=_attributes(email=email, email_verified="true"),
            )
        except Conflict as exc:
            raise _taken(username, email) from exc
        account = _account(answer["User"], "Attributes")
        try:
            self._set_password(username, password)
            self._queue.players.register(Identity(account.sub, username, email), self._queue.clock())
        except LoginqError:
            self._cognito.admin_delete_user(UserPoolId=self._pool, Username=username)
            raise
        return account

    def list(self, prefix: str = "") -> Iterator[Account]:
        """Every account whose user name begins so, in the pool's own order, read as far as somebody looks."""
        if prefix:
            yield from self.starting_with(prefix)
            return
        for page in self._cognito.pages("list_users", UserPoolId=self._pool):
            for user in page["Users"]:
                yield _account(user, "Attributes")

    def about(self) -> int:
        """About how many accounts there are: Cognito counts them now and then."""
        return int(self._cognito.describe_user_pool(UserPoolId=self._pool)["UserPool"]["EstimatedNumberOfUsers"])

    def get(self, who: str | Account) -> Account:
        """The account of a user name, or who is one already.

        A name that is typed otherwise and looks the same finds it, too. Raises `NotFound`.
        """
        if isinstance(who, Account):
            return who
        for form in forms(who):
            with suppress(NotFound):
                return _account(self._cognito.admin_get_user(UserPoolId=self._pool, Username=form), "UserAttributes")
        raise NotFound(f"There is no user {who!r}.", "See `loginq users list`.")

    def find(self, name: str) -> Account:
        """The account with this user name, e-mail address or sub. Raises `NotFound`."""
        try:
            return self.get(name)
        except (NotFound, Invalid):
            for form in forms(name):
                if account := next(self._matching("email" if "@" in name else "sub", form), None):
                    return account
            raise

    def starting_with(self, prefix: str) -> Iterator[Account]:
        """The accounts whose user name begins so."""
        return self._matching("username", prefix, "^=")

    def _matching(self, attribute: str, value: str, by: str = "=") -> Iterator[Account]:
        quoted = value.replace("\\", "\\\\").replace('"', '\\"')
        for page in self._cognito.pages("list_users", UserPoolId=self._pool, Filter=f'{attribute} {by} "{quoted}"'):
            for user in page["Users"]:
                yield _account(user, "Attributes")

    def reset_password(self, who: str | Account, password: str) -> Account:
        """Give the account another permanent password, and end its sign-ins; ID tokens that are out end by themselves.

        Throttling is waited out. Raises `NotFound`, `Invalid` for a password that breaks the policy.
        """
        account, password = self.get(who), composed(password)
        check_password(password)
        self._patiently(lambda: self._set_password(account.username, password))
        sign_out = self._cognito.admin_user_global_sign_out
        self._patiently(lambda: sign_out(UserPoolId=self._pool, Username=account.username))
        return account

    def confirm(self, username: str) -> tuple[str, Account]:
        """Confirm an account in the player's stead; its status before, and the account as it is now.

        The address is not marked as verified: nobody has proven it. Raises `NotFound`, and `Invalid` for an account
        that waits for something else than a code.
        """
        account = self.get(username)
        if account.status == "UNCONFIRMED":
            self._cognito.admin_confirm_sign_up(UserPoolId=self._pool, Username=username)
        elif account.status != "CONFIRMED":
            raise Invalid(
                f"{username!r} waits for no code: its status is {account.status}.",
                "Give it a password: `loginq users reset-password`.",
            )
        # The trigger writes the row, too; it may have failed when the player confirmed.
        self._queue.players.register(Identity(account.sub, account.username, account.email), self._queue.clock())
        return account.status, replace(account, status="CONFIRMED")

    def disable(self, who: str | Account) -> Account:
        """Keep the player from logging in, in both places, because an ID token outlives the account's disabling.

        The row is blocked first: a crash in between leaves somebody who cannot enter, not somebody who can. Throttling
        is waited out.
        """
        account, disable = self.get(who), self._cognito.admin_disable_user
        self._queue.players.block(account.sub, blocked=True)
        self._patiently(lambda: disable(UserPoolId=self._pool, Username=account.username))
        return replace(account, enabled=False)

    def enable(self, who: str | Account) -> Account:
        """Undo `disable`."""
        account, enable = self.get(who), self._cognito.admin_enable_user
        self._patiently(lambda: enable(UserPoolId=self._pool, Username=account.username))
        self._queue.players.block(account.sub, blocked=False)
        return replace(account, enabled=True)

    def _patiently(self, ask: Callable[[], T]) -> T:
        return patiently(ask, self._queue.table.sleep, self._queue.random)

    def ensure(self, new: NewAccount) -> str:
        """Create the account if it is not there, finish it if that was cut off; what is true now.

        Throttling is waited out. Raises `Conflict` when the name or the address belongs to somebody else, `Invalid`,
        `Unavailable` when the throttling does not end.
        """
        return self._patiently(lambda: self._ensure(new))

    def _ensure(self, new: NewAccount) -> str:
        password = new.password or generated_password()
        try:
            self._create(new.username, new.email, password)
        except Conflict:
            try:
                there = self.get(new.username)
            except NotFound:
                there = None
            if there is None or composed(there.email).lower() != composed(new.email).lower():
                raise
            self._queue.players.register(Identity(there.sub, there.username, there.email), self._queue.clock())
            if there.status != "FORCE_CHANGE_PASSWORD":
                return "was there already"
            self._set_password(there.username, password)
        return "created"

    def _set_password(self, username: str, password: str) -> None:
        try:
            self._cognito.admin_set_user_password(
                UserPoolId=self._pool, Username=username, Password=password, Permanent=True
            )
        except Invalid as exc:
            raise Invalid(
                "The password breaks the pool's policy.",
                f"Use {MIN_PASSWORD} characters or more, with lower and upper case, a digit and a symbol.",
            ) from exc

    def delete(self, who: str | Account) -> Account:
        """Take the player row away, then the account, and say which it was; a place in line or in the game is given up.

        What stays of the row keeps the account's tokens out for as long as one lives. Cut off in between, the same
        again finishes it. Throttling is waited out. Raises `NotFound`.
        """
        return self._patiently(lambda: self._delete(who))

    def _delete(self, who: str | Account) -> Account:
        account = self.get(who)
        forget(self._queue, Identity(account.sub, account.username))
        self._cognito.admin_delete_user(UserPoolId=self._pool, Username=account.username)
        return account


def _taken(username: str, email: str) -> Conflict:
    return Conflict(f"The user name {username!r} or the address {email!r} is taken.", "Choose another.")


def _attributes(**attributes: str) -> list[dict[str, str]]:
    return [{"Name": name, "Value": value} for name, value in attributes.items()]


def _account(user: dict[str, Any], attributes_in: str) -> Account:
    attributes = {each["Name"]: each["Value"] for each in user[attributes_in]}
    return Account(
        sub=attributes["sub"],
        username=user["Username"],
        email=attributes.get("email", ""),
        status=user.get("UserStatus", ""),
        enabled=user.get("Enabled", True),
        created_at=int(user["UserCreateDate"].timestamp() * 1_000),
    )

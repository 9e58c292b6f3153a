"""Accounts in Cognito and their player rows."""

import csv
import secrets
import string
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass, field, replace
from random import Random
from typing import Any, TypeVar

from loginq.service.aws import Client
from loginq.service.errors import Conflict, Invalid, LoginqError, NotFound, Unavailable
from loginq.service.login import forget
from loginq.service.players import Identity
from loginq.service.queue import Queue
from loginq.service.times import iso

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

    def document(self) -> dict[str, Any]:
        """The JSON form."""
        return {**asdict(self), "created_at": iso(self.created_at)}


@dataclass(frozen=True, slots=True)
class NewAccount:
    """A line of a file of accounts; without a password nobody knows it, and the player asks for a new one."""

    username: str
    email: str
    password: str = field(default="", repr=False)


def parse_accounts(lines: Iterable[str]) -> list[NewAccount]:
    """The accounts of a CSV file with the columns `username`, `email` and, if wanted, `password`.

    Raises `Invalid`, naming the line, before anything is done with any of them.
    """
    reader = csv.DictReader(lines, strict=True)
    columns = set(reader.fieldnames or ())
    if not {"username", "email"} <= columns <= {"username", "email", "password"}:
        raise Invalid(
            f"The first line names the columns {', '.join(reader.fieldnames or ()) or 'of nothing'}.",
            "It must be `username,email` or `username,email,password`.",
        )
    accounts: dict[str, NewAccount] = {}
    for row in _rows(reader):
        given = {name: (row.get(name) or "").strip() for name in ("username", "email", "password")}
        if None in row or not given["username"] or not given["email"]:
            raise Invalid(f"Line {reader.line_num} is not an account.", "Each needs a user name and an e-mail address.")
        if given["username"].lower() in accounts:
            raise Invalid(f"Line {reader.line_num} names {given['username']!r} again.", "Each account once.")
        accounts[given["username"].lower()] = NewAccount(**given)
    return list(accounts.values())


def _rows(reader: "csv.DictReader[str]") -> Iterator[dict[str, str]]:
    try:
        yield from reader
    except csv.Error as exc:
        raise Invalid(f"Line {reader.line_num} is not CSV: {exc}.") from exc


def patiently(ask: Callable[[], T], sleep: Callable[[float], None], random: Random) -> T:
    """The answer of `ask`, which is asked again while AWS throttles, for about a minute. Raises `Unavailable` then."""
    for attempt in range(PATIENCE):
        try:
            return ask()
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

        Raises `Conflict` for a name or address that is taken and `Invalid` for a password that breaks the policy; then
        nothing is left behind.
        """
        if not username.strip() or len(username) > 128 or any(c.isspace() for c in username):
            raise Invalid(f"{username!r} is not a user name.", "Use up to 128 characters without spaces.")
        if "@" not in email.strip("@") or any(c.isspace() for c in email):
            raise Invalid(f"{email!r} is not an e-mail address.", "Write it like ada@example.com.")
        try:
            answer = self._cognito.admin_create_user(
                UserPoolId=self._pool,
                Username=username,
                MessageAction="SUPPRESS",
                UserAttributes=_attributes(email=email, email_verified="true"),
            )
        except Conflict as exc:
            raise Conflict(f"The user name {username!r} or the address {email!r} is taken.", "Choose another.") from exc
        account = _account(answer["User"], "Attributes")
        try:
            self._set_password(username, password)
            self._queue.players.register(Identity(account.sub, username, email), self._queue.clock())
        except LoginqError:
            self._cognito.admin_delete_user(UserPoolId=self._pool, Username=username)
            raise
        return account

    def list(self) -> Iterator[Account]:
        """Every account, in the pool's own order."""
        for page in self._cognito.pages("list_users", UserPoolId=self._pool):
            for user in page["Users"]:
                yield _account(user, "Attributes")

    def get(self, username: str) -> Account:
        """One account. Raises `NotFound`."""
        try:
            return _account(self._cognito.admin_get_user(UserPoolId=self._pool, Username=username), "UserAttributes")
        except NotFound as exc:
            raise NotFound(f"There is no user {username!r}.", "See `loginq users list`.") from exc

    def find(self, name: str) -> Account:
        """The account with this user name, e-mail address or sub. Raises `NotFound`."""
        try:
            return self.get(name)
        except (NotFound, Invalid):
            account = next(self._matching("email" if "@" in name else "sub", name), None)
            if account is None:
                raise
            return account

    def starting_with(self, prefix: str) -> Iterator[Account]:
        """The accounts whose user name begins so."""
        return self._matching("username", prefix, "^=")

    def _matching(self, attribute: str, value: str, by: str = "=") -> Iterator[Account]:
        quoted = value.replace("\\", "\\\\").replace('"', '\\"')
        for page in self._cognito.pages("list_users", UserPoolId=self._pool, Filter=f'{attribute} {by} "{quoted}"'):
            for user in page["Users"]:
                yield _account(user, "Attributes")

    def reset_password(self, username: str, password: str) -> Account:
        """Give the account another permanent password, and end its sign-ins; ID tokens that are out end by themselves.

        Raises `NotFound`, `Invalid` for a password that breaks the policy.
        """
        account = self.get(username)
        self._set_password(username, password)
        self._cognito.admin_user_global_sign_out(UserPoolId=self._pool, Username=username)
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

    def disable(self, username: str) -> Account:
        """Keep the player from logging in, in both places, because an ID token outlives the account's disabling.

        The row is blocked first: a crash in between leaves somebody who cannot enter, not somebody who can.
        """
        account = self.get(username)
        self._queue.players.block(account.sub, blocked=True)
        self._cognito.admin_disable_user(UserPoolId=self._pool, Username=username)
        return replace(account, enabled=False)

    def enable(self, username: str) -> Account:
        """Undo `disable`."""
        account = self.get(username)
        self._cognito.admin_enable_user(UserPoolId=self._pool, Username=username)
        self._queue.players.block(account.sub, blocked=False)
        return replace(account, enabled=True)

    def ensure(self, new: NewAccount) -> str:
        """Create the account if it is not there, finish it if that was cut off; what is true now.

        Throttling is waited out. Raises `Conflict` when the name or the address belongs to somebody else, `Invalid`,
        `Unavailable` when the throttling does not end.
        """
        return patiently(lambda: self._ensure(new), self._queue.table.sleep, self._queue.random)

    def _ensure(self, new: NewAccount) -> str:
        password = new.password or generated_password()
        try:
            self.create(new.username, new.email, password)
        except Conflict:
            try:
                there = self.get(new.username)
            except NotFound:
                there = None
            if there is None or there.email.lower() != new.email.lower():
                raise
            self._queue.players.register(Identity(there.sub, there.username, there.email), self._queue.clock())
            if there.status != "FORCE_CHANGE_PASSWORD":
                return "was there already"
            self._set_password(new.username, password)
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

    def delete(self, username: str) -> Account:
        """Delete the player row, then its account, and say which it was; a place in line or in the game is given up.

        Cut off in between, the same again finishes it. Throttling is waited out. Raises `NotFound`.
        """
        return patiently(lambda: self._delete(username), self._queue.table.sleep, self._queue.random)

    def _delete(self, username: str) -> Account:
        account = self.get(username)
        forget(self._queue, Identity(account.sub, username))
        self._cognito.admin_delete_user(UserPoolId=self._pool, Username=username)
        return account


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

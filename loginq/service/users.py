"""Accounts in Cognito and their player rows."""

import secrets
import string
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

from loginq.service.aws import Client
from loginq.service.errors import Conflict, Invalid, LoginqError, NotFound
from loginq.service.login import forget
from loginq.service.players import Identity
from loginq.service.queue import Queue
from loginq.service.times import iso

MIN_PASSWORD = 12
"""The shortest password that the template's policy allows; it also wants lower, upper, digit and symbol."""
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
        try:
            self._cognito.admin_set_user_password(
                UserPoolId=self._pool, Username=username, Password=password, Permanent=True
            )
        except LoginqError as exc:
            self._cognito.admin_delete_user(UserPoolId=self._pool, Username=username)
            if isinstance(exc, Invalid):
                raise Invalid(
                    "The password breaks the pool's policy.",
                    f"Use {MIN_PASSWORD} characters or more, with lower and upper case, a digit and a symbol.",
                ) from exc
            raise
        account = _account(answer["User"], "Attributes")
        self._queue.players.register(Identity(account.sub, username, email), self._queue.clock())
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

    def delete(self, username: str) -> Account:
        """Delete the account, then its player row, and say which it was; a place in line or in the game is given up.

        Raises `NotFound`.
        """
        account = self.get(username)
        self._cognito.admin_delete_user(UserPoolId=self._pool, Username=username)
        forget(self._queue, Identity(account.sub, username))
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

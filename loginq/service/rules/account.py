"""What an account may be called, as Cognito will judge it on the day, and files of accounts. Pure."""

import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import zip_longest

from loginq.service.rules.errors import Invalid, quoted
from loginq.service.rules.sheets import rows

LONGEST_NAME, LONGEST_PASSWORD = 128, 256
"""https://docs.aws.amazon.com/cognito-user-identity-pools/latest/APIReference/API_AdminCreateUser.html"""
LONGEST_ADDRESS = 254
"""No longer address can get mail: https://www.rfc-editor.org/errata/eid1690"""
SHOWN = 10
"""Findings of one file that are told at once."""
_ADDRESS = re.compile(r"[^@\s]+@[^@\s]+")
_COLUMNS = ("username", "email", "password")
_UNDERSTOOD = ("email_verified", "")
"""What is looked at besides."""
_NOT_VERIFIED = ("false", "no", "0")
_OF_COGNITO = frozenset(
    (
        *("name", "given_name", "family_name", "middle_name", "nickname", "preferred_username", "profile", "picture"),
        *("website", "email_verified", "gender", "birthdate", "zoneinfo", "locale", "phone_number", "address"),
        *("phone_number_verified", "updated_at", "cognito:mfa_enabled"),
    )
)
"""What else the header of Cognito's own import file names.

https://docs.aws.amazon.com/cognito/latest/developerguide/cognito-user-pools-using-import-tool.html
"""


@dataclass(frozen=True, slots=True)
class NewAccount:
    """A line of a file of accounts; without a password nobody knows it, and the player asks for a new one."""

    username: str
    email: str
    password: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class Roll:
    """The accounts of a file, and its columns that say something of which loginq makes nothing."""

    accounts: list[NewAccount]
    unused: tuple[str, ...] = ()


def composed(text: str) -> str:
    """The text in the one form in which it is kept (NFC): `é` is one letter, however it was typed."""
    return unicodedata.normalize("NFC", text)


def forms(name: str) -> list[str]:
    """The forms in which a name may be kept that looks like this one: as it was given first, mostly the only one."""
    return list(dict.fromkeys([name, composed(name), unicodedata.normalize("NFD", name)]))


def check_account(username: str, email: str) -> None:
    """Raises `Invalid` for a user name or an address that Cognito refuses.

    Names are letters, marks, numbers, signs and punctuation. One that looks like an address is refused where players
    may sign in with theirs: https://docs.aws.amazon.com/cognito/latest/developerguide/user-pool-settings-attributes.html
    """
    if not username or len(username) > LONGEST_NAME or not all(unicodedata.category(c)[0] in "LMNPS" for c in username):
        raise Invalid(
            f"{quoted(username)} is not a user name.", f"Use up to {LONGEST_NAME} characters, and no blanks among them."
        )
    if _ADDRESS.fullmatch(username):
        raise Invalid(
            f"The user name {quoted(username)} is an e-mail address.",
            "Choose another name; the player can sign in with the address all the same.",
        )
    unseen = any(unicodedata.category(c)[0] == "C" for c in email)
    if not _ADDRESS.fullmatch(email) or len(email) > LONGEST_ADDRESS or unseen:
        raise Invalid(f"{quoted(email)} is not an e-mail address.", "Write it like ada@example.com.")


def check_password(password: str) -> None:
    """Raises `Invalid` for what cannot be a password in any pool, whatever its policy; never says what it is."""
    if password != password.strip() or any(unicodedata.category(c) in ("Cc", "Cs", "Zl", "Zp") for c in password):
        raise Invalid(
            "The password begins or ends with a blank, or has a line end or another unseen sign in it.",
            "Choose one without; a spreadsheet may have added it.",
        )
    if len(password) > LONGEST_PASSWORD:
        raise Invalid(f"The password is longer than {LONGEST_PASSWORD} characters.", "Choose a shorter one.")


def parse_accounts(text: str) -> Roll:
    """The accounts of a CSV file with the columns `username`, `email` and, if wanted, `password`; or Cognito's own.

    Raises `Invalid`, with every finding and its line (the first `SHOWN` of them), before anything is done with any.
    """
    sheet = rows(text)
    _, header = next(sheet, (1, []))
    columns = _columns(header)
    accounts: list[NewAccount] = []
    seen: dict[tuple[str, str], int] = {}
    findings: list[str] = []
    unused: dict[str, None] = {}
    try:
        for line, row in sheet:
            cells = [(name, cell) for name, cell in zip_longest(columns, row, fillvalue="") if cell.strip()]
            account = _account(dict(cells))
            findings += [f"Line {line}: {each}" for each in (*_wrong(account, cells), *_again(account, line, seen))]
            unused |= dict.fromkeys(name for name, _ in cells if name not in (*_COLUMNS, *_UNDERSTOOD))
            accounts.append(account)
    except Invalid as exc:  # no CSV from here on
        findings.append(exc.message)
    if findings:
        raise Invalid(_listed(findings), "Nothing was created. Mend the file and run the same command again.")
    return Roll(accounts, tuple(unused))


def _columns(header: Sequence[str]) -> list[str]:
    """What each column is; "" for one without a name. Raises `Invalid` for a header that is not one of ours."""
    plain = [cell.strip().lower() for cell in header]
    cognito = "cognito:username" in plain
    known = {"cognito:username": "username", "user name": "username", "user-name": "username", "e-mail": "email"}
    columns = [known.get(name, name) for name in plain]
    if twice := [name for name in dict.fromkeys(columns) if name and columns.count(name) > 1]:
        raise Invalid(f"The first line names the column {twice[0]} twice.", "Take one of them away.")
    strange = [
        name
        for name in columns
        if name and name not in _COLUMNS and not (cognito and (name in _OF_COGNITO or name.startswith("custom:")))
    ]
    if strange or not {"username", "email"} <= set(columns):
        raise Invalid(
            f"The first line names the columns {', '.join(header) or 'of nothing'}.",
            "It must be `username,email` or `username,email,password`, or the header of Cognito's own import file.",
        )
    return columns


def _account(given: dict[str, str]) -> NewAccount:
    """The account of a row. Blanks around names and addresses are the spreadsheet's; of a password they are checked."""
    name, email, password = (composed(given.get(column, "")) for column in _COLUMNS)
    return NewAccount(name.strip(), email.strip(), password)


def _wrong(account: NewAccount, cells: Sequence[tuple[str, str]]) -> Iterator[str]:
    """What is wrong with a row by itself, in sentences."""
    if any(not name for name, _ in cells):
        yield "It has more cells than the first line has columns."
    if not account.username or not account.email:
        yield "It needs a user name and an e-mail address."
        return
    if dict(cells).get("email_verified", "").strip().lower() in _NOT_VERIFIED:
        yield "The address is not verified, and every account that is made here has a verified one."
    for check in (partial(check_account, account.username, account.email), partial(check_password, account.password)):
        try:
            check()
        except Invalid as exc:
            yield exc.message


def _again(account: NewAccount, line: int, seen: dict[tuple[str, str], int]) -> Iterator[str]:
    """What an earlier line has already; upper and lower case are one to Cognito. Notes what this one has."""
    for what, value in (("user name", account.username), ("address", account.email)):
        first = seen.setdefault((what, value.lower()), line)
        if value and first != line:
            yield f"The {what} {quoted(value)} is on line {first} already."


def _listed(findings: Sequence[str]) -> str:
    more = len(findings) - SHOWN
    return "\n".join([*findings[:SHOWN], *([f"And {more:,} more."] if more > 0 else [])])

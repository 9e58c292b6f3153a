"""Instants: milliseconds since the epoch in the line and in the code, ISO 8601 UTC in rows that people read."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, time, timedelta
from email.utils import parsedate_to_datetime

from loginq.service.rules.errors import Invalid, quoted

Clock = Callable[[], int]
"""Gives the instant in ms since the epoch."""

SECOND = 1_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR


def iso(t: int) -> str:
    """`t` in ms as `2026-11-24T09:00:00.000Z`."""
    return datetime.fromtimestamp(t // 1_000, UTC).strftime("%Y-%m-%dT%H:%M:%S") + f".{t % 1_000:03}Z"


EARLIEST, LATEST = 946_684_800_000, 253_402_214_399_999
"""The years 2000 to 9999, less a day for zones, in ms. What comes from outside beyond that is no instant but a slip, as
is the zero of some language's calendar, and could not be read back from the row that holds it."""


def from_iso(text: str) -> int:
    """The ms of an ISO 8601 instant; `ValueError` when it is none, or beyond `EARLIEST` and `LATEST`."""
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError(f"{text!r} has no time zone")
    since = moment - datetime(1970, 1, 1, tzinfo=UTC)
    t = since // timedelta(milliseconds=1)
    if t and not EARLIEST <= t <= LATEST:
        raise ValueError(f"{text!r} is out of range")
    return t


def from_row(text: str) -> int:
    """The ms of an instant in a row, which must be readable whatever is in it: what `from_iso` refuses is `EARLIEST`.

    So long ago that nothing follows from it but that it happened: no grace after leaving, no admission that holds.
    """
    try:
        return from_iso(text)
    except ValueError:
        return EARLIEST


def from_http(date: str) -> int | None:
    """The ms of an HTTP date (RFC 9110, 5.6.7), which has whole seconds; None for what is none."""
    try:
        moment = parsedate_to_datetime(date)
        return int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()) * SECOND
    except (ValueError, OverflowError):
        return None


def offset_by(date: str, here: int, round_trip: int) -> int | None:
    """What to add to this machine's clock, in ms, by the `Date` of an answer that came at `here` after `round_trip` ms.

    When this machine's clock lies within [Date, Date + 1 s + round trip] it is as right as can be told, and is taken;
    else Date + 500 ms is. None without a date.
    """
    server = from_http(date)
    if server is None:
        return None
    return 0 if server <= here <= server + SECOND + round_trip else server + SECOND // 2 - here


LONGEST = 365 * DAY
"""What a person may mean by a length of time."""
_UNITS = {"s": SECOND, "m": MINUTE, "min": MINUTE, "h": HOUR, "d": DAY}


def parse_duration(text: str) -> int:
    """`90s`, `10m`, `1h30m`, `1.5h` in ms. Raises `Invalid` for anything else, a number without its unit among it."""
    found = _duration(text)
    if found is None and re.fullmatch(r"[0-9]{1,9}(\.[0-9]{1,9})?", text):
        raise Invalid(f"{quoted(text)} has no unit.", f"Write {text}s for seconds, or {text}m for minutes.")
    if found is None:
        raise Invalid(f"{quoted(text)} is not a length of time.", "Write it like 90s, 10m or 1h30m.")
    if found > LONGEST:
        raise Invalid(f"{quoted(text)} is more than a year.", "Is a digit too many?")
    return found


def _duration(text: str) -> int | None:
    if len(text) > 100:  # no float holds many more digits, and the search below takes its time with them
        return None
    parts = re.findall(r"([0-9]+(?:\.[0-9]+)?)(min|[smhd])", text)
    if parts and "".join(number + unit for number, unit in parts) == text.replace(" ", ""):
        return round(sum(float(number) * _UNITS[unit] for number, unit in parts))
    return None


_FAR = timedelta(hours=12)


def parse_moment(text: str, now: int) -> int:
    """`18:00`, `18:00:30`, `2026-11-25 18:00` in the zone of this machine, or ISO 8601 with a zone, in ms.

    A time of day is the next one after `now`. Raises `Invalid` for anything else, for a moment that is past, for one
    that a change of the clocks makes come twice or never, and for a time of day that is more than 12 hours ahead: who
    types 19:30 at 20:00 seldom means tomorrow.
    """
    here = datetime.fromtimestamp(now / 1_000).astimezone()
    try:
        found = _written(text, here)
        t = (found - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1)
    except (ValueError, OverflowError) as exc:
        raise Invalid(f"{text!r} is not a time.", "Write it like 18:00 or 2026-11-25T18:00.") from exc
    if t <= now:
        raise Invalid(f"{text!r} is past.", f"It is {here:%Y-%m-%d %H:%M:%S} here.")
    if t > LATEST:
        raise Invalid(f"{text!r} is too far ahead.", f"It is {here:%Y-%m-%d %H:%M:%S} here.")
    return t


def parse_past(text: str, now: int) -> int:
    """An instant behind `now`, in ms: `2h` is so long ago, and a time of day is the last one.

    Else as `parse_moment` has it. Raises `Invalid` for anything else, and for a moment that is still to come.
    """
    if (ago := _duration(text)) is not None:
        return now - ago
    here = datetime.fromtimestamp(now / 1_000).astimezone()
    try:
        if re.fullmatch(_TIME_OF_DAY, text):
            today = _local(
                datetime.combine(here.date(), time.fromisoformat(text.zfill(8 if text.count(":") == 2 else 5))), text
            )
            found = today if today <= here else _local(today.replace(tzinfo=None) - timedelta(days=1), text)
        else:
            found = datetime.fromisoformat(text)
            found = found if found.tzinfo else _local(found, text)
        t = (found - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1)
    except (ValueError, OverflowError) as exc:
        raise Invalid(f"{quoted(text)} is not a time.", "Write it like 2h, 18:00 or 2026-11-25T18:00.") from exc
    if t > now:
        raise Invalid(f"{quoted(text)} is still to come.", f"It is {here:%Y-%m-%d %H:%M:%S} here.")
    return t


_TIME_OF_DAY = r"[0-9]{1,2}:[0-9]{2}(:[0-9]{2})?"


def _written(text: str, here: datetime) -> datetime:
    """The instant that is written, by the clocks of `here` where it names no zone."""
    if re.fullmatch(_TIME_OF_DAY, text):
        clock = datetime.strptime(text if text.count(":") == 2 else f"{text}:00", "%H:%M:%S").time()
        today = _local(datetime.combine(here.date(), clock), text)
        found = today if today > here else _local(datetime.combine(here.date() + timedelta(days=1), clock), text)
        if found - here > _FAR:
            what = "is over" if found is not today and here - today < _FAR else "is more than 12 hours ahead"
            raise Invalid(
                f"{text!r} {what}: it is {here:%H:%M:%S} here.", f"If you mean that, write {found:%Y-%m-%dT}{clock}."
            )
        return found
    found = datetime.fromisoformat(text)
    return found if found.tzinfo else _local(found, text)


def _local(naive: datetime, text: str) -> datetime:
    """A time of this machine's clocks; `Invalid` for one that they skip or show twice."""
    first, second = naive.replace(fold=0).astimezone(), naive.replace(fold=1).astimezone()
    if first.utcoffset() == second.utcoffset():
        return first
    skipped = first.astimezone(UTC).astimezone().replace(tzinfo=None, fold=0) != naive
    how = "does not exist here: the clocks go forward" if skipped else "comes twice here: the clocks go back"
    says = f"{naive:%Y-%m-%dT%H:%M}"
    zones = sorted({each.strftime("%z") for each in (first, second)})
    hint = " or ".join(f"{says}{zone[:3]}:{zone[3:]}" for zone in zones)
    raise Invalid(f"{text!r} {how}.", f"Write it with its zone: {hint}.")

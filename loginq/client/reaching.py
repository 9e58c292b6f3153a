"""HTTP calls of the player's side: by which way, and what an answer that is none of ours means."""

import re
import time
from collections.abc import Callable
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

import requests

from loginq.client.faults import NOT_OURS, Trouble
from loginq.service.rules.errors import Invalid
from loginq.service.rules.times import SECOND, Clock, from_http, offset_by
from loginq.service.store.clock import system_clock

TIMEOUT = 15
"""Seconds for one HTTP call."""
LONGEST_RETRY_AFTER = 3_600
"""Seconds; a `Retry-After` that says more, for example by a wrong clock, is asked again then."""
_BUNDLES = "REQUESTS_CA_BUNDLE, CURL_CA_BUNDLE and AWS_CA_BUNDLE"


def is_loopback(url: str) -> bool:
    """Whether it is plain HTTP to this machine."""
    address = urlsplit(url)
    if address.scheme != "http" or address.hostname is None:
        return False
    try:
        return ip_address(address.hostname).is_loopback
    except ValueError:
        return address.hostname == "localhost" or address.hostname.endswith(".localhost")


def session_for(url: str, session: Any = None) -> Any:
    """An HTTP session for the API at `url`, or `session` made into one. Never by a proxy when that is this machine."""
    session = session or requests.Session()
    if is_loopback(url):
        session.trust_env = False
    session.auth = _as_it_is  # else a `default` line of ~/.netrc takes the place of the player's token
    return session


def _as_it_is(request: Any) -> Any:
    return request


def reach(call: Callable[[], Any]) -> Any:
    """The answer of an HTTP call. Raises `Trouble`, and `Invalid` for what no patience mends."""
    from requests import exceptions as faults

    try:
        return call()
    except faults.SSLError as exc:
        raise Trouble(no_certificate("the server")) from exc
    except (faults.InvalidURL, faults.InvalidSchema, faults.MissingSchema) as exc:
        raise Invalid(f"That is no address: {exc}.", "Check the URL, and the proxies in HTTP_PROXY.") from exc
    except requests.RequestException as exc:
        raise Trouble(f"the server cannot be reached ({type(exc).__name__})") from exc
    except OSError as exc:
        raise no_bundle(str(exc).rstrip(".")) from exc


def no_certificate(whose: str) -> str:
    """Why a TLS connection fails that reaches somebody."""
    return f"the certificate of {whose} is not accepted here: a login page of this network, a proxy, or a wrong clock"


def no_bundle(said: str) -> Invalid:
    """What is wrong when the certificates to check with are not there."""
    return Invalid(f"{said}.", f"The environment names certificates that are gone: see {_BUNDLES}.")


def document(answer: Any, **needs: type | tuple[type, ...]) -> dict[str, Any]:
    """The JSON object of an answer, in which `needs` are of these types. Raises `Trouble` when it is none of ours."""
    try:
        found = answer.json()
    except (ValueError, RecursionError) as exc:
        raise Trouble(NOT_OURS) from exc
    if isinstance(found, dict) and all(isinstance(found.get(name), kind) for name, kind in needs.items()):
        return found
    raise Trouble(NOT_OURS)


def retry_after(headers: Any) -> float | None:
    """The seconds that `Retry-After` says (RFC 9110, 10.2.3): a number, or a date, by the clock of who wrote it."""
    said = headers.get("Retry-After", "").strip()
    if re.fullmatch("[0-9]+", said):
        return min(float(said[:9]), LONGEST_RETRY_AFTER)
    until = from_http(said)
    if until is None:
        return None
    now = from_http(headers.get("Date", "")) or system_clock()
    return min(max(0, until - now) / SECOND, LONGEST_RETRY_AFTER)


def ask(call: Callable[[], Any], clock: Clock) -> tuple[Any, int]:
    """The answer of an HTTP call, and the instant in ms at which it came, by the clock of who answered."""
    started = time.monotonic()
    answer = reach(call)
    round_trip = int((time.monotonic() - started) * 1_000)
    here = clock()
    return answer, here + (offset_by(answer.headers.get("Date", ""), here, round_trip) or 0) + age(answer.headers)


def age(headers: Any) -> int:
    """How long a cache on the way has kept an answer, in ms (RFC 9111, 5.1)."""
    said = headers.get("Age", "")
    return int(said) * SECOND if re.fullmatch("[0-9]{1,6}", said) else 0

"""Sessions and clients of AWS: made lazily, in this one place, and passed on. Here, too, an AWS error becomes ours."""

import getpass
import json
import math
import os
import re
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext, suppress
from copy import copy
from functools import cached_property, partial
from pathlib import Path
from typing import Any, Self

from loginq import __version__
from loginq.service.rules.errors import OutOfTime, Refused
from loginq.service.store.failures import RETRY, translating
from loginq.service.store.table import THREADS

USER_AGENT = f"loginq/{__version__}"
"""Fixed, because botocore puts its own together anew for each call, in a tenth of the call's time."""
_FILES = ("config_file", "credentials_file")


def _refuse_pages(response_dict: dict[str, Any], **_: Any) -> None:
    """No service answers with a page: that is a captive portal, whose login page no parser of botocore expects."""
    from botocore.parsers import ResponseParserError

    if response_dict["headers"].get("content-type", "").startswith("text/html"):
        raise ResponseParserError("a page")


_ROWS = ("GetItem", "BatchGetItem", "Query")
_BYTES = re.compile(rb'"B"\s*:')


def _take_rows(response_dict: dict[str, Any], customized_response_dict: dict[str, Any], **_: Any) -> None:
    """Rows are as JSON has them already: botocore's parser visits each value, in twice the time of all the rest.

    What holds bytes, or is no answer, is left to it.
    """
    if response_dict["status_code"] != 200 or _BYTES.search(response_dict["body"]):
        return
    with suppress(ValueError):
        customized_response_dict.update(json.loads(response_dict["body"]))
        response_dict["body"] = b"{}"


def forever() -> float:
    """The time that a command has: nobody ends it but its user."""
    return math.inf


def typed_code(prompt: str) -> str:
    """A code for MFA, typed at the terminal. Raises `Refused` where there is none, or nobody is at it.

    A thread asks nobody: the one that looks names up for TAB would leave the terminal without echo.
    """
    if threading.current_thread() is threading.main_thread():
        with warnings.catch_warnings(), suppress(getpass.GetPassWarning, EOFError):
            warnings.simplefilter("error", getpass.GetPassWarning)
            return getpass.getpass(prompt)
    raise Refused(
        "This role wants a code for MFA, and there is no terminal to type it at.",
        "Run `loginq status` at one first: the role's credentials are kept for the time that they are good.",
    )


_UNHEARD: AbstractContextManager[None] = nullcontext()


def unheard(operation: str) -> AbstractContextManager[None]:
    """A call that nobody wants to know of."""
    return _UNHEARD


class Client:
    """A client of botocore whose calls raise the errors of `loginq.service.rules.errors`.

    Args:
        make: makes the client, when it is first used: a Lambda pays for those that it needs.
        time_left: seconds in which a call may still be begun; after them it raises `OutOfTime` instead.
        asking: what each call happens in, by its operation; "" for finding credentials.
    """

    def __init__(
        self,
        make: Callable[[], Any],
        time_left: Callable[[], float] = forever,
        asking: Callable[[str], AbstractContextManager[None]] = unheard,
    ) -> None:
        self._make, self._time_left, self._asking = make, time_left, asking

    @cached_property
    def _client(self) -> Any:
        with self._asking(""), translating():
            return self._make()

    def __getattr__(self, name: str) -> Callable[..., Any]:
        method = getattr(self._client, name)

        def call(**parameters: Any) -> Any:
            self._check_time()
            with self._asking(name), translating():
                return method(**parameters)

        return call

    @property
    def meta(self) -> Any:
        """botocore's description of the client: its events, region and endpoint."""
        return self._client.meta

    def pages(self, operation: str, **parameters: Any) -> Iterator[dict[str, Any]]:
        """Every page of a paginated operation."""
        pages = iter(self._client.get_paginator(operation).paginate(**parameters))
        while True:
            self._check_time()
            with self._asking(operation), translating():
                page = next(pages, None)
            if page is None:
                return
            yield page

    def _check_time(self) -> None:
        if self._time_left() <= 0:
            raise OutOfTime("The time for this call is over.", RETRY)


class Aws:
    """Where to talk to, and the clients for it, each made when first used.

    Args:
        region: AWS region; None for what the environment or the profile says.
        endpoint_url: the emulator's address; None for AWS itself.
        credentials: `aws_access_key_id` and `aws_secret_access_key`, for the emulator; None for the usual chain. With
            them nothing else of this machine's counts: no profile, no configuration file, no proxy.
        read_timeout: seconds that one attempt of a call may take; `lambda` invocations have more.
        time_left: seconds in which a call may still be begun.
        profile: the AWS profile; None for what the environment says.
        kept_in: the folder in which the credentials of an assumed role are kept, as the AWS CLI keeps them, so that
            a code for MFA is not asked for at every command; None for no such folder.
        patience: how many attempts a call has, and how many seconds to connect.
        asking: what each call happens in, as `Client` has it.
        prompt: asks for a code for MFA.
    """

    time_left: Callable[[], float] = staticmethod(forever)

    def __init__(
        self,
        region: str | None = None,
        endpoint_url: str | None = None,
        credentials: dict[str, Any] | None = None,
        read_timeout: float = 10,
        time_left: Callable[[], float] = forever,
        profile: str | None = None,
        kept_in: Path | None = None,
        patience: tuple[int, float] = (3, 2),
        asking: Callable[[str], AbstractContextManager[None]] = unheard,
        prompt: Callable[[str], str] = typed_code,
    ) -> None:
        self.region, self._asking, self._prompt = region, asking, prompt
        self._profile, self._kept_in, self._patience = profile, kept_in, patience
        self.endpoint_url = endpoint_url
        self._credentials = credentials or {}
        self._read_timeout = read_timeout
        self.time_left = time_left
        self._made: dict[str, Any] = {}
        self._lock = threading.Lock()

    @cached_property
    def _session(self) -> Any:
        from botocore.session import Session  # boto3's only adds the import of what is never used here

        if self._credentials:
            nothing = {"profile": (None, None, None, None), **dict.fromkeys(_FILES, (None, None, os.devnull, None))}
            return Session(session_vars=nothing)
        session = Session(profile=self._profile)
        if self._kept_in is not None:
            from botocore.utils import JSONFileCache

            with translating():
                roles = session.get_component("credential_provider").get_provider("assume-role")
            roles.cache, roles._prompter = JSONFileCache(self._kept_in), self._prompt
        return session

    def client(self, service: str) -> Client:
        """The client of a service, for example `dynamodb`.

        Its first call raises `Invalid` without a region, `Refused` for a profile that does not exist.
        """
        return Client(partial(self._client, service), self.time_left, self._asking)

    def elsewhere(self, region: str) -> Self:
        """The same in another region, for what is only there."""
        other = copy(self)
        other.region, other._made, other._lock = region, {}, threading.Lock()
        return other

    def signed(self, method: str, url: str, body: bytes, region: str) -> dict[str, str]:
        """The headers of a call of an API's method with AWS_IAM, signed as whoever is asking. Raises `Refused`."""
        from botocore.auth import SigV4Auth
        from botocore.awsrequest import AWSRequest
        from botocore.credentials import Credentials

        given = self._credentials
        with translating():
            who = (
                Credentials(given["aws_access_key_id"], given["aws_secret_access_key"])
                if given
                else self._session.get_credentials()
            )
            request = AWSRequest(method, url, data=body, headers={"Content-Type": "application/json"})
            SigV4Auth(who, "execute-api", region).add_auth(request)
        return dict(request.headers)

    def _client(self, service: str) -> Any:
        """botocore's client: one for each service, made by one thread at a time, because a session bears no more."""
        from botocore.config import Config

        with self._lock:
            if service not in self._made:
                self._made[service] = self._session.create_client(
                    service,
                    region_name=self.region,
                    endpoint_url=self.endpoint_url,
                    config=Config(
                        user_agent=USER_AGENT,
                        connect_timeout=self._patience[1],
                        read_timeout=70 if service == "lambda" else self._read_timeout,
                        max_pool_connections=THREADS,
                        # Ours are all made in one module; to look at each of 100 keys takes longer than all the rest
                        # of asking for them; DynamoDB itself refuses what is wrong.
                        parameter_validation=service != "dynamodb",
                        retries={"mode": "standard", "total_max_attempts": self._patience[0]},
                        ignore_configured_endpoint_urls=True,  # where requests go is the target's word alone
                        **({"proxies": {}} if self._credentials else {}),
                    ),
                    **self._credentials,
                )
                events = self._made[service].meta.events
                events.register("before-parse", _refuse_pages)
                for operation in _ROWS if service == "dynamodb" else ():
                    events.register(f"before-parse.{service}.{operation}", _take_rows)
            return self._made[service]

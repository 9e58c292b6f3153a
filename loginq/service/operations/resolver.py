"""Which target a command is about: one whole set of names from one source, each with where it came from. Pure.

Sources, the first that names a queue wins: the options (`--stack`, with `--profile` and `--region`), the environment,
`.env`. A stack's name is enough, everything else comes from its outputs; where that stack is then comes from the same
source, or, where that says nothing of it, from `.env`. Sets that mix or contradict each other are refused.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from loginq.service.operations.target import DEFAULT_STACK, EDGE_NAMES, EMULATOR_NAMES, NAMES, needed
from loginq.service.rules.errors import Invalid, NoTarget

OPTIONS, ENVIRONMENT, FILE, DEFAULT = "the options", "the environment", ".env", "the default"
STACK, PROFILE, REGION = "LOGINQ_STACK", "AWS_PROFILE", "AWS_DEFAULT_REGION"
ACCOUNT, ENDPOINT = "LOGINQ_ACCOUNT", "AWS_ENDPOINT_URL"
OWN = tuple(name for name in NAMES.values() if not name.startswith("AWS_"))
"""Names of which any says which queue is meant."""
_LOOPBACK = ("127.0.0.1", "localhost", "::1")
_WHERE = (ENDPOINT, REGION, PROFILE)
_NO_SET = "Run `loginq deploy` here, go to the folder of your .env, or name a stack: `loginq --stack NAME …`."


@dataclass(frozen=True, slots=True)
class Named:
    """A value and which source it is from."""

    value: str
    source: str


@dataclass(frozen=True, slots=True)
class Given:
    """What the options say."""

    stack: str | None = None
    profile: str | None = None
    region: str | None = None


@dataclass(frozen=True, slots=True)
class Resolved:
    """A target: its names with their sources, and what `.env` says that is not taken from there."""

    names: Mapping[str, Named] = field(default_factory=dict)
    ignored: tuple[str, ...] = ()

    def get(self, name: str) -> str | None:
        """The value of a name."""
        found = self.names.get(name)
        return found.value if found else None

    @property
    def is_whole(self) -> bool:
        """Whether it names every part of a queue, so that CloudFormation need not be asked."""
        return not needed(self.names)

    def values(self) -> dict[str, str]:
        """The names and values alone."""
        return {name: each.value for name, each in self.names.items()}


def resolve(
    given: Given, environment: Mapping[str, str], file: Mapping[str, str], *, may_be_new: bool = False
) -> Resolved:
    """The target that options, environment and `.env` name together.

    Args:
        may_be_new: for `deploy` and `destroy`, where a stack may be named that is not there, and `loginq` is meant
            when none is.

    Raises `NoTarget` when nothing names one, `Invalid` when a set is torn apart or contradicts another.
    """
    taken, ignored = from_file(file)
    here, there = _queue(environment, ENVIRONMENT), _queue(taken, FILE)
    elsewhere = may_be_new and ENDPOINT in taken and bool(given.profile or given.region)
    if given.stack is not None:
        _refuse_endpoint(environment, taken, given)
        found = {STACK: Named(given.stack, OPTIONS), **_place(given, environment, taken)}
    elif list(here) == [STACK]:
        alone = not _where(environment, ENVIRONMENT) and not (given.profile or given.region)
        found = {**here, **_place(given, environment, taken if alone else {})}
    elif here and any(there.get(name) is None or there[name].value != each.value for name, each in here.items()):
        found = _whole(here, environment, ENVIRONMENT, given, there, may_be_new)
    elif there and not elsewhere:
        found = _whole(there, taken, FILE, given, {}, may_be_new)
    elif may_be_new:
        found = {STACK: Named(DEFAULT_STACK, DEFAULT), **_place(given, environment, {} if elsewhere else taken)}
    else:
        raise NoTarget("No target: neither .env nor the environment names one.", _NO_SET)
    return Resolved(_checked(found), ignored)


def from_file(file: Mapping[str, str]) -> tuple[dict[str, str], tuple[str, ...]]:
    """What is taken from a `.env`, and the names of AWS's that are not.

    Whoever wrote the file must not choose which program gives the credentials, or where requests signed with them go:
    only profile, region and what belongs to an emulator on this machine are read.
    """
    known = {*NAMES.values(), *EDGE_NAMES.values(), ACCOUNT, PROFILE, "AWS_REGION"}
    if _is_loopback(file.get(ENDPOINT, "")):
        known |= set(EMULATOR_NAMES.values())
    taken = {name: value for name, value in file.items() if name in known and value}
    if "AWS_REGION" in taken:
        taken.setdefault(REGION, taken["AWS_REGION"])
        del taken["AWS_REGION"]
    ignored = sorted(name for name in file if name.startswith("AWS_") and name not in known)
    return taken, tuple(ignored)


def region_of(environment: Mapping[str, str]) -> str | None:
    """The region that an environment names, as the AWS CLI reads it. Raises `Invalid` when it names two."""
    first, second = environment.get("AWS_REGION") or None, environment.get(REGION) or None
    if first and second and first != second:
        raise Invalid(
            f"The environment names two regions: AWS_REGION={first} and {REGION}={second}.",
            "Unset one of them, or give --region.",
        )
    return first or second


def _queue(names: Mapping[str, str], source: str) -> dict[str, Named]:
    return {name: Named(names[name], source) for name in OWN if names.get(name)}


def _where(names: Mapping[str, str], source: str) -> dict[str, Named]:
    """Where a source says that the queue is."""
    found = {name: Named(names[name], source) for name in (ENDPOINT, PROFILE) if names.get(name)}
    if region := region_of(names):
        found[REGION] = Named(region, source)
    return found


def _place(given: Given, environment: Mapping[str, str], file: Mapping[str, str]) -> dict[str, Named]:
    """Where a stack is of which only the name is known."""
    options = {PROFILE: given.profile, REGION: given.region}
    if said := {name: Named(value, OPTIONS) for name, value in options.items() if value}:
        region = given.region or region_of(environment)
        here = {PROFILE: environment.get(PROFILE), REGION: region}
        return {**{name: Named(value, ENVIRONMENT) for name, value in here.items() if value}, **said}
    noted = _where(file, FILE)
    if not noted or ENDPOINT in noted:
        return noted or _where(environment, ENVIRONMENT)
    region = region_of(environment)
    if region and REGION in noted and region != noted[REGION].value:
        raise Invalid(
            f"Which region? {_said(noted[REGION], REGION)}, and another, {region}, in {ENVIRONMENT}.",
            "Give --region as well.",
        )
    if region:
        noted.setdefault(REGION, Named(region, ENVIRONMENT))
    return noted | ({ACCOUNT: Named(file[ACCOUNT], FILE)} if file.get(ACCOUNT) else {})


def _whole(
    own: dict[str, Named],
    names: Mapping[str, str],
    source: str,
    given: Given,
    other: Mapping[str, Named],
    may_be_new: bool,
) -> dict[str, Named]:
    """A set that names a queue, from one source; `other`: what another source says of the same."""
    found = {**own, **_where(names, source)}
    found |= {name: Named(names[name], source) for name in (*EDGE_NAMES.values(), ACCOUNT) if names.get(name)}
    missing = needed(found)
    theirs = [name for name in missing if name in other]
    if theirs or (missing and not may_be_new):
        also = f" {FILE} sets {', '.join(theirs)}, and a target is one whole set." if theirs else ""
        raise NoTarget(f"No target: {source} sets {', '.join(own)} and not {', '.join(missing)}.{also}", _NO_SET)
    found.setdefault(STACK, Named(DEFAULT_STACK, DEFAULT))
    for name, value in ((PROFILE, given.profile), (REGION, given.region)):
        if value is None:
            continue
        if ENDPOINT in found or (name == REGION and found.get(REGION, Named(value, OPTIONS)).value != value):
            place = f"an emulator, {found[ENDPOINT].value}" if ENDPOINT in found else f"{name}={found[name].value}"
            raise Invalid(
                f"{source} names {place}, and --{name.rpartition('_')[2].lower()} {value} another place.",
                "Name the stack there, too: `--stack NAME`.",
            )
        found[name] = Named(value, OPTIONS)
    if ENDPOINT not in found:
        return found
    return {name: each for name, each in found.items() if name not in (PROFILE, ACCOUNT)}


def _checked(found: dict[str, Named]) -> dict[str, Named]:
    """The set, if it can be one: an emulator is on this machine, and names that carry a place agree with it."""
    endpoint = found.get(ENDPOINT)
    if endpoint is not None and not _is_loopback(endpoint.value):
        raise Invalid(
            f"{_said(endpoint, ENDPOINT)}, which is no emulator on this machine.",
            "Unset it: loginq goes to AWS itself, or to an emulator on 127.0.0.1.",
        )
    for wrong in _contradictions(found):
        raise Invalid(f"This target contradicts itself: {wrong}.", "Write it anew with `loginq --stack NAME deploy`.")
    return found if endpoint is None else {name: each for name, each in found.items() if name != PROFILE}


def _contradictions(found: Mapping[str, Named]) -> list[str]:
    """Where names of one set on AWS disagree: most of them carry their region, and the intake account and stack too."""
    region, pool, intake = (found.get(name) for name in (REGION, "COGNITO_USER_POOL_ID", "SQS_URL"))
    api, endpoint = found.get("AWSOMEGAME_REST_ENDPOINT"), found.get(ENDPOINT)
    url = urlsplit(intake.value if intake else "")
    account, _, queue = url.path.strip("/").partition("/")
    host = url.hostname or ""
    pairs: list[tuple[str, str, bool]] = []
    if region and pool:
        of_a_region = "_" in pool.value
        pairs.append((REGION, "COGNITO_USER_POOL_ID", of_a_region and not pool.value.startswith(f"{region.value}_")))
    if region and host.startswith("sqs."):
        pairs.append((REGION, "SQS_URL", f".{region.value}." not in host))
    if ACCOUNT in found and account.isdigit():
        pairs.append((ACCOUNT, "SQS_URL", account != found[ACCOUNT].value))
    if STACK in found and "-Intake-" in queue:
        pairs.append((STACK, "SQS_URL", not queue.startswith(found[STACK].value[:20])))
    if endpoint and api:
        pairs.append(
            (ENDPOINT, "AWSOMEGAME_REST_ENDPOINT", urlsplit(api.value).netloc != urlsplit(endpoint.value).netloc)
        )
    return [f"{_said(found[one], one)}, {_said(found[two], two)}" for one, two, wrong in pairs if wrong]


def _refuse_endpoint(environment: Mapping[str, str], file: Mapping[str, str], given: Given) -> None:
    """`--stack` says which stack, a stray AWS_ENDPOINT_URL perhaps where: nobody should have to guess."""
    endpoint = environment.get(ENDPOINT)
    if endpoint and not _where(file, FILE) and not (given.profile or given.region):
        raise Invalid(
            f"Where is the stack {given.stack!r}? {ENDPOINT}={endpoint} is set in the environment.",
            f"For that emulator set {STACK}={given.stack} beside it; for AWS unset it, or give --region.",
        )


def _said(named: Named, name: str) -> str:
    return f"{name} is {named.value} in {named.source}"


def _is_loopback(endpoint: str) -> bool:
    try:
        return urlsplit(endpoint).scheme == "http" and urlsplit(endpoint).hostname in _LOOPBACK
    except ValueError:
        return False

"""What changed parameters mean, and what each does to a queue that runs."""

from collections.abc import Mapping
from dataclasses import dataclass

from loginq.deploy.template import OLDER, OURS, Template, shown
from loginq.service.rules.settings import PARAMETERS

_RULE = "Holds within a second of the deploy's end; no function changes."
_PLACING = "Placing goes on with it once its trigger is updated; no ticket is lost."
_TOKENS = "Holds for tokens given from then on; nobody is signed out."
_THROTTLE = "Holds within seconds; no function changes."
_MAILS = "Holds for mails sent from then on."
_WARM = "The table warms up while it works; it cannot be made colder again."
_EFFECTS = {
    "InitialRate": "Only for a new line: this one keeps its rate.",
    "InitialCapacity": "Only for a new line: this one keeps its capacity; `loginq rate set --capacity` changes that.",
    "SessionReports": (
        "Holds within a second of the deploy's end: reports of the other kind are refused as wrong_report. As many "
        "count as in the game as before, until the first count, or until somebody is said to have left."
    ),
    "IdentityIssuer": (
        "From the deploy's end only its players get in: who has another account keeps a place that nobody can claim. A "
        "user pool that was the stack's stays, and is not the stack's any more."
    ),
    "IdentityAudience": "Holds for tokens that are looked at from then on: each was let through for five minutes.",
    "UserPoolTier": "Accounts and sign-ins stay; what they cost changes.",
    "SesIdentityArn": _MAILS,
    "EmailFromAddress": _MAILS,
    "IdTokenHours": _TOKENS,
    "RefreshTokenDays": _TOKENS,
    "CorsOrigin": "Holds once the API is deployed again; pages of another origin can then no longer ask.",
    "PublicLine": (
        "Who waits looks at GET /line, or asks for themselves again, as soon as the functions say so; places stay. "
        "Everybody may see how long the line is and how fast it moves."
    ),
    "Edge": (
        "Making or changing a distribution takes some minutes, and players notice nothing. Taken away, its address is "
        "gone for good: a client that knows no other, and no domain, can then no longer ask."
    ),
    "DomainName": (
        "Its address is where clients ask, once its record leads here, and tokens name it as iss from then on: game "
        "servers have to accept both for a while (`loginq guide game-server`). A name before it is answered no more: a "
        "client that knows no other can then no longer ask. The API's own address goes on answering."
    ),
    "CertificateArn": "Holds within minutes; nobody is cut off.",
    "HostedZoneId": (
        "The record is made in that zone, which must have none of that name yet; one in a zone before it is taken away."
    ),
    **dict.fromkeys(("TableName", "UserPoolId", "UserClientId"), "Only a new stack takes it."),
    "RequestsPerSecond": _THROTTLE,
    "RequestsBurst": _THROTTLE,
    "Firewall": "Requests pass it, or no longer do, within minutes; places stay.",
    "AccessLogs": "Holds for requests from then on.",
    "Monitoring": "Alarms and the dashboard come or go; players notice nothing.",
    "AlarmEmail": "The address before hears nothing more, and the new one hears something once it consents.",
    "AlarmUrl": "An address before it hears nothing more, and the new one hears something once it confirms.",
    "BatchSize": _PLACING,
    "BatchWindowSeconds": _PLACING,
    "PlacingMaxConcurrency": _PLACING,
    "PlacingReservedConcurrency": "Holds at once, for the next batches.",
    "PlacingTimeoutSeconds": "Holds for batches that begin after it.",
    "IntakeVisibilitySeconds": "Holds for tickets taken from then on.",
    "MaxReceives": "Holds with the next delivery: lower, it may make dead letters of tickets that failed before.",
    "WarmReads": _WARM,
    "WarmWrites": _WARM,
    "LogRetentionDays": "Older logs go, within days.",
    "LogLevel": "Every function starts anew: its first calls take a second longer.",
    "PermissionsBoundaryArn": "Holds at once for every role: one that is too narrow stops the functions.",
    "CodeKey": "Every function starts anew: its first calls take a second longer, and places stay.",
    "LoginqVersion": "Noted with the stack.",
}
"""Parameter -> what its change does to a queue that runs; what is not here is a rule, or as the resources say."""
_OTHER = "Does what the resources say that follow it."


@dataclass(frozen=True, slots=True)
class Difference:
    """A parameter that changes. `before`: None for no value; `effect`: empty where no queue runs yet."""

    name: str
    before: str | None
    after: str
    means: str
    effect: str


def effect_of(name: str) -> str:
    """What a change of the parameter does to a queue that runs."""
    return _EFFECTS.get(name, _RULE if name in PARAMETERS else _OTHER)


def differences(
    source: Template, before: Mapping[str, str], after: Mapping[str, str], *, update: bool
) -> list[Difference]:
    """The parameters that an update changes, or of a new stack those that are not its defaults; in the template's
    order, with those that `deploy` sets itself at the end. The hash of the sources goes without saying: the bundle has
    another name with it.

    Args:
        before: the stack's parameters; where it is older than one, what held is the default, or what older ones have.
            For a new stack, what is there in place of the defaults.
    """
    known = source.document["Parameters"]
    names = [name for name in known if name in after and name != "SourcesHash" and (update or name not in OURS)]
    there = {**source.defaults, **(OLDER if update else {}), **before}
    return [
        Difference(
            name,
            shown(known[name], there.get(name)),
            str(shown(known[name], after[name])),
            str(known[name]["Description"]),
            effect_of(name) if update else "",
        )
        for name in names
        if after[name] != there.get(name)
    ]

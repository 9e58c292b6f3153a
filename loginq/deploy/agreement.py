"""Parameters that are right one by one: whether they are so together."""

from collections.abc import Container, Mapping

from loginq.service.rules.errors import Invalid
from loginq.service.rules.polling import longest_poll
from loginq.service.rules.settings import Rules
from loginq.service.rules.times import SECOND

_PAIRS = {
    ("WarmReads", "WarmWrites"): "0",
    ("RequestsPerSecond", "RequestsBurst"): "0",
    ("IdentityIssuer", "IdentityAudience"): "",
    ("UserPoolId", "UserClientId"): "",
}
"""Parameters that go together, and what both are where neither is given."""
_NEEDS = {
    "EmailFromAddress": ("SesIdentityArn", "Give the SES identity that may send from it."),
    "CertificateArn": ("DomainName", "Give the name that is yours, or neither."),
    "HostedZoneId": ("DomainName", "Give the name that is yours, or neither."),
}
"""Parameter -> what it needs besides."""
OF_THE_MAKER = {
    "TableName": ("WarmReads", "WarmWrites"),
    "UserPoolId": ("UserPoolTier", "SesIdentityArn", "EmailFromAddress", "IdTokenHours", "RefreshTokenDays"),
}
"""What a stack takes -> parameters of whatever stack made it."""


def agree(every: Mapping[str, str], given: Container[str], *, on_aws: bool) -> None:
    """Raises `Invalid` for values that are right one by one, and not together. `given`: those that were not before."""
    for (one, two), none in _PAIRS.items():
        if (every[one] == none) != (every[two] == none):
            raise Invalid(f"{one} and {two} go together.", "Give both, or neither.")
    for name, (needed, do) in _NEEDS.items():
        if every[name] and not every[needed]:
            raise Invalid(f"{name} needs a {needed}.", do)
    for taken, others in OF_THE_MAKER.items():
        if every[taken] and (useless := [name for name in others if name in given]):
            raise Invalid(f"{useless[0]} does nothing beside {taken}.", "What an earlier stack left stays as it is.")
    if every["UserPoolId"] and every["IdentityIssuer"]:
        raise Invalid(
            "UserPoolId and IdentityIssuer exclude each other: players are of the one or of the other.",
            "Empty the one that goes: `--param UserPoolId= --param UserClientId=`, or `--param IdentityIssuer= --param "
            "IdentityAudience=`.",
        )
    _of_the_place(every, on_aws=on_aws)
    _of_the_rules(Rules.of_stack(every))


def _of_the_place(every: Mapping[str, str], *, on_aws: bool) -> None:
    if on_aws and every["DomainName"] and not every["CertificateArn"]:
        raise Invalid("DomainName needs a CertificateArn.", "Give that of its certificate in ACM.")
    if on_aws and every["IdentityIssuer"].startswith("http:"):
        raise Invalid("On AWS an IdentityIssuer is https.", "Loopback is for the emulator.")
    if not on_aws and every["Firewall"] == "true":
        raise Invalid("The emulator has no firewall.", "Give Firewall=true on AWS, and here Firewall=false.")


def _of_the_rules(rules: Rules) -> None:
    if rules.max_rate and rules.initial_rate > rules.max_rate:
        raise Invalid(
            f"An InitialRate of {rules.initial_rate / 1_000:g} is more than the MaxRate of {rules.max_rate / 1_000:g}.",
            "Give both with `--param`.",
        )
    if rules.claim_window < rules.lease + 2 * longest_poll(rules.lease, rules.claim_window):
        raise Invalid(
            f"A ClaimWindowSeconds of {rules.claim_window // SECOND} is too short for a LeaseSeconds of "
            f"{rules.lease // SECOND}.",
            "It must be the lease and two of the longest polls, so that an outage expires nobody who polls.",
        )

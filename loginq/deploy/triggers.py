"""The alarms that take an update back while CloudFormation makes it, and for some minutes after."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from loginq.deploy.stack import Stack
from loginq.service.rules.errors import Refused
from loginq.service.store.aws import Aws

ALARMS = ("ServerErrorsAlarm", "PlacingErrorsAlarm", "SettleErrorsAlarm", "SettleSilentAlarm", "DeadLettersAlarm")
"""Logical ids, and all that CloudFormation takes of them: five.

https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_RollbackConfiguration.html
"""
MINUTES = 5
"""How long they are watched after the last resource is updated."""
_TYPE = "AWS::CloudWatch::Alarm"


@dataclass(frozen=True, slots=True)
class Alarm:
    """An alarm of the stack, by its logical id, and whether it rings."""

    name: str
    arn: str
    rings: bool


def alarms_of(aws: Aws, resources: Sequence[Mapping[str, Any]], known: Collection[str]) -> list[Alarm]:
    """Those of `ALARMS` that exist now and are among the `known` logical ids: an update that deletes one of its
    triggers fails. Raises `Refused`.
    """
    names = {
        each["PhysicalResourceId"]: each["LogicalResourceId"]
        for each in resources
        if each["LogicalResourceId"] in ALARMS and each["LogicalResourceId"] in known and each.get("PhysicalResourceId")
    }
    if not names:
        return []
    found = aws.client("cloudwatch").describe_alarms(AlarmNames=list(names))["MetricAlarms"]
    told = {names[each["AlarmName"]]: each for each in found if each["AlarmName"] in names}
    return [Alarm(name, told[name]["AlarmArn"], told[name]["StateValue"] == "ALARM") for name in ALARMS if name in told]


@dataclass(frozen=True, slots=True)
class Guard:
    """What takes an update back: `armed`. One that rings already would do so at once, so that it is left out."""

    armed: tuple[Alarm, ...] = ()
    ringing: tuple[Alarm, ...] = ()

    def configuration(self) -> dict[str, Any]:
        """For CreateChangeSet; an empty list where there are none, because CloudFormation remembers those before."""
        triggers = [{"Arn": each.arn, "Type": _TYPE} for each in self.armed]
        return {"RollbackTriggers": triggers, "MonitoringTimeInMinutes": MINUTES if triggers else 0}


def guard_of(aws: Aws, stack: Stack, known: Collection[str], say: Callable[[str], None]) -> Guard:
    """The guard of an update that is planned now, to a template with the `known` resources."""
    alarms = _seen(aws, stack, known, say)
    return Guard(tuple(each for each in alarms if not each.rings), tuple(each for each in alarms if each.rings))


def kept_guard(aws: Aws, stack: Stack, configuration: Mapping[str, Any], say: Callable[[str], None]) -> Guard:
    """The guard of a change set that was kept: what rings is as it is now, what is armed as it was then."""
    armed = {each["Arn"] for each in configuration.get("RollbackTriggers", ())}
    alarms = _seen(aws, stack, ALARMS, say)
    return Guard(tuple(each for each in alarms if each.arn in armed), tuple(each for each in alarms if each.rings))


def _seen(aws: Aws, stack: Stack, known: Collection[str], say: Callable[[str], None]) -> list[Alarm]:
    """The alarms, or a word about why they cannot be seen; none on the emulator, which heeds no triggers."""
    if aws.endpoint_url is not None:
        return []
    try:
        return alarms_of(aws, stack.resources(), known)
    except Refused as exc:
        say(f"The alarms could not be seen, so that none takes this back: {exc.message}")
        return []

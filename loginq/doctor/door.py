"""Is the front door open, and would somebody hear of it if not: alarms, who hears them, the API's answers, settling."""

from collections.abc import Callable, Iterator
from urllib.parse import urlsplit

from loginq.doctor.checks import Finding, Patient, Verdict, guarded
from loginq.service.operations.front_door import FrontDoor, settling

_UNCONFIRMED = "PendingConfirmation"
"""What SNS gives as the ARN of a subscription that nobody has confirmed yet.
https://docs.aws.amazon.com/sns/latest/api/API_ListSubscriptionsByTopic.html"""


def examine_door(patient: Patient) -> Iterator[Finding]:
    """Every check of it, one after the other."""
    checks: dict[str, Callable[[Patient], Finding]] = {
        "alarms": _alarms,
        "listener": _listener,
        "front door": _door,
        "settling": _settling,
    }
    for what, check in checks.items():
        yield guarded(what, lambda check=check: check(patient))  # type: ignore[misc]


def _alarms(patient: Patient) -> Finding:
    names = [
        each["PhysicalResourceId"]
        for each in patient.stack.resources()
        if each["ResourceType"] == "AWS::CloudWatch::Alarm"
    ]
    if not names:
        return Finding("alarms", Verdict.WARN, "the stack has none", "Run `loginq deploy`.")
    alarms = patient.aws.client("cloudwatch").describe_alarms(AlarmNames=names)["MetricAlarms"]
    ringing = [each["AlarmName"] for each in alarms if each["StateValue"] == "ALARM"]
    if ringing:
        return Finding(
            "alarms", Verdict.BAD, f"ringing: {', '.join(ringing)}", "`loginq guide alarms` says what to do."
        )
    return Finding("alarms", Verdict.OK, f"{len(alarms)}, none ringing")


def _listener(patient: Patient) -> Finding:
    """Whether an alarm would be heard. Nobody needs to hear those of an emulator."""
    topic = patient.stack.outputs()["AlarmTopicArn"]
    pages = patient.aws.client("sns").pages("list_subscriptions_by_topic", TopicArn=topic)
    there = [each for page in pages for each in page["Subscriptions"]]
    if waiting := [_name(each["Endpoint"]) for each in there if each["SubscriptionArn"] == _UNCONFIRMED]:
        do = "Follow the link in AWS's message to it. A lost one comes again: `aws sns subscribe`, with the same words."
        return Finding("listener", Verdict.BAD, f"not confirmed yet: {', '.join(waiting)}", do)
    if there:
        return Finding("listener", Verdict.OK, f"{len(there)} confirmed")
    if patient.is_local:
        return Finding("listener", Verdict.OK, "none, and an emulator sends no mail")
    do = "`loginq deploy --param AlarmEmail=ADDRESS`, or AlarmUrl for a pager"
    return Finding("listener", Verdict.WARN, "the alarms are told to nobody", do)


def _name(endpoint: str) -> str:
    """Who hears; of an address on the web its host alone, because a pager's has its key in it."""
    return urlsplit(endpoint).hostname or endpoint


def _door(patient: Patient) -> Finding:
    t = patient.queue.clock()
    door = FrontDoor(patient.aws, patient.target, patient.stack.resources).read(t)
    if faults := door.faults():
        says, do = ("; ".join(part) for part in zip(*faults, strict=True))
        return Finding("front door", Verdict.BAD, says, do)
    if unseen := door.unseen(t):
        return Finding("front door", Verdict.UNKNOWN, unseen)
    return Finding("front door", Verdict.OK, door.words())


def _settling(patient: Patient) -> Finding:
    if said := settling(patient.queue, patient.stack.describe() or {}):
        return Finding("settling", Verdict.BAD, said[0])
    return Finding("settling", Verdict.OK, "it runs each minute")

"""The alarms: each is rung by hand, heard by a queue that listens for that long, and put back."""

import json
from collections.abc import Iterator
from contextlib import suppress

from loginq.doctor.live.functions import stable
from loginq.doctor.live.trial import Trial
from loginq.service.rules.errors import Failed, NotFound


def listen(trial: Trial) -> str:
    """A queue that the topic, and nobody else, may send to; made early, because a new one may hear a little late."""
    topic = _topic(trial)
    arn = f"{topic.rpartition(':')[0].replace(':sns:', ':sqs:')}:{trial.name}"
    allowed = {
        "Effect": "Allow",
        "Principal": {"Service": "sns.amazonaws.com"},
        "Action": "sqs:SendMessage",
        "Resource": arn,
        "Condition": {"ArnEquals": {"aws:SourceArn": topic}},
    }
    policy = json.dumps({"Version": "2012-10-17", "Statement": [allowed]})
    trial.listens = True
    trial.patient.aws.client("sqs").create_queue(QueueName=trial.name, Attributes={"Policy": policy})
    trial.patient.aws.client("sns").subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)
    return f"the queue {trial.name} hears what the alarms' topic says"


def ring(trial: Trial) -> str:
    """Every alarm of the stack is set, and its word arrives at a listener of the topic."""
    names = {
        each["PhysicalResourceId"]: each["LogicalResourceId"]
        for each in trial.patient.stack.resources()
        if each["ResourceType"] == "AWS::CloudWatch::Alarm"
    }
    if not names:
        raise Failed("The stack has no alarms.", "Run `loginq deploy`.")
    cloudwatch = trial.patient.aws.client("cloudwatch")
    there = {
        each["AlarmName"]: each["StateValue"]
        for each in cloudwatch.describe_alarms(AlarmNames=list(names))["MetricAlarms"]
    }
    if gone := [name for alarm, name in names.items() if alarm not in there]:
        raise Failed(f"Gone: {', '.join(gone)}.")
    if ringing := [names[alarm] for alarm, state in there.items() if state == "ALARM"]:
        raise Failed(f"Ringing already: {', '.join(ringing)}.", "`loginq guide alarms` says what to do.")
    stable(trial)  # a deploy that has begun meanwhile would be taken back
    for alarm, state in there.items():
        trial.alarms[alarm] = state
        cloudwatch.set_alarm_state(AlarmName=alarm, StateValue="ALARM", StateReason=_why(trial))
    waiting = set(there)

    def all_heard() -> bool:
        waiting.difference_update(_heard(trial))
        return not waiting

    if not trial.until(all_heard):
        raise Failed(f"Set, and not heard: {', '.join(sorted(names[alarm] for alarm in waiting))}.")
    return f"{len(there)}, each set and heard"


def quieten(trial: Trial) -> str:
    """Each alarm is what it was."""
    cloudwatch = trial.patient.aws.client("cloudwatch")
    for alarm, state in trial.alarms.items():
        cloudwatch.set_alarm_state(AlarmName=alarm, StateValue=state, StateReason=_why(trial))
    return f"{len(trial.alarms)} as before" if trial.alarms else ""


def leave(trial: Trial) -> str:
    """What listened is gone, also where only a part of it was made."""
    if not trial.listens:
        return ""
    sns, sqs = trial.patient.aws.client("sns"), trial.patient.aws.client("sqs")
    for page in sns.pages("list_subscriptions_by_topic", TopicArn=_topic(trial)):
        for each in page["Subscriptions"]:
            if each["Endpoint"].endswith(f":{trial.name}"):
                sns.unsubscribe(SubscriptionArn=each["SubscriptionArn"])
    with suppress(NotFound):
        sqs.delete_queue(QueueUrl=sqs.get_queue_url(QueueName=trial.name)["QueueUrl"])
    return "the queue is gone"


def _heard(trial: Trial) -> Iterator[str]:
    """The alarms that were rung here, and whose word has come in since the last look."""
    sqs = trial.patient.aws.client("sqs")
    url = sqs.get_queue_url(QueueName=trial.name)["QueueUrl"]
    for each in sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, WaitTimeSeconds=1).get("Messages", []):
        with suppress(ValueError, KeyError, TypeError):  # whatever else somebody says on the topic
            said = json.loads(json.loads(each["Body"])["Message"])
            if (said["NewStateValue"], said["NewStateReason"]) == ("ALARM", _why(trial)):
                yield said["AlarmName"]
        sqs.delete_message(QueueUrl=url, ReceiptHandle=each["ReceiptHandle"])


def _topic(trial: Trial) -> str:
    return trial.patient.stack.outputs()["AlarmTopicArn"]


def _why(trial: Trial) -> str:
    """What an alarm says of its ringing, to whoever else listens."""
    return f"`loginq doctor --live` rings each alarm once, to hear whether it is told ({trial.name})."

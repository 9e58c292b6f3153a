"""The front door, looked at: API, throttles and alarms, in one call for all metrics and one for all alarms."""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from loginq.service.operations.edge_door import counted
from loginq.service.operations.target import Target
from loginq.service.rules.door import CALLS, EDGE, FAILED, INVOKED, PERIOD, REFUSALS, REFUSED, TRUTH, Door, silence
from loginq.service.rules.errors import LoginqError
from loginq.service.rules.histogram import size
from loginq.service.rules.minute import behind, falls_behind
from loginq.service.rules.times import DAY, MINUTE, SECOND
from loginq.service.store.aws import Aws
from loginq.service.store.history import History
from loginq.service.store.queue import Queue

LATE = 5 * MINUTE
"""How far back counts are read on AWS, ms: its metrics come a minute or two late. An emulator's are there at once."""
KEPT = 15 * DAY
"""For how long CloudWatch keeps what it counts by the minute, ms.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/cloudwatch_concepts.html
"""
_NAME = "PhysicalResourceId"
Metric = tuple[str, str, str, Mapping[str, str]]
"""What it counts, namespace, name, dimensions; several may count the same."""


class FrontDoor:
    """That of one target.

    Args:
        resources: gives those of its stack, once. history: says what an emulator does not count.
    """

    def __init__(
        self,
        aws: Aws,
        target: Target,
        resources: Callable[[], Sequence[Mapping[str, Any]]],
        history: History | None = None,
    ) -> None:
        self._aws, self._target, self._resources, self._history = aws, target, resources, history
        self._known: Sequence[Mapping[str, Any]] = ()

    def read(self, t: int) -> Door:
        """How the door is at `t`, ms. What AWS does not answer is said in `unread`: nothing is raised."""
        window = MINUTE if self._target.endpoint_url else LATE
        counts, newest, silent = dict[str, int](), None, list[str]()
        try:
            self._known = self._known or self._resources()
        except LoginqError as exc:
            return Door(t, window, {}, unread=_unanswered("the stack", exc))
        try:
            counts, newest, missing = self._counts(t, window)
            if missing:
                silent.append(f"AWS has not answered for {', '.join(missing)}")
        except LoginqError as exc:
            silent.append(_unanswered("the metrics", exc))
        ringing: tuple[str, ...] | None = None
        try:
            ringing = self._ringing()
        except LoginqError as exc:
            silent.append(_unanswered("the alarms", exc))
        counted = None
        if self._target.endpoint_url and self._history is not None:
            try:
                counts, counted = {**counts, **_truth(self._history, t - LATE)}, LATE
            except LoginqError as exc:
                silent.append(_unanswered("the history", exc))
        return Door(t, window, counts, newest, ringing, "; ".join(silent), counted)

    def over(self, since: int, until: int, t: int) -> Door:
        """What went through the door from `since` to `until`, as can be known at `t`, ms, without its alarms.

        Counts that AWS does not answer for, keeps no more or never made are left out, and said in `unread`.
        """
        if since < t - KEPT:
            return Door(until, until - since, {}, unread="CloudWatch keeps counts by the minute for 15 days")
        try:
            self._known = self._known or self._resources()
            counts, newest, missing = self._counts(until, until - since)
        except LoginqError as exc:
            return Door(until, until - since, {}, unread=_unanswered("the metrics", exc))
        if not missing and not counts.get(CALLS):
            return Door(until, until - since, {}, unread="CloudWatch counted no call in that time")
        unread = f"AWS has not answered for {', '.join(missing)}" if missing else ""
        return Door(until, until - since, counts, newest, unread=unread)

    def _counts(self, t: int, window: int) -> tuple[dict[str, int], int | None, list[str]]:
        """The sum of each, until when the newest value reaches, and what there was no whole answer for."""
        metrics = self._metrics()
        values, ends = [0.0] * len(metrics), list[int]()
        whole = [False] * len(metrics)
        for page in self._aws.client("cloudwatch").pages(
            "get_metric_data",
            MetricDataQueries=[_query(n, metric) for n, metric in enumerate(metrics)],
            StartTime=datetime.fromtimestamp((t - window) / SECOND, UTC),
            EndTime=datetime.fromtimestamp(t / SECOND + 1, UTC),
        ):
            for each in page["MetricDataResults"]:
                n = int(each["Id"].removeprefix("m"))
                values[n] += sum(each["Values"])
                whole[n] = each["StatusCode"] == "Complete"
                ends += [round(at.timestamp() * SECOND) + PERIOD for at in each["Timestamps"]]
        missing = sorted({metric[0] for n, metric in enumerate(metrics) if not whole[n]})
        counts = dict[str, int]()
        for n, (what, *_) in enumerate(metrics):
            if what not in missing:
                counts[what] = counts.get(what, 0) + round(values[n])
        for each in self._edges:
            start, end = (datetime.fromtimestamp(at / SECOND, UTC) for at in (t - window, t + SECOND))
            counts |= (asked := counted(self._aws, each["PhysicalResourceId"], start, end))
            missing += [] if asked else [EDGE]
        return counts, max(ends, default=None), missing

    def _metrics(self) -> list[Metric]:
        """All that are to be read; an emulator counts neither throttles of table and sign-ins nor what is logged."""
        target = self._target
        api = {"ApiName": f"{target.stack}-api"}
        metrics: list[Metric] = [(name, "AWS/ApiGateway", name, api) for name in (CALLS, REFUSED, FAILED)]
        metrics += [(code, target.stack, name, {"service": by}) for code, (name, by) in REFUSALS.items()]
        metrics += [
            ("functions", "AWS/Lambda", "Throttles", {"FunctionName": each["PhysicalResourceId"]})
            for each in self._of("AWS::Lambda::Function")
        ]
        if target.endpoint_url:
            return metrics
        client = {"UserPool": target.user_pool_id, "UserPoolClient": target.client_id}
        throttles = ("ReadThrottleEvents", "WriteThrottleEvents")
        return [
            *metrics,
            *((what, target.stack, name, {"service": "get_login_status"}) for what, (name, _) in TRUTH.items()),
            *(
                (INVOKED[each["LogicalResourceId"]], "AWS/Lambda", "Invocations", {"FunctionName": each[_NAME]})
                for each in self._of("AWS::Lambda::Function")
                if self._edges and each["LogicalResourceId"] in INVOKED
            ),
            *(("table", "AWS/DynamoDB", name, {"TableName": target.table}) for name in throttles),
            *([("sign_ins", "AWS/Cognito", "SignInThrottles", client)] if target.user_pool_id else []),
        ]

    def _ringing(self) -> tuple[str, ...]:
        names = {each["PhysicalResourceId"]: each["LogicalResourceId"] for each in self._of("AWS::CloudWatch::Alarm")}
        if not names:
            return ()
        found = self._aws.client("cloudwatch").describe_alarms(AlarmNames=list(names), StateValue="ALARM")
        return tuple(names[each["AlarmName"]] for each in found["MetricAlarms"])

    @property
    def _edges(self) -> list[Mapping[str, Any]]:
        """The distribution before the API, where there is one; an emulator has none."""
        return [] if self._target.endpoint_url else self._of("AWS::CloudFront::Distribution")

    def _of(self, kind: str) -> list[Mapping[str, Any]]:
        return [each for each in self._known if each["ResourceType"] == kind]


def settling(queue: Queue, stack: Mapping[str, Any]) -> list[str]:
    """What to say of settling, or of a table that cannot be read. `stack`: as CloudFormation describes it."""
    try:
        memory = queue.settlement.read()
        line = queue.lines.cached() if memory.expiries else None
    except LoginqError as exc:
        return [f"the table cannot be read ({exc.message.rstrip('.')}): `loginq doctor`"]
    since = memory.run_at or round(stack["CreationTime"].timestamp() * SECOND)
    late = [] if line is None else falls_behind(behind(memory, line), line)
    return [*silence(since, queue.clock()), *late]


def _truth(history: History, since: int) -> dict[str, int]:
    """How true waiting times were by the positions that were counted since then, ms: what `TRUTH` names."""
    tallies = [each.tally for each in history.since(since) if each.tally]
    told, known = sum(each.told for each in tallies), sum(size(each.waits) for each in tallies)
    return {"told": told, "late": sum(each.late for each in tallies), "untold": known - told}


def _query(n: int, metric: Metric) -> dict[str, Any]:
    what, namespace, name, dimensions = metric
    named = [{"Name": key, "Value": value} for key, value in dimensions.items()]
    return {
        "Id": f"m{n}",
        "MetricStat": {
            "Metric": {"Namespace": namespace, "MetricName": name, "Dimensions": named},
            "Period": PERIOD // SECOND,
            "Stat": TRUTH[what][1] if what in TRUTH else "Sum",
        },
    }


def _unanswered(what: str, exc: LoginqError) -> str:
    return f"AWS has not answered for {what} ({exc.message.rstrip('.')})"

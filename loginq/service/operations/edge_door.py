"""What the edge was asked, as CloudFront counts it: in us-east-1 alone, wherever the stack is."""

from datetime import datetime
from typing import Any

from loginq.service.rules.door import EDGE, EDGE_FAILED, PERIOD
from loginq.service.rules.times import SECOND
from loginq.service.store.aws import Aws

REGION = "us-east-1"
_METRICS = {"Requests": "Sum", "5xxErrorRate": "Average"}
"""Metric -> the one statistic that it has; a rate is in percent of the requests of its minute.

https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/programming-cloudwatch-metrics.html
"""


def counted(aws: Aws, distribution: str, start: datetime, end: datetime) -> dict[str, int]:
    """How many requests came to a distribution, and how many of them failed; nothing without a whole answer."""
    found: dict[str, dict[datetime, float]] = {name: {} for name in _METRICS}
    asked = [_query(name, stat, distribution) for name, stat in _METRICS.items()]
    whole = dict.fromkeys(_METRICS, False)
    cloudwatch = aws.elsewhere(REGION).client("cloudwatch")
    for page in cloudwatch.pages("get_metric_data", MetricDataQueries=asked, StartTime=start, EndTime=end):
        for each in page["MetricDataResults"]:
            whole[each["Label"]] = each["StatusCode"] == "Complete"
            found[each["Label"]].update(zip(each["Timestamps"], each["Values"], strict=True))
    if not all(whole.values()):
        return {}
    requests, rates = found.values()
    failed = sum(rate / 100 * requests.get(at, 0) for at, rate in rates.items())
    return {EDGE: round(sum(requests.values())), EDGE_FAILED: round(failed)}


def _query(name: str, stat: str, distribution: str) -> dict[str, Any]:
    dimensions = [{"Name": "DistributionId", "Value": distribution}, {"Name": "Region", "Value": "Global"}]
    metric = {"Namespace": "AWS/CloudFront", "MetricName": name, "Dimensions": dimensions}
    stats = {"Metric": metric, "Period": PERIOD // SECOND, "Stat": stat}
    return {"Id": f"e{stat.lower()}", "Label": name, "MetricStat": stats}

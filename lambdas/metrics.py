"""What CloudWatch counts, from the log line of a call: EMF by Powertools, so that no call waits for a metrics API."""

import os
from functools import cache
from typing import Any

from aws_lambda_powertools.metrics import Metrics, MetricUnit, single_metric

_COUNTED = {
    "tickets": ("Tickets", MetricUnit.Count),
    "placed": ("Placed", MetricUnit.Count),
    "duplicates": ("Duplicates", MetricUnit.Count),
    "stale": ("Stale", MetricUnit.Count),
    "invalid": ("Invalid", MetricUnit.Count),
    "failed": ("Unplaced", MetricUnit.Count),
    "admitted": ("Admitted", MetricUnit.Count),
    "untold": ("Untold", MetricUnit.Count),
    "intake_age_ms": ("IntakeAge", MetricUnit.Milliseconds),
}
"""What a line says -> the metric. Zero is not worth a metric: most calls are polls of players who wait."""
_STATES = {
    "waiting": ("Waiting", MetricUnit.Count),
    "asked_per_second": ("AskedRate", MetricUnit.CountPerSecond),
    "achieved_per_second": ("AchievedRate", MetricUnit.CountPerSecond),
    "short": ("Short", MetricUnit.Count),
    "few_claims": ("FewClaims", MetricUnit.Count),
    "silent_servers": ("SilentServers", MetricUnit.Count),
    "no_shows": ("NoShows", MetricUnit.Count),
}
"""The same for what is told each minute, zero or not, while anything is in motion: a metric that exists in an hour is
paid for that hour, and a queue is idle for most of its life."""
_MOTION = ("waiting", "achieved_per_second", "no_shows", "unused", "few_claims", "silent_servers")
"""Of what settling says: all zero while nobody waits, nobody was let in within the last minute, none is counted, and no
game server is missed."""
_MEASURED = {"eta_error_ms": ("EtaError", MetricUnit.Milliseconds), "eta_late": ("EtaLate", MetricUnit.Count)}
"""The same for what is measured of whom is let in, zero or not, who was told a waiting time."""
_EXPIRED = "ticket_expired"
_ALL = "all"
"""The dimension `service` of `Errors`, which is one metric for the whole stack: one alarm watches it, and an hour of
trouble is paid for once. The kind stands beside it in the log line."""


@cache
def _metrics() -> Metrics:
    """In the stack's namespace, with the function's name as the dimension `service`."""
    return Metrics(namespace=_namespace())


def _namespace() -> str:
    return os.environ.get("POWERTOOLS_METRICS_NAMESPACE", "loginq")


def emit(line: dict[str, Any]) -> None:
    """Write the metrics of one call, if there are any, to stdout."""
    found = {name: line[key] for key, name in _COUNTED.items() if line.get(key)}
    if any(line.get(key) for key in _MOTION):
        found |= {name: float(line[key]) for key, name in _STATES.items() if line.get(key) is not None}
    found |= {name: float(line[key]) for key, name in _MEASURED.items() if line.get(key) is not None}
    if line.get("code") == _EXPIRED:
        found["Expired", MetricUnit.Count] = 1
    if "refused" in line:  # by design: `errors.ByDesign` says what it is counted as
        found[line["refused"], MetricUnit.Count] = 1
    metrics = _metrics()
    for (name, unit), value in found.items():
        metrics.add_metric(name=name, unit=unit, value=value)
    if found:
        metrics.flush_metrics()
    failed = line.get("status", 0) >= 500 and "refused" not in line
    kind = line.get("error") or (line.get("code") if failed else None)
    if kind:
        with single_metric(name="Errors", unit=MetricUnit.Count, value=1, namespace=_namespace()) as error:
            error.add_dimension(name="service", value=_ALL)
            error.add_metadata(key="kind", value=str(kind))

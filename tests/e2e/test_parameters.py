"""Every parameter at one extreme, then at the other: a queue that was deployed answers."""

import pytest

from loginq.deploy.template import OURS, load
from loginq.doctor import checks
from loginq.doctor.checks import Patient, Verdict
from loginq.service.rules.errors import Unavailable
from loginq.service.store import keys
from tests.e2e.conftest import Stack, until

LOW = {
    "InitialRate": "0.001", "MaxRate": "0.001", "InitialCapacity": "1", "LeaseSeconds": "2", "AdmissionSeconds": "10",
    "ClaimWindowSeconds": "4", "ReconnectGraceSeconds": "0", "ReturnRate": "0", "SessionReports": "events",
    "ReportsJoined": "false", "MeanSessionMinutes": "0",
    "IdTokenHours": "1", "RefreshTokenDays": "1", "UserPoolTier": "LITE", "SesIdentityArn": "", "EmailFromAddress": "",
    "Monitoring": "lean",
    "CorsOrigin": "http://localhost:3000", "RequestsPerSecond": "1", "RequestsBurst": "1",
    "Firewall": "false", "AccessLogs": "false", "AlarmEmail": "", "AlarmUrl": "",
    "BatchSize": "1", "BatchWindowSeconds": "0",
    "PlacingMaxConcurrency": "2", "PlacingReservedConcurrency": "0", "PlacingTimeoutSeconds": "1",
    "IntakeVisibilitySeconds": "1", "MaxReceives": "1", "WarmReads": "12000", "WarmWrites": "4000",
    "LogRetentionDays": "1", "LogLevel": "ERROR", "PermissionsBoundaryArn": "",
}  # fmt: skip
# Firewall is false in both: the emulator has none.
HIGH = {
    "InitialRate": "100000.000", "MaxRate": "100000", "InitialCapacity": "1000000000000", "LeaseSeconds": "3600",
    "AdmissionSeconds": "86400", "ClaimWindowSeconds": "86400", "ReconnectGraceSeconds": "86400",
    "SessionReports": "counts", "MeanSessionMinutes": "1440",
    "ReturnRate": "100000", "ReportsJoined": "true", "IdTokenHours": "24", "RefreshTokenDays": "3650",
    "UserPoolTier": "PLUS",
    "SesIdentityArn": "arn:aws:ses:us-east-1:000000000000:identity/example.com", "Monitoring": "full",
    "EmailFromAddress": "The Game <no-reply@example.com>",
    "CorsOrigin": "https://a-b.play.example.com:65535", "RequestsPerSecond": "1000000", "RequestsBurst": "1000000",
    "Firewall": "false", "AccessLogs": "true", "AlarmEmail": "on.call+game@studio-x.example.com",
    "AlarmUrl": "https://pager.example.com/integration/0a1b2c/enqueue",
    "BatchSize": "10000", "BatchWindowSeconds": "300", "PlacingMaxConcurrency": "1000",
    "PlacingReservedConcurrency": "1000", "PlacingTimeoutSeconds": "900", "IntakeVisibilitySeconds": "43200",
    "MaxReceives": "1000", "WarmReads": "10000000", "WarmWrites": "10000000", "LogRetentionDays": "731",
    "LogLevel": "DEBUG", "PermissionsBoundaryArn": "arn:aws:iam::000000000000:policy/studio/boundary",
}  # fmt: skip
PARAMETERS = LOW
"""What `stack` is deployed with."""


def _answers(stack: Stack) -> int:
    return stack.get("/login", stack.player().account.token()).status_code


def test_a_queue_answers_with_every_parameter_at_either_extreme(stack: Stack) -> None:
    assert set(LOW) == set(HIGH) == set(load().document["Parameters"]) - set(OURS)
    assert _answers(stack) == 200
    plan = stack.deployment.plan(HIGH, lambda text: None)
    for _ in stack.deployment.apply(plan):
        pass
    stack.deployment.start_line()
    assert _answers(stack) == 200


def test_rules_that_somebody_spoilt_turn_doctor_red_and_a_deploy_without_changes_mends_them(stack: Stack) -> None:
    patient = Patient(stack.target, stack.aws, stack.queue, stack.deployment.stack)
    assert checks._parameters(patient).verdict is Verdict.OK
    stack.queue.table.update(*keys.rules("main"), write={"admission": "soon", "newer": 1})
    until(lambda: _answers(stack) == 503)
    with pytest.raises(Unavailable, match="admission is 'soon'"):
        checks._parameters(patient)
    assert stack.deployment.plan({}, lambda text: None).change_set is None
    stack.deployment.start_line()
    until(lambda: _answers(stack) == 200)
    assert (stack.queue.table.get(*keys.rules("main")) or {})["newer"] == 1

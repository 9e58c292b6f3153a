"""Every parameter at one extreme, then at the other: a queue that was deployed answers."""

import time
from itertools import pairwise
from pathlib import Path

import pytest
import requests

from loginq.deploy.template import OURS, load
from loginq.doctor import checks
from loginq.doctor.checks import Patient, Verdict
from loginq.service.rules.errors import Unavailable
from loginq.service.rules.public import View
from loginq.service.rules.times import SECOND
from loginq.service.store import keys
from tests.e2e import test_player_api, varnish
from tests.e2e.conftest import PATIENCE, Stack, until
from tests.e2e.watching import EACH, watched

LOW = {
    "InitialRate": "0.001", "MaxRate": "0.001", "InitialCapacity": "1", "LeaseSeconds": "2", "AdmissionSeconds": "10",
    "ClaimWindowSeconds": "4", "ReconnectGraceSeconds": "0", "ReturnRate": "0", "SessionReports": "events",
    "ReportsJoined": "false", "MeanSessionMinutes": "0",
    "IdentityIssuer": "", "IdentityAudience": "",
    "IdTokenHours": "1", "RefreshTokenDays": "1", "UserPoolTier": "LITE", "SesIdentityArn": "", "EmailFromAddress": "",
    "Monitoring": "lean",
    "CorsOrigin": "http://localhost:3000", "PublicLine": "false", "Edge": "false",
    "DomainName": "", "CertificateArn": "", "HostedZoneId": "", "TableName": "", "UserPoolId": "", "UserClientId": "",
    "RequestsPerSecond": "0", "RequestsBurst": "0",
    "Firewall": "false", "AccessLogs": "false", "AlarmEmail": "", "AlarmUrl": "",
    "BatchSize": "1", "BatchWindowSeconds": "0",
    "PlacingMaxConcurrency": "2", "PlacingReservedConcurrency": "0", "PlacingTimeoutSeconds": "1",
    "IntakeVisibilitySeconds": "1", "MaxReceives": "1", "WarmReads": "12000", "WarmWrites": "4000",
    "LogRetentionDays": "1", "LogLevel": "ERROR", "PermissionsBoundaryArn": "",
}  # fmt: skip
# What an earlier stack left is in test_taking_over.py.
# Firewall is false in both: the emulator has none. A provider of one's own is in test_accounts.py.
HIGH = {
    "InitialRate": "100000.000", "MaxRate": "100000", "InitialCapacity": "1000000000000", "LeaseSeconds": "3600",
    "AdmissionSeconds": "86400", "ClaimWindowSeconds": "86400", "ReconnectGraceSeconds": "86400",
    "SessionReports": "counts", "MeanSessionMinutes": "1440",
    "ReturnRate": "100000", "ReportsJoined": "true",
    "IdentityIssuer": "", "IdentityAudience": "",
    "IdTokenHours": "24", "RefreshTokenDays": "3650", "UserPoolTier": "PLUS",
    "SesIdentityArn": "arn:aws:ses:us-east-1:000000000000:identity/example.com", "Monitoring": "full",
    "EmailFromAddress": "The Game <no-reply@example.com>",
    "CorsOrigin": "https://a-b.play.example.com:65535", "PublicLine": "true", "Edge": "true",
    "DomainName": f"{'a' * 63}.{'b' * 63}.{'c' * 63}.{'d' * 53}.example", "HostedZoneId": "Z0123456789ABCDEFGHIJ",
    "CertificateArn": "arn:aws:acm:us-east-1:000000000000:certificate/0a1b2c3d-0000-4000-8000-0123456789ab",
    "TableName": "", "UserPoolId": "", "UserClientId": "",
    "RequestsPerSecond": "1000000", "RequestsBurst": "1000000",
    "Firewall": "false", "AccessLogs": "true", "AlarmEmail": "on.call+game@studio-x.example.com",
    "AlarmUrl": "https://pager.example.com/integration/0a1b2c/enqueue",
    "BatchSize": "10000", "BatchWindowSeconds": "300", "PlacingMaxConcurrency": "1000",
    "PlacingReservedConcurrency": "1000", "PlacingTimeoutSeconds": "900", "IntakeVisibilitySeconds": "43200",
    "MaxReceives": "1000", "WarmReads": "10000000", "WarmWrites": "10000000", "LogRetentionDays": "731",
    "LogLevel": "DEBUG", "PermissionsBoundaryArn": "arn:aws:iam::000000000000:policy/studio/boundary",
}  # fmt: skip
PARAMETERS = HIGH
"""What `stack` is deployed with."""


KEPT, HELD = 1.0, 1.2
"""Seconds for which a cache keeps an answer; and after which a function, which keeps the line for one, has a change."""


def _answers(stack: Stack) -> int:
    return stack.get("/login", stack.player().account.token()).status_code


def _line(stack: Stack) -> tuple[int, str]:
    """What the public line answers, and how long a cache may keep that."""
    answer = stack.get("/line", None)
    assert "Set-Cookie" not in answer.headers
    return answer.status_code, answer.headers.get("Cache-Control", "")


def test_anybody_may_look_at_the_public_line_and_who_waits_is_told_where(stack: Stack) -> None:
    """An emulator has no edge: the address is the API's."""
    outputs = stack.deployment.stack.outputs()
    assert outputs["LineUrl"] == f"{outputs['SessionsEndpoint']}/line" == f"{stack.target.api_url}/line"
    stack.queue.lines.change(lambda line, t: line.pause(t))
    player = stack.player()
    told = player.game.login()
    assert told["line_url"] == player.game.status(told["ticket"])["line_url"] == outputs["LineUrl"]
    assert _line(stack) == (200, "public, max-age=1")
    line = until(lambda: (line := stack.queue.lines.read()).tail and line)

    def looked() -> View:
        answer = requests.get(told["line_url"], timeout=PATIENCE)
        assert answer.headers["Access-Control-Allow-Origin"] == HIGH["CorsOrigin"]
        return View.of(answer.json())

    shown = until(lambda: (view := looked()).tail == line.tail and view)
    assert (shown.line_state, shown.reached) == ("paused", line.reached(shown.at))


def test_a_client_that_knows_nothing_of_the_public_line_gets_through(
    stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    stack.queue.lines.change(lambda line, t: line.resume(t))
    test_player_api.test_a_plain_client_gets_through(stack, monkeypatch)


@pytest.mark.skipif(varnish.MISSING, reason=varnish.WHY)
@pytest.mark.parametrize(("watchers", "seconds"), [(40, 4), pytest.param(1_000, 30, marks=pytest.mark.drills)])
def test_a_cache_answers_a_crowd_and_shows_a_pause_in_time_and_keeps_no_error(
    stack: Stack, tmp_path: Path, watchers: int, seconds: int
) -> None:
    queue = stack.queue
    line = queue.lines.change(lambda line, t: line.resume(t).set_rate(t, 1_000).join(t, 100_000))
    until(lambda: stack.get("/line", None).json()["tail"] == line.tail)
    paused, mended = list[int](), list[float]()

    def pause() -> None:
        time.sleep(seconds / 4)
        paused.append(queue.clock())
        queue.lines.change(lambda line, t: line.pause(t))
        paused.append(queue.clock() + int(HELD * SECOND))
        until(lambda: looked().json()["at"] > paused[-1])

    def spoil_and_mend() -> None:
        queue.table.update(*keys.line("main"), write={"rate": "spoilt"})
        until(lambda: looked().status_code != 200)
        time.sleep(2 * EACH)
        queue.table.update(*keys.line("main"), write={"rate": line.rate})
        mended.append(time.monotonic())

    with varnish.cache(stack.target.api_url, tmp_path) as port:

        def looked() -> requests.Response:
            return requests.get(f"http://127.0.0.1:{port}/line", timeout=PATIENCE)

        looks = watched(port, watchers, pause, seconds / 4 + EACH)
        assert {look.status for look in looks} == {200} and len(looks) > watchers
        assert {look.body["tail"] for look in looks} == {line.tail}
        # By when an answer was computed, as how long it takes to be told is the machine's
        computed = sorted({look.body["at"] for look in looks})
        assert min(later - earlier for earlier, later in pairwise(computed)) > KEPT * SECOND - 10  # by two clocks
        for at in computed:
            shown = [look for look in looks if look.body["at"] == at]
            assert max(look.began for look in shown) - min(look.ended for look in shown) <= KEPT
        before, after = paused
        assert {look.body["line_state"] for look in looks if look.body["at"] < before} == {"open"}
        assert {look.body["line_state"] for look in looks if look.body["at"] > after} == {"paused"}

        looks = watched(port, 10, spoil_and_mend, HELD + EACH)
        refused = [look for look in looks if look.status != 200]
        assert {(look.status, look.body["error"]["code"], look.kept) for look in refused} == {(503, "unavailable", 0)}
        assert {look.status for look in looks if look.began > mended[0]} == {200}


def test_rules_that_somebody_spoilt_turn_doctor_red_and_a_deploy_without_changes_mends_them(stack: Stack) -> None:
    patient = Patient(stack.target, stack.aws, stack.queue, stack.deployment.stack)
    assert checks._parameters(patient).verdict is Verdict.OK
    stack.queue.table.update(*keys.rules("main"), write={"admission": "soon", "newer": 1})
    until(lambda: _answers(stack) == 503)
    until(lambda: _line(stack) == (503, "no-store"))
    with pytest.raises(Unavailable, match="admission is 'soon'"):
        checks._parameters(patient)
    assert stack.deployment.plan({}, lambda text: None).change_set is None
    stack.deployment.start_line()
    until(lambda: (_answers(stack), _line(stack)[0]) == (200, 200))
    assert (stack.queue.table.get(*keys.rules("main")) or {})["newer"] == 1


def test_a_queue_answers_with_every_parameter_at_either_extreme(stack: Stack) -> None:
    assert set(LOW) == set(HIGH) == set(load().document["Parameters"]) - set(OURS)
    assert (_answers(stack), _line(stack)[0]) == (200, 200)
    plan = stack.deployment.plan(LOW, lambda text: None)
    for _ in stack.deployment.apply(plan):
        pass
    stack.deployment.start_line()
    assert (_answers(stack), _line(stack)[0]) == (200, 403)
    assert "LineUrl" not in stack.deployment.stack.outputs()

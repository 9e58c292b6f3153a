"""What AWS asks for: an idle month, counted in the template and in a run of settling, and Cognito's users."""

import pytest

from loginq.rehearsal.prices import Bill, Run
from tests.benchmarks.idle import month

RUN = Run(calls=10, reads=5, writes=1)
"""What a run may ask for while nothing moves."""


def test_an_idle_month_is_below_one_dollar_fifty() -> None:
    bill = month(RUN)
    assert bill.total <= 1.50
    assert {name: round(each, 2) for name, each in bill.dollars.items() if each > 0.1} == {
        "CloudWatch alarm metrics": 0.70, "Secrets Manager secrets": 0.40, "SQS requests": 0.28,
    }  # fmt: skip
    assert bill.counts["SQS requests"] == (5 * 3 + 1) * 60 * 24 * 30
    assert (bill.counts["CloudWatch dashboards"], bill.counts["WAF rules"]) == (0, 0)


def test_a_launch_week_has_every_alarm_and_the_dashboard() -> None:
    bill = month(RUN, Monitoring="full")
    assert (bill.counts["CloudWatch alarm metrics"], bill.counts["CloudWatch dashboards"]) == (7 + 2 * 7 + 3, 1)
    assert month(RUN, Firewall="true").total - month(RUN).total == pytest.approx(8)


@pytest.mark.parametrize(
    ("users", "dollars"), [(0, 0), (10_000, 0), (10_001, 0.0055), (200_000, 955), (2_000_000, 495 + 4_140 + 3_250)]
)
def test_monthly_users_of_cognito_lite(users: int, dollars: float) -> None:
    assert Bill({}, users).cognito == pytest.approx(dollars)

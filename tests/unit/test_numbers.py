"""Numbers as people mistype them: each is a clear error, and never fills the screen."""

import pytest

from loginq.rehearsal.paper import Launch, on_paper, parse_arrivals
from loginq.service.rules.errors import Invalid, quoted
from loginq.service.rules.rates import parse_rate
from loginq.service.rules.times import DAY, LONGEST, SECOND, parse_duration

MANY = "9" * 5_000
"""More digits than Python makes a number of: https://docs.python.org/3/library/stdtypes.html#int-max-str-digits"""


@pytest.mark.parametrize("text", [MANY, f"{MANY}/s", f"0.{MANY}", f"1e{MANY}", "nan", "inf", "1e999", "-1e999"])
def test_rates(text: str) -> None:
    with pytest.raises(Invalid) as refused:
        parse_rate(text)
    assert len(refused.value.message) < 120


@pytest.mark.parametrize("text", [MANY, f"{MANY}h", f"1h{MANY}m", f"{MANY}.5", "9" * 99 + "d", "nan", "infs", "366d"])
def test_lengths_of_time(text: str) -> None:
    with pytest.raises(Invalid) as refused:
        parse_duration(text)
    assert len(refused.value.message) < 120
    assert parse_duration("365d") == LONGEST


def test_what_an_error_quotes() -> None:
    assert quoted("a'b") == '"a\'b"'
    assert quoted("x" * 60) == f"'{'x' * 60}'"
    assert quoted("x" * 61) == f"'{'x' * 59}…'"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("1700000000,10\n1700000060,90\n", "Line 1 begins after the week that is played: '1700000000'."),
        ("seconds,players\n0,5\n604800,1\n", "Line 3 begins after the week that is played: '604800'."),
        ("0,99999999999999999999\n", "The file has more than 10,000,000 players in it."),
        ("0,6000000\n1,6000000\n", "The file has more than 10,000,000 players in it."),
        (f"0,{MANY}\n", "Line 1 is not `seconds,players`: '0," + "9" * 57 + "…'."),
        (f"{MANY},1\n", f"Line 1 is not `seconds,players`: '{'9' * 59}…'."),
        ("nan,5\n", "Line 1 is not `seconds,players`: 'nan,5'."),
        ("1e300,5\n", "Line 1 begins after the week that is played: '1e300'."),
        ("0,5\n0,6\n", "Line 2 is out of order, or negative."),
        ("5,-1\n", "Line 1 is out of order, or negative."),
        ("0,0\n", "The file has no players in it."),
        ("", "The file has no players in it."),
        ('0,"5\n', "Line 1 is not CSV: unexpected end of data."),
    ],
)
def test_arrivals_that_cannot_be_played(text: str, says: str) -> None:
    with pytest.raises(Invalid) as refused:
        parse_arrivals(text)
    assert refused.value.message == says


@pytest.mark.parametrize(
    "text", ["seconds,players\n0,5\n1.5,6\n", "Seconds; Players\r\n0; 5\r\n1.5; 6\r\n;\r\n", "sep=\t\n0\t5\n\n1.5\t6"]
)
def test_arrivals_as_a_sheet_may_write_them(text: str) -> None:
    assert parse_arrivals(text) == ((0, 5), (1_500, 6))


def test_who_would_come_after_the_week_is_not_played() -> None:
    with pytest.raises(Invalid, match="Only a week is played"):
        on_paper(Launch(players=5, rate=SECOND, arrive=7 * DAY))

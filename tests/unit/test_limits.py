"""What AWS refuses of parameters: said before anything is uploaded, with what to give in their place."""

import re
from typing import Any

import pytest

from loginq.deploy import limits, template
from loginq.deploy.limits import Concurrency, beyond, clashes, cramped
from loginq.service.rules.errors import Invalid

DEFAULTS = template.load().defaults


def given(**parameters: int) -> dict[str, str]:
    return DEFAULTS | {name: str(value) for name, value in parameters.items()}


@pytest.mark.parametrize(
    ("parameters", "says", "do"),
    [
        (
            {"BatchSize": 11, "BatchWindowSeconds": 0},
            "A BatchSize of 11, above 10, needs a BatchWindowSeconds of at least 1.",
            "Give --param BatchWindowSeconds=1.",
        ),
        (
            {"PlacingTimeoutSeconds": 30, "BatchSize": 500, "BatchWindowSeconds": 1, "IntakeVisibilitySeconds": 180},
            "IntakeVisibilitySeconds must be at least 181: six times PlacingTimeoutSeconds, plus BatchWindowSeconds. "
            "Otherwise SQS delivers a batch again while it is still being placed.",
            "Give --param IntakeVisibilitySeconds=181.",
        ),
        (
            {"PlacingMaxConcurrency": 10, "PlacingReservedConcurrency": 9},
            "PlacingReservedConcurrency is 9, less than a PlacingMaxConcurrency of 10: what Lambda throttles is "
            "delivered again until it is a dead letter.",
            "Give --param PlacingReservedConcurrency=10, or 0 for none.",
        ),
    ],
)
def test_parameters_that_clash_are_refused_and_what_to_give_is_taken(
    parameters: dict[str, int], says: str, do: str
) -> None:
    with pytest.raises(Invalid) as refused:
        template.load().checked({name: str(value) for name, value in parameters.items()}, on_aws=True)
    assert (refused.value.message, refused.value.hint) == (says, do)
    mended = {**parameters, **{name: int(value) for name, value in re.findall(r"--param (\w+)=(\d+)", do)}}
    assert clashes(given(**mended), on_aws=True) == []


def test_a_stack_that_was_made_less_strictly_is_refused_for_what_is_given_alone() -> None:
    """A defect is mended in a hurry: what the stack has is doctor's to tell, and not the moment to stop a deploy."""
    older = {"BatchSize": "500", "BatchWindowSeconds": "1", "PlacingReservedConcurrency": "5"}
    older["IntakeVisibilitySeconds"] = "180"
    every = template.load().checked({"LogLevel": "DEBUG"}, older, on_aws=True)
    assert older.items() <= every.items() and len(clashes(every, on_aws=True)) == 2
    with pytest.raises(Invalid) as refused:
        template.load().checked({"BatchWindowSeconds": "2"}, older, on_aws=True)
    assert refused.value.hint == "Give --param IntakeVisibilitySeconds=182."


def test_all_that_clashes_is_told_at_once() -> None:
    wrong = given(BatchSize=11, BatchWindowSeconds=0, IntakeVisibilitySeconds=1, PlacingReservedConcurrency=1)
    with pytest.raises(Invalid) as refused:
        limits.refuse(clashes(wrong, on_aws=True))
    assert refused.value.hint == (
        "Give --param BatchWindowSeconds=1. Give --param IntakeVisibilitySeconds=180. "
        "Give --param PlacingReservedConcurrency=10, or 0 for none."
    )


def test_the_emulator_may_hide_tickets_briefly() -> None:
    brief = given(IntakeVisibilitySeconds=5)
    assert clashes(brief, on_aws=False) == []
    assert len(clashes(brief, on_aws=True)) == 1


@pytest.mark.parametrize("window", [0, 1, 300])
def test_the_shortest_visibility_is_six_timeouts_and_the_window(window: int) -> None:
    given_ = {"BatchSize": 10, "BatchWindowSeconds": window, "PlacingTimeoutSeconds": 7}
    assert clashes(given(**given_, IntakeVisibilitySeconds=42 + window), on_aws=True) == []
    assert clashes(given(**given_, IntakeVisibilitySeconds=41 + window), on_aws=True) != []


# What an account gives


@pytest.mark.parametrize(
    ("reserved", "before", "account", "do"),
    [
        (0, 0, Concurrency(10, 10), None),
        (900, 0, Concurrency(1_000, 1_000), None),
        (901, 0, Concurrency(1_000, 1_000), "Give at most 900, or 0 for none."),
        (10, 0, Concurrency(1_000, 105), "Give 0 for none."),  # what may be had is less than places at once
        (10, 0, Concurrency(10, 10), "Give 0 for none."),
        (10, 0, Concurrency(50, 50), "Give 0 for none."),
        (10, 10, Concurrency(50, 50), None),  # it has that already, and is not asked again
        (11, 10, Concurrency(50, 50), "Give 0 for none."),
        (20, 10, Concurrency(1_000, 120), None),
    ],
)
def test_what_may_be_reserved(reserved: int, before: int, account: Concurrency, do: str | None) -> None:
    found = beyond(given(PlacingReservedConcurrency=reserved), given(PlacingReservedConcurrency=before), account, None)
    assert [each.do for each in found] == ([f"{do} {limits.ASK}"] if do else [])


def test_a_reservation_that_a_new_account_refuses_is_explained() -> None:
    (found,) = beyond(given(PlacingReservedConcurrency=10), {}, Concurrency(10, 10), None)
    assert found.says == (
        "PlacingReservedConcurrency cannot be 10: this account runs 10 functions at once, 10 of them are not reserved, "
        "and AWS keeps 10 of these for all others."
    )


ENOUGH = Concurrency(1_000, 1_000)


@pytest.mark.parametrize(
    ("wanted", "before", "warm", "refused"),
    [
        ((0, 0), (0, 0), (20_000, 9_000), False),
        ((20_000, 9_000), (0, 0), (20_000, 9_000), False),
        ((19_999, 9_000), (0, 0), (20_000, 9_000), True),
        ((20_000, 8_999), (0, 0), (20_000, 9_000), True),
        ((12_000, 4_000), (12_000, 4_000), (20_000, 9_000), False),  # it grew since, and nothing new is asked for
        ((12_000, 9_500), (12_000, 4_000), (20_000, 9_000), True),  # AWS is given both
        ((0, 0), (12_000, 4_000), (20_000, 9_000), False),
        ((12_000, 4_000), (0, 0), None, False),
    ],
)
def test_a_table_is_never_made_colder(
    wanted: tuple[int, int], before: tuple[int, int], warm: tuple[int, int] | None, refused: bool
) -> None:
    def warmed(units: tuple[int, int]) -> dict[str, str]:
        return given(WarmReads=units[0], WarmWrites=units[1])

    found = beyond(warmed(wanted), warmed(before), ENOUGH, warm)
    assert len(found) == refused
    if warm and found:
        mended = {name: int(value) for name, value in re.findall(r"--param (\w+)=(\d+)", found[0].do)}
        assert beyond(given(**mended), warmed(before), ENOUGH, warm) == []


def test_the_word_about_a_colder_table() -> None:
    (found,) = beyond(given(WarmReads=12_000, WarmWrites=30_000), {}, ENOUGH, (20_000, 9_000))
    assert (found.says, found.do) == (
        "The table takes 20,000 reads/s and 9,000 writes/s already, and AWS makes none colder: WarmReads cannot be "
        "12,000 with WarmWrites 30,000.",
        "Give --param WarmReads=20000 --param WarmWrites=30000, or 0 for both.",
    )


@pytest.mark.parametrize(
    ("account", "parameters", "left"),
    [
        (Concurrency(1_000, 1_000), {}, None),
        (Concurrency(1_000, 110), {"PlacingMaxConcurrency": 10}, None),
        (Concurrency(1_000, 109), {"PlacingMaxConcurrency": 10}, "leaves 99, which answer at most 990 requests/s."),
        (Concurrency(1_000, 120), {"PlacingReservedConcurrency": 21}, "leaves 99, which answer at most 990"),
        (Concurrency(10, 10), {"PlacingMaxConcurrency": 20}, "leaves 0, so that polls may fail."),
    ],
)
def test_a_cramped_account(account: Concurrency, parameters: dict[str, Any], left: str | None) -> None:
    found = cramped(given(**parameters), account)
    assert (found is None) if left is None else (found is not None and left in found.says)

"""What TAB offers: only names that mean nothing to any shell, at once or not at all."""

import threading
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loginq.cli.completion import MOST, offered, player_names
from loginq.service.operations.accounts import Users
from loginq.service.operations.target import Target

HOSTILE = [
    "mia\\$(id>F)", "mia;id>F", "mia`id>F`", "mia|id", "mia&id", "mia*", "mia?", "mia[a]", "mia{a,b}", "mia~", "mia!id",
    "mia#x", "mia'x", 'mia"x', "mia<x", "mia>x", "mia(x)", "mia\nid", "mia\tx", "mia x", "mia/x", "mia:x", "mia%x",
    "mia^x", "mia$x", "mia\x1b[2J", "mia\u202ex",
]  # fmt: skip


@pytest.mark.parametrize("name", [*HOSTILE, "-mia", "=mia", "~mia"])
def test_what_a_shell_might_obey_is_not_offered(name: str) -> None:
    assert offered(lambda: [name, "mia"], "") == ["mia"]


@given(st.text(max_size=12))
def test_whatever_is_offered_is_inert(name: str) -> None:
    for each in offered(lambda: [name], ""):
        assert all(letter.isalnum() or letter in "_.@+=,-" for letter in each)
        assert each[0] not in "-="


def test_ordinary_names_are_offered() -> None:
    names = ["ada", "ada.l", "ada_1", "ada@example.com", "a+b=c,d-e", "김철수", "José"]
    assert offered(lambda: names, "") == names
    assert offered(lambda: names, "ada.") == ["ada.l"]
    assert len(offered(lambda: (f"p{n}" for n in range(1_000)), "p")) == MOST


def test_what_fails_or_is_slow_offers_nothing() -> None:
    over = threading.Event()

    def slow() -> Iterator[str]:
        over.wait(60)
        yield "ada"

    assert offered(lambda: 1 / 0, "") == []  # type: ignore[arg-type, return-value]
    assert offered(slow, "") == []
    over.set()


def test_names_of_a_pool(deployed: Target, users: Users) -> None:
    for n, name in enumerate(("mia", "mia;id", "zoe")):
        users._cognito.admin_create_user(
            UserPoolId=deployed.user_pool_id,
            Username=name,
            UserAttributes=[{"Name": "email", "Value": f"{n}@example.com"}],
        )
    assert set(player_names("m")) <= {"mia"}

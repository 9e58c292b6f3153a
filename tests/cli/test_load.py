"""A crowd is recorded, also one that was cut off."""

from types import SimpleNamespace
from typing import Any, cast

import pytest

from loginq.cli.load import send
from loginq.cli.session import Session
from loginq.service.rules.errors import Failed, Invalid
from loginq.service.store.audit import actions
from loginq.service.store.queue import Queue
from tests.world import operator


class Function:
    """generate_load, which fails at its second call, or is left there."""

    def __init__(self, by: BaseException | None = None) -> None:
        self.calls, self.by = 0, by

    def invoke(self, **_: Any) -> dict[str, Any]:
        self.calls += 1
        if self.by and self.calls > 1:
            raise self.by
        return {} if self.calls == 1 else {"FunctionError": "Unhandled"}


def test_a_run_that_fails_half_way_is_recorded_with_what_was_sent(queue: Queue) -> None:
    session = SimpleNamespace(
        operator=operator(queue),
        stack=SimpleNamespace(outputs=lambda: {"GenerateLoadFunction": "f"}),
        aws=SimpleNamespace(client=lambda _: Function()),
    )
    with pytest.raises(Failed, match="after 1,000 players"):
        send(cast(Session, session), 1_500)
    ((what, after),) = [(each.what, each.words()[1]) for each in actions(queue)]
    assert (what, after) == ("load run", "1,000 synthetic players")
    with pytest.raises(Invalid):
        send(cast(Session, session), 10**400)
    assert len(actions(queue)) == 1


def test_a_run_that_was_cut_off_is_recorded_with_those_who_were_on_their_way(queue: Queue) -> None:
    session = SimpleNamespace(
        operator=operator(queue),
        stack=SimpleNamespace(outputs=lambda: {"GenerateLoadFunction": "f"}),
        aws=SimpleNamespace(client=lambda _: Function(KeyboardInterrupt())),
    )
    with pytest.raises(KeyboardInterrupt):
        send(cast(Session, session), 3_000)
    assert [each.words()[1] for each in actions(queue)] == ["2,000 synthetic players"]

"""The clients that `loginq client` writes before a stack with a public line."""

from pathlib import Path

import pytest

from tests.conformance.clients import CLIENTS
from tests.e2e.conftest import Stack
from tests.e2e.test_clients import behind_a_crowd

pytestmark = pytest.mark.drills
PARAMETERS = {"PublicLine": "true", "InitialRate": "2"}


def test_clients_wait_by_the_public_line_and_enter(stack: Stack, tmp_path: Path) -> None:
    place = behind_a_crowd(stack, CLIENTS, tmp_path, 60)
    for rows in place.shown.values():
        assert len({row["ahead"] for row in rows if "ahead" in row}) > 1

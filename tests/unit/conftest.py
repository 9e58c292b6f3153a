"""A queue in memory."""

import pytest

from tests.memory import InMemory
from tests.world import World, made


@pytest.fixture
def memory() -> InMemory:
    return InMemory()


@pytest.fixture
def world(memory: InMemory) -> World:
    return made(memory)

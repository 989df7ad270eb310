"""What the end-to-end tests share: worlds, each made once."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import cache
from pathlib import Path

import pytest

from tests.e2e.world import World, world


@pytest.fixture(scope="session")
def worlds(openssl: Path) -> Iterator[Callable[[str], World]]:
    """Gives a workflow's world."""
    with ExitStack() as stack:

        @cache
        def give(workflow: str) -> World:
            return stack.enter_context(world(workflow, openssl))

        yield give

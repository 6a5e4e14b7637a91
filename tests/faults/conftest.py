"""One forge and one server for all tests of this directory that do not kill them."""

from collections.abc import Iterator

import pytest

from tests.faults.canaries import leaks
from tests.faults.place import BOT, Place, populate
from tests.faults.processes import HOOK_SECRET, Forge, Server


@pytest.fixture(scope="session")
def forge(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Forge]:
    """The forge, with its people."""
    made = Forge(tmp_path_factory.mktemp("forge"))
    try:
        made.start()
        populate(made)
        yield made
    finally:
        made.close()


@pytest.fixture(scope="session")
def server(forge: Forge, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server that works on every repository of that forge."""
    directory = tmp_path_factory.mktemp("server")
    made = Server(directory, forge, forge.tokens[BOT])
    try:
        made.start()
        yield made
    finally:
        made.close()
    # Whatever all these tests made it write.
    for secret in (forge.tokens[BOT], HOOK_SECRET):
        assert leaks(secret, directory) == []


@pytest.fixture
def here(forge: Forge, server: Server) -> Place:
    """A repository of the test's own."""
    return Place(forge, server.hook)

"""A client is lent again for as long as the forge answers on its connection."""

from datetime import UTC, datetime

import pytest

from bot.forges.budget import Budget
from bot.forges.clients import Clients
from bot.forges.forge import (
    Conflict,
    ForgeError,
    NotFound,
    RateLimited,
    Refused,
    Unauthorized,
    Unavailable,
)


class Client:
    """A client that asks nothing."""

    def __init__(self) -> None:
        self.doing, self.is_closed = "", False

    def close(self) -> None:
        self.is_closed = True


def after(error: Exception) -> tuple[Client, Client]:
    """Return the client whose use ended so, and the one that is lent next."""
    clients = Clients(Client, Budget("forge", clock=lambda: 0.0))
    with pytest.raises(type(error)), clients.lend("ask") as used:
        raise error
    with clients.lend("ask again") as following:
        assert following.doing == "ask again"
    return used, following


@pytest.mark.parametrize(
    "answer",
    [
        Conflict("moved"),
        NotFound("gone"),
        RateLimited("later", datetime(2026, 1, 1, tzinfo=UTC)),
        Refused("no"),
        Unauthorized("who?"),
    ],
)
def test_after_a_no_the_same_connection_goes_on(answer: ForgeError) -> None:
    used, following = after(answer)

    assert following is used
    assert not used.is_closed


@pytest.mark.parametrize("fault", [Unavailable("cut short"), ValueError("ours")])
def test_after_a_fault_the_connection_is_closed_and_another_one_made(fault: Exception) -> None:
    used, following = after(fault)

    assert following is not used
    assert used.is_closed

"""A repository: given what was recorded, when GitHub shows this, then these events."""

from functools import reduce

import pytest

from hive_contracts.github.repository import (
    AnyRepositoryCommand,
    AnyRepositoryEvent,
    LimitObserved,
    LoseRepository,
    ObserveLimit,
    RepositoryArchived,
    RepositoryConnected,
    RepositoryDisconnected,
    RepositoryMoved,
    RepositoryRenamed,
    RepositorySeen,
    RepositoryUnarchived,
    SeeRepository,
)
from hive_github.deciders import repository

ID = "github-com-7"
SHOP = RepositorySeen("acme/shop", 5, "main")
CONNECTED = RepositoryConnected(ID, SHOP)
LIMIT = LimitObserved(ID, 5, "core", "secondary", 90_000)


def see(
    name: str = "acme/shop", installation: int = 5, branch: str = "main", *, archived: bool = False
) -> SeeRepository:
    return SeeRepository(ID, RepositorySeen(name, installation, branch, archived))


@pytest.mark.parametrize(
    ("given", "when", "then"),
    [
        pytest.param([], see(), [CONNECTED], id="seen for the first time it is connected"),
        pytest.param([CONNECTED], see(), [], id="seen again as it was, nothing happened"),
        pytest.param(
            [CONNECTED],
            see("other/store"),
            [RepositoryRenamed(ID, "acme/shop", "other/store")],
            id="a transfer is a new name for the same thing",
        ),
        pytest.param(
            [CONNECTED, RepositoryRenamed(ID, "acme/shop", "other/store")],
            see(),
            [RepositoryRenamed(ID, "other/store", "acme/shop")],
            id="it can be given back",
        ),
        pytest.param(
            [CONNECTED],
            see(installation=6, branch="trunk"),
            [RepositoryMoved(ID, 6, "trunk")],
            id="another installation reaches it",
        ),
        pytest.param(
            [CONNECTED], see(installation=0, branch=""), [], id="what is not told is as it was"
        ),
        pytest.param(
            [CONNECTED], see(archived=True), [RepositoryArchived(ID)], id="archived is said once"
        ),
        pytest.param(
            [CONNECTED, RepositoryArchived(ID)],
            see(archived=True),
            [],
            id="and not each time that it is seen",
        ),
        pytest.param(
            [CONNECTED, RepositoryArchived(ID)],
            see(),
            [RepositoryUnarchived(ID)],
            id="and taken back",
        ),
        pytest.param(
            [CONNECTED],
            LoseRepository(ID, "deleted"),
            [RepositoryDisconnected(ID, "deleted")],
            id="what is deleted is disconnected",
        ),
        pytest.param(
            [CONNECTED, RepositoryDisconnected(ID, "removed")],
            LoseRepository(ID, "deleted"),
            [],
            id="once",
        ),
        pytest.param([], LoseRepository(ID, "removed"), [], id="what was never seen is not lost"),
        pytest.param(
            [CONNECTED, RepositoryDisconnected(ID, "removed")],
            see(),
            [CONNECTED],
            id="what comes back is connected again",
        ),
        pytest.param(
            [CONNECTED],
            ObserveLimit(ID, 5, "core", "secondary", 90_000),
            [LIMIT],
            id="a limit is recorded with its end",
        ),
        pytest.param(
            [CONNECTED, LIMIT],
            ObserveLimit(ID, 5, "core", "secondary", 80_000),
            [],
            id="replicas that meet it together record it once",
        ),
        pytest.param(
            [CONNECTED, LIMIT],
            ObserveLimit(ID, 5, "graphql", "primary", 80_000),
            [LimitObserved(ID, 5, "graphql", "primary", 80_000)],
            id="pools are apart",
        ),
    ],
)
def test_repository(
    given: list[AnyRepositoryEvent], when: AnyRepositoryCommand, then: list[AnyRepositoryEvent]
) -> None:
    assert repository.decide(reduce(repository.evolve, given, repository.INITIAL), when) == then

"""Events of a repository on GitHub: its stream is `repository-<host>-<number>`.

The number is GitHub's and stays when a repository is renamed or transferred.
"""

from typing import Literal

import msgspec

from hive_contracts.plan import Value

Pool = Literal["core", "graphql", "search"]
"""What GitHub counts apart: REST, GraphQL, search."""


class RepositoryEvent(msgspec.Struct, frozen=True, tag=True, tag_field="type", omit_defaults=True):
    repository_id: str


class RepositorySeen(Value, frozen=True):
    """A repository as GitHub showed it."""

    full_name: str
    """`owner/name`."""
    installation: int = 0
    """Of the App; 0 with a plain token."""
    default_branch: str = ""
    archived: bool = False


class RepositoryConnected(RepositoryEvent, frozen=True):
    """The hive may work with it."""

    seen: RepositorySeen


class RepositoryRenamed(RepositoryEvent, frozen=True):
    """Renamed, or transferred to another owner."""

    old: str
    new: str


class RepositoryMoved(RepositoryEvent, frozen=True):
    """Another installation reaches it now, or its default branch is another one."""

    installation: int = 0
    default_branch: str = ""


class RepositoryArchived(RepositoryEvent, frozen=True):
    """Nothing can be written to it."""


class RepositoryUnarchived(RepositoryEvent, frozen=True):
    pass


class RepositoryDisconnected(RepositoryEvent, frozen=True):
    """The hive can no longer reach it."""

    reason: Literal["removed", "deleted", "suspended"]


class LimitObserved(RepositoryEvent, frozen=True):
    """GitHub refused to be asked more, while something was done for this repository.

    Where none of the installation's is known yet, the stream is the installation's.
    """

    installation: int
    pool: Pool
    kind: Literal["primary", "secondary"]
    until_ms: int
    """Milliseconds since 1970."""


AnyRepositoryEvent = (
    RepositoryConnected
    | RepositoryRenamed
    | RepositoryMoved
    | RepositoryArchived
    | RepositoryUnarchived
    | RepositoryDisconnected
    | LimitObserved
)


class RepositoryCommand(msgspec.Struct, frozen=True, tag=True, tag_field="type"):
    repository_id: str


class SeeRepository(RepositoryCommand, frozen=True):
    """Take over what GitHub shows, whatever events told it."""

    seen: RepositorySeen


class LoseRepository(RepositoryCommand, frozen=True):
    reason: Literal["removed", "deleted", "suspended"]


class ObserveLimit(RepositoryCommand, frozen=True):
    installation: int
    pool: Pool
    kind: Literal["primary", "secondary"]
    until_ms: int


AnyRepositoryCommand = SeeRepository | LoseRepository | ObserveLimit

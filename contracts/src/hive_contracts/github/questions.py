"""What the github service is asked, as NATS requests. Each answer may be a `Refused` instead.

hive.commands.github.open_pull_request   OpenPullRequest -> PullRequestStatus   asked for, recorded
hive.commands.github.show_pull_request   ShowPullRequest -> PullRequestStatus
hive.commands.github.examine             Examine -> Examination                 what is missing
"""

from typing import Final, Literal

from hive_contracts.plan import PullRequestWish, Value
from hive_contracts.subjects import command_subject

OPEN_PULL_REQUEST: Final = command_subject("github", "open_pull_request")
SHOW_PULL_REQUEST: Final = command_subject("github", "show_pull_request")
MAX_SHOWN: Final = 20
EXAMINE: Final = command_subject("github", "examine")


class OpenPullRequest(Value, frozen=True):
    mission_id: str
    mission: str
    """Its short name."""
    wish: PullRequestWish
    by: str
    """The opaque id of who asks."""
    keep_merge: bool = False
    """Whether who merges stays as it was wished for. All else stays that is at its default here."""


class ShowPullRequest(Value, frozen=True):
    mission_id: str


class RoundStatus(Value, frozen=True):
    """Something that came back of it, and what became of that."""

    round: int
    title: str
    by: str = ""
    outcome: Literal["", "pushed", "unchanged", "failed", "declined"] = ""
    """Empty while an agent is at it."""
    commit: str = ""
    reason: str = ""


class PullRequestStatus(Value, frozen=True, tag="pull_request"):
    state: Literal["none", "requested", "pushed", "open", "merged", "closed"]
    repository: str = ""
    number: int = 0
    url: str = ""
    pushed: str = ""
    """The commit that the hive pushed last."""
    draft: bool = False
    refused: tuple[str, ...] = ()
    """Labels and reviewers that GitHub did not take, and why."""
    stuck: str = ""
    """Why nothing more is done; empty while all is well."""
    remedy: str = ""
    rounds: tuple[RoundStatus, ...] = ()
    """The newest of them last, at most MAX_SHOWN."""
    merging: str = ""
    """How far the hive is with merging it, where it is to; empty where it does not."""
    checks: str = ""
    """Why checks are not shown on GitHub; empty while all is well."""
    part: str = ""
    """The task whose it is, as `phase/task`; empty where the mission has one for all."""
    branch: str = ""
    """Its branch on GitHub; empty before it was pushed."""
    parts: tuple["PullRequestStatus", ...] = ()
    """With one for each task: those, and this stands for all of them."""


class Examine(Value, frozen=True):
    repository: str = ""
    """`owner/name` that is to be looked at, too."""


class Finding(Value, frozen=True):
    what: str
    ok: bool
    detail: str = ""
    remedy: str = ""
    """What a person can do; empty where all is well."""


class Examination(Value, frozen=True, tag="examination"):
    findings: tuple[Finding, ...]

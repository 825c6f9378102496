"""What can go wrong in a runner.

RunnerError
├── DataInUse            another runner has the data folder
├── GitFailed            a git call ended with another status than 0
│   └── GitTimedOut
├── ArtifactUnavailable  the hive does not hand out an artifact that a lease needs
├── HiveAway             the hive does not answer
└── StepFailed           a step of an attempt is over; carries the Failure to report
"""

import re
from collections.abc import Sequence
from typing import Final

from hive_contracts.outcome import MAX_DETAIL, MAX_TAIL, AgentRun, Failure, FailureKind
from hive_contracts.plan import ArtifactRef

_LOGIN: Final = re.compile(r"(\b[a-zA-Z][a-zA-Z0-9+.-]*://)[^/@\s'\"]+@")


class RunnerError(Exception):
    """Parent of the errors here."""


class DataInUse(RunnerError):
    """Another runner works in this data folder."""


class GitFailed(RunnerError):
    """A git call ended with another status than 0."""

    def __init__(self, command: str, status: int, stderr: str) -> None:
        stderr = redacted(stderr)
        super().__init__(f"git {command} ended with status {status}: {stderr.strip()}")
        self.command = command
        self.status = status
        self.stderr = stderr


class GitTimedOut(GitFailed):
    """A git call took too long and was ended."""


class ArtifactUnavailable(RunnerError):
    """The hive does not hand out an artifact that a lease needs."""


class HiveAway(RunnerError):
    """The hive does not answer, or not this."""


class StepFailed(RunnerError):
    """A step of an attempt is over, and this is what the runner reports of it."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.detail)
        self.failure = failure


def failed(
    kind: FailureKind,
    detail: str,
    *,
    tail: str = "",
    output: ArtifactRef | None = None,
    files: Sequence[str] = (),
    retry_after: float = 0,
    agent: AgentRun | None = None,
    set_up: str = "",
) -> StepFailed:
    """The exception that ends a step; texts are cut to what an event may carry."""
    return StepFailed(
        Failure(
            kind=kind,
            detail=plain(redacted(detail))[:MAX_DETAIL],
            tail=plain(redacted(tail))[-MAX_TAIL:],
            output=output,
            files=tuple(plain(file) for file in files),
            retry_after=retry_after,
            agent=agent,
            set_up=plain(set_up),
        )
    )


def redacted(text: str) -> str:
    """Text without the logins of addresses: a token may stand where a name should."""
    return _LOGIN.sub(r"\1***@", text)


def plain(text: str) -> str:
    """Text that any record can hold: no NUL, and nothing that UTF-8 cannot say."""
    return text.replace("\0", "\ufffd").encode("utf-8", "replace").decode("utf-8")

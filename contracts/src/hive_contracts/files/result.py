"""What becomes of a mission's branch, as it is written."""

import re
from typing import Final, Literal

from hive_contracts.files.document import FileProblem
from hive_contracts.files.mission import PullRequestEntry, ResultEntry
from hive_contracts.files.reading import Places
from hive_contracts.plan import MAX_ROUNDS, PullRequestWish

MAX_REVIEWERS: Final = 15
"""As many as GitHub takes."""
MAX_LABELS: Final = 20
MAX_LABEL: Final = 50
"""Characters, as GitHub counts."""

_REPOSITORY: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]{0,38}/[A-Za-z0-9._-]{1,100}")
_REVIEWER: Final = re.compile(r"@?([A-Za-z0-9][A-Za-z0-9-]{0,38}(?:/[A-Za-z0-9._-]{1,100})?)")


def pull_request_of(
    result: Literal["branch", "pull_request"] | ResultEntry, places: Places
) -> PullRequestWish | None:
    """None where the result is a branch. Raises FileProblem."""
    if result == "branch":
        return None
    entry = result.pull_request if isinstance(result, ResultEntry) else PullRequestEntry()
    if entry is None:
        return None
    if entry.repository and _REPOSITORY.fullmatch(entry.repository) is None:
        raise FileProblem(
            f"{entry.repository[:80]!r} is no repository on GitHub",
            places.of("result", "pull_request", "repository"),
            "write owner/name",
        )
    if not 0 <= entry.rounds <= MAX_ROUNDS:
        raise FileProblem(
            f"{entry.rounds} rounds are not possible",
            places.of("result", "pull_request", "rounds"),
            f"write a number from 0 to {MAX_ROUNDS}",
        )
    return PullRequestWish(
        entry.repository,
        entry.base,
        entry.draft_until,
        _reviewers(entry, places),
        _labels(entry, places),
        entry.merge,
        entry.rounds,
        entry.per,
    )


def _reviewers(entry: PullRequestEntry, places: Places) -> tuple[str, ...]:
    where = places.of("result", "pull_request", "reviewers")
    if len(entry.reviewers) > MAX_REVIEWERS:
        raise FileProblem(
            f"{len(entry.reviewers)} reviewers are too many", where, f"name at most {MAX_REVIEWERS}"
        )
    names = []
    for written in entry.reviewers:
        match = _REVIEWER.fullmatch(written)
        if match is None:
            raise FileProblem(
                f"{written[:80]!r} is no reviewer", where, "write a login, or organisation/team"
            )
        names.append(match[1])
    return tuple(dict.fromkeys(names))


def _labels(entry: PullRequestEntry, places: Places) -> tuple[str, ...]:
    where = places.of("result", "pull_request", "labels")
    if len(entry.labels) > MAX_LABELS:
        raise FileProblem(
            f"{len(entry.labels)} labels are too many", where, f"write at most {MAX_LABELS}"
        )
    for label in entry.labels:
        if not label.strip() or len(label) > MAX_LABEL or not label.isprintable():
            raise FileProblem(
                f"{label[:80]!r} is no label",
                where,
                f"write 1 to {MAX_LABEL} characters that can be seen",
            )
    return tuple(dict.fromkeys(entry.labels))

"""Which issues on GitHub launch what, as `.hive/repo.yaml` says it."""

import re
from typing import Final, Literal

import msgspec

from hive_contracts.files.document import FileProblem
from hive_contracts.files.mission import GateItem
from hive_contracts.files.reading import Places
from hive_contracts.ids import SHORT_NAME

MISSIONS: Final = ".hive/missions"
"""Where the mission files are that an issue may launch: `<name>.yaml`."""
DEFAULT_LABEL: Final = "hive"
MAX_RULES: Final = 50
_LOGIN: Final = re.compile(r"@?([A-Za-z0-9][A-Za-z0-9_-]{0,60}(?:\[bot\])?)")


class IssueLaunch(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is launched for an issue; `{}` takes all defaults."""

    mission: str = ""
    """A mission file, `.hive/missions/<name>.yaml`. Default: one task for one agent, with the
    issue as its objective."""
    agent: str = ""
    """Without a mission file: who does it. Default: the `agent` of this file."""
    gates: tuple[GateItem, ...] | None = None
    """Without a mission file: what must pass. Default: all gates of this file."""
    result: Literal["branch", "pull_request"] = "pull_request"
    """`branch`: nothing is pushed, unless the mission file says otherwise."""


class OnIssues(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Issues that launch missions. Whoever sets the label, or assigns, needs write access."""

    labels: dict[str, str | IssueLaunch] | None = None
    """By the label's name; text is the name of a mission file. Default: `hive: {}`; with `{}` alone
    no label launches anything."""
    assignees: dict[str, str | IssueLaunch] = {}
    """By the login of whom the issue is assigned to."""

    @property
    def by_label(self) -> dict[str, str | IssueLaunch]:
        return {DEFAULT_LABEL: IssueLaunch()} if self.labels is None else self.labels


class OnGithub(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the hive does in this repository on GitHub, where it is connected."""

    issues: OnIssues = OnIssues()
    """Which issues launch missions."""


def launch_of(written: str | IssueLaunch) -> IssueLaunch:
    return IssueLaunch(mission=written) if isinstance(written, str) else written


def label_launch(issues: OnIssues, label: str) -> IssueLaunch | None:
    """What a label launches: GitHub's labels differ by more than letter case."""
    return _found(issues.by_label, label)


def assignee_launch(issues: OnIssues, login: str) -> IssueLaunch | None:
    return _found({name.removeprefix("@"): to for name, to in issues.assignees.items()}, login)


def _found(rules: dict[str, str | IssueLaunch], name: str) -> IssueLaunch | None:
    for written, launch in rules.items():
        if written.casefold() == name.casefold():
            return launch_of(launch)
    return None


def check_issues(issues: OnIssues, places: Places) -> None:
    """Raises FileProblem."""
    for key, rules in (("labels", issues.by_label), ("assignees", issues.assignees)):
        where = places.of("github", "issues", key)
        if len(rules) > MAX_RULES:
            raise FileProblem(f"{len(rules)} {key} are too many", where, f"at most {MAX_RULES}")
        known: set[str] = set()
        for name, written in rules.items():
            at = places.of("github", "issues", key, name)
            _check_name(key, name, at)
            if name.casefold() in known:
                raise FileProblem(f"{name!r} stands twice in {key}", at, "keep one of them")
            known.add(name.casefold())
            _check_launch(name, launch_of(written), at)


def _check_name(key: str, name: str, where: str) -> None:
    if key == "assignees" and _LOGIN.fullmatch(name) is None:
        raise FileProblem(f"{name[:80]!r} is no login on GitHub", where, "write a login")
    if not name.strip() or len(name) > 50 or not name.isprintable():
        raise FileProblem(
            f"{name[:80]!r} is no label", where, "write 1 to 50 characters that can be seen"
        )


def _check_launch(name: str, launch: IssueLaunch, where: str) -> None:
    if launch.mission and SHORT_NAME.fullmatch(launch.mission) is None:
        raise FileProblem(
            f"{launch.mission[:80]!r} is no name of a mission file", where,
            f"write NAME for {MISSIONS}/NAME.yaml, of a-z, 0-9 and -",
        )  # fmt: skip
    if launch.agent and SHORT_NAME.fullmatch(launch.agent) is None:
        raise FileProblem(
            f"the agent's name {launch.agent[:80]!r} is not allowed", where,
            "use 1 to 40 of a-z, 0-9 and -",
        )  # fmt: skip
    if launch.mission and (launch.agent or launch.gates is not None):
        raise FileProblem(
            f"{name!r} names a mission file, and agent or gates beside it", where,
            "write those in the mission file",
        )  # fmt: skip

"""What is launched for an issue: made of files of the default branch, never of what the issue says.

.hive/repo.yaml, .hive/missions/NAME.yaml ──at one commit──▶ a plan
the issue's text ──marked as data──────────────────────────▶ its objective
that commit's history ──as artifacts───────────────────────▶ what a runner starts from
"""

from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Any

import msgspec
from msgspec.structs import replace

from hive_contracts.files.compile import compile_plan
from hive_contracts.files.document import FileProblem
from hive_contracts.files.issues import (
    MISSIONS,
    IssueLaunch,
    assignee_launch,
    label_launch,
)
from hive_contracts.files.mission import Mission, MissionFile, parse_mission
from hive_contracts.files.reading import Places
from hive_contracts.files.repository import REPOSITORY_FILE, RepositoryFile, parse_repository
from hive_contracts.github.issue import IssueAsked, IssuePlace
from hive_contracts.ids import SHORT_NAME
from hive_contracts.mission import LaunchMission
from hive_contracts.plan import ON_GITHUB, Origin, Plan, PullRequestWish, Repository
from hive_github.api.errors import NotFound
from hive_github.api.github import Github
from hive_github.git import Mirrors, Remote
from hive_github.issues.look import issue_id
from hive_github.issues.prompt import ASK, MAX_TITLE, objective
from hive_github.issues.site import Site
from hive_github.issues.words import one_line
from hive_github.look import SeenRepository
from hive_shared.artifacts import ArtifactTooLarge
from hive_shared.profiles import Profile, Unfit, check_fitness


class Unlaunchable(Exception):
    """A person has to change something; the text says what."""


class Launch(msgspec.Struct, frozen=True):
    command: LaunchMission
    commit: str


class Launching:
    def __init__(
        self, github: Github, site: Site, mirrors: Mirrors, profiles: Mapping[str, Profile]
    ) -> None:
        self._github = github
        self._site = site
        self._mirrors = mirrors
        self._profiles = profiles

    async def launch(
        self, asked: IssueAsked, place: IssuePlace, at: SeenRepository, told: Any
    ) -> Launch:
        """Raises Unlaunchable, GithubError, GitError, ArtifactError."""
        await self._check_unchanged(asked, place)
        try:
            commit = await self._site.head(place, at.default_branch)
        except NotFound as error:
            raise Unlaunchable(f"{at.full_name} has no branch to start from") from error
        try:
            file = parse_repository(
                await self._site.repository_file(place, commit), REPOSITORY_FILE
            )
            wanted = await self._wanted(asked, place, file, commit)
            plan = await self._plan(wanted, place, file, Repository(
                self._github.places.git(at.full_name), commit, at.default_branch,
            ))  # fmt: skip
        except FileProblem as problem:
            raise Unlaunchable(str(problem)) from problem
        try:
            check_fitness(plan, self._profiles)
        except Unfit as unfit:
            raise Unlaunchable(f"{unfit}: {unfit.remedy}" if unfit.remedy else str(unfit)) from None
        plan = await self._with_issue(plan, place, told)
        plan = _with_pull_request(plan, wanted, at)
        origin = Origin(
            issue_id(place), f"{at.full_name}#{place.number}", self._site.page(place),
            one_line(str(told["title"]))[:MAX_TITLE], ON_GITHUB + asked.by.lower(),
        )  # fmt: skip
        plan = replace(plan, repository=await self._offered(plan, at, commit))
        return Launch(LaunchMission("", plan, origin=origin), commit)

    async def _check_unchanged(self, asked: IssueAsked, place: IssuePlace) -> None:
        """Whoever asked has read what stood there then. Raises Unlaunchable."""
        for login in sorted(await self._site.changed_by(place, asked.at_ms / 1000)):
            if not await self._site.may_write(place, login):
                raise Unlaunchable(
                    f"{login}, who may not write here, changed the issue after it was asked for:"
                    " read it again, and ask again"
                )

    async def _wanted(
        self, asked: IssueAsked, place: IssuePlace, file: RepositoryFile, commit: str
    ) -> IssueLaunch:
        """Raises Unlaunchable."""
        rules, name = file.github.issues, asked.argument
        match asked.via:
            case "label":
                found = label_launch(rules, name)
            case "assignment":
                found = assignee_launch(rules, name)
            case "comment":
                return await self._named(name, place, commit)
        if found is None:
            raise Unlaunchable(f"{REPOSITORY_FILE} no longer says what {name} launches")
        return found

    async def _named(self, name: str, place: IssuePlace, commit: str) -> IssueLaunch:
        """What `/hive run NAME` means. Raises Unlaunchable."""
        if not name:
            return IssueLaunch()
        if SHORT_NAME.fullmatch(name) is None:
            raise Unlaunchable(
                f"{name!r} is no name: write `/hive run`, or `/hive run NAME` with a mission file"
                f" of {MISSIONS} or an agent"
            )
        if await self._site.file(place, _path(name), commit) is not None:
            return IssueLaunch(mission=name)
        if name in self._profiles:
            return IssueLaunch(agent=name)
        raise Unlaunchable(
            f"there is neither a mission file {_path(name)} at {commit[:7]} nor an agent {name} on"
            f" this hive; agents are {', '.join(sorted(self._profiles))}"
        )

    async def _plan(
        self, wanted: IssueLaunch, place: IssuePlace, file: RepositoryFile, start: Repository
    ) -> Plan:
        """Raises FileProblem, Unlaunchable."""
        if not wanted.mission:
            mission = Mission(
                f"issue-{place.number}", prompt=ASK, agent=wanted.agent, gates=wanted.gates
            )
            return compile_plan(MissionFile(mission, Places(REPOSITORY_FILE)), file, start)
        path = _path(wanted.mission)
        text = await self._site.file(place, path, start.base)
        if text is None:
            raise Unlaunchable(f"there is no mission file {path} at {start.base[:7]}")
        read = parse_mission(text, path)
        if read.mission.repo is not None:
            raise Unlaunchable(
                f"{path} names a repository of its own: take `repo` out, a mission that an issue"
                " launches works on the issue's repository"
            )
        prompts = await self._prompts(read.mission, place, start.base)

        def prompt_of(name: str, where: str) -> str:
            found = prompts.get(name)
            if found is None:
                raise FileProblem(
                    f"there is no text {name} beside the mission file",
                    where,
                    "commit it there, as UTF-8 text: its name is relative to the mission file",
                )
            return found

        return compile_plan(read, file, start, read_prompt=prompt_of)

    async def _prompts(self, mission: Mission, place: IssuePlace, commit: str) -> dict[str, str]:
        """The texts of all prompt files that are there."""
        phases = (mission.phases or {}).values()
        names = {mission.prompt_file, *(phase.prompt_file for phase in phases)}
        names |= {task.prompt_file for phase in phases for task in (phase.tasks or {}).values()}
        found = {}
        for name in sorted(names - {""}):
            path = PurePosixPath(name)
            if path.is_absolute() or ".." in path.parts:
                continue
            text = await self._site.file(place, f"{MISSIONS}/{path}", commit)
            if text is not None:
                found[name] = text
        return found

    async def _with_issue(self, plan: Plan, place: IssuePlace, told: Any) -> Plan:
        author = str((told.get("user") or {}).get("login") or "somebody")
        said = objective(
            f"{place.repository}#{place.number}", self._site.page(place), str(told["title"]),
            str(told.get("body") or ""), author,
            trusted=await self._site.may_write(place, author), before=plan.objective,
        )  # fmt: skip
        return replace(plan, objective=said)

    async def _offered(self, plan: Plan, at: SeenRepository, commit: str) -> Repository:
        """Raises GitError, ArtifactError, GithubError."""
        assert plan.repository is not None
        token = await self._github.identity.token(at.installation)
        remote = Remote(at.repository_id, self._github.places.git(at.full_name), token)
        try:
            return replace(plan.repository, chain=await self._mirrors.offer(remote, commit))
        except ArtifactTooLarge:
            # Then its runner fetches by itself, with the rights of its own user.
            return plan.repository


def _with_pull_request(plan: Plan, wanted: IssueLaunch, at: SeenRepository) -> Plan:
    wish = plan.pull_request
    if wish is None and wanted.result == "branch":
        return plan
    wish = wish or PullRequestWish()
    return replace(plan, pull_request=replace(wish, repository=wish.repository or at.full_name))


def _path(name: str) -> str:
    return f"{MISSIONS}/{name}.yaml"

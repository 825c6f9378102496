"""The branches of a mission on GitHub: one with all that it changed, or one for each task."""

from hive_contracts.github.places import repository_path
from hive_contracts.github.pull_request import NotePush, SeePullRequest
from hive_github.api.github import Github
from hive_github.deciders.pull_request import PullRequest
from hive_github.deciders.pull_requests import PullRequests
from hive_github.git import BaseMissing, Mirrors, PushRefused, Remote
from hive_github.look import SeenRepository, seen_pull_request
from hive_github.pulls.bases import Base, Later, all_merged, base_of
from hive_github.pulls.parts import Change, branch_of
from hive_github.pulls.story import Story
from hive_github.pulls.stuck import Stuck
from hive_github.records import Records
from hive_github.stacking import Step, Unfit


class Branches:
    """Those of one mission's pull request, or of one of its tasks'."""

    def __init__(self, github: Github, records: Records, mirrors: Mirrors) -> None:
        self._github = github
        self._records = records
        self._mirrors = mirrors

    async def push(self, story: Story, state: PullRequest, at: SeenRepository, cause: str) -> None:
        """Bring to GitHub what its branch does not have. Raises Later, Stuck, GitError."""
        if story.part:
            await self._push_part(story, state, at, cause)
        else:
            await self._push_all(story, state, at, cause)

    async def _push_part(
        self, story: Story, state: PullRequest, at: SeenRepository, cause: str
    ) -> None:
        """What a task changed, onto what it is based on. Raises Later, Stuck."""
        assert story.tip is not None and story.repository is not None
        all = await self._records.pull_requests(story.mission_id)
        if state.opened is not None:
            await self._retarget(story, state, all, at, cause)
            state = await self._records.pull_request(story.mission_id)
        steps = _steps_after(story, state.held)
        if not steps:
            return
        remote = await self._remote(at)
        onto = state.head or await self._onto(story, all, at, remote)
        try:
            old, commit = await self._mirrors.push_part(
                remote, story.repository.base, story.tip, story.branch, onto, steps
            )
        except Unfit as error:
            raise _unfit(story, all, at, has_branch=bool(state.pushed)) from error
        except (BaseMissing, PushRefused) as error:
            raise self._not_pushed(story, at, error) from error
        if commit == onto and not state.pushed:
            raise Stuck(
                f"what {story.part} changed is on {at.full_name} already",
                "there is nothing to merge",
            )
        noted = NotePush(story.mission_id, story.branch, commit, old, story.newest)
        await self._records.tell(noted, cause)

    async def _onto(
        self, story: Story, all: PullRequests, at: SeenRepository, remote: Remote
    ) -> str:
        """Where a task's branch begins. Raises Later, Stuck, GitError."""
        assert story.repository is not None
        match base_of(story, all):
            case Base(part="", is_moved=False):
                return story.repository.base
            case Base(part=""):
                return await self._mirrors.head(remote, self.target(story, all, at))
            case Base(part=part):
                return all.of(part).pushed

    def target(self, story: Story, all: PullRequests, at: SeenRepository) -> str:
        """The branch that all of a mission is to be merged into at last."""
        requested = all.whole.requested
        assert requested is not None and story.repository is not None
        return requested.wish.base or story.repository.branch or at.default_branch

    async def _retarget(
        self, story: Story, state: PullRequest, all: PullRequests, at: SeenRepository, cause: str
    ) -> None:
        """Once what it was based on is merged, it is to be merged where that was."""
        assert state.opened is not None
        target = self.target(story, all, at)
        needed = {branch_of(story.name, each): all.of(each) for each in story.needs}
        before = needed.get(state.base)
        if before is None or before.state != "merged":
            return
        remote = await self._remote(at)
        # So that it shows no more than its own; where they conflict, that comes back as a round.
        commit = await self._mirrors.catch_up(remote, story.branch, state.head, target)
        if commit not in ("", state.head):
            pushed = NotePush(story.mission_id, story.branch, commit, state.head, state.held)
            await self._records.tell(pushed, cause)
        path = repository_path(at.full_name, "/pulls/{}", state.opened.number)
        told = await self._github.rest("PATCH", path, at.installation, body={"base": target})
        seen = seen_pull_request(told.json())
        await self._records.tell(SeePullRequest(story.mission_id, seen), cause)

    async def _push_all(
        self, story: Story, state: PullRequest, at: SeenRepository, cause: str
    ) -> None:
        assert story.tip is not None and story.repository is not None
        if state.pushed == story.tip.commit:
            return
        branch, remote = story.branch, await self._remote(at)
        try:
            old = await self._mirrors.push(remote, story.repository.base, story.tip, branch)
        except (BaseMissing, PushRefused) as error:
            raise self._not_pushed(story, at, error) from error
        noted = NotePush(story.mission_id, branch, story.tip.commit, old)
        await self._records.tell(noted, cause)

    async def _remote(self, at: SeenRepository) -> Remote:
        token = await self._github.identity.token(at.installation)
        return Remote(at.repository_id, self._github.places.git(at.full_name), token)

    def _not_pushed(
        self, story: Story, at: SeenRepository, error: BaseMissing | PushRefused
    ) -> Stuck:
        assert story.repository is not None
        if isinstance(error, BaseMissing):
            return Stuck(
                f"the mission started from {story.repository.base[:12]}, which is not on "
                f"{at.full_name}",
                f"push that commit to it, then: hive pr {story.name}",
            )
        return Stuck(
            f"{at.full_name} does not take the branch {story.branch}: {error}",
            f"take that away, or delete the branch there, then: hive pr {story.name}",
        )


def _steps_after(story: Story, held: str) -> list[Step]:
    """Changes that its branch does not have yet."""
    changes: list[Change] = []
    for change in story.changes:
        changes.append(change)
        if change.new.commit == held:
            changes.clear()
    return [Step(change.old, change.new.commit, change.merged) for change in changes]


def _unfit(story: Story, all: PullRequests, at: SeenRepository, *, has_branch: bool) -> Exception:
    """Something else of the mission may be in the same places: then that is merged first."""
    names = [part.name for part in story.parts]
    before = [all.of(name) for name in names[: names.index(story.part)]]
    again = f"then: hive pr {story.name}"
    if not has_branch and not all_merged(before):
        return Later()
    if has_branch:
        return Stuck(
            f"what mends it touches what is not in {story.branch}, but in another task's branch",
            f"merge the others first and this by hand, {again}",
        )
    return Stuck(
        f"what {story.part} changed does not fit onto {at.full_name} any more",
        f"merge it by hand: git cherry-pick of {story.newest[:12]} after `hive land`, {again}",
    )

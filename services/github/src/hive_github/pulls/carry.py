"""Carries a mission's result to its pull request, or to one for each task, a step at a time.

    wished? ─▶ something merged? ─▶ pushed ─▶ opened, or found ─▶ described ─▶ labels, reviewers
                                                                 │ the mission succeeded
                                                                 ▼
                                                          ready for review

Each time it looks at what the record says and what GitHub shows, and does what is missing.
So it may be called for any event, twice, or again after a crash between two steps: what was done is
found.

With one for each task, each goes these steps by itself, in the order in which they were merged into
the mission's branch. What a task is based on decides when, and where its branch begins (`bases`).
"""

from typing import Any, Final

import msgspec

from hive_contracts.github.places import repository_path
from hive_contracts.github.pull_request import (
    AwaitMerge,
    FailPullRequest,
    NoteDescription,
    NoteOpened,
    NoteReviewRequest,
    RequestPullRequest,
    SeePullRequest,
)
from hive_contracts.plan import PullRequestWish
from hive_github.api.errors import Forbidden, Invalid, NotFound, Refused
from hive_github.api.github import Github
from hive_github.deciders.pull_request import PullRequest
from hive_github.git import Mirrors
from hive_github.look import Looks, NoAccess, SeenRepository, seen_pull_request
from hive_github.merging.grace import Grace
from hive_github.merging.merge import Merger
from hive_github.pulls.bases import Later, all_merged, base_of
from hive_github.pulls.body import digest_of, section, section_in, title_of, within
from hive_github.pulls.branches import Branches
from hive_github.pulls.parts import branch_of
from hive_github.pulls.reading import story_of
from hive_github.pulls.rounds import Rounds
from hive_github.pulls.settling import Settling, waiting
from hive_github.pulls.story import Story, of_part
from hive_github.pulls.stuck import Stuck
from hive_github.pulls.turns import Turns
from hive_github.records import Records
from hive_shared.eventstore.port import EventStore
from hive_shared.restraints import Restraining
from hive_shared.telemetry import continuing, span

READY: Final = """mutation($id: ID!) {
  markPullRequestReadyForReview(input: {pullRequestId: $id}) { pullRequest { isDraft } }
}"""

UNSEEN: Final = "Could not resolve to a node"
"""What GitHub says of a team that the App or token may not see."""
UNSEEN_TEAM: Final = (
    "GitHub shows no teams: give the App or token the organisation permission to read members;"
    " `hive github doctor`"
)


class Carrier:
    def __init__(
        self,
        github: Github,
        store: EventStore,
        records: Records,
        looks: Looks,
        mirrors: Mirrors,
        rounds: Rounds,
        turns: Turns,
        restraining: Restraining,
        grace: Grace,
    ) -> None:
        self._github = github
        self._store = store
        self._records = records
        self._looks = looks
        self._mirrors = mirrors
        self._branches = Branches(github, records, mirrors)
        self._rounds = rounds
        self._turns = turns
        self._restraining = restraining
        self._settling = Settling(github, records)
        self._grace = grace
        self._merger = Merger(github, records, looks, grace)

    async def carry(self, mission_id: str, cause: str) -> None:
        """Raises GithubError, GitError, ArtifactError, StoreError: to be tried again."""
        async with self._turns.of(mission_id):
            await self._carry(mission_id, cause)

    async def _carry(self, mission_id: str, cause: str) -> None:
        story, traceparent = await story_of(self._store, mission_id)
        if story is None:
            return
        # Whatever brought it about, a webhook say, has a trace of its own.
        with continuing("carry", traceparent):
            await self._forward(story, traceparent, cause)

    async def _forward(self, story: Story, traceparent: str, cause: str) -> None:
        mission_id = story.mission_id
        requested = (await self._records.pull_request(mission_id)).requested
        if requested is None:
            if story.wish is None:
                return
            await self._records.tell(RequestPullRequest(mission_id, story.name, story.wish), cause)
        wish = story.wish if requested is None else requested.wish
        assert wish is not None
        if wish.per == "mission" or not story.parts:
            await self._one(story, traceparent, cause)
            return
        for part in story.parts:
            carrier = self._of(part.name)
            all = await self._records.pull_requests(mission_id)
            told = of_part(story, part.name, all.part_of_round)
            others = [all.of(each.name) for each in story.parts if each.name != part.name]
            last = story.outcome != "open" and all_merged(others)
            await carrier._one(msgspec.structs.replace(told, closes=last), traceparent, cause)

    def _of(self, part: str) -> "Carrier":
        """The same for the pull request of one task."""
        return Carrier(
            self._github, self._store, self._records.of(part), self._looks.of(part), self._mirrors,
            self._rounds.of(part), self._turns, self._restraining, self._grace,
        )  # fmt: skip

    async def _one(self, story: Story, traceparent: str, cause: str) -> None:
        mission_id = story.mission_id
        try:
            state = await self._records.pull_request(mission_id)
            await self._steps(story, state, traceparent, cause)
            recovered = len(state.recovered)
            await self._rounds.look(mission_id, cause)
            state = await self._records.pull_request(mission_id)
            if len(state.recovered) > recovered:
                # What is to be said has changed, and once it is merged nothing more is.
                await self._steps(story, state, traceparent, cause)
                state = await self._records.pull_request(mission_id)
            await self._merge(story, state, cause)
            if (stuck := waiting(story, state.rounds)) is not None and state.state == "open":
                raise stuck
        except Later:
            return  # What it is based on comes first, and brings it about.
        except (Stuck, NoAccess) as stuck:
            reason, remedy = str(stuck), stuck.remedy
            await self._records.tell(FailPullRequest(mission_id, reason, remedy), cause)

    async def _steps(self, story: Story, state: PullRequest, traceparent: str, cause: str) -> None:
        assert state.requested is not None
        wish, by = state.requested.wish, state.requested.by
        if state.opened is not None and state.state != "open":
            return  # Somebody merged or closed it: theirs is the last word.
        if story.tip is None or not story.tip.chain:
            if story.outcome == "succeeded":
                raise Stuck("the mission changed nothing", "there is nothing to merge")
            return
        if state.opened is None and not by and wish.draft_until == "none" and (
            story.outcome != "succeeded"
        ):  # fmt: skip
            return
        at = await self._repository(wish, state, story, cause)
        if not story.round or story.outcome == "succeeded" or story.awaits_github:
            # What came back is pushed once it is mended, and has passed all gates of the hive's.
            await self._branches.push(story, state, at, cause)
        # The description is of what was pushed; it is written once, as the pull request is opened.
        written = section(story, traceparent, state.rounds, state.recovered)
        if state.opened is None:
            await self._open(story, wish, at, written, cause)
            state = await self._records.pull_request(story.mission_id)
            if state.state != "open":
                return
        with span("settle"):
            await self._settling.settle(story, at, cause)
        state = await self._records.pull_request(story.mission_id)
        written = section(story, traceparent, state.rounds, state.recovered)
        if digest_of(written) != state.described:
            await self._describe(story.mission_id, state, at, written, cause)
        if state.draft and story.outcome == "succeeded":
            await self._ready(story.mission_id, state, at, cause)
        if state.asked is None:
            await self._ask(story.mission_id, state, wish, at, cause)

    async def _merge(self, story: Story, state: PullRequest, cause: str) -> None:
        """Not while anything that came back is seen to."""
        assert state.requested is not None
        wish, opened = state.requested.wish, state.opened is not None and state.state == "open"
        if wish.merge == "never" or story.outcome != "succeeded" or not opened:
            return
        if (asked := state.rounds.open) is not None:
            reason = f"round {asked.round} comes first: {asked.title}"
            await self._records.tell(AwaitMerge(story.mission_id, reason), cause)
            return
        restraints = await self._restraining.now()
        if restraints.freeze_landing:
            reason = f"landing is frozen: {restraints.reason} (`hive policy show`)"
            await self._records.tell(AwaitMerge(story.mission_id, reason), cause)
            return
        at = await self._repository(wish, state, story, cause)
        if story.part:
            all = await self._records.pull_requests(story.mission_id)
            if state.base != self._branches.target(story, all, at):
                reason = f"{state.base} is merged first"
                await self._records.tell(AwaitMerge(story.mission_id, reason), cause)
                return
        with span("merge"):
            await self._merger.step(story.mission_id, state, at, wish.merge, cause)

    async def _repository(
        self, wish: PullRequestWish, state: PullRequest, story: Story, cause: str
    ) -> SeenRepository:
        """Raises Stuck, NoAccess, GithubError."""
        name, installation = wish.repository, 0
        if state.opened is not None:
            known = (await self._records.repository(state.opened.repository_id)).seen
            name = known.full_name if known else state.opened.repository
            installation = known.installation if known else 0
        if not name:
            raise Stuck(
                "which repository on GitHub is meant is not known",
                f"hive pr {story.name} --repository owner/name",
            )
        at = await self._looks.repository(name, cause, known=installation)
        if at.archived:
            raise Stuck(f"{at.full_name} is archived", "take it out of the archive, then: hive pr")
        if not at.may_push:
            raise Stuck(
                f"nothing may be pushed to {at.full_name}",
                "give the App or token write access to contents; `hive github doctor`",
            )
        return at

    async def _open(
        self, story: Story, wish: PullRequestWish, at: SeenRepository, written: str, cause: str
    ) -> None:
        branch = story.branch
        told = await self._found(at, branch)
        if told is None:
            told = await self._made(story, wish, at, branch, written)
        opened = NoteOpened(
            story.mission_id, at.repository_id, at.full_name, told["node_id"], told["html_url"],
            told["base"]["ref"], seen_pull_request(told),
        )  # fmt: skip
        await self._records.tell(opened, cause)
        if section_in(told.get("body") or "") == written:
            await self._records.tell(NoteDescription(story.mission_id, digest_of(written)), cause)

    async def _found(self, at: SeenRepository, branch: str) -> dict[str, Any] | None:
        """One that is open for the branch already: a crash came before it was recorded."""
        owner = at.full_name.partition("/")[0]
        found = await self._github.get(
            repository_path(at.full_name, "/pulls"), at.installation,
            head=f"{owner}:{branch}", state="open",
        )  # fmt: skip
        # An unknown head lists every pull request.
        mine = [told for told in found if told["head"]["ref"] == branch]
        return mine[0] if mine else None

    async def _made(
        self, story: Story, wish: PullRequestWish, at: SeenRepository, branch: str, written: str
    ) -> dict[str, Any]:
        assert story.repository is not None
        draft = story.outcome != "succeeded" and wish.draft_until == "success"
        base = wish.base or story.repository.branch or at.default_branch
        if story.part:
            on = base_of(story, await self._records.pull_requests(story.mission_id)).part
            base = branch_of(story.name, on) if on else base
        body = {
            "title": title_of(story),
            "head": branch,
            "base": base,
            "body": written,
            "draft": draft,
            "maintainer_can_modify": True,
        }
        path = repository_path(at.full_name, "/pulls")
        try:
            return await self._post(path, at.installation, body)
        except Invalid as error:
            if not (draft and "draft" in error.message.lower()):
                raise Stuck(
                    f"GitHub makes no pull request of {branch}: {error.message}",
                    f"see to that, then: hive pr {story.name}",
                ) from error
        except Forbidden as error:
            raise Stuck(
                f"GitHub forbids it: {error.message}",
                "give the App or token write access to pull requests; `hive github doctor`",
            ) from error
        # Not every plan has drafts.
        return await self._post(path, at.installation, {**body, "draft": False})

    async def _post(self, path: str, installation: int, body: object) -> dict[str, Any]:
        answer = await self._github.rest("POST", path, installation, body=body, content=True)
        told: dict[str, Any] = answer.json()
        return told

    async def _ask(
        self, mission_id: str, state: PullRequest, wish: PullRequestWish, at: SeenRepository,
        cause: str,
    ) -> None:  # fmt: skip
        """Labels and reviewers, each as far as GitHub takes it: none of them stops the rest."""
        assert state.opened is not None
        number, refused = state.opened.number, []
        labels, reviewers = list(wish.labels), []
        if labels:
            path = repository_path(at.full_name, "/issues/{}/labels", number)
            try:
                await self._github.rest("POST", path, at.installation, body={"labels": labels})
            except Refused as error:
                refused.append(f"labels: {error.message}")
                labels = []
        path = repository_path(at.full_name, "/pulls/{}/requested_reviewers", number)
        for reviewer in wish.reviewers:
            organization, _, team = reviewer.partition("/")
            if team and organization.lower() != at.full_name.partition("/")[0].lower():
                # GitHub takes a name alone, and would ask a namesake of the repository's own.
                refused.append(f"{reviewer}: it is no team of {at.full_name}'s organisation")
                continue
            body = {"team_reviewers": [team]} if team else {"reviewers": [reviewer]}
            try:
                await self._github.rest("POST", path, at.installation, body=body, content=True)
                reviewers.append(reviewer)
            except Refused as error:
                unseen = team and UNSEEN in error.message
                refused.append(f"{reviewer}: {UNSEEN_TEAM if unseen else error.message}")
        noted = NoteReviewRequest(mission_id, tuple(reviewers), tuple(labels), tuple(refused))
        await self._records.tell(noted, cause)

    async def _describe(
        self, mission_id: str, state: PullRequest, at: SeenRepository, written: str, cause: str
    ) -> None:
        assert state.opened is not None
        path = repository_path(at.full_name, "/pulls/{}", state.opened.number)
        told = await self._github.get(path, at.installation)
        before = told.get("body") or ""
        if section_in(before) != written:
            body = {"body": within(before, written)}
            await self._github.rest("PATCH", path, at.installation, body=body)
        await self._records.tell(NoteDescription(mission_id, digest_of(written)), cause)

    async def _ready(
        self, mission_id: str, state: PullRequest, at: SeenRepository, cause: str
    ) -> None:
        assert state.opened is not None
        seen = await self._looks.pull_request(
            mission_id, at.full_name, state.opened.number, at.installation, cause
        )
        if seen.state != "open" or not seen.draft:
            return
        try:
            await self._github.graphql(READY, {"id": state.opened.node}, at.installation)
        except (Invalid, NotFound) as error:
            raise Stuck(f"it stays a draft: {error.message}", "make it ready on GitHub") from error
        ready = msgspec.structs.replace(seen, draft=False)
        await self._records.tell(SeePullRequest(mission_id, ready), cause)

"""Carries out what is asked on issues, once: an effect for each ask.

    may we? ──not now──▶ put off: a key that GitHub does not take, a permission that is missing
        │yes
    may they? ──no──▶ AskRefused, and nobody is answered: a stranger must not make us write
        │yes
    prepared before? ──no──▶ the command is made, kept, CommandPrepared
        │                          │ cannot be made: the person is told why, AskRefused
        ▼                          ▼
    the orchestrator takes it ──▶ AskObeyed ──▶ a reaction; a mission's comment follows

Each step may be done twice: what is sent is always the same under the same id, and what was said
is found by its mark.
"""

from typing import Any, Final

import msgspec

from hive_contracts.codec import decode
from hive_contracts.envelope import Recorded
from hive_contracts.github.issue import (
    CommandPrepared,
    IssueAsked,
    IssuePlace,
    ObeyAsk,
    PrepareCommand,
    RefuseAsk,
)
from hive_contracts.ids import derived_id
from hive_contracts.mission import CancelMission, PauseMission, ResumeMission
from hive_contracts.plan import ON_GITHUB
from hive_contracts.submit import Accepted, Submission, Submittable
from hive_contracts.task import ApproveGate, RejectGate
from hive_github.api.errors import Forbidden, Limited, NotFound, Refused, Unauthenticated
from hive_github.api.waiting import waited_for
from hive_github.deciders.issue import Issue
from hive_github.issues.comment import answer, answer_marker, usage
from hive_github.issues.launch import Launching, Unlaunchable
from hive_github.issues.look import BACK_SECONDS
from hive_github.issues.progress import Progress
from hive_github.issues.site import Site
from hive_github.issues.standing import Standing, Standings
from hive_github.look import Looks, NoAccess, SeenRepository, until_let_in
from hive_github.orchestrator import Commands, Unanswered
from hive_github.records import Records
from hive_shared.artifacts import Artifacts
from hive_shared.clock import Clock
from hive_shared.subscriptions.effects import PutOff

MAX_COMMAND: Final = 1024 * 1024
"""Bytes, as JSON."""
AGAIN_SECONDS: Final = 5.0
"""After which the orchestrator is asked again."""
ALLOWED_SECONDS: Final = 300.0
"""After which it is tried again whether the hive may do it by now."""


class No(Exception):
    """It is not done; the text says why, to whoever asked."""


class Obedience:
    """An Effect (see `hive_shared.subscriptions.effects`)."""

    name: Final = "issues"

    def __init__(
        self,
        records: Records,
        looks: Looks,
        site: Site,
        launching: Launching,
        standings: Standings,
        progress: Progress,
        artifacts: Artifacts,
        orchestrator: Commands,
        clock: Clock,
    ) -> None:
        self._records = records
        self._looks = looks
        self._site = site
        self._launching = launching
        self._standings = standings
        self._progress = progress
        self._artifacts = artifacts
        self._orchestrator = orchestrator
        self._clock = clock

    def wants(self, event: Recorded) -> bool:
        return event.type == IssueAsked.__name__

    async def perform(self, event: Recorded, effect_id: str) -> None:
        asked = decode(event)
        assert isinstance(asked, IssueAsked)
        state = await self._records.issue(asked.issue_id)
        if asked.ask in state.answered:
            return
        try:
            with waited_for("person"), until_let_in():
                await self._carry_out(asked, state, effect_id, event.meta.traceparent)
        except Limited as error:
            raise PutOff(error.seconds, str(error)) from error
        except Unanswered as error:
            # It is started again by whoever supervises it: nothing for a person to replay.
            raise PutOff(AGAIN_SECONDS, str(error)) from error

    async def _carry_out(
        self, asked: IssueAsked, state: Issue, effect_id: str, traceparent: str
    ) -> None:
        """Raises GithubError, GitError, ArtifactError, StoreError, Unanswered: tried again."""
        try:
            at = await self._looks.repository(
                asked.place.repository, effect_id, known=asked.place.installation
            )
            place = msgspec.structs.replace(
                asked.place, repository=at.full_name, installation=at.installation
            )
            if not await self._site.may_write(place, asked.by):
                await self._refuse(asked, "stranger", "no write access", effect_id)
                return
            told = await self._site.issue(place)
        except (NoAccess, NotFound, Forbidden) as error:
            refusal = error.refusal if isinstance(error, NoAccess) else error
            if isinstance(refusal, Unauthenticated):
                raise
            if isinstance(refusal, Forbidden) and self._is_young(asked):
                why = f"{error}: see `hive github doctor`"
                raise PutOff(ALLOWED_SECONDS, why) from error
            await self._refuse(asked, "gone", str(error), effect_id)
            return
        try:
            await self._obey(asked, state, place, at, told, effect_id, traceparent)
        except No as no:
            comment = await self._answer(place, asked, str(no))
            await self._refuse(asked, "invalid", str(no), effect_id, comment)

    def _is_young(self, asked: IssueAsked) -> bool:
        """What is older counts no more, as with everything that is asked."""
        return asked.at_ms / 1000 > self._clock.now_ms() / 1000 - BACK_SECONDS

    async def _obey(
        self, asked: IssueAsked, state: Issue, place: IssuePlace, at: SeenRepository, told: Any,
        effect_id: str, traceparent: str,
    ) -> None:  # fmt: skip
        """Raises No."""
        if asked.verb == "status":
            await self._status(asked, state, place, effect_id)
            return
        prepared = state.prepared.get(asked.ask)
        if prepared is None:
            command, mission_id, commit = await self._command(asked, state, place, at, told)
            kept = self._artifacts.put(msgspec.json.encode(command))
            settled = PrepareCommand(asked.issue_id, asked.ask, kept.digest, mission_id, commit)
            await self._records.tell(settled, effect_id)
            # Another process may have settled it a moment ago: what is recorded counts.
            prepared = (await self._records.issue(asked.issue_id)).prepared[asked.ask]
        accepted = await self._sent(asked, prepared, effect_id, traceparent)
        is_launch = not prepared.mission_id
        mission_id = accepted.id if is_launch else prepared.mission_id
        name = accepted.name if is_launch else state.missions.get(mission_id, "")
        obeyed = ObeyAsk(asked.issue_id, asked.ask, mission_id, name, is_launch)
        await self._react(place, asked, "rocket" if is_launch else "+1")
        await self._records.tell(obeyed, effect_id)

    async def _command(
        self, asked: IssueAsked, state: Issue, place: IssuePlace, at: SeenRepository, told: Any
    ) -> tuple[Submittable, str, str]:
        """With the mission that it is about, and the commit that a launch is made of. Raises No."""
        if asked.verb == "unknown":
            raise No(usage(asked.argument))
        mission_id, standing = await self._newest(state)
        is_open = standing is not None and not standing.has_ended
        if asked.verb == "run":
            if standing is not None and is_open:
                raise No(
                    f"{standing.story.name} is at work on this issue: `/hive cancel` ends it first"
                )
            if told["state"] != "open":
                raise No("the issue is closed: open it again first")
            try:
                launch = await self._launching.launch(asked, place, at, told)
            except Unlaunchable as problem:
                raise No(str(problem)) from problem
            return launch.command, "", launch.commit
        if standing is None:
            raise No("no mission is at work on this issue: `/hive run` launches one")
        if not is_open:
            raise No(f"{standing.story.name} has ended already")
        return _order(asked, mission_id, standing), mission_id, ""

    async def _newest(self, state: Issue) -> tuple[str, Standing | None]:
        """The mission of this issue that was launched last."""
        mission_id = next(reversed([*state.missions]), "")
        return mission_id, await self._standings.of(mission_id) if mission_id else None

    async def _sent(
        self, asked: IssueAsked, prepared: CommandPrepared, effect_id: str, traceparent: str
    ) -> Accepted:
        """Raises No, Unanswered, ArtifactError."""
        body = self._artifacts.get(prepared.command, MAX_COMMAND)
        submission = Submission(
            derived_id(effect_id, "command"),
            ON_GITHUB + asked.by.lower(),
            msgspec.json.decode(body, type=Submittable),
            traceparent,
        )
        answered = await self._orchestrator.submit(submission)
        if isinstance(answered, Accepted):
            return answered
        raise No(": ".join(part for part in (answered.message, answered.remedy) if part))

    async def _status(
        self, asked: IssueAsked, state: Issue, place: IssuePlace, effect_id: str
    ) -> None:
        """Raises No."""
        mission_id, standing = await self._newest(state)
        if standing is None:
            raise No("no mission was launched for this issue: `/hive run` launches one")
        await self._progress.write(mission_id, effect_id, at_once=True)
        await self._react(place, asked, "eyes")
        obeyed = ObeyAsk(asked.issue_id, asked.ask, mission_id, standing.story.name)
        await self._records.tell(obeyed, effect_id)

    async def _refuse(
        self, asked: IssueAsked, why: Any, reason: str, cause: str, comment: int = 0
    ) -> None:
        refused = RefuseAsk(asked.issue_id, asked.ask, why, reason[:500], comment)
        await self._records.tell(refused, cause)

    async def _answer(self, place: IssuePlace, asked: IssueAsked, why: str) -> int:
        """The comment's number; 0 where GitHub takes none."""
        if asked.via == "comment":
            await self._react(place, asked, "confused")
        try:
            marker = answer_marker(asked.ask)
            known = await self._site.mine(place, marker)
            return known or await self._site.say(place, answer(asked.ask, asked.by, why))
        except Unauthenticated:
            raise
        except Refused:
            return 0

    async def _react(self, place: IssuePlace, asked: IssueAsked, content: str) -> None:
        if asked.via == "comment":
            await self._site.react(place, int(asked.ask.split("-")[1]), content)


def _order(asked: IssueAsked, mission_id: str, standing: Standing) -> Submittable:
    """Raises No."""
    by = ON_GITHUB + asked.by.lower()
    match asked.verb:
        case "pause":
            return PauseMission(mission_id, by, asked.argument)
        case "resume":
            return ResumeMission(mission_id, by)
        case "cancel":
            said = f": {asked.argument}" if asked.argument else ""
            return CancelMission(mission_id, f"by {asked.by} on {asked.place.repository}"
                                 f"#{asked.place.number}{said}")  # fmt: skip
    gate, _, note = asked.argument.partition(" ")
    waiting = standing.approvals(gate)
    if not waiting:
        named = f"{gate!r} does not wait" if gate else "nothing waits"
        raise No(f"{named} to be approved in {standing.story.name}")
    if len(waiting) > 1:
        names = ", ".join(sorted({f"`{each.name}`" for each in waiting}))
        if not gate:
            raise No(f"several gates wait: {names}; name one: `/hive {asked.verb} NAME`")
        raise No(f"several tasks wait with {names}: answer each with `hive mission {asked.verb}`")
    [one] = waiting
    if asked.verb == "approve":
        return ApproveGate(one.task_id, one.name, by, note)
    return RejectGate(one.task_id, one.name, by, note)

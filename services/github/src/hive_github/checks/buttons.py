"""A person pressed a button of a check: what they may, and what comes of it.

    who may write to the repository ──approve──▶ ApproveGate, as github:LOGIN
                                    └──rerun───▶ the mission, launched once more

GitHub says who pressed, in a delivery that it signed, and is asked what they may do; whether their
answer counts for that gate is the orchestrator's to say. A delivery that comes again does nothing
more: commands have its id.
"""

from typing import Final

import msgspec

from hive_contracts.again import origin_of, plan_again
from hive_contracts.codec import AnyEvent
from hive_contracts.github.check import Button, CheckPlace, NoteButton
from hive_contracts.github.places import repository_path
from hive_contracts.mission import (
    LaunchMission,
    MissionCancelled,
    MissionFailed,
    MissionLaunched,
    MissionRefused,
    MissionSucceeded,
)
from hive_contracts.submit import Accepted, Refused, Submission, Submittable
from hive_contracts.task import ApproveGate, TaskPlanned
from hive_github.api.errors import Forbidden, Invalid, NotFound
from hive_github.api.github import Github
from hive_github.checks.histories import Histories
from hive_github.credentials import AppCredentials
from hive_github.orchestrator import Commands
from hive_github.records import Records

MAY: Final = frozenset({"admin", "maintain", "write"})
MAX_REASON: Final = 500
MOST: Final = 50
"""Checks of a commit that are run again together."""


class Pressed(msgspec.Struct, frozen=True):
    """As the delivery tells."""

    full_name: str
    repository_id: str
    installation: int
    place: CheckPlace
    button: Button
    login: str


class Suite(msgspec.Struct, frozen=True):
    """All of the hive's checks of a commit are to run again."""

    full_name: str
    repository_id: str
    installation: int
    head: str
    login: str


class Buttons:
    def __init__(
        self, github: Github, records: Records, histories: Histories, orders: Commands
    ) -> None:
        self._github = github
        self._records = records
        self._histories = histories
        self._orders = orders

    async def press_all(self, suite: Suite, cause: str) -> str:
        """GitHub's "Re-run all checks": as if each had been run again, which launches it once.

        Why nothing follows from it; empty where it is recorded what does. Raises as `press` does.
        """
        credentials = self._github.credentials
        assert isinstance(credentials, AppCredentials), "webhooks come to Apps alone"
        path = repository_path(suite.full_name, "/commits/{}/check-runs", suite.head)
        listed = self._github.pages(
            path, suite.installation, of="check_runs", filter="latest", app_id=credentials.app_id
        )
        try:
            found = [
                CheckPlace(run["external_id"] or "", suite.head)
                async for run in listed
                if run["status"] != "in_progress" and run["conclusion"] != "action_required"
            ]
        except (NotFound, Invalid) as error:
            return str(error)  # the commit is gone
        reasons = []
        for place in found[:MOST]:
            pressed = Pressed(
                suite.full_name, suite.repository_id, suite.installation, place, "rerun",
                suite.login,
            )  # fmt: skip
            reasons.append(await self._press(pressed, cause, f"{cause}/{place.external_id}"))
        missed = [reason for reason in reasons if reason]
        if len(missed) < len(reasons):
            return ""
        return "; ".join(missed) or f"the hive has no check to run again on {suite.head[:12]}"

    async def press(self, pressed: Pressed, cause: str) -> str:
        """Why nothing follows from it; empty where it is recorded what does.

        Raises GithubError, StoreError, Unanswered: to be tried again.
        """
        return await self._press(pressed, cause, cause)

    async def _press(self, pressed: Pressed, cause: str, id: str) -> str:
        """`cause` is the command's id, so that what several ask for is done once."""
        task_id, gate = _parts(pressed.place.external_id)
        task = await self._histories.task(task_id) if task_id else []
        planned = task[0] if task else None
        if not isinstance(planned, TaskPlanned):
            return f"{pressed.place.external_id[:80]!r} is no check of the hive's"
        mission_id = planned.mission_id
        pulls = (await self._records.pull_requests(mission_id)).all()
        opened = [pull.opened for pull in pulls if pull.opened is not None]
        shown = (await self._records.checks(mission_id)).shown
        if (
            all(each.repository_id != pressed.repository_id for each in opened)
            or pressed.place not in shown
        ):
            return f"{planned.mission} shows no such check on {pressed.full_name}"
        refusal = await self._refusal(pressed)
        outcome = refusal
        if not refusal:
            if pressed.button == "approve":
                outcome, refusal = await self._approve(pressed, task_id, gate, cause)
            else:
                outcome, refusal = await self._run_again(pressed, mission_id, cause)
        noted = NoteButton(
            mission_id, id, pressed.place, pressed.button, _actor(pressed),
            "refused" if refusal else "done", outcome[:MAX_REASON],
        )  # fmt: skip
        await self._records.tell(noted, cause)
        return ""

    async def _refusal(self, pressed: Pressed) -> str:
        path = repository_path(pressed.full_name, "/collaborators/{}/permission", pressed.login)
        try:
            told = await self._github.get(path, pressed.installation)
        except (NotFound, Forbidden) as error:
            return f"what {pressed.login} may do there cannot be seen: {error.message}"
        if {told.get("permission"), told.get("role_name")} & MAY:
            return ""
        return f"{pressed.login} may not write to {pressed.full_name}"

    async def _approve(
        self, pressed: Pressed, task_id: str, gate: str, cause: str
    ) -> tuple[str, str]:
        if not gate:
            return "that check asks nobody", "that check asks nobody"
        answer = await self._send(pressed, cause, ApproveGate(task_id, gate, _actor(pressed)))
        if isinstance(answer, Refused):
            return answer.message, answer.message
        return f"{gate} approved", ""

    async def _run_again(self, pressed: Pressed, mission_id: str, cause: str) -> tuple[str, str]:
        mission = await self._histories.mission(mission_id)
        launched = mission[0]
        assert isinstance(launched, MissionLaunched)
        if refusal := _not_again(launched.name, mission):
            return refusal, refusal
        command = LaunchMission("", plan_again(mission), origin=origin_of(mission))
        answer = await self._send(pressed, cause, command)
        if isinstance(answer, Refused):
            return answer.message, answer.message
        return f"it runs again as {answer.name}", ""

    async def _send(self, pressed: Pressed, cause: str, command: Submittable) -> Accepted | Refused:
        return await self._orders.submit(Submission(cause, _actor(pressed), command))


def _parts(external_id: str) -> tuple[str, str]:
    """The task, and its gate where the check is about one."""
    about, _, gate = external_id.partition("/")
    return about.partition(":")[0], gate


def _actor(pressed: Pressed) -> str:
    return f"github:{pressed.login}"


def _not_again(name: str, mission: list[AnyEvent]) -> str:
    for event in mission:
        match event:
            case MissionSucceeded():
                return f"{name} has succeeded: nothing is to be run again"
            case MissionFailed() | MissionCancelled() | MissionRefused():
                return ""
    return f"{name} is at work: it tries again by itself"

"""Shows a mission's checks on GitHub: looks at what its record asks for, and writes what differs.

    record ──wanted──▶ runs ──differs?──▶ its number known? ──yes──▶ PATCH
                                            │no: looked for by external id ──found──▶ PATCH
                                            └──────────────────────────────no──────▶ POST

So it may be called at any time, twice, or after a crash between the write and its record. A token
writes commit statuses: GitHub lets Apps alone write check runs.
"""

from typing import Any, Final

import msgspec

from hive_contracts.github.check import CheckPlace, NoteCheck, RefuseChecks
from hive_contracts.github.places import repository_path
from hive_contracts.plan import ArtifactRef
from hive_github.api.errors import Forbidden, Invalid, NotFound, Unauthenticated
from hive_github.api.github import Github
from hive_github.checks.annotations import Annotation, annotations_in
from hive_github.checks.histories import Histories
from hive_github.checks.parts import on_parts
from hive_github.checks.run import Run, bodies, status_body
from hive_github.checks.wanted import wanted
from hive_github.credentials import AppCredentials
from hive_github.deciders.check import Checks
from hive_github.deciders.pull_requests import PullRequests
from hive_github.pulls.body import plain
from hive_github.pulls.story import tell
from hive_github.records import Records
from hive_shared.artifacts import ArtifactError, Artifacts

A_TURN: Final = 12
"""Checks that one turn writes; another turn goes on."""
MAX_OUTPUT: Final = 16 * 1024 * 1024
"""Bytes of an output in which places are looked for; of a larger one its tail alone."""


class Where(msgspec.Struct, frozen=True):
    """A mission's pull request, as far as its checks need it."""

    full_name: str
    installation: int
    url: str


class Shows:
    def __init__(
        self,
        github: Github,
        records: Records,
        histories: Histories,
        artifacts: Artifacts,
        page_url: str,
    ) -> None:
        """`page_url`: of the hive's pages as people reach them; empty where they cannot."""
        self._github = github
        self._records = records
        self._histories = histories
        self._artifacts = artifacts
        self._page_url = page_url.rstrip("/")

    async def show(self, mission_id: str, cause: str, *, anew: bool = False) -> bool:
        """Write what differs; whether all of it is written.

        `anew`: also where GitHub took none before. Raises GithubError (to be tried again),
        StoreError.
        """
        pulls = await self._records.pull_requests(mission_id)
        where = await self._where(pulls)
        if where is None:
            return True
        known = await self._records.checks(mission_id)
        if known.refused is not None and not anew:
            return True
        runs = await self._runs(mission_id, pulls)
        return await self._write(mission_id, where, known, runs, cause)

    async def _runs(self, mission_id: str, pulls: PullRequests) -> list[Run]:
        mission = await self._histories.mission(mission_id)
        tasks = await self._histories.tasks(mission)
        if not pulls.parts:
            return wanted(mission, tasks, pulls.whole.pushed)
        story = tell(mission, tasks)
        if story is None or story.tip is None:
            return []
        return on_parts(wanted(mission, tasks, story.tip.commit), story, pulls)

    async def show_group(self, mission_id: str, head: str, cause: str, part: str = "") -> None:
        """What the mission's gates say, on a merge group's head, too: its queue waits for them.

        Raises GithubError, StoreError.
        """
        pulls = await self._records.pull_requests(mission_id)
        where = await self._where(pulls)
        if where is None:
            return
        pushed = pulls.of(part).pushed
        runs = [
            _in_group(run, head)
            for run in await self._runs(mission_id, pulls)
            if run.gate and run.status == "completed" and run.place.head == pushed
        ]
        known = await self._records.checks(mission_id)
        while not await self._write(mission_id, where, known, runs, cause):
            known = await self._records.checks(mission_id)

    async def _where(self, pulls: PullRequests) -> Where | None:
        state = next((each for each in pulls.all() if each.opened is not None), None)
        if state is None or state.opened is None:
            return None
        seen = (await self._records.repository(state.opened.repository_id)).seen
        name = seen.full_name if seen else state.opened.repository
        url = state.opened.url
        if self._page_url and pulls.whole.requested is not None:
            url = f"{self._page_url}/m/{pulls.whole.requested.mission}"
        return Where(name, seen.installation if seen else 0, url)

    async def _write(
        self, mission_id: str, where: Where, known: Checks, runs: list[Run], cause: str
    ) -> bool:
        differing = [
            run
            for run in (_noted(run, known) for run in runs)
            if run.place not in known.shown or known.shown[run.place].digest != run.digest
        ]
        try:
            for run in differing[:A_TURN]:
                before = known.shown.get(run.place)
                number = await self._one(where, run, before.number if before else 0)
                noted = NoteCheck(
                    mission_id, run.place, run.name, run.digest, number, run.conclusion
                )
                await self._records.tell(noted, cause)
        except (Forbidden, NotFound, Unauthenticated, Invalid) as error:
            # A token may do what the App might when it was issued.
            self._github.identity.drop(where.installation)
            reason = f"{where.full_name} takes no checks: {error.message}"
            refused = RefuseChecks(mission_id, reason, self._remedy())
            await self._records.tell(refused, cause)
            return True
        return len(differing) <= A_TURN

    async def _one(self, where: Where, run: Run, number: int) -> int:
        """Its number; 0 of a commit status."""
        if not isinstance(self._github.credentials, AppCredentials):
            path = repository_path(where.full_name, "/statuses/{}", run.place.head)
            body = status_body(run, where.url)
            await self._github.rest("POST", path, where.installation, body=body)
            return 0
        annotations, more = await self._annotations(run)
        first, *following = bodies(run, where.url, annotations, more)
        number = number or await self._found(where, run.place)
        if number:
            await self._patch(where, number, first)
        else:
            path = repository_path(where.full_name, "/check-runs")
            answer = await self._github.rest("POST", path, where.installation, body=first)
            number = int(answer.json()["id"])
        for body in following:
            await self._patch(where, number, body)
        return number

    async def _patch(self, where: Where, number: int, body: dict[str, Any]) -> None:
        path = repository_path(where.full_name, "/check-runs/{}", number)
        changed = {key: value for key, value in body.items() if key != "head_sha"}
        await self._github.rest("PATCH", path, where.installation, body=changed)

    async def _found(self, where: Where, place: CheckPlace) -> int:
        """One that a crash came after, before it was recorded; 0 for none."""
        assert isinstance(self._github.credentials, AppCredentials)
        path = repository_path(where.full_name, "/commits/{}/check-runs", place.head)
        app = self._github.credentials.app_id
        async for run in self._github.pages(
            path, where.installation, of="check_runs", filter="all", app_id=app
        ):
            if run["external_id"] == place.external_id and run["app"]["id"] == app:
                return int(run["id"])
        return 0

    async def _annotations(self, run: Run) -> tuple[tuple[Annotation, ...], int]:
        if run.status != "completed" or run.conclusion == "success":
            return (), 0
        return annotations_in(self._text(run.output) or run.tail)

    def _text(self, output: ArtifactRef | None) -> str:
        if output is None or output.size > MAX_OUTPUT:
            return ""
        try:
            return self._artifacts.get(output.digest, MAX_OUTPUT).decode(errors="replace")
        except ArtifactError:
            return ""  # deleted since: its tail is in the record

    def _remedy(self) -> str:
        if isinstance(self._github.credentials, AppCredentials):
            return "give the App write access to checks, then: hive pr; `hive github doctor`"
        return "give the token write access to commit statuses, then: hive pr"


def _noted(run: Run, known: Checks) -> Run:
    """With what came of the button that was pressed last."""
    pressed = known.pressed
    if pressed is None or pressed.place != run.place:
        return run
    note = f"{plain(pressed.by)} pressed {pressed.button!r}: {plain(pressed.reason)}."
    return msgspec.structs.replace(run, summary=f"{run.summary}\n\n{note}".strip())


def _in_group(run: Run, head: str) -> Run:
    note = (
        f"Judged on `{run.place.head[:12]}`, the head of the pull request; "
        "it is not run again on the merge group."
    )
    place = CheckPlace(run.place.external_id, head)
    return msgspec.structs.replace(run, place=place, summary=f"{note}\n\n{run.summary}")

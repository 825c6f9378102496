"""Looks at an issue and records what was asked there that is new.

    a label or an assignment that the repository's file knows ─┐
    a command in a comment, as its author wrote it ────────────┴──▶ IssueAsked, once each

Webhooks, the sweeper and the watch all end here. Who may ask is looked at when it is carried out.
"""

from collections.abc import AsyncIterator
from typing import Any, Final

from hive_contracts.files.document import FileProblem
from hive_contracts.files.issues import OnIssues, assignee_launch, label_launch
from hive_contracts.files.repository import REPOSITORY_FILE, parse_repository
from hive_contracts.github.issue import IssuePlace, NoteAsk
from hive_github.issues.site import Site, moment
from hive_github.issues.words import commands_in, one_line
from hive_github.look import Looks
from hive_github.records import Records
from hive_shared.clock import Clock

BACK_SECONDS: Final = 72 * 3600.0
"""What is older counts no more: GitHub delivers for three days, and a hive that is connected to an
old repository carries out none of what was written there before."""
MARKER: Final = "<!-- hive:"
"""How each comment of ours begins."""


def issue_id(place: IssuePlace) -> str:
    return f"{place.repository_id}-{place.number}"


class IssueLooks:
    def __init__(self, site: Site, records: Records, looks: Looks, clock: Clock) -> None:
        self._site = site
        self._records = records
        self._looks = looks
        self._clock = clock

    async def issue(self, full_name: str, number: int, installation: int, cause: str) -> str:
        """Why nothing follows from it; empty where something was asked.

        Raises NoAccess, GithubError, StoreError.
        """
        seen = await self._looks.repository(full_name, cause, known=installation)
        place = IssuePlace(seen.repository_id, seen.full_name, number, seen.installation)
        told = await self._site.issue(place)
        if told.get("pull_request"):
            return f"{seen.full_name}#{number} is a pull request"
        known = (await self._records.issue(issue_id(place))).asked
        count = 0
        async for ask in self._asks(place, told):
            if ask.ask not in known:
                count += 1
                await self._records.tell(ask, cause)
        return "" if count else f"nothing new is asked at {seen.full_name}#{number}"

    async def _asks(self, place: IssuePlace, told: Any) -> AsyncIterator[NoteAsk]:
        since = self._clock.now_ms() / 1000 - BACK_SECONDS
        if told["state"] == "open" and (told["labels"] or told["assignees"]):
            async for ask in self._of_events(place, told, since):
                yield ask
        async for comment in self._site.comments(place, since):
            author = await self._site.author(comment)
            body = str(comment.get("body") or "")
            if not author.is_person or (author.is_us and body.startswith(MARKER)):
                continue
            at = moment(comment["created_at"])
            if at < since:
                continue
            edited = comment["created_at"] != comment["updated_at"]
            for index, command in enumerate(commands_in(body)):
                name = f"comment-{comment['id']}" + (f"-{index + 1}" if index else "")
                yield NoteAsk(
                    issue_id(place), name, place, author.login, "comment", command.verb,
                    command.argument, round(at * 1000), edited,
                )  # fmt: skip

    async def _of_events(
        self, place: IssuePlace, told: Any, since: float
    ) -> AsyncIterator[NoteAsk]:
        rules = await self._rules(place)
        labels = {name for label in told["labels"] if label_launch(rules, name := label["name"])}
        logins = {who for one in told["assignees"] if assignee_launch(rules, who := one["login"])}
        if not labels and not logins:
            return
        newest: dict[tuple[str, str], Any] = {}
        for event in await self._site.newest_events(place):
            if event["event"] == "labeled" and event["label"]["name"] in labels:
                newest["label", event["label"]["name"]] = event
            elif event["event"] == "assigned" and event["assignee"]["login"] in logins:
                newest["assignment", event["assignee"]["login"]] = event
        for (via, name), event in newest.items():
            # The actor may be who is assigned. Who did it stands apart; nobody where they are gone.
            by = event["assigner"] if "assigner" in event else event["actor"]
            author = await self._site.author({**event, "actor": by})
            at = moment(event["created_at"])
            # Set by a program: nobody's wish.
            if not author.is_person or at < since:
                continue
            yield NoteAsk(
                issue_id(place), f"{via}-{event['id']}", place, author.login,
                "label" if via == "label" else "assignment", "run", one_line(name),
                round(at * 1000),
            )  # fmt: skip

    async def _rules(self, place: IssuePlace) -> OnIssues:
        text = await self._site.repository_file(place)
        try:
            return parse_repository(text, REPOSITORY_FILE).github.issues
        except FileProblem:
            # Whoever asks by the label that it has by default is told what is wrong.
            return OnIssues()

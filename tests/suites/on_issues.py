"""Issues on the test GitHub, and the parts of the hive that hear them, without their loops.

The orchestrator is the real one on the same record in memory; no runner is there.
"""

from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from hive_contracts.codec import AnyEvent, decode
from hive_contracts.github.issue import AskObeyed, AskRefused
from hive_contracts.ids import derived_id
from hive_contracts.submit import Answer, Submission
from hive_github.api.github import Github
from hive_github.git import Mirrors
from hive_github.issues.launch import Launching
from hive_github.issues.look import IssueLooks
from hive_github.issues.obey import Obedience
from hive_github.issues.progress import Progress
from hive_github.issues.site import Site
from hive_github.issues.standing import Standings
from hive_github.look import Looks
from hive_github.orchestrator import Unanswered
from hive_github.records import Records
from hive_github.testing import Comment, GitHub, Issue, Repository
from hive_orchestrator.aggregates import Aggregates
from hive_orchestrator.desk_memory import MemoryDesk
from hive_orchestrator.handlers.commands import Commands
from hive_orchestrator.handlers.submit import Submit
from hive_shared.artifacts import Artifacts
from hive_shared.clock import Clock, SystemClock
from hive_shared.eventstore.memory import MemoryEventStore
from hive_shared.eventstore.port import EventStore
from hive_shared.profiles import Profile
from hive_shared.restraints import Restraining
from hive_shared.subscriptions.effects import PutOff
from tests.suites.on_github import new_id

FILES: Final = {
    "README.md": "hi\n",
    ".hive/repo.yaml": "agent: claude\ngates: {tests: 'true'}\n",
    ".hive/missions/docs.yaml": (
        "mission: write-docs\nprompt_file: docs.md\nobjective: In plain words.\n"
    ),
    ".hive/missions/docs.md": "Write the page.\n",
    ".hive/missions/asked.yaml": (
        "mission: asked\nprerequisites: [{approval: Is it wanted?}]\nprompt: Do it.\n"
        'gates: [{approval: "Is it right?", by: ["GitHub:Max"]}]\n'
    ),
    ".hive/missions/broken.yaml": "mission: broken\npromt: What?\n",
}
PROFILES: Final = {
    "claude": Profile(command=("claude", "-p")),
    "devops-deployer": Profile(command=("true",)),
    "bare": Profile(),
}


class Orchestrator:
    """Takes commands as the service does; `silent` ones are taken, and the answer is lost."""

    def __init__(self, store: EventStore) -> None:
        aggregates = Aggregates(store)
        commands = Commands(
            store, aggregates, new_id, lambda: 0.0, Restraining(store, SystemClock())
        )
        self._submit = Submit(commands, aggregates, MemoryDesk(lambda: datetime.now(UTC)), new_id)
        self.silent = 0
        self.taken: list[Submission] = []

    async def submit(self, submission: Submission) -> Answer:
        self.taken.append(submission)
        [answer] = await self._submit([submission])
        if self.silent:
            self.silent -= 1
            raise Unanswered("the answer got lost")
        return answer


class IssueHive:
    def __init__(
        self,
        server: GitHub,
        github: Github,
        shop: Repository,
        folder: Path,
        clock: Clock | None = None,
    ) -> None:
        self.server = server
        self.shop = shop
        self.clock = clock or SystemClock()
        self.store = MemoryEventStore(self.clock)
        self.artifacts = Artifacts(folder / "artifacts")
        (folder / "secrets").mkdir(exist_ok=True)
        self.records = Records(self.store, new_id)
        looks = Looks(github, self.records)
        self.site, standings = Site(github), Standings(self.store)
        self.looks = IssueLooks(self.site, self.records, looks, self.clock)
        self.orchestrator = Orchestrator(self.store)
        self.progress = Progress(self.records, looks, self.site, standings, self.clock, 30.0)
        self.mirrors = Mirrors(folder / "github", folder / "secrets", self.artifacts)
        self.obedience = Obedience(
            self.records, looks, self.site,
            Launching(github, self.site, self.mirrors, PROFILES),
            standings, self.progress, self.artifacts, self.orchestrator, self.clock,
        )  # fmt: skip
        self._position = 0

    async def look(self, issue: Issue, at: Repository | None = None) -> str:
        shop = at or self.shop
        return await self.looks.issue(shop.full_name, issue.number, 0, new_id())

    async def work(self) -> None:
        """Perform each effect for each event that it wants, as its runner would."""
        while page := await self.store.read_all(self._position, 1000):
            for event in page:
                for effect in (self.obedience, self.progress):
                    if effect.wants(event):
                        try:
                            await effect.perform(event, derived_id(event.id, effect.name))
                        except PutOff:
                            continue
                self._position = event.position

    async def hear(self, issue: Issue) -> None:
        """As a delivery would have it."""
        await self.look(issue)
        await self.work()

    async def events(self, category: str = "issue") -> list[AnyEvent]:
        page = await self.store.read_all(0, 10_000)
        return [decode(each) for each in page if each.stream.startswith(f"{category}-")]

    async def outcomes(self) -> list[AskObeyed | AskRefused]:
        return [e for e in await self.events() if isinstance(e, AskObeyed | AskRefused)]

    async def told(self) -> Counter[str]:
        """How many events of each type there are in the record."""
        page = await self.store.read_all(0, 10_000)
        return Counter(each.type for each in page)

    def said(self, issue: Issue) -> list[str]:
        """What the hive has written there."""
        return [each.body for each in issue.comments if each.user.type == "Bot"]

    def reactions(self, comment: Comment) -> list[str]:
        return [each.content for each in comment.reactions]

    async def last(self) -> Any:
        return (await self.outcomes())[-1]

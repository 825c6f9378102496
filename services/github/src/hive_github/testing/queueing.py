"""The merge queue: each entry is a branch whose checks decide whether its base moves there.

enqueue ── gh-readonly-queue/<base>/pr-<n>-<sha> ── merge_group checks_requested
    all required checks are good  →  the base moves to the entry's commit, in order
    one fails                     →  it leaves, and those behind it are built anew
"""

from hive_github.testing import branches, changes, checking, merging, registry
from hive_github.testing.git import ZERO
from hive_github.testing.model import Account, Issue, QueueEntry, Repository
from hive_github.testing.refusals import Refused
from hive_github.testing.shapes import commits as shown_commits
from hive_github.testing.shapes import pulls as shown
from hive_github.testing.shapes.pulls import pull_of
from hive_github.testing.world import World


class Queue:
    """Looks again whenever something was said of a commit."""

    def __init__(self, world: World) -> None:
        self._world = world
        world.checks_changed = self.checks_changed
        world.dequeued = self.dequeue

    def entries(self, at: Repository, base: str) -> list[Issue]:
        """In their order."""
        found = [one for one in at.pulls if pull_of(one).queued and pull_of(one).base == base]
        return sorted(found, key=lambda one: self._entry(one).id)

    def enqueue(self, at: Repository, one: Issue, who: Account) -> QueueEntry:
        """Raises Refused."""
        pull = pull_of(one)
        if not merging.rules_of(at, pull.base).merge_queue:
            raise Refused(422, "The merge queue is not enabled on the base branch.")
        if pull.queued is not None:
            raise Refused(422, "The pull request is already queued to merge.")
        facts = merging.facts(self._world, at, one)
        if facts.state not in ("clean", "unstable", "behind"):
            raise Refused(422, f"The pull request cannot be queued: {facts.blocked_by}")
        entry = self._built(at, one, who, self._world.next_id("queue entry"))
        shown.tell(self._world, at, one, "enqueued", who)
        self._ask(at, one, entry)
        return entry

    def dequeue(self, at: Repository, one: Issue, reason: str, who: Account) -> None:
        pull = pull_of(one)
        if pull.queued is None:
            return
        behind = [other for other in self.entries(at, pull.base) if self._after(other, one)]
        entry, pull.queued = pull.queued, None
        self._destroyed(at, pull.base, entry, who, "dequeued")
        shown.tell(self._world, at, one, "dequeued", who, reason=reason)
        for other in behind:
            old = self._entry(other)
            self._destroyed(at, pull.base, old, who, "invalidated")
            pull_of(other).queued = None
            try:
                fresh = self._built(at, other, old.by, old.id)
            except Refused:
                shown.tell(self._world, at, other, "dequeued", who, reason="MERGE_CONFLICT")
                continue
            self._ask(at, other, fresh)

    def checks_changed(self, at: Repository, sha: str) -> None:
        for base, rules in list(at.rules.items()):
            if rules.merge_queue:
                self._look(at, base)
        for one in list(at.pulls):
            if pull_of(one).head_sha == sha:
                changes.merge_by_itself(self._world, at, one)

    def _look(self, at: Repository, base: str) -> None:
        rules = merging.rules_of(at, base)
        while entries := self.entries(at, base):
            one = entries[0]
            entry = self._entry(one)
            states = merging.check_states(at, entry.head_sha)
            bad = [
                name for name in rules.checks
                if states.get(name, "pending") not in (*merging.GOOD, "pending")
            ]  # fmt: skip
            if bad:
                self.dequeue(at, one, "CI_FAILURE", entry.by)
                continue
            if merging.checks_wanting(at, entry.head_sha, rules):
                return
            self._destroyed(at, base, entry, entry.by, "merged")
            changes.finish(self._world, at, one, entry.head_sha, entry.by)

    def _built(self, at: Repository, one: Issue, who: Account, number: int) -> QueueEntry:
        """Raises Refused for a conflict with the base or with those before it."""
        world, pull = self._world, pull_of(one)
        base = world.git.ref(at.path, f"refs/heads/{pull.base}") or ZERO
        before = [each for each in self.entries(at, pull.base) if self._entry(each).id < number]
        onto = self._entry(before[-1]).head_sha if before else base
        made = merging.merge_commit(world, at, one, onto, "merge", who)
        name = f"gh-readonly-queue/{pull.base}/pr-{one.number}-{onto}"
        entry = QueueEntry(
            id=number, created_at=world.now(), branch=name, base_sha=onto, head_sha=made, by=who
        )
        pull.queued = entry
        return entry

    def _ask(self, at: Repository, one: Issue, entry: QueueEntry) -> None:
        base = pull_of(one).base
        branches.advance(self._world, at, entry.branch, entry.head_sha, entry.by)
        self._told(at, base, entry, "checks_requested", entry.by)
        checking.suites_for_push(
            self._world, at, entry.branch, entry.base_sha, entry.head_sha, entry.by
        )
        self._look(at, base)

    def _destroyed(
        self, at: Repository, base: str, entry: QueueEntry, who: Account, reason: str
    ) -> None:
        self._told(at, base, entry, "destroyed", who, reason=reason)
        ref = f"refs/heads/{entry.branch}"
        self._world.git.set_ref(at.path, ref, ZERO)
        branches.moved(self._world, at, ref, entry.head_sha, ZERO, who)

    def _told(
        self, at: Repository, base: str, entry: QueueEntry, action: str, who: Account, **more: str
    ) -> None:
        world = self._world
        facts = world.git.commits(at.path, entry.head_sha, 1)[0]
        group = {
            "head_sha": entry.head_sha,
            "head_ref": f"refs/heads/{entry.branch}",
            "base_ref": f"refs/heads/{base}",
            "base_sha": entry.base_sha,
            "head_commit": shown_commits.short(world, at, facts),
        }
        said = {"action": action, **more, "merge_group": group}
        world.tell("merge_group", {**said, **registry.context(world, at, who)}, at)

    def _entry(self, one: Issue) -> QueueEntry:
        entry = pull_of(one).queued
        assert entry is not None
        return entry

    def _after(self, one: Issue, other: Issue) -> bool:
        return self._entry(one).id > self._entry(other).id

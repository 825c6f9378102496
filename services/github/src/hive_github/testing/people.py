"""Tests' own hands: an organisation's owner, collaborators and strangers, at work on GitHub."""

from collections.abc import Mapping, Sequence
from typing import Any

from hive_github.testing import branches, changes, checking, registry, reviewers, reviews, tracker
from hive_github.testing.git import ZERO
from hive_github.testing.model import (
    Account,
    CheckRun,
    Comment,
    Issue,
    Repository,
    Review,
    ReviewComment,
)
from hive_github.testing.shapes.pulls import pull_of
from hive_github.testing.world import World


class Person:
    """Does what somebody does in a browser or with git; each step is told by webhook.

    Raises Refused where GitHub would not let them.
    """

    def __init__(self, world: World, account: Account) -> None:
        self._world = world
        self.account = account

    @property
    def login(self) -> str:
        return self.account.login

    def open_issue(
        self,
        at: Repository,
        title: str,
        body: str = "",
        *,
        labels: Sequence[str] = (),
        assignees: Sequence[str] = (),
    ) -> Issue:
        with self._world.lock:
            return tracker.open_issue(self._world, at, self.account, title, body, labels, assignees)

    def edit(
        self, at: Repository, issue: Issue, *, title: str | None = None, body: str | None = None
    ) -> None:
        with self._world.lock:
            tracker.edit(self._world, at, issue, self.account, title, body)

    def comment(self, at: Repository, issue: Issue, body: str) -> Comment:
        with self._world.lock:
            return tracker.comment(self._world, at, issue, self.account, body)

    def edit_comment(self, at: Repository, issue: Issue, comment: Comment, body: str) -> None:
        with self._world.lock:
            tracker.edit_comment(self._world, at, issue, comment, self.account, body)

    def delete_comment(self, at: Repository, issue: Issue, comment: Comment) -> None:
        with self._world.lock:
            tracker.delete_comment(self._world, at, issue, comment, self.account)

    def label(self, at: Repository, issue: Issue, *names: str) -> None:
        with self._world.lock:
            tracker.add_labels(self._world, at, issue, self.account, names)

    def unlabel(self, at: Repository, issue: Issue, name: str) -> None:
        with self._world.lock:
            tracker.remove_label(self._world, at, issue, self.account, name)

    def assign(self, at: Repository, issue: Issue, *logins: str) -> None:
        with self._world.lock:
            tracker.assign(self._world, at, issue, self.account, logins)

    def unassign(self, at: Repository, issue: Issue, *logins: str) -> None:
        with self._world.lock:
            tracker.unassign(self._world, at, issue, self.account, logins)

    def close(self, at: Repository, issue: Issue, reason: str = "completed") -> None:
        with self._world.lock:
            tracker.close(self._world, at, issue, self.account, reason)

    def reopen(self, at: Repository, issue: Issue) -> None:
        with self._world.lock:
            tracker.reopen(self._world, at, issue, self.account)

    def lock(self, at: Repository, issue: Issue) -> None:
        with self._world.lock:
            tracker.lock(self._world, at, issue, self.account)

    def delete_issue(self, at: Repository, issue: Issue) -> None:
        with self._world.lock:
            tracker.delete(self._world, at, issue, self.account)

    def transfer_issue(self, at: Repository, issue: Issue, to: Repository) -> None:
        with self._world.lock:
            tracker.transfer(self._world, at, issue, to, self.account)

    def push(
        self,
        at: Repository,
        branch: str,
        files: Mapping[str, str | bytes | None],
        message: str = "A change",
        *,
        onto: str | None = None,
        force: bool = False,
    ) -> str:
        """One commit on a branch; the commit.

        `onto` names where it starts: the branch itself where there is one, else the default
        branch. With `force` it takes the place of what the branch had since it left that one.
        Whoever it is may push past the branch's rules, as administrators may.
        """
        world = self._world
        with world.lock:
            ref = f"refs/heads/{branch}"
            old = world.git.ref(at.path, ref)
            default = world.git.ref(at.path, f"refs/heads/{at.default_branch}")
            start = world.git.resolve(at.path, onto) if onto else None
            if start is None:
                start = default if force or old is None else old
            goes_on = (
                force
                or old is None
                or start is None
                or (world.git.is_ancestor(at.path, old, start))
            )
            if not goes_on:
                raise ValueError(f"{branch} has moved on: push with force=True")
            made = world.git.commit(
                at.path, ref, files, message, registry.address(self.account), start
            )
            branches.moved(world, at, ref, old or ZERO, made, self.account)
            return made

    def delete_branch(self, at: Repository, branch: str) -> None:
        with self._world.lock:
            branches.forget(self._world, at, branch, self.account)

    def open_pull(
        self,
        at: Repository,
        title: str,
        head: str,
        base: str = "main",
        *,
        body: str = "",
        draft: bool = False,
    ) -> Issue:
        with self._world.lock:
            return changes.open_pull(
                self._world, at, self.account, title, head, base, body=body, draft=draft
            )

    def set_draft(self, at: Repository, pull: Issue, draft: bool) -> None:
        with self._world.lock:
            changes.set_draft(self._world, at, pull, self.account, draft)

    def request_review(
        self, at: Repository, pull: Issue, *logins: str, teams: Sequence[str] = ()
    ) -> None:
        """`teams` by their slugs."""
        with self._world.lock:
            reviewers.request(self._world, at, pull, self.account, logins, teams)

    def review(
        self,
        at: Repository,
        pull: Issue,
        event: str = "COMMENT",
        body: str = "",
        comments: Sequence[Mapping[str, Any]] = (),
    ) -> Review:
        """`APPROVE`, `REQUEST_CHANGES` or `COMMENT`; comments as `{"path", "line", "body"}`."""
        with self._world.lock:
            placed = [dict(one) for one in comments]
            return reviews.review(self._world, at, pull, self.account, event, body, placed)

    def review_comment(
        self, at: Repository, pull: Issue, path: str, line: int, body: str
    ) -> ReviewComment:
        with self._world.lock:
            placed = {"path": path, "line": line, "body": body}
            return reviews.comment(self._world, at, pull, self.account, placed)

    def reply(self, at: Repository, pull: Issue, to: ReviewComment, body: str) -> ReviewComment:
        with self._world.lock:
            return reviews.reply(self._world, at, pull, self.account, to, body)

    def resolve(self, at: Repository, pull: Issue, comment: ReviewComment) -> None:
        """The thread of a comment."""
        with self._world.lock:
            thread = reviews.thread_of(pull_of(pull), comment)
            reviews.resolve(self._world, at, pull, thread, self.account)

    def merge(self, at: Repository, pull: Issue, method: str = "merge") -> str:
        with self._world.lock:
            return changes.merge(self._world, at, pull, self.account, method)

    def enqueue(self, at: Repository, pull: Issue) -> None:
        """ "Merge when ready", where a merge queue is required."""
        with self._world.lock:
            self._world.queue.enqueue(at, pull, self.account)

    def dequeue(self, at: Repository, pull: Issue) -> None:
        with self._world.lock:
            self._world.queue.dequeue(at, pull, "MANUAL", self.account)

    def status(self, at: Repository, sha: str, context: str, state: str) -> None:
        """As some other CI says it: `success`, `failure`, `error` or `pending`."""
        with self._world.lock:
            told = {"context": context, "state": state}
            checking.set_status(self._world, at, sha, self.account, told)

    def press(self, at: Repository, run: CheckRun, identifier: str) -> None:
        """A button of a check run."""
        with self._world.lock:
            checking.press(self._world, at, run, self.account, identifier)

    def rerun(self, at: Repository, run: CheckRun) -> None:
        """ "Re-run" beside a check run."""
        with self._world.lock:
            checking.rerequest(self._world, at, run, self.account)

    def rerun_all(self, at: Repository, run: CheckRun) -> None:
        """ "Re-run all checks", of the suite of a check run."""
        with self._world.lock:
            checking.rerequest_suite(self._world, at, run.suite, self.account)

    def rename(self, at: Repository, name: str) -> None:
        with self._world.lock:
            registry.rename(self._world, at, name, self.account)

    def transfer(self, at: Repository, owner: Account) -> None:
        with self._world.lock:
            registry.transfer(self._world, at, owner, self.account)

    def archive(self, at: Repository, archived: bool = True) -> None:
        with self._world.lock:
            registry.archive(self._world, at, archived, self.account)

    def delete(self, at: Repository) -> None:
        with self._world.lock:
            registry.delete(self._world, at, self.account)

    def fork(self, at: Repository) -> Repository:
        with self._world.lock:
            return registry.fork(self._world, at, self.account)

"""GraphQL's mutations: each does what REST's handlers do, for whoever may."""

from typing import Any

from graphql import GraphQLError

from hive_github.testing import changes, reviews, tokens, tracker
from hive_github.testing.graph import objects
from hive_github.testing.graph.objects import Object
from hive_github.testing.model import Account, Comment, Issue, Repository, Thread
from hive_github.testing.routes import Caller
from hive_github.testing.shapes.pulls import pull_of
from hive_github.testing.world import World, node_id

CONTENT = ("addComment", "addPullRequestReviewThreadReply")
"""Make content, and count as such."""


class Mutations:
    """The root object of one request. Raises GraphQLError, and Refused as REST does."""

    def __init__(self, world: World, caller: Caller) -> None:
        self._world = world
        self._caller = caller

    # ---- what an id stands for

    def issue(self, given: str, kind: str = "") -> tuple[Repository, Issue]:
        for at in self._world.repositories.values():
            for one in at.issues.values():
                name = "PR" if one.pull is not None else "I"
                if kind in ("", name) and node_id(name, one.id) == given and self._sees(at):
                    return at, one
        raise missing(given)

    def thread(self, given: str) -> tuple[Repository, Issue, Thread]:
        for at in self._world.repositories.values():
            for one in at.pulls:
                for thread in pull_of(one).threads:
                    if node_id("PRRT", thread.id) == given and self._sees(at):
                        return at, one, thread
        raise missing(given)

    def comment(self, given: str) -> tuple[Repository, Issue, Comment]:
        for at in self._world.repositories.values():
            for one in at.issues.values():
                for comment in one.comments:
                    if node_id("IC", comment.id) == given and self._sees(at):
                        return at, one, comment
        raise missing(given)

    def _sees(self, at: Repository) -> bool:
        return tokens.sees(self._world, self._caller, at)

    def _may(self, at: Repository, *needs: str) -> Account:
        token = self._caller.token
        assert token is not None and self._caller.account is not None
        reaches = tokens.reaches(self._world, token, at)
        if not reaches or not any(tokens.granted(token, need) for need in needs):
            what = "integration" if token.installation else "personal access token"
            raise GraphQLError(
                f"Resource not accessible by {what}", extensions={"type": "FORBIDDEN"}
            )
        return self._caller.account

    # ---- mutations

    def add_comment(self, _: Any, input: dict[str, Any]) -> Object:
        at, one = self.issue(input["subjectId"])
        who = self._may(at, "issues:write", "pull_requests:write")
        made = tracker.comment(self._world, at, one, who, input["body"], self._caller.by_app)
        node = objects.issue_comment(self._world, at, one, made)
        shown = objects.pull_request if one.pull is not None else objects.issue
        return _said(
            input, commentEdge={"cursor": "1", "node": node}, subject=shown(self._world, at, one)
        )

    def update_issue_comment(self, _: Any, input: dict[str, Any]) -> Object:
        at, of, one = self.comment(input["id"])
        who = self._may(at, "issues:write", "pull_requests:write")
        tracker.edit_comment(self._world, at, of, one, who, input["body"])
        return _said(input, issueComment=objects.issue_comment(self._world, at, of, one))

    def add_pull_request_review_thread_reply(self, _: Any, input: dict[str, Any]) -> Object:
        at, of, thread = self.thread(input["pullRequestReviewThreadId"])
        who = self._may(at, "pull_requests:write")
        made = reviews.reply(self._world, at, of, who, thread.comments[0], input["body"])
        return _said(input, comment=objects.review_comment(self._world, at, of, made))

    def resolve_review_thread(self, _: Any, input: dict[str, Any]) -> Object:
        return self._resolved(input, resolved=True)

    def unresolve_review_thread(self, _: Any, input: dict[str, Any]) -> Object:
        return self._resolved(input, resolved=False)

    def _resolved(self, input: dict[str, Any], *, resolved: bool) -> Object:
        at, of, thread = self.thread(input["threadId"])
        who = self._may(at, "pull_requests:write")
        reviews.resolve(self._world, at, of, thread, who, resolved)
        return _said(input, thread=objects.thread(self._world, at, of, thread))

    def mark_pull_request_ready_for_review(self, _: Any, input: dict[str, Any]) -> Object:
        return self._draft(input, draft=False)

    def convert_pull_request_to_draft(self, _: Any, input: dict[str, Any]) -> Object:
        return self._draft(input, draft=True)

    def _draft(self, input: dict[str, Any], *, draft: bool) -> Object:
        at, one = self.issue(input["pullRequestId"], "PR")
        who = self._may(at, "pull_requests:write")
        changes.set_draft(self._world, at, one, who, draft)
        return _said(input, pullRequest=objects.pull_request(self._world, at, one))

    def enable_pull_request_auto_merge(self, _: Any, input: dict[str, Any]) -> Object:
        at, one = self.issue(input["pullRequestId"], "PR")
        who = self._may(at, "contents:write")
        method = (input.get("mergeMethod") or "MERGE").lower()
        changes.set_auto_merge(self._world, at, one, who, method)
        return _said(input, pullRequest=objects.pull_request(self._world, at, one))

    def disable_pull_request_auto_merge(self, _: Any, input: dict[str, Any]) -> Object:
        at, one = self.issue(input["pullRequestId"], "PR")
        changes.set_auto_merge(self._world, at, one, self._may(at, "contents:write"), None)
        return _said(input, pullRequest=objects.pull_request(self._world, at, one))

    def merge_pull_request(self, _: Any, input: dict[str, Any]) -> Object:
        at, one = self.issue(input["pullRequestId"], "PR")
        who = self._may(at, "contents:write")
        method = (input.get("mergeMethod") or "MERGE").lower()
        changes.merge(
            self._world, at, one, who, method, sha=input.get("expectedHeadOid"),
            title=input.get("commitHeadline"), message=input.get("commitBody"),
        )  # fmt: skip
        return _said(input, pullRequest=objects.pull_request(self._world, at, one))

    def enqueue_pull_request(self, _: Any, input: dict[str, Any]) -> Object:
        at, one = self.issue(input["pullRequestId"], "PR")
        who = self._may(at, "contents:write", "merge_queues:write")
        expected = input.get("expectedHeadOid")
        if expected is not None and expected != pull_of(one).head_sha:
            raise GraphQLError("Head SHA does not match", extensions={"type": "UNPROCESSABLE"})
        entry = self._world.queue.enqueue(at, one, who)
        return _said(input, mergeQueueEntry=objects.queue_entry(self._world, at, one, entry))

    def dequeue_pull_request(self, _: Any, input: dict[str, Any]) -> Object:
        at, one = self.issue(input["id"], "PR")
        who = self._may(at, "contents:write", "merge_queues:write")
        entry = pull_of(one).queued
        if entry is None:
            raise GraphQLError("not queued", extensions={"type": "UNPROCESSABLE"})
        shown = objects.queue_entry(self._world, at, one, entry)
        self._world.queue.dequeue(at, one, "MANUAL", who)
        return _said(input, mergeQueueEntry=shown)


def missing(given: str) -> GraphQLError:
    said = f"Could not resolve to a node with the global id of '{given}'"
    return GraphQLError(said, extensions={"type": "NOT_FOUND"})


def _said(input: dict[str, Any], **more: Any) -> Object:
    return {"clientMutationId": input.get("clientMutationId"), **more}

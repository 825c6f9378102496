"""Reviews of a pull request: what people who have a say want changed, and their answer.

Only people with write access to the repository, and reviewers that the mission names, steer an
agent; what others write is for people to read.
"""

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from hive_contracts.github.places import repository_path
from hive_github.api.errors import Invalid, NotFound, Refused
from hive_github.api.github import Github
from hive_github.look import SeenRepository
from hive_github.pulls.excerpt import clean

MAX_COMMENT: Final = 3_000
"""Characters of one comment that an agent is told."""
MAX_HUNK: Final = 1_000
MAX_TOLD: Final = 15_000
MAX_PAGES: Final = 10
"""Of 50 threads each."""
MARK: Final = "<!-- hive:round "
"""Begins the mark of what the hive itself has written, with the round's number behind it."""
MAY: Final = frozenset(("admin", "maintain", "write"))

REVIEWS: Final = """query($owner: String!, $name: String!, $number: Int!, $after: String) {
  repository(owner: $owner, name: $name) { pullRequest(number: $number) {
    reviews(last: 100) { nodes { id state body submittedAt author { login } } }
    reviewThreads(first: 50, after: $after) {
      pageInfo { hasNextPage endCursor }
      nodes { id isResolved isOutdated path line originalLine comments(first: 100) {
        nodes { body diffHunk author { login } pullRequestReview { id } } } }
    }
  } }
}"""

THREAD: Final = """query($id: ID!) { node(id: $id) { ... on PullRequestReviewThread {
  isResolved comments(last: 50) { nodes { body } } } } }"""

REPLY: Final = """mutation($thread: ID!, $body: String!) {
  addPullRequestReviewThreadReply(input: {pullRequestReviewThreadId: $thread, body: $body}) {
    comment { id } } }"""

RESOLVE: Final = """mutation($thread: ID!) {
  resolveReviewThread(input: {threadId: $thread}) { thread { id } } }"""


class Comment(msgspec.Struct, frozen=True):
    by: str
    body: str
    review: str
    """The review that it is part of, by its GraphQL id."""
    hunk: str = ""


class Thread(msgspec.Struct, frozen=True):
    id: str
    path: str
    line: int
    """0 where it has none, any more."""
    outdated: bool
    comments: tuple[Comment, ...]
    resolved: bool = False


class Review(msgspec.Struct, frozen=True):
    id: str
    by: str
    state: str
    body: str
    threads: tuple[Thread, ...] = ()
    """Those that it says something in."""
    approved: bool = False
    """Whether its reviewer approves, by their last word."""

    @property
    def open(self) -> tuple[Thread, ...]:
        return tuple(thread for thread in self.threads if not thread.resolved)

    @property
    def requests_changes(self) -> bool:
        return self.state == "CHANGES_REQUESTED"

    @property
    def wants_changes(self) -> bool:
        return bool(self.open) or (self.requests_changes and bool(self.body.strip()))


class Reviews:
    def __init__(self, github: Github) -> None:
        self._github = github

    async def of(self, at: SeenRepository, number: int) -> list[Review]:
        """The oldest first, each with its state as it counts now. Raises GithubError."""
        reviews: dict[str, Review] = {}
        threads: list[Thread] = []
        after: str | None = None
        for _ in range(MAX_PAGES):
            owner, _, name = at.full_name.partition("/")
            asked = {"owner": owner, "name": name, "number": number, "after": after}
            told = await self._github.graphql(REVIEWS, asked, at.installation)
            pull = told["repository"]["pullRequest"]
            for node in pull["reviews"]["nodes"]:
                if node["submittedAt"]:
                    reviews[node["id"]] = Review(
                        node["id"], _login(node), node["state"], node["body"]
                    )
            page = pull["reviewThreads"]
            threads += [_thread(node) for node in page["nodes"]]
            if not page["pageInfo"]["hasNextPage"]:
                break
            after = page["pageInfo"]["endCursor"]
        last = {review.by: review.state for review in reviews.values() if _decides(review)}
        found = []
        for review in reviews.values():
            mine = tuple(
                thread
                for thread in threads
                if any(one.review == review.id and not is_ours(one) for one in thread.comments)
            )
            state = review.state if last.get(review.by) == review.state else "COMMENTED"
            approved = last.get(review.by) == "APPROVED"
            found.append(
                msgspec.structs.replace(review, threads=mine, state=state, approved=approved)
            )
        return found

    async def has_a_say(self, at: SeenRepository, login: str, named: tuple[str, ...]) -> bool:
        """Raises GithubError."""
        if login.lower() in {name.lower() for name in named}:
            return True
        path = repository_path(at.full_name, "/collaborators/{}/permission", login)
        try:
            told = await self._github.get(path, at.installation)
        except (NotFound, Invalid):
            return False
        return told.get("permission") in MAY

    async def told(self, at: SeenRepository, review: Review, named: tuple[str, ...]) -> str:
        """What an agent is told of it: the words of those who have a say. Raises GithubError."""
        say: dict[str, bool] = {review.by: True}
        parts = [f"{review.by}: {_cut(review.body)}"] if review.body.strip() else []
        for thread in review.threads:
            for comment in thread.comments:
                if comment.by not in say:
                    say[comment.by] = await self.has_a_say(at, comment.by, named)
            parts.append(_discussed(thread, say))
        return "\n\n".join(parts)[:MAX_TOLD]

    async def answer(self, at: SeenRepository, thread: str, round: int, text: str) -> None:
        """Once, however often it is called; a thread that is gone needs no answer.

        Raises GithubError.
        """
        mark = f"{MARK}{round} -->"
        try:
            told = (await self._github.graphql(THREAD, {"id": thread}, at.installation))["node"]
            if told is None:
                return
            if not any(mark in node["body"] for node in told["comments"]["nodes"]):
                said = {"thread": thread, "body": f"{text}\n{mark}"}
                await self._github.graphql(REPLY, said, at.installation, content=True)
        except NotFound:
            return

    async def resolve(self, at: SeenRepository, thread: str) -> None:
        """Raises GithubError."""
        try:
            await self._github.graphql(RESOLVE, {"thread": thread}, at.installation)
        except NotFound:
            return

    async def say(self, at: SeenRepository, number: int, round: int, text: str) -> None:
        """In the conversation, once. Raises GithubError."""
        mark = f"{MARK}{round} -->"
        path = repository_path(at.full_name, "/issues/{}/comments", number)
        async for told in self._github.pages(path, at.installation):
            if mark in (told.get("body") or ""):
                return
        body = {"body": f"{text}\n{mark}"}
        await self._github.rest("POST", path, at.installation, body=body, content=True)

    async def ask_again(self, at: SeenRepository, number: int, login: str) -> None:
        """Ask a reviewer to look once more; where GitHub will not, nothing is lost."""
        path = repository_path(at.full_name, "/pulls/{}/requested_reviewers", number)
        body = {"reviewers": [login]}
        try:
            await self._github.rest("POST", path, at.installation, body=body, content=True)
        except Refused:
            return


def _decides(review: Review) -> bool:
    return review.state in ("APPROVED", "CHANGES_REQUESTED", "DISMISSED")


def is_ours(comment: Comment) -> bool:
    return MARK in comment.body


def _login(node: Mapping[str, Any]) -> str:
    """Of an account that was deleted since there is none."""
    return (node.get("author") or {}).get("login") or "ghost"


def _thread(node: Any) -> Thread:
    comments = tuple(
        Comment(
            _login(one),
            one["body"],
            (one["pullRequestReview"] or {}).get("id", ""),
            one["diffHunk"],
        )
        for one in node["comments"]["nodes"]
    )
    line = 0 if node["isOutdated"] else node["line"] or 0
    return Thread(node["id"], node["path"], line, node["isOutdated"], comments, node["isResolved"])


def _discussed(thread: Thread, say: Mapping[str, bool]) -> str:
    place = f"{clean(thread.path)}:{thread.line}" if thread.line else clean(thread.path)
    since = " (those lines have changed since)" if thread.outdated else ""
    said = [
        f"{one.by}: {_cut(one.body)}"
        for one in thread.comments
        if say.get(one.by) and not is_ours(one)
    ]
    hunk = clean(thread.comments[0].hunk)[-MAX_HUNK:] if thread.comments else ""
    return "\n".join(filter(None, [f"At {place}{since}", hunk, *said]))


def _cut(text: str) -> str:
    text = clean(text)
    return text if len(text) <= MAX_COMMENT else text[:MAX_COMMENT] + " […]"

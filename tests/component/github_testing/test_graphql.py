"""GraphQL: what REST cannot do, by GitHub's own schema."""

from typing import Any

import pytest

from hive_github.testing import Issue, Rules
from hive_github.testing.shapes.pulls import pull_of
from hive_github.testing.world import node_id
from tests.component.github_testing.scene import REPOSITORY, Scene, graph

THREADS = """
query($number: Int!, $first: Int!, $after: String) {
  repository(owner: "acme", name: "shop") {
    pullRequest(number: $number) {
      id isDraft state mergeable mergeStateStatus reviewDecision headRefOid
      reviewThreads(first: $first, after: $after) {
        totalCount
        pageInfo { hasNextPage endCursor }
        nodes { id isResolved isOutdated path line
                comments(first: 5) { nodes { databaseId body author { login __typename } } } }
      }
      commits(last: 1) { nodes { commit { oid statusCheckRollup { state } } } }
    }
  }
}
"""


def mutation(name: str, field: str, shown: str) -> str:
    return f"mutation($id: ID!) {{ {name}(input: {{{field}: $id}}) {{ {shown} }} }}"


def opened(it: Scene, **told: Any) -> Issue:
    it.ada.push(it.shop, "work", {"shop.py": "one\ntwo\nthree\nfour\n"}, "Work")
    return it.ada.open_pull(it.shop, "Work", "work", **told)


def test_threads_are_read_page_by_page_and_resolved(it: Scene) -> None:
    pull = opened(it)
    for number in (1, 2, 3):
        it.bob.review_comment(it.shop, pull, "shop.py", 4, f"{number}?")
    client = it.as_installation()
    threads: list[Any] = []
    after: str | None = None
    while True:
        told = graph(client, it, THREADS, number=1, first=2, after=after)["data"]
        found = told["repository"]["pullRequest"]
        threads += found["reviewThreads"]["nodes"]
        if not found["reviewThreads"]["pageInfo"]["hasNextPage"]:
            break
        after = found["reviewThreads"]["pageInfo"]["endCursor"]
    assert [one["comments"]["nodes"][0]["body"] for one in threads] == ["1?", "2?", "3?"]
    assert threads[0]["comments"]["nodes"][0]["author"] == {"login": "bob", "__typename": "User"}
    resolve = mutation(
        "resolveReviewThread", "threadId", "thread { isResolved resolvedBy { login } }"
    )
    done = graph(client, it, resolve, id=threads[0]["id"])["data"]["resolveReviewThread"]
    assert done["thread"] == {"isResolved": True, "resolvedBy": {"login": "hive"}}
    again = mutation("unresolveReviewThread", "threadId", "thread { isResolved }")
    graph(client, it, again, id=threads[0]["id"])
    assert pull_of(pull).threads[0].resolved_by is None
    names = it.names()
    assert names[-2:] == [
        "pull_request_review_thread.resolved", "pull_request_review_thread.unresolved",
    ]  # fmt: skip


def test_a_thread_is_answered(it: Scene) -> None:
    pull = opened(it)
    comment = it.bob.review_comment(it.shop, pull, "shop.py", 4, "Why?")
    thread = node_id("PRRT", pull_of(pull).threads[0].id)
    query = """mutation($id: ID!) { addPullRequestReviewThreadReply(
        input: {pullRequestReviewThreadId: $id, body: "Because."}
    ) { comment { body replyTo { databaseId } } } }"""
    done = graph(it.as_installation(), it, query, id=thread)["data"]
    (made,) = done.values()
    assert made["comment"] == {"body": "Because.", "replyTo": {"databaseId": comment.id}}


def test_a_draft_becomes_ready_and_a_draft_again(it: Scene) -> None:
    pull = opened(it, draft=True)
    client, number = it.as_installation(), node_id("PR", pull.id)
    ready = mutation("markPullRequestReadyForReview", "pullRequestId", "pullRequest { isDraft }")
    done = graph(client, it, ready, id=number)["data"]["markPullRequestReadyForReview"]
    assert done["pullRequest"]["isDraft"] is False
    back = mutation("convertPullRequestToDraft", "pullRequestId", "pullRequest { isDraft }")
    graph(client, it, back, id=number)
    assert pull_of(pull).draft
    assert it.names()[-2:] == [
        "pull_request.ready_for_review", "pull_request.converted_to_draft",
    ]  # fmt: skip


def test_what_is_ready_merges_by_itself_once_its_checks_are_good(it: Scene) -> None:
    it.github.protect(it.shop, rules=Rules(checks=("ci",)))
    pull = opened(it)
    query = """mutation($id: ID!) { enablePullRequestAutoMerge(
        input: {pullRequestId: $id, mergeMethod: SQUASH}
    ) { pullRequest { autoMergeRequest { mergeMethod enabledBy { login } } } } }"""
    client, number = it.as_installation(), node_id("PR", pull.id)
    done = graph(client, it, query, id=number)["data"]["enablePullRequestAutoMerge"]
    assert done["pullRequest"]["autoMergeRequest"]["mergeMethod"] == "SQUASH"
    off = mutation("disablePullRequestAutoMerge", "pullRequestId", "pullRequest { id }")
    graph(client, it, off, id=number)
    it.bob.status(it.shop, pull_of(pull).head_sha, "ci", "pending")
    graph(client, it, query, id=number)
    it.bob.status(it.shop, pull_of(pull).head_sha, "ci", "success")
    assert pull_of(pull).merged_at is not None
    assert it.github.git(it.shop, "log", "--format=%s", "-n1", "main") == "Work (#1)"


def test_a_pull_request_is_queued_and_taken_out(it: Scene) -> None:
    it.github.protect(it.shop, rules=Rules(checks=("ci",), merge_queue=True))
    pull = opened(it)
    it.bob.status(it.shop, pull_of(pull).head_sha, "ci", "success")
    client, number = it.as_installation(), node_id("PR", pull.id)
    enqueue = mutation(
        "enqueuePullRequest", "pullRequestId", "mergeQueueEntry { position headCommit { oid } }"
    )
    entry = graph(client, it, enqueue, id=number)["data"]["enqueuePullRequest"]["mergeQueueEntry"]
    assert entry["position"] == 1
    assert entry["headCommit"]["oid"] == pull_of(pull).queued.head_sha  # type: ignore[union-attr]
    queue = """{ repository(owner: "acme", name: "shop") { mergeQueue(branch: "main") {
        entries(first: 5) { nodes { pullRequest { number isInMergeQueue } } } } } }"""
    found = graph(client, it, queue)["data"]["repository"]["mergeQueue"]["entries"]["nodes"]
    assert found == [{"pullRequest": {"number": 1, "isInMergeQueue": True}}]
    refused = graph(client, it, enqueue, id=number)
    assert "already queued" in refused["errors"][0]["message"]
    out = mutation("dequeuePullRequest", "id", "mergeQueueEntry { id }")
    assert graph(client, it, out, id=number)["data"]["dequeuePullRequest"]
    assert pull_of(pull).queued is None


def test_it_merges_and_comments(it: Scene) -> None:
    pull = opened(it)
    client, number = it.as_installation(), node_id("PR", pull.id)
    say = """mutation($id: ID!) { addComment(input: {subjectId: $id, body: "50 %"}) {
        commentEdge { node { id body } } } }"""
    made = graph(client, it, say, id=number)["data"]["addComment"]["commentEdge"]["node"]
    change = """mutation($id: ID!) { updateIssueComment(input: {id: $id, body: "100 %"}) {
        issueComment { body } } }"""
    done = graph(client, it, change, id=made["id"])["data"]["updateIssueComment"]
    assert done["issueComment"]["body"] == "100 %"
    merge = mutation("mergePullRequest", "pullRequestId", "pullRequest { state merged }")
    merged = graph(client, it, merge, id=number)["data"]["mergePullRequest"]["pullRequest"]
    assert merged == {"state": "MERGED", "merged": True}


def test_nodes_are_found_by_their_ids(it: Scene) -> None:
    issue = it.ada.open_issue(it.shop, "Broken")
    pull = opened(it)
    query = """query($ids: [ID!]!) { nodes(ids: $ids) {
        ... on Issue { number } ... on PullRequest { number } ... on Repository { name } } }"""
    ids = [node_id("I", issue.id), node_id("PR", pull.id), node_id("R", it.shop.id)]
    found = graph(it.as_installation(), it, query, ids=ids)["data"]["nodes"]
    assert found == [{"number": 1}, {"number": 2}, {"name": "shop"}]


@pytest.mark.parametrize(
    ("query", "kind"),
    [
        ('{ repository(owner: "acme", name: "none") { id } }', "NOT_FOUND"),
        (
            '{ repository(owner: "acme", name: "shop") { pullRequest(number: 9) { id } } }',
            "NOT_FOUND",
        ),
        ('{ node(id: "PRRT_kw99") { id } }', "NOT_FOUND"),
        (
            '{ repository(owner: "acme", name: "shop") { pullRequests { totalCount } } }',
            "MISSING_PAGINATION_BOUNDARIES",
        ),
        (
            '{repository(owner: "acme", name: "shop") {pullRequests(last: 999) {totalCount}}}',
            "EXCESSIVE_PAGINATION",
        ),
    ],
)
def test_errors_come_with_their_type(it: Scene, query: str, kind: str) -> None:
    (error,) = graph(it.as_installation(), it, query)["errors"]
    assert error["type"] == kind


def test_a_mutation_needs_its_permission_and_its_repository(it: Scene) -> None:
    pull = opened(it, draft=True)
    number = node_id("PR", pull.id)
    ready = mutation("markPullRequestReadyForReview", "pullRequestId", "pullRequest { id }")
    reader = it.as_installation(permissions={"pull_requests": "read"})
    assert graph(reader, it, ready, id=number)["errors"][0]["type"] == "FORBIDDEN"
    it.github.repository("acme/other")
    elsewhere = it.as_installation(repositories=["other"])
    assert graph(elsewhere, it, ready, id=number)["errors"][0]["type"] == "NOT_FOUND"
    assert pull_of(pull).draft


def test_without_a_token_or_a_query_there_is_no_answer(it: Scene) -> None:
    url = it.github.graphql_url
    assert it.client(None).post(url, json={"query": "{ viewer { login } }"}).status_code == 401
    client = it.as_installation()
    assert client.post(url, content=b"{").status_code == 400
    assert client.post(url, json={"query": "{ viewer {"}).status_code == 400


def test_what_the_schema_lacks_is_refused_loudly(it: Scene) -> None:
    answer = it.as_installation().post(
        it.github.graphql_url, json={"query": "{ viewer { sponsorsListing { id } } }"}
    )
    assert answer.status_code == 501
    assert "sponsorsListing" in it.github.problems[0]
    it.github.problems.clear()


def test_both_pools_count_apart(it: Scene) -> None:
    client = it.as_installation()
    limit = graph(client, it, "{ rateLimit { remaining limit used } }")["data"]["rateLimit"]
    assert (limit["limit"], limit["used"]) == (5000, 0)
    shown = client.get("/rate_limit").json()["resources"]
    assert (shown["graphql"]["used"], shown["core"]["used"]) == (1, 0)
    assert client.get(REPOSITORY).status_code == 200

"""Rate limits, and what a script lets go wrong."""

from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from hive_github.testing import Limits
from hive_github.testing.faults import Kind
from tests.component.github_testing.scene import REPOSITORY, Receiver, Scene, graph, scene

SMALL = Limits(core=10, graphql=2, points_a_minute=60, content_a_minute=3, content_an_hour=5)


def remaining(client: httpx.Client, pool: str = "core") -> int:
    found: int = client.get("/rate_limit").json()["resources"][pool]["remaining"]
    return found


def test_each_request_counts_and_says_so(it: Scene) -> None:
    client = it.as_installation()
    answer = client.get(REPOSITORY)
    assert answer.headers["x-ratelimit-limit"] == "5000"
    assert answer.headers["x-ratelimit-remaining"] == "4999"
    assert answer.headers["x-ratelimit-resource"] == "core"
    assert int(answer.headers["x-ratelimit-reset"]) == int(it.github.clock.now()) + 3600
    assert remaining(client) == 4999
    assert it.github.usage(it.at).requests == 1
    assert [one.operation for one in it.github.heard[-2:]] == [
        "GET /repos/{owner}/{repo}", "GET /rate_limit",
    ]  # fmt: skip


def test_what_has_not_changed_is_free(it: Scene) -> None:
    client = it.as_installation()
    tag = client.get(REPOSITORY).headers["etag"]
    same = client.get(REPOSITORY, headers={"If-None-Match": tag})
    assert (same.status_code, same.content) == (304, b"")
    assert remaining(client) == 4999
    assert it.github.usage(it.at).free == 1
    it.ada.open_issue(it.shop, "New")
    assert client.get(REPOSITORY, headers={"If-None-Match": tag}).status_code == 200
    assert remaining(client) == 4998


def test_the_primary_limit_ends_with_its_hour(receiver: Receiver) -> None:
    with scene(receiver, limits=SMALL) as it:
        client = it.as_installation()
        for _ in range(10):
            assert client.get(REPOSITORY).status_code == 200
        refused = client.get(REPOSITORY)
        assert refused.status_code == 403
        assert refused.headers["x-ratelimit-remaining"] == "0"
        assert "retry-after" not in refused.headers
        it.github.clock.advance(3600)
        assert it.as_installation().get(REPOSITORY).status_code == 200
        assert it.github.usage(it.at).refused == 1


def test_installations_and_pools_are_apart(receiver: Receiver) -> None:
    with scene(receiver, limits=SMALL) as it:
        it.github.repository("umbrella/lab")
        other = it.github.install(it.app, "umbrella")
        client = it.as_installation()
        it.github.exhaust(it.at)
        assert client.get(REPOSITORY).status_code == 403
        path = f"/app/installations/{other.id}/access_tokens"
        theirs = it.client(it.as_app().post(path).json()["token"])
        assert theirs.get("/repos/umbrella/lab").status_code == 200
        query = "query { viewer { login } }"
        assert graph(client, it, query)["data"]["viewer"]["login"] == "hive"
        graph(client, it, query)
        answer = client.post(it.github.graphql_url, json={"query": query})
        assert answer.status_code == 403
        assert answer.headers["x-ratelimit-resource"] == "graphql"


def test_too_many_points_in_a_minute_are_a_secondary_limit(receiver: Receiver) -> None:
    limits = Limits(points_a_minute=10, retry_after=120)
    with scene(receiver, limits=limits) as it:
        client = it.as_installation()
        issue = it.ada.open_issue(it.shop, "Broken")
        path = f"{REPOSITORY}/issues/{issue.number}"
        assert client.patch(path, json={"title": "a"}).status_code == 200
        assert client.patch(path, json={"title": "b"}).status_code == 200
        refused = client.get(path)
        assert refused.status_code == 403
        assert "secondary rate limit" in refused.json()["message"]
        assert refused.headers["retry-after"] == "120"
        it.github.clock.advance(119)
        assert client.get(path).status_code == 403
        it.github.clock.advance(2)
        assert client.get(path).status_code == 200


def test_content_is_limited_by_the_minute_and_by_the_hour(receiver: Receiver) -> None:
    with scene(receiver, limits=Limits(content_a_minute=2, content_an_hour=3)) as it:
        it.ada.open_issue(it.shop, "Broken")

        def comment() -> int:
            path = f"{REPOSITORY}/issues/1/comments"
            return it.as_installation().post(path, json={"body": "hello"}).status_code

        assert [comment() for _ in range(3)] == [201, 201, 403]
        it.github.clock.advance(61)
        assert [comment() for _ in range(2)] == [201, 403]
        it.github.clock.advance(61)
        assert comment() == 403
        it.github.clock.advance(3600)
        assert comment() == 201


def test_too_many_at_once_are_a_secondary_limit(receiver: Receiver) -> None:
    with scene(receiver, limits=Limits(concurrent=1)) as it:
        client = it.as_installation()
        it.github.fail("slow", path=REPOSITORY, seconds=30)
        with ThreadPoolExecutor() as pool:
            slow = pool.submit(client.get, REPOSITORY, timeout=2)
            refused = client.get(f"{REPOSITORY}/issues")
            while refused.status_code == 200:  # until the slow one has come
                refused = client.get(f"{REPOSITORY}/issues")
            assert "secondary rate limit" in refused.json()["message"]
            with pytest.raises(httpx.ReadTimeout):
                slow.result()


@pytest.mark.parametrize(
    ("kind", "status", "retry"),
    [
        ("secondary", 403, "60"),
        ("too_many", 429, "60"),
        ("bad_gateway", 502, None),
        ("unavailable", 503, "60"),
    ],
)
def test_a_script_refuses_as_often_as_it_says(
    it: Scene, kind: Kind, status: int, retry: str | None
) -> None:
    client = it.as_installation()
    fault = it.github.fail(kind, path=f"{REPOSITORY}/issues", times=2, after=1)
    answers = [client.get(f"{REPOSITORY}/issues") for _ in range(4)]
    assert [one.status_code for one in answers] == [200, status, status, 200]
    assert answers[1].headers.get("retry-after") == retry
    assert fault.struck == 2
    assert client.get(REPOSITORY).status_code == 200
    assert [one.fault for one in it.github.heard if one.fault] == [kind, kind]


def test_a_refused_request_was_not_done_unless_the_script_says_so(it: Scene) -> None:
    client = it.as_installation()
    it.github.fail("bad_gateway", method="POST", path="*/issues")
    client.post(f"{REPOSITORY}/issues", json={"title": "not done"})
    assert it.shop.issues == {}
    it.github.fail("bad_gateway", method="POST", path="*/issues", done=True)
    assert client.post(f"{REPOSITORY}/issues", json={"title": "done"}).status_code == 502
    assert it.shop.issues[1].title == "done"


def test_an_answer_is_cut_after_what_was_asked_is_done(it: Scene) -> None:
    client = it.as_installation()
    it.github.fail("cut", method="POST")
    with pytest.raises(httpx.RemoteProtocolError):
        client.post(f"{REPOSITORY}/issues", json={"title": "done"})
    assert it.shop.issues[1].title == "done"
    assert it.github.heard[-1].status == 0


def test_a_dropped_connection_says_and_does_nothing(it: Scene) -> None:
    client = it.as_installation()
    it.github.fail("dropped", method="POST")
    with pytest.raises(httpx.TransportError):
        client.post(f"{REPOSITORY}/issues", json={"title": "not done"})
    assert it.shop.issues == {}
    assert client.get(REPOSITORY).status_code == 200


def test_a_slow_answer_is_waited_for(it: Scene) -> None:
    client = it.as_installation()
    it.github.fail("slow", seconds=30)
    with pytest.raises(httpx.ReadTimeout):
        client.get(REPOSITORY, timeout=0.2)
    assert client.get(REPOSITORY).status_code == 200

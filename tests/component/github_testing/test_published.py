"""What the test GitHub says is held against what GitHub publishes, and fails the test if not."""

import httpx
import pytest

from hive_github.testing import GitHub, Problems, TestClock
from hive_github.testing.hooks import EVENTS
from hive_github.testing.published import Published
from hive_github.testing.rest import ROUTES
from tests.component.github_testing.scene import NO_TLS, REPOSITORY, Receiver, Scene, scene


def test_what_it_does_not_know_is_refused_and_fails_the_test(receiver: Receiver) -> None:
    with pytest.raises(Problems, match=r"GET /gists: .* does not know it"), scene(receiver) as it:
        answer = it.as_installation().get("/gists")
        assert answer.status_code == 501
        assert "has no GET /gists" in answer.json()["message"]


@pytest.mark.parametrize(
    ("path", "body", "said"),
    [
        ("/issues", {"title": "a", "labels": "bug"}, "labels"),
        ("/issues", {"body": "no title"}, "title"),
        ("/issues/1/comments", {"text": "a"}, "body"),
        ("/check-runs", {"name": "a", "head_sha": "b", "status": "running"}, "status"),
        ("/issues?labels=a", {"title": "a"}, "query parameter 'labels'"),
    ],
)
def test_a_request_that_is_not_as_described_fails_the_test(
    receiver: Receiver, path: str, body: dict[str, object], said: str
) -> None:
    with pytest.raises(Problems) as raised, scene(receiver) as it:
        it.ada.open_issue(it.shop, "Broken")
        answer = it.as_installation().post(f"{REPOSITORY}{path}", json=body)
        assert answer.status_code == 422
    assert said in raised.value.problems[0]


def test_an_answer_that_is_not_as_described_fails_the_test(receiver: Receiver) -> None:
    with pytest.raises(Problems, match="the test GitHub's 200: number"), scene(receiver) as it:
        issue = it.ada.open_issue(it.shop, "Broken")
        issue.number = "1"  # type: ignore[assignment]
        answer = it.as_installation().get(f"{REPOSITORY}/issues/1")
        assert answer.status_code == 500


def test_a_webhook_that_is_not_as_described_fails_the_test(receiver: Receiver) -> None:
    with pytest.raises(Problems, match="webhook issues closed: issue/title"), scene(receiver) as it:
        issue = it.ada.open_issue(it.shop, "Broken")
        issue.title = 7  # type: ignore[assignment]
        it.ada.close(it.shop, issue)


def test_problems_do_not_hide_what_failed_first() -> None:
    with pytest.raises(ZeroDivisionError), GitHub(clock=TestClock()) as github:
        with httpx.Client(base_url=github.api_url, trust_env=False, verify=NO_TLS) as client:
            client.get("/gists")
        raise ZeroDivisionError


def test_every_route_and_every_event_is_described() -> None:
    published = Published()
    for operation in ROUTES:
        assert len(published.check_request(operation, {"nonsense": ""}, None)) == 1
    published.problems.clear()
    for event in EVENTS:
        published.check_webhook(event, {})
    assert len({problem.split()[1].rstrip(":") for problem in published.problems}) == len(EVENTS)


def test_an_answer_that_github_never_gives_is_a_problem() -> None:
    published = Published()
    published.check_answer("GET /repos/{owner}/{repo}", 204, None)
    assert published.problems == ["GET /repos/{owner}/{repo}: it never answers 204"]


def test_the_same_steps_come_to_the_same_ids_secrets_and_commits(receiver: Receiver) -> None:
    def steps() -> list[object]:
        with scene(receiver) as it:
            it.ada.push(it.shop, "work", {"a": "a"})
            pull = it.ada.open_pull(it.shop, "Work", "work")
            merged = it.ada.merge(it.shop, pull)
            token = it.token()
            it.github.settle()
            return [pull.id, merged, token, [one.guid for one in it.github.deliveries]]

    assert steps() == steps()


def test_a_server_is_there_with_and_without_a_prefix(it: Scene) -> None:
    token = it.token()
    with httpx.Client(
        base_url=it.github.url, headers={"Authorization": f"token {token}"}, trust_env=False,
        verify=NO_TLS,
    ) as client:  # fmt: skip
        assert client.get(REPOSITORY).json() == client.get(f"/api/v3{REPOSITORY}").json()
        query = {"query": "{ viewer { login } }"}
        assert client.post("/graphql", json=query).json() == (
            client.post("/api/graphql", json=query).json()
        )
        assert "acme/shop" in client.get("/").text


def test_a_taken_port_is_an_error_at_once(it: Scene) -> None:
    port = int(it.github.url.rsplit(":", 1)[1])
    second = GitHub(port=port)
    with pytest.raises(OSError, match="in use"):
        second.start()
    second.close()


async def test_it_serves_a_test_with_a_loop_of_its_own() -> None:
    async with GitHub(clock=TestClock()) as github:
        github.repository("acme/shop", private=False)
        async with httpx.AsyncClient(
            base_url=github.api_url, trust_env=False, verify=NO_TLS
        ) as client:
            answer = await client.get(REPOSITORY)
        assert answer.json()["full_name"] == "acme/shop"
        await github.settled()

"""Deliveries: signed, logged, asked for again; and what a script does to them."""

import hashlib
import hmac

import pytest

from hive_github.testing import signature
from tests.component.github_testing.scene import REPOSITORY, SECRET, Scene


def test_a_delivery_is_signed_and_says_what_it_is(it: Scene) -> None:
    it.ada.open_issue(it.shop, "Broken")
    it.github.settle()
    took = it.receiver.took[-1]
    wanted = "sha256=" + hmac.new(SECRET.encode(), took.body, hashlib.sha256).hexdigest()
    assert took.headers["X-Hub-Signature-256"] == wanted == signature(SECRET, took.body)
    assert took.headers["X-GitHub-Event"] == "issues"
    assert took.headers["X-GitHub-Hook-Installation-Target-Type"] == "integration"
    assert took.payload["installation"]["id"] == it.at.id
    assert took.payload["organization"]["login"] == "acme"
    assert took.headers["X-GitHub-Delivery"] == it.github.deliveries[-1].guid


def test_failed_deliveries_are_listed_and_sent_again_under_the_same_guid(it: Scene) -> None:
    it.receiver.answers = [500]
    it.ada.open_issue(it.shop, "Broken")
    it.github.settle()
    it.receiver.answers = []
    client = it.as_app()
    failed = client.get("/app/hook/deliveries?status=failure").json()
    wanted = [one for one in failed if one["status_code"] == 500]
    (one,) = wanted
    path = f"/app/hook/deliveries/{one['id']}"
    assert client.get(path).json()["request"]["payload"]["action"] in ("opened", "created")
    assert client.post(f"{path}/attempts").status_code == 202
    it.github.settle()
    again = client.get("/app/hook/deliveries").json()[0]
    assert (again["guid"], again["redelivery"], again["status_code"]) == (one["guid"], True, 202)
    assert client.get("/app/hook/deliveries/999").status_code == 404
    assert client.post("/app/hook/deliveries/999/attempts").status_code == 404


def test_the_log_is_read_by_a_cursor(it: Scene) -> None:
    for number in range(4):
        it.ada.open_issue(it.shop, str(number))
    it.github.settle()
    client = it.as_app()
    answer = client.get("/app/hook/deliveries?per_page=2")
    seen = [one["id"] for one in answer.json()]
    while "next" in answer.links:
        answer = client.get(answer.links["next"]["url"])
        seen += [one["id"] for one in answer.json()]
    assert seen == sorted((one.id for one in it.github.deliveries), reverse=True)
    assert client.get("/app/hook/deliveries?cursor=x").status_code == 400


def test_a_lost_delivery_is_in_the_log_and_an_unlogged_one_is_not(it: Scene) -> None:
    it.github.mishap("lost", "issues", "opened")
    it.ada.open_issue(it.shop, "Lost")
    it.github.mishap("unlogged", "issues")
    it.ada.open_issue(it.shop, "Never heard of")
    it.ada.open_issue(it.shop, "Told")
    assert it.names()[1:] == ["issues.opened"]
    assert it.receiver.took[-1].payload["issue"]["title"] == "Told"
    failed = it.as_app().get("/app/hook/deliveries?status=failure").json()
    assert [one["status"] for one in failed] == ["timed out"]
    assert len(it.github.deliveries) == 3


def test_a_duplicate_has_the_same_guid(it: Scene) -> None:
    it.github.mishap("duplicated", "issues")
    it.ada.open_issue(it.shop, "Twice")
    it.github.settle()
    one, two = it.receiver.took[-2:]
    assert one.headers["X-GitHub-Delivery"] == two.headers["X-GitHub-Delivery"]
    assert one.body == two.body


@pytest.mark.parametrize("reverse", [False, True], ids=["late", "late and mixed"])
def test_held_deliveries_come_late(it: Scene, reverse: bool) -> None:
    it.github.mishap("held", "issues", times=2)
    it.ada.open_issue(it.shop, "1")
    it.ada.open_issue(it.shop, "2")
    it.ada.open_issue(it.shop, "3")
    it.github.settle()
    it.github.release(reverse=reverse)
    it.github.settle()
    titles = [one.payload["issue"]["title"] for one in it.receiver.took[1:]]
    assert titles == (["3", "2", "1"] if reverse else ["3", "1", "2"])


def test_an_app_is_told_what_it_has_subscribed_to_on_what_it_is_installed_on(it: Scene) -> None:
    narrow = it.github.app("Narrow", events=("push",), webhook_url=it.receiver.url)
    it.github.install(narrow, "acme")
    elsewhere = it.github.repository("umbrella/lab")
    it.github.settle()
    it.receiver.took.clear()
    it.github.person("boss").open_issue(elsewhere, "Far away")
    it.ada.open_issue(it.shop, "Here")
    it.ada.push(it.shop, "work", {"a": "a"})
    it.github.settle()
    apps = [
        (one.name, one.headers["X-GitHub-Hook-Installation-Target-ID"]) for one in it.receiver.took
    ]
    hive, other = str(it.app.id), str(narrow.id)
    assert apps == [
        ("issues.opened", hive), ("push", hive), ("push", other), ("create", hive),
        ("check_suite.requested", hive), ("check_suite.requested", other),
    ][: len(apps)]  # fmt: skip
    assert ("issues.opened", other) not in apps


def test_a_suspended_installation_hears_nothing(it: Scene) -> None:
    it.github.suspend(it.at)
    it.ada.open_issue(it.shop, "Quiet")
    assert it.names()[-1] == "installation.suspend"


def test_a_repository_has_webhooks_of_its_own(it: Scene) -> None:
    client = it.as_person(
        "boss", permissions={"repository_hooks": "write", "issues": "write", "metadata": "read"}
    )
    config = {"url": f"{it.receiver.url}/own", "content_type": "json", "secret": "other"}
    hooks = f"{REPOSITORY}/hooks"
    told = {"config": config, "events": ["issues"], "active": True}
    made = client.post(hooks, json=told)
    assert made.status_code == 201
    assert made.json()["config"]["secret"] == "********"
    assert client.post(hooks, json=told).status_code == 422
    it.ada.open_issue(it.shop, "Broken")
    it.github.settle()
    own = [
        one for one in it.receiver.took
        if one.headers["X-GitHub-Hook-Installation-Target-Type"] == "repository"
    ]  # fmt: skip
    assert [one.name for one in own] == ["ping", "issues.opened"]
    assert own[1].headers["X-Hub-Signature-256"] == signature("other", own[1].body)
    assert "installation" not in own[1].payload
    one = f"{hooks}/{made.json()['id']}"
    listed = client.get(f"{one}/deliveries").json()
    assert [each["event"] for each in listed] == ["issues", "ping"]
    assert client.get(f"{one}/deliveries/{listed[0]['id']}").status_code == 200
    assert client.post(f"{one}/deliveries/{listed[0]['id']}/attempts").status_code == 202
    assert client.patch(one, json={"active": False}).json()["active"] is False
    assert len(client.get(hooks).json()) == 1
    assert client.get(one).status_code == 200
    assert client.delete(one).status_code == 204
    assert client.get(one).status_code == 404
    assert it.as_person("ada").get(hooks).status_code == 403


def test_an_app_changes_where_it_is_told(it: Scene) -> None:
    client = it.as_app()
    assert client.get("/app/hook/config").json()["url"] == it.receiver.url
    told = {"url": f"{it.receiver.url}/new", "secret": "next"}
    assert client.patch("/app/hook/config", json=told).json()["url"].endswith("/new")
    it.ada.open_issue(it.shop, "Broken")
    it.github.settle()
    took = it.receiver.took[-1]
    assert took.headers["X-Hub-Signature-256"] == signature("next", took.body)


def test_nobody_at_the_other_end_is_a_failed_delivery(it: Scene) -> None:
    it.app.hook.url = "http://127.0.0.1:1/nobody"  # type: ignore[union-attr]
    it.ada.open_issue(it.shop, "Broken")
    it.github.settle()
    assert not it.github.deliveries[-1].ok
    assert "failed to connect" in it.github.deliveries[-1].status

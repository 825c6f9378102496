"""Apps, installations and tokens: who is let in, and to what."""

from typing import Any

import httpx
import jwt
import pytest

from hive_github.testing import registry
from tests.component.github_testing.scene import NO_TLS, REPOSITORY, Scene

TOKENS = "/app/installations/{}/access_tokens"


def test_an_app_sees_itself_and_its_installations(it: Scene) -> None:
    client = it.as_app()
    assert client.get("/app").json()["slug"] == "hive"
    assert [one["id"] for one in client.get("/app/installations").json()] == [it.at.id]
    assert client.get(f"/app/installations/{it.at.id}").json()["account"]["login"] == "acme"
    assert client.get(f"{REPOSITORY}/installation").json()["id"] == it.at.id
    assert client.get("/orgs/acme/installation").json()["id"] == it.at.id
    assert client.get("/users/acme/installation").json()["id"] == it.at.id


@pytest.mark.parametrize(
    ("claims", "said"),
    [
        ({"exp": -1}, "Expiration time"),
        ({"exp": 3600}, "too far in the future"),
        ({"iat": 600}, "Issued at"),
        ({"iss": "nobody"}, "Integration not found"),
        ({"iat": None}, "could not be decoded"),
        ({"exp": None}, "could not be decoded"),
    ],
    ids=["expired", "good for too long", "issued in the future", "of no App", "no iat", "no exp"],
)
def test_a_bad_jwt_is_refused(it: Scene, claims: dict[str, Any], said: str) -> None:
    now = int(it.github.clock.now())
    moved = {
        name: value + now if isinstance(value, int) else value for name, value in claims.items()
    }
    answer = it.client(it.jwt(**moved)).get("/app")
    assert answer.status_code in (401, 404)
    assert said in answer.json()["message"]


def test_a_jwt_that_another_key_signed_is_refused(it: Scene) -> None:
    private, _ = registry.new_key()
    now = int(it.github.clock.now())
    forged = jwt.encode({"iat": now, "exp": now + 60, "iss": it.app.client_id}, private, "RS256")
    assert it.client(forged).get("/app").status_code == 401


def test_an_installation_token_lasts_for_an_hour(it: Scene) -> None:
    made = it.as_app().post(TOKENS.format(it.at.id)).json()
    assert made["expires_at"] == "2026-01-01T13:00:00Z"
    client = it.client(made["token"])
    assert client.get(REPOSITORY).status_code == 200
    it.github.clock.advance(3599)
    assert client.get(REPOSITORY).status_code == 200
    it.github.clock.advance(1)
    assert client.get(REPOSITORY).json()["message"] == "Bad credentials"


def test_a_token_is_made_for_some_repositories_and_some_permissions(it: Scene) -> None:
    other = it.github.repository("acme/other")
    client = it.as_installation(repositories=["shop"], permissions={"issues": "read"})
    assert client.get(f"{REPOSITORY}/issues").status_code == 200
    assert client.get(f"/repos/{other.full_name}").status_code == 404
    refused = client.post(f"{REPOSITORY}/issues", json={"title": "no"})
    assert refused.status_code == 403
    assert refused.headers["x-accepted-github-permissions"] == "issues=write"
    listed = client.get("/installation/repositories").json()
    assert [one["name"] for one in listed["repositories"]] == ["shop"]
    assert client.get(f"{REPOSITORY}/pulls").status_code == 403


@pytest.mark.parametrize(
    "asked",
    [{"permissions": {"administration": "write"}}, {"repositories": ["nowhere"]}],
    ids=["a permission", "a repository"],
)
def test_a_token_has_no_more_than_its_installation(it: Scene, asked: dict[str, Any]) -> None:
    assert it.as_app().post(TOKENS.format(it.at.id), json=asked).status_code == 422


def test_organizations_are_apart(it: Scene) -> None:
    it.github.repository("umbrella/lab")
    there = it.github.install(it.app, "umbrella")
    assert it.as_installation().get("/repos/umbrella/lab").status_code == 404
    made = it.as_app().post(TOKENS.format(there.id)).json()
    assert it.client(made["token"]).get("/repos/umbrella/lab").status_code == 200


def test_what_an_owner_takes_back_counts_at_once(it: Scene) -> None:
    client = it.as_installation()
    it.github.grant(it.at, {"metadata": "read", "issues": "read"})
    assert client.post(f"{REPOSITORY}/issues", json={"title": "no"}).status_code == 403
    assert "installation.new_permissions_accepted" in it.names()


def test_a_suspended_installation_is_refused_until_it_is_not(it: Scene) -> None:
    client = it.as_installation()
    it.github.suspend(it.at)
    assert "suspended" in client.get(REPOSITORY).json()["message"]
    assert it.as_app().post(TOKENS.format(it.at.id)).status_code == 403
    it.github.suspend(it.at, suspended=False)
    assert client.get(REPOSITORY).status_code == 200
    assert it.names()[-2:] == ["installation.suspend", "installation.unsuspend"]


def test_revoked_tokens_and_lost_installations_open_nothing(it: Scene) -> None:
    token = it.token()
    it.github.revoke(token)
    assert it.client(token).get(REPOSITORY).status_code == 401
    client = it.as_installation()
    assert client.delete("/installation/token").status_code == 204
    assert client.get(REPOSITORY).status_code == 401
    later = it.as_installation()
    it.github.uninstall(it.at)
    assert later.get(REPOSITORY).status_code == 401
    assert it.as_app().get(f"/app/installations/{it.at.id}").status_code == 404


def test_a_person_may_do_what_their_token_and_their_role_allow(it: Scene) -> None:
    ada = it.as_person("ada")
    assert ada.get("/user").json()["login"] == "ada"
    assert ada.post(f"{REPOSITORY}/labels", json={"name": "new"}).status_code == 201
    assert it.as_person("eve").get(REPOSITORY).status_code == 404
    it.shop.collaborators["eve"] = "read"
    eve = it.as_person("eve")
    assert eve.post(f"{REPOSITORY}/issues", json={"title": "a"}).status_code == 201
    assert eve.post(f"{REPOSITORY}/issues/1/labels", json={"labels": ["x"]}).status_code == 403
    narrow = it.as_person("ada", permissions={"issues": "read"})
    assert narrow.post(f"{REPOSITORY}/issues", json={"title": "a"}).status_code == 403


def test_an_app_is_made_from_its_manifest_and_installed(it: Scene) -> None:
    manifest = (
        '{"name": "My hive", "url": "http://127.0.0.1", "redirect_url": "http://127.0.0.1:9/back",'
        ' "hook_attributes": {"url": "http://127.0.0.1:9/hooks"}, "default_events": ["issues"],'
        ' "default_permissions": {"issues": "write"}, "setup_url": "http://127.0.0.1:9/done"}'
    )
    with httpx.Client(base_url=it.github.url, trust_env=False, verify=NO_TLS) as browser:
        page = browser.post(
            "/organizations/acme/settings/apps/new?state=s1", data={"manifest": manifest}
        )
        assert page.status_code == 302
        back = httpx.URL(page.headers["location"])
        assert back.params["state"] == "s1"
        path = f"/app-manifests/{back.params['code']}/conversions"
        made = it.client(None).post(path)
        assert made.status_code == 201
        assert it.client(None).post(path).status_code == 404
        app = made.json()
        assert app["webhook_secret"] and app["owner"]["login"] == "acme"
        done = browser.post("/apps/my-hive/installations/new", data={"account": "acme"})
        number = httpx.URL(done.headers["location"]).params["installation_id"]
    now = int(it.github.clock.now())
    told = {"iat": now, "exp": now + 60, "iss": str(app["id"])}
    client = it.client(jwt.encode(told, app["pem"], "RS256"))
    assert client.get(f"/app/installations/{number}").json()["permissions"] == {"issues": "write"}


def test_a_manifest_without_its_name_is_refused(it: Scene) -> None:
    with httpx.Client(base_url=it.github.url, trust_env=False, verify=NO_TLS) as browser:
        page = browser.post("/settings/apps/new", data={"manifest": '{"url": "http://x"}'})
        assert page.status_code == 422
        assert "name" in page.text

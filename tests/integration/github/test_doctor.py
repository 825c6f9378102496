"""What `hive github doctor` finds missing at the test GitHub, one thing at a time."""

import asyncio
from collections.abc import AsyncIterator, Mapping

import pytest

from hive_contracts.github.questions import Finding
from hive_github.credentials import Credentials, TokenCredentials
from hive_github.doctor import EVENTS, PERMISSIONS, Doctor
from hive_github.look import Looks
from hive_github.records import Records
from hive_github.testing import App, GitHub
from hive_shared.clock import SystemClock
from hive_shared.eventstore.memory import MemoryEventStore
from tests.suites.on_github import as_app, calling, new_id

SUBSCRIBED = tuple(sorted(EVENTS))
ASKED_FOR = [name for name in PERMISSIONS if name != "metadata"]
"""GitHub gives `metadata: read` to everybody who has anything."""


@pytest.fixture
async def server() -> AsyncIterator[GitHub]:
    async with GitHub() as server:
        server.repository("acme/shop", files={"a": "1\n"})
        yield server


def without(name: str) -> dict[str, str]:
    return {each: level for each, level in PERMISSIONS.items() if each != name}


async def examined(
    server: GitHub, app: App, repository: str = "", secret: bytes = b"s"
) -> dict[str, Finding]:
    return await examined_as(server, as_app(server, app), repository, secret)


async def examined_as(
    server: GitHub, credentials: Credentials, repository: str = "", secret: bytes = b"s"
) -> dict[str, Finding]:
    async with calling(server, credentials) as github:
        looks = Looks(github, Records(MemoryEventStore(SystemClock()), new_id))
        doctor = Doctor(github, looks, SystemClock(), secret)
        return {each.what: each for each in (await doctor.examine(repository, "x")).findings}


def an_app(server: GitHub, permissions: Mapping[str, str] = PERMISSIONS) -> App:
    return server.app(
        permissions=permissions, events=SUBSCRIBED, webhook_url="http://127.0.0.1:9/webhooks"
    )


async def test_where_nothing_is_missing_all_is_well(server: GitHub) -> None:
    app = an_app(server)
    server.install(app, "acme")
    findings = await examined(server, app, "acme/shop")
    assert all(each.ok for what, each in findings.items() if what != "webhooks reach us"), findings


@pytest.mark.parametrize("name", ASKED_FOR)
async def test_each_permission_that_the_app_lacks_is_named(server: GitHub, name: str) -> None:
    app = an_app(server, without(name))
    server.install(app, "acme")
    findings = await examined(server, app)
    of_app, of_acme = findings["the App's permissions"], findings["installed on acme"]
    for finding in (of_app, of_acme):
        assert not finding.ok
        assert finding.detail == f"missing {name}: {PERMISSIONS[name]}"
    assert of_app.remedy.endswith(f"/settings/apps/{app.slug}/permissions")


@pytest.mark.parametrize("name", [name for name in ASKED_FOR if PERMISSIONS[name] == "write"])
async def test_to_read_is_less_than_to_write(server: GitHub, name: str) -> None:
    findings = await examined(server, an_app(server, {**PERMISSIONS, name: "read"}))
    assert findings["the App's permissions"].detail == f"missing {name}: write"


@pytest.mark.parametrize("name", ASKED_FOR)
async def test_what_an_owner_has_not_accepted_yet_is_named_there_alone(
    server: GitHub, name: str
) -> None:
    app = an_app(server)
    installation = server.install(app, "acme")
    server.install(app, server.organization("globex").login)
    server.grant(installation, without(name))
    findings = await examined(server, app)
    assert findings["the App's permissions"].ok
    assert findings["installed on globex"].ok
    acme = findings["installed on acme"]
    assert (acme.ok, acme.detail) == (False, f"missing {name}: {PERMISSIONS[name]}")
    assert acme.remedy.startswith("accept the new permissions at ")


async def test_each_event_that_is_not_subscribed_is_named(server: GitHub) -> None:
    app = server.app(permissions=PERMISSIONS, events=SUBSCRIBED[2:])
    finding = (await examined(server, app))["the App's events"]
    assert (finding.ok, finding.detail) == (False, f"not subscribed: {', '.join(SUBSCRIBED[:2])}")


async def test_an_app_that_is_installed_nowhere_or_suspended_is_named(server: GitHub) -> None:
    app = an_app(server)
    assert not (await examined(server, app))["installations"].ok
    server.suspend(server.install(app, "acme"))
    finding = (await examined(server, app))["installed on acme"]
    assert (finding.ok, finding.detail) == (False, "it is suspended")


async def test_webhooks_that_cannot_reach_or_are_not_signed_are_named(server: GitHub) -> None:
    app = an_app(server)
    server.install(app, "acme")
    await server.settled()
    findings = await examined(server, app, secret=b"")
    assert "no secret is configured" in findings["webhooks"].detail
    assert not findings["webhooks reach us"].ok
    silent = server.app("Silent", permissions=PERMISSIONS, events=SUBSCRIBED)
    assert "no webhook URL" in (await examined(server, silent))["webhooks"].detail


@pytest.mark.parametrize("repository", ["acme/none", "globex/shop"])
async def test_a_repository_that_the_app_does_not_reach_is_named(
    server: GitHub, repository: str
) -> None:
    server.repository("globex/shop", files={"a": "1\n"})
    app = an_app(server)
    server.install(app, "acme")
    finding = (await examined(server, app, repository))[repository]
    assert not finding.ok
    assert "install the App on it" in finding.remedy


async def test_a_key_that_is_another_apps_is_named(server: GitHub) -> None:
    app, other = an_app(server), server.app("Other")
    async with calling(
        server, as_app(server, app).__class__(app.id, server.private_key(other))
    ) as github:
        looks = Looks(github, Records(MemoryEventStore(SystemClock()), new_id))
        [finding] = (await Doctor(github, looks, SystemClock(), b"s").examine("", "x")).findings
    assert (finding.what, finding.ok) == ("the App's key is taken", False)
    assert "hive github connect --again" in finding.remedy


async def test_what_was_found_before_github_failed_is_told_as_well(server: GitHub) -> None:
    app = an_app(server, without("checks"))
    server.fail("unavailable", path="/app/installations")
    findings = await examined(server, app)
    assert findings["the App's permissions"].detail == "missing checks: write"
    assert "503" in findings["GitHub answers"].detail


OF_TOKEN = ("contents", "issues", "pull_requests", "statuses", "actions")


async def of_token(
    server: GitHub,
    permissions: Mapping[str, str],
    *,
    private: bool = True,
    emptied: bool = False,
) -> Finding:
    """What is found of a token with these, of somebody who may push there."""
    name = "acme/vault" if private else f"acme/window-{permissions['contents']}"
    people = {"ada": "write"}
    made = server.repository(name, private=private, collaborators=people)
    if emptied:
        drop = ("git", "-C", made.path, "update-ref", "-d", "refs/heads/main")
        assert await (await asyncio.create_subprocess_exec(*drop)).wait() == 0
    token = server.personal_token("ada", permissions=permissions)
    findings = await examined_as(server, TokenCredentials(token.value), name)
    assert findings["the token is taken"].detail == "as ada"
    return findings[f"the token's permissions at {name}"]


async def test_a_token_that_may_do_all_is_said_to_by_what_could_be_tried(server: GitHub) -> None:
    finding = await of_token(server, {**dict.fromkeys(OF_TOKEN, "write"), "metadata": "read"})
    assert finding.ok
    assert finding.detail == (
        "contents: write; issues, pull_requests, statuses, actions: read, and whether to write"
        " shows when it does"
    )


@pytest.mark.parametrize("name", OF_TOKEN)
async def test_each_permission_that_a_token_lacks_is_named(server: GitHub, name: str) -> None:
    given = {each: "write" for each in OF_TOKEN if each != name}
    finding = await of_token(server, given)
    assert (finding.ok, finding.detail) == (False, f"missing {name}: write")
    assert f"{server.url}/settings/personal-access-tokens" in finding.remedy


async def test_at_a_public_repository_no_more_is_said_than_the_right_to_push(
    server: GitHub,
) -> None:
    finding = await of_token(server, dict.fromkeys(OF_TOKEN, "write"), private=False)
    assert finding.ok
    assert "shows only when it does: all is public" in finding.detail
    only_read = {**dict.fromkeys(OF_TOKEN, "write"), "contents": "read"}
    finding = await of_token(server, only_read, private=False)
    assert (finding.ok, finding.detail) == (False, "missing contents: write")


async def test_what_cannot_be_tried_is_not_taken_for_a_right(server: GitHub) -> None:
    finding = await of_token(server, dict.fromkeys(OF_TOKEN, "write"), emptied=True)
    assert finding.ok
    assert finding.detail.endswith("when it does; not to be seen: statuses"), "there is no commit"

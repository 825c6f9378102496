"""An issue that is assigned to an account of the hive's, and what the hive makes of it."""

from typing import Any

import pytest

from hive_contracts.github.issue import AskRefused
from hive_github.testing import Issue
from tests.integration.github.test_issues import hive, launched, server
from tests.suites.on_issues import IssueHive

__all__ = ["hive", "server"]

RULES = (
    "agent: claude\ngates: {tests: 'true'}\n"
    "github: {issues: {labels: {}, assignees: {acme-hive: {}, acme-docs: docs}}}\n"
)


@pytest.fixture(autouse=True)
def rules(hive: IssueHive) -> None:
    hive.server.person("boss").push(hive.shop, "main", {".hive/repo.yaml": RULES})
    for login in ("acme-hive", "acme-docs", "gus"):
        hive.server.person(login)
        hive.shop.collaborators[login] = "triage"


def opened(hive: IssueHive) -> Issue:
    return hive.server.person("eve").open_issue(hive.shop, "Upload fails", "One run in twenty.")


async def test_who_may_write_launches_by_assigning_it(hive: IssueHive) -> None:
    issue = opened(hive)
    hive.server.person("ada").assign(hive.shop, issue, "acme-hive")
    await hive.hear(issue)
    await hive.hear(issue)
    [mission] = await launched(hive)
    assert mission.origin is not None
    assert (mission.origin.issue, mission.origin.by) == ("acme/shop#1", "github:ada")
    assert [gate.name for gate in mission.criteria] == ["tests"]
    assert "is at work" in hive.said(issue)[0]


async def test_each_account_launches_what_is_said_of_it(hive: IssueHive) -> None:
    issue = opened(hive)
    hive.server.person("max").assign(hive.shop, issue, "acme-docs")
    await hive.hear(issue)
    [mission] = await launched(hive)
    assert mission.name == "write-docs-1"


async def test_one_of_whom_nothing_is_said_launches_nothing(hive: IssueHive) -> None:
    issue = opened(hive)
    hive.server.person("ada").assign(hive.shop, issue, "gus")
    await hive.hear(issue)
    assert await hive.events() == []


@pytest.mark.parametrize("who", ["eve", "tom", "acme-hive"])
async def test_who_may_not_write_launches_nothing_and_is_not_answered(
    hive: IssueHive,
    who: str,
) -> None:
    # Who may triage may assign; and the account that it is assigned to has no say by that.
    issue = opened(hive)
    hive.server.person(who).assign(hive.shop, issue, "acme-hive")
    await hive.hear(issue)
    assert await launched(hive) == []
    assert hive.said(issue) == []
    [refused] = await hive.outcomes()
    assert isinstance(refused, AskRefused)
    assert refused.why == "stranger"
    ada = hive.server.person("ada")
    ada.unassign(hive.shop, issue, "acme-hive")
    ada.assign(hive.shop, issue, "acme-hive")
    await hive.hear(issue)
    assert len(await launched(hive)) == 1


async def test_taken_back_before_it_is_seen_it_launches_nothing(hive: IssueHive) -> None:
    issue, ada = opened(hive), hive.server.person("ada")
    ada.assign(hive.shop, issue, "acme-hive")
    ada.unassign(hive.shop, issue, "acme-hive")
    await hive.hear(issue)
    assert await hive.events() == []


async def test_what_somebody_assigned_whose_account_is_gone_is_nobodys_wish(
    hive: IssueHive,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    issue = opened(hive)
    hive.server.person("ada").assign(hive.shop, issue, "acme-hive")
    hive.shop.collaborators["acme-hive"] = "write"
    seen = hive.site.newest_events

    async def of_a_ghost(*place: Any) -> list[Any]:
        events = await seen(*place)
        return [{**each, "assigner": None, "actor": each["assignee"]} for each in events]

    monkeypatch.setattr(hive.site, "newest_events", of_a_ghost)
    await hive.hear(issue)
    assert await hive.events() == []

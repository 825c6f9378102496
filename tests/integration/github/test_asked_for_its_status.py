"""`/hive status` on an issue: what is written there is brought up to date at once."""

from pathlib import Path

from hive_contracts.github.issue import AskObeyed
from hive_github.testing import GitHub
from tests.suites.on_github import as_app, calling
from tests.suites.on_issues import FILES, IssueHive


async def test_the_comment_is_brought_up_to_date_at_once(tmp_path: Path) -> None:
    async with GitHub() as server:
        shop = server.repository("acme/shop", files=FILES, collaborators={"ada": "write"})
        app, ada = server.app(), server.person("ada")
        server.install(app, "acme")
        async with calling(server, as_app(server, app)) as github:
            hive = IssueHive(server, github, shop, tmp_path)
            issue = ada.open_issue(shop, "Upload fails", labels=["hive"])
            await hive.hear(issue)
            ada.comment(shop, issue, "/hive pause")
            await hive.hear(issue)
            [before] = hive.said(issue)
            assert "is at work" in before, "it was changed a moment ago"

            asked = ada.comment(shop, issue, "/hive status")
            await hive.hear(issue)
            [now] = hive.said(issue)
            assert "is paused" in now
            assert hive.reactions(asked) == ["eyes"]
            obeyed = await hive.last()
            assert isinstance(obeyed, AskObeyed)
            assert (obeyed.mission, obeyed.ask) == ("issue-1-1", f"comment-{asked.id}")

            writes = len(server.heard)
            await hive.hear(issue)
            assert hive.reactions(asked) == ["eyes"]
            assert not any(heard.method in ("POST", "PATCH") for heard in server.heard[writes:])
        assert server.problems == []

"""What `hive pr` shows of a pull request."""

import pytest

from hive_cli.pr import asks_for, is_there, lines_of
from hive_contracts.v1 import github_pb2


def test_it_shows_what_came_back_and_what_became_of_it() -> None:
    status = github_pb2.PullRequestStatus(
        state="open", repository="acme/shop", number=41, url="https://github.com/acme/shop/pull/41",
        pushed="9ab17d0" + "0" * 33, stuck="a check failed: lint, after 3 rounds",
        remedy="see to it yourself, or let it have as many once more: hive pr fix-3 --again",
        rounds=[
            github_pb2.RoundStatus(
                round=1, title="a check failed: tests", outcome="pushed", commit="5f20324"
            ),
            github_pb2.RoundStatus(
                round=2, title="ada asks for changes", by="ada", outcome="unchanged",
                reason="it is right",
            ),
            github_pb2.RoundStatus(round=3, title="main moved on", outcome="failed", reason="no"),
            github_pb2.RoundStatus(round=4, title="main moved on", outcome="declined"),
            github_pb2.RoundStatus(round=5, title="a check failed: lint"),
        ],
    )  # fmt: skip
    assert lines_of("fix-3", status) == [
        "acme/shop#41 open · https://github.com/acme/shop/pull/41",
        "  branch hive/fix-3 pushed at 9ab17d0",
        "  round 1 · a check failed: tests ▸ mended, pushed at 5f20324",
        "  round 2 · ada asks for changes ▸ nothing was changed: it is right",
        "  round 3 · main moved on ▸ it failed: no",
        "  round 4 · main moved on ▸ it was not taken up",
        "  round 5 · a check failed: lint ▸ an agent is at it",
        "✗ a check failed: lint, after 3 rounds",
        "  see to it yourself, or let it have as many once more: hive pr fix-3 --again",
    ]


def test_it_shows_each_tasks_with_its_branch() -> None:
    limiter = github_pb2.PullRequestStatus(
        state="merged", repository="acme/shop", number=41, url="https://x/41", pushed="9" * 40,
        part="build/limiter", branch="hive/fix-3.build.limiter", checks="it takes none",
    )  # fmt: skip
    both = github_pb2.PullRequestStatus(
        state="requested", part="build/both", stuck="it does not fit", remedy="merge it by hand"
    )
    status = github_pb2.PullRequestStatus(
        state="requested", checks="it takes none", parts=[limiter, both]
    )
    assert is_there(status)
    assert lines_of("fix-3", status) == [
        "  ! it takes none",
        "build/limiter",
        "  acme/shop#41 merged · https://x/41",
        "    branch hive/fix-3.build.limiter pushed at 9999999",
        "build/both",
        "  ✗ it does not fit",
        "    merge it by hand",
    ]


@pytest.mark.parametrize(
    ("state", "stuck", "remedy", "again", "asks"),
    [
        pytest.param("none", "", "", False, True, id="there is none"),
        pytest.param("open", "", "", False, False, id="it is open"),
        pytest.param("open", "", "", True, False, id="it is open, and waits for nobody"),
        pytest.param(
            "open", "archived", "then: hive pr fix-3", False, True, id="it waited for you"
        ),
        pytest.param(
            "open", "3 rounds", "hive pr fix-3 --again", False, False, id="only looked at"
        ),
        pytest.param("open", "3 rounds", "hive pr fix-3 --again", True, True, id="let go on"),
    ],
)
def test_only_who_says_so_grants_more_rounds(
    state: str, stuck: str, remedy: str, again: bool, asks: bool
) -> None:
    status = github_pb2.PullRequestStatus(state=state, stuck=stuck, remedy=remedy)
    assert asks_for(status, again=again) == asks

"""What a pull request says."""

import msgspec
import pytest

from hive_contracts.outcome import Usage
from hive_contracts.plan import Origin, PullRequestWish
from hive_github.pulls.body import (
    BEGIN,
    END,
    MAX_BODY,
    cost_of,
    plain,
    section,
    section_in,
    title_of,
    within,
)
from hive_github.pulls.story import Story, Work


def story(objective: str = "", ask: str = "", works: tuple[Work, ...] = ()) -> Story:
    return Story(
        "a" * 32, "fix-1", objective, ask, None, None, "open", "", None, works, None, (), Usage()
    )


@pytest.mark.parametrize(
    ("objective", "ask", "title"),
    [
        ("Fix it.\nAnd more.", "no", "Fix it"),
        ("", "  Do\tthat  well.", "Do that well"),
        ("", "", "fix-1"),
        ("x" * 200, "", "x" * 119 + "…"),
    ],
)
def test_the_title_is_the_first_line_that_says_something(
    objective: str, ask: str, title: str
) -> None:
    assert title_of(story(objective, ask)) == title


def test_texts_of_others_are_text() -> None:
    said = plain("@team [x](http://evil) <!-- hive:end --> #7 | `rm`\nnext")
    assert "@team" not in said
    assert "\n" not in said
    assert all(f"\\{mark}" in said for mark in "[]<>#|`")


def test_an_objective_cannot_end_the_hives_part() -> None:
    written = section(story(f"evil {END} rest"), "")
    assert written.count(END) == 1
    assert section_in(f"before\r\n{written}\r\nafter") == written


def test_the_hives_part_is_replaced_where_it_stands_and_put_first_where_it_is_gone() -> None:
    old, new = section(story("one"), ""), section(story(r"two \1"), "")
    assert within(f"a\n{old}\nb", new) == f"a\n{new}\nb"
    assert within("somebody's words", new) == f"{new}\n\nsomebody's words"
    assert within("", new) == new


def test_however_much_was_done_the_body_fits() -> None:
    works = tuple(Work("w" * 5000 + str(each), 1, "succeeded") for each in range(300))
    written = section(story("x\n" * 9000, works=works), "")
    assert len(written) <= MAX_BODY
    assert written.startswith(BEGIN)
    assert written.endswith(END)
    assert "and 250 more" in section(story(works=works[:1] + (Work("w", 1, ""),) * 299), "")


def test_checks_that_passed_when_they_were_run_again_are_named() -> None:
    recovered = {("a" * 40, "unit | @all"): "it fails on the base, too"}
    written = section(story(), "", recovered=recovered)
    assert "### Passed when they were run once more" in written
    assert "| unit \\| @\u200ball | `aaaaaaaaaaaa` | it fails on the base, too |" in written
    assert "run once more" not in section(story(), "")


def test_amounts_of_money_are_never_mixed() -> None:
    usage = Usage(1000, 0, 500, billed_usd=0.5, estimated_usd=1.9, unpriced=2)
    assert cost_of(usage) == (
        "1,500 tokens, $0.50 billed, ≈ $1.90 at list prices, estimated, 2 runs of unknown cost"
    )
    assert cost_of(Usage()) == ""


@pytest.mark.parametrize(
    ("repository", "closes"),
    [
        pytest.param("", "Closes #7", id="of the same repository"),
        pytest.param("Acme/Shop", "Closes #7", id="written otherwise"),
        pytest.param("acme/other", "Closes acme/shop#7", id="of another repository"),
    ],
)
def test_a_mission_from_an_issue_closes_it_and_no_other(repository: str, closes: str) -> None:
    title = "fixes #9, closes gh-9, resolves https://github.com/acme/shop/issues/9 and /pull/9"
    origin = Origin("github-com-1-7", "acme/shop#7", "https://example.org", title)
    told = msgspec.structs.replace(
        story("A stranger's words. Closes #8"), origin=origin, wish=PullRequestWish(repository)
    )
    written = section(told, "")
    assert written.splitlines()[2] == closes
    # Neither its text nor its title, which a merge takes into a commit's message, closes others.
    assert "#8" not in written
    said = title_of(told)
    assert not any(reference in said.lower() for reference in ("#9", "gh-9", "issues/9", "pull/9"))
    assert said.replace("\u200b", "") == title


def test_an_issue_is_closed_by_the_last_of_several_alone() -> None:
    origin = Origin("gh-1-7", "acme/shop#7", "https://x", "Upload fails, fixes #9")
    one = msgspec.structs.replace(
        story(ask="Build it, fixes #8."), origin=origin, part="build/limiter", closes=False
    )
    assert "Part of #7" in section(one, "")
    assert "Closes" not in section(one, "")
    assert "Closes #7" in section(msgspec.structs.replace(one, closes=True), "")
    assert title_of(one) == "Build it, fixes #\u200b8"

"""What agents say at the limit of their provider, and how long is waited then."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hive_runner.agents.limits import LONGEST, refusal_in, seconds_in, seconds_until, wait_for_limit
from hive_shared.profiles import profiles_of

NOW = datetime(2026, 11, 28, 16, 36, 20, tzinfo=UTC)
PROFILES = profiles_of({})

# As the agents' own programs say it: codex 0.171, claude 2.1, gemini 0.61, opencode 1.18.
SAID = [
    ("codex", "You’ve hit your usage limit. Try again at 5:36 PM.", 3640),
    ("codex", "You've hit your usage limit. Try again at Dec 3rd, 2026 5:36 PM.", 5 * 86400 + 3640),
    ("codex", "You've hit your usage limit. Try again in 3 days 20 hours 9 minutes.", 331745),
    ("codex", "stream error: exceeded retry limit, last status: 429 Too Many Requests", 900),
    ("claude", "Claude AI usage limit reached|1795887380", 3605),
    ("claude", "You've hit your limit · resets 5pm (UTC)", 1480),
    ("claude", "5-hour limit reached ∙ resets 7:30pm (Europe/Berlin)", 6880),
    ("gemini", "You have exhausted your capacity on this model. Your quota will reset after 2h9s.",
     7214),
    ("gemini", "[API Error: RESOURCE_EXHAUSTED]", 900),
    ("gemini", "Please retry in 34.074824224s.", 39.1),
    ("gemini", "Suggested retry after 3600s.]", 3605),
    ("gemini", "You have exhausted your daily quota on this model.", 900),
    ("opencode", 'error="AI_APICallError: Rate limit reached. Please try again in 6m0.5s."', 365.5),
    ("opencode", "AI_APICallError: Too Many Requests", 900),
]  # fmt: skip

OTHER = [
    ("codex", "Reconnecting... 1/5 (stream disconnected before completion)"),
    ("codex", "the function limit_words is tested"),
    ("claude", "I raised the limit of the loop"),
    ("gemini", "Error: cannot read file"),
    ("opencode", "level=ERROR message=init count=4290"),
]


@pytest.mark.parametrize(("agent", "line", "seconds"), SAID)
def test_a_limit_is_read_with_its_end(agent: str, line: str, seconds: float) -> None:
    assert wait_for_limit(PROFILES[agent], ["before", line], NOW) == pytest.approx(seconds, abs=61)


@pytest.mark.parametrize(("agent", "line"), OTHER)
def test_what_only_looks_like_a_limit_is_none(agent: str, line: str) -> None:
    assert wait_for_limit(PROFILES[agent], [line], NOW) is None


def test_an_end_in_numbers_needs_no_words() -> None:
    at = NOW.timestamp() + 1800
    assert wait_for_limit(PROFILES["claude"], [], NOW, at) == 1805


def test_an_end_that_has_passed_is_waited_for_a_moment_only() -> None:
    at = NOW.timestamp() - 1800
    assert wait_for_limit(PROFILES["claude"], [], NOW, at) == 5


def test_an_end_beyond_belief_is_none() -> None:
    line = "You've hit your usage limit. Try again in 4000 days."
    assert wait_for_limit(PROFILES["codex"], [line], NOW) == PROFILES["codex"].limit_wait


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("1h2m3s", 3723), ("2 days 3 hours", 183600), ("40", 40), ("500ms", 0.5), ("soon", None)],
)
def test_durations_are_read_as_they_are_written(text: str, seconds: float | None) -> None:
    read = seconds_in(text)
    assert read == (None if seconds is None else pytest.approx(seconds + 5))


@given(st.integers(1, 24 * 60 - 1))
def test_a_time_of_day_is_the_next_one_wherever_the_provider_counts_it(minutes: int) -> None:
    zone = ZoneInfo("America/Los_Angeles")
    then = (NOW + timedelta(minutes=minutes)).astimezone(zone)
    said = f"{then:%I:%M %p} (America/Los_Angeles)"
    waited = seconds_until(said, NOW)
    assert waited is not None
    assert minutes * 60 - 60 <= waited <= minutes * 60 + 60


@given(st.text(max_size=60))
def test_whatever_an_agent_says_is_waited_for_within_reason(text: str) -> None:
    for profile in PROFILES.values():
        waited = wait_for_limit(profile, [f"usage limit reached, try again at {text}"], NOW)
        assert waited is None or 5 <= waited <= LONGEST


@pytest.mark.parametrize(
    ("agent", "line"),
    [
        ("codex", "unexpected status 401 Unauthorized: Missing bearer, url: http://x/responses"),
        ("claude", "Invalid API key · Please run /login"),
        ("gemini", "Please set an Auth method in your settings.json"),
        ("opencode", "AI_APICallError: Incorrect API key provided"),
    ],
)
def test_a_refused_login_is_recognised(agent: str, line: str) -> None:
    assert refusal_in(PROFILES[agent], [line])
    assert not refusal_in(PROFILES[agent], ["all is well"])

"""Agents as the runner starts, watches and believes them; stand-ins for the real ones."""

import asyncio
import json
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from hive_contracts.outcome import Usage
from hive_contracts.plan import Timeouts
from hive_runner.agents.agent import ARGUMENT_BYTES
from hive_runner.agents.roster import REFUSED_SECONDS, Roster
from hive_shared.profiles import Login, Profile, Reading
from tests.integration.runner.workshop import (
    PERSON,
    Source,
    Workshop,
    done,
    failure,
    lease,
    nothing_left_behind,
    until,
)

EVENTS = (
    Reading(session="session"),
    Reading(message="say"),
    Reading(error="error"),
    Reading(input=("in",), output=("out",), add=True),
)
LOGIN = Login(
    folder="~/.agent", files=("auth.json",), keys=("AGENT_KEY",), command="agent login",
    failures=("not logged in",),
)  # fmt: skip

Hire = Callable[..., Profile]


@pytest.fixture
def home(tmp_path: Path) -> Path:
    home = tmp_path / "home"
    (home / ".agent").mkdir(parents=True)
    (home / ".agent" / "auth.json").write_text('{"token": "good"}')
    return home


@pytest.fixture
def hire(workshop: Workshop, home: Path) -> Hire:
    """Gives the runner an agent that is a shell script."""

    def hire(script: str, **fields: object) -> Profile:
        profile = Profile(
            ("/bin/sh", "-c", script), events=EVENTS, login=LOGIN, limits=("limit: (?P<within>.*)",)
        )
        env = {"HOME": str(home)}
        workshop.options.profiles["agent"] = msgspec.structs.replace(
            profile, **{"set_env": env, **fields}
        )
        return workshop.options.profiles["agent"]

    return hire


def tell(**event: object) -> str:
    """A shell command that prints an event."""
    return f"echo '{json.dumps(event)}'"


async def test_what_an_agent_used_is_told_whether_or_not_its_work_is_taken(
    source: Source, workshop: Workshop, hire: Hire
) -> None:
    said = f"{tell(session='s-1')}; {tell(say='Done.')}; {tell(**{'in': 5, 'out': 2})}"
    hire(f"{said}; echo x > new")
    made = done(await workshop.perform(lease(source, agent="agent", prompt="Do it.")))
    hire(said)
    idle = failure(await workshop.perform(lease(source, agent="agent", prompt="Do it.")))
    assert idle.kind == "no-change"
    for run in (made.agent, idle.agent):
        assert run is not None
        assert (run.profile, run.session, run.said) == ("agent", "s-1", "Done.")
        assert run.usage == Usage(5, 0, 2, unpriced=1)
        assert b"Do it." in workshop.artifact(run.prompt)


async def test_an_agent_that_ends_well_with_an_error_as_its_last_word_has_failed(
    source: Source, workshop: Workshop, hire: Hire
) -> None:
    hire(f"echo x > new; {tell(error='the model is gone')}")
    broken = failure(await workshop.perform(lease(source, agent="agent", prompt="Do it.")))
    assert (broken.kind, "the model is gone" in broken.detail) == ("agent", True)


@pytest.mark.parametrize("way", ["stdin", "argument", "file"])
async def test_the_prompt_comes_the_way_that_the_profile_says(
    source: Source, workshop: Workshop, hire: Hire, way: str
) -> None:
    script = 'printf %s "$1" > argument; cat > stdin; cat "$HIVE_PROMPT_FILE" > file'
    profile = hire(script, prompt=way)
    words = (*profile.command, "agent", *(["{prompt_file}"] if way == "file" else []))
    hire("", prompt=way, command=words)
    asked = lease(source, agent="agent", prompt="Say {notes} and {prompt}; $HOME.")
    files = workshop.files_of(done(await workshop.perform(asked)).commit)
    assert "Say {notes} and {prompt}; $HOME." in files["file"]
    assert (files["stdin"] == files["file"]) == (way == "stdin")
    assert (files["argument"].strip() == files["file"]) == (way == "argument")
    assert files["argument"].endswith("/prompt") == (way == "file")


async def test_a_prompt_that_no_argument_can_hold_is_refused_with_the_remedy(
    source: Source, workshop: Workshop, hire: Hire
) -> None:
    hire("true", prompt="argument")
    asked = lease(source, agent="agent", prompt="x" * (ARGUMENT_BYTES + 1))
    refused = failure(await workshop.perform(asked))
    assert refused.kind == "permanent"
    assert 'profiles.agent.prompt` to "stdin"' in refused.detail


async def test_a_key_that_only_the_repository_names_does_not_pay_for_the_agent(
    source: Source, workshop: Workshop, hire: Hire
) -> None:
    source.commit({".hive/repo.yaml": "env: {pass: [AGENT_KEY, OTHER]}\n"})
    person = {**PERSON, "AGENT_KEY": "k", "OTHER": "o"}
    workshop.place = msgspec.structs.replace(workshop.place, person=person)
    script = 'echo "${AGENT_KEY-none} ${OTHER-none}" > seen'
    for named, seen in ((), "none o"), (("AGENT_KEY",), "k o"):
        hire(script, pass_env=named)
        result = done(await workshop.perform(lease(source, agent="agent", prompt="Look.")))
        assert workshop.files_of(result.commit)["seen"] == seen
    plain = done(await workshop.perform(lease(source, run=script)))
    assert workshop.files_of(plain.commit)["seen"] == "k o"


@pytest.mark.parametrize("harm", ["rm ~/.agent/auth.json", ": > ~/.agent/auth.json"])
async def test_a_login_that_a_refused_agent_removes_is_put_back(
    source: Source, workshop: Workshop, hire: Hire, home: Path, harm: str
) -> None:
    login = home / ".agent" / "auth.json"
    login.chmod(0o600)
    profile = hire(f"{harm}; {tell(error='you are not logged in')}; exit 1")
    refused = failure(await workshop.perform(lease(source, agent="agent", prompt="Do it.")))
    assert refused.kind == "infrastructure"
    assert "`agent login`" in refused.detail
    assert "put back" in refused.detail
    assert login.read_text() == '{"token": "good"}'
    assert login.stat().st_mode & 0o777 == 0o600
    assert [path.name for path in login.parent.iterdir()] == ["auth.json"]
    assert workshop.place.roster.is_refused(profile)


async def test_a_login_that_the_agent_renewed_stays_renewed(
    source: Source, workshop: Workshop, hire: Hire, home: Path
) -> None:
    hire(f'echo \'{{"token": "new"}}\' > ~/.agent/auth.json; {tell(error="broken")}; exit 1')
    failure(await workshop.perform(lease(source, agent="agent", prompt="Do it.")))
    assert "new" in (home / ".agent" / "auth.json").read_text()


async def test_an_agent_whose_login_was_refused_is_not_started_until_somebody_logs_in(
    source: Source, workshop: Workshop, hire: Hire, home: Path
) -> None:
    started = home / "started"
    hire(f"echo x >> {started}; {tell(error='not logged in')}; exit 1")
    asked = lease(source, agent="agent", prompt="Do it.")
    for _ in range(2):
        assert failure(await workshop.perform(asked)).kind == "infrastructure"
    assert started.read_text() == "x\n"
    assert "agent" not in workshop.place.roster.able()
    (home / ".agent" / "auth.json").write_text('{"token": "another"}')
    assert "agent" in workshop.place.roster.able()
    await workshop.perform(asked)
    assert started.read_text() == "x\nx\n"


async def test_nobody_is_started_who_is_not_logged_in(
    source: Source, workshop: Workshop, hire: Hire, home: Path
) -> None:
    (home / ".agent" / "auth.json").unlink()
    hire("echo x > new")
    refused = failure(await workshop.perform(lease(source, agent="agent", prompt="Do it.")))
    assert (refused.kind, "`agent login`" in refused.detail) == ("infrastructure", True)
    assert refused.output is None


async def test_a_limit_that_one_meets_is_waited_for_by_all_of_that_program(
    source: Source, workshop: Workshop, hire: Hire
) -> None:
    profile = hire(f"{tell(error='limit: 20 minutes')}; exit 1")
    workshop.options.profiles["other"] = msgspec.structs.replace(profile, args=("x",))
    met = failure(await workshop.perform(lease(source, agent="agent", prompt="Do it.")))
    assert (met.kind, met.retry_after) == ("limit", 1205)
    waits = failure(await workshop.perform(lease(source, agent="other", prompt="Do it.")))
    assert waits.kind == "limit"
    assert 1100 < waits.retry_after <= 1205
    assert waits.output is None


async def test_an_agent_that_would_wait_at_a_limit_is_ended_at_once(
    source: Source, workshop: Workshop, hire: Hire, nap: str
) -> None:
    hire(f"echo 'limit: 40s'; {nap}", waits_at_limit=True)
    with nothing_left_behind(nap):
        asked = workshop.perform(lease(source, agent="agent", prompt="Do it."))
        met = failure(await asyncio.wait_for(asked, 20))
    assert (met.kind, met.retry_after) == ("limit", 45)


async def test_cancelling_an_agent_ends_it_and_leaves_its_login(
    source: Source, workshop: Workshop, hire: Hire, home: Path, nap: str
) -> None:
    hire(f"rm ~/.agent/auth.json; touch ~/begun; {nap}")
    with nothing_left_behind(nap):
        attempt = asyncio.ensure_future(
            workshop.perform(lease(source, agent="agent", prompt="Do it."))
        )
        await until((home / "begun").exists)
        attempt.cancel()
        with pytest.raises(asyncio.CancelledError):
            await attempt
    assert (home / ".agent" / "auth.json").exists()


async def test_silence_is_a_time_out_also_of_an_agent(
    source: Source, workshop: Workshop, hire: Hire, nap: str
) -> None:
    hire(f"{tell(say='I begin.')}; {nap}")
    asked = lease(source, agent="agent", prompt="Do it.", timeouts=Timeouts(silence=0.5))
    silent = failure(await workshop.perform(asked))
    assert (silent.kind, "without output" in silent.detail) == ("timeout", True)
    assert silent.agent is not None
    assert silent.agent.said == "I begin."


def test_a_refused_login_is_tried_again_after_a_while_and_a_limit_when_it_is_over(
    home: Path,
) -> None:
    now = 0.0
    profile = Profile(("sh",), login=LOGIN)
    roster = Roster({"agent": profile}, {**PERSON, "HOME": str(home)}, lambda: now)
    roster.refused(profile)
    roster.limited(profile, 100)
    roster.limited(profile, 50)
    assert (roster.able(), roster.rests(profile)) == ((), 100)
    now = 101.0
    assert (roster.able(), roster.rests(profile)) == ((), 0)
    now = REFUSED_SECONDS + 1
    assert roster.able() == ("agent",)

"""One turn of an agent: from its prompt to its last words, or to whose fault it was."""

import asyncio
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import msgspec

from hive_contracts.files import RepositoryFile
from hive_contracts.plan import AgentRun, ArtifactRef, Failure
from hive_runner.agent import Agent, agent_of, asking
from hive_runner.errors import ArtifactUnavailable, GitFailed, StepFailed, failed
from hive_runner.job import Job, how
from hive_runner.limits import refusal_in, wait_for_limit
from hive_runner.login import KeptLogin
from hive_runner.process_group import Ended
from hive_runner.prompt import prompt
from hive_runner.transcript import Told, Transcript
from hive_runner.unhurried import unhurried
from hive_shared.telemetry import span

NOTES: Final = "notes"
"""The folder beside the tree that an agent may write to."""
_LOGIN_WAIT: Final = 60.0
"""Seconds until a task is offered again whose agent's login was refused."""


class Turn(msgspec.Struct, frozen=True):
    """A turn that ended well."""

    output: ArtifactRef | None
    agent: AgentRun | None
    """None for a plain command."""


def reason_file(job: Job) -> Path:
    """Where an agent says why nothing needs to be changed."""
    return job.workspace.folder / NOTES / "no-change"


def defects_file(job: Job) -> Path:
    """Where a review lists what must be mended."""
    return job.workspace.folder / NOTES / "defects"


async def take_turn(job: Job, file: RepositoryFile) -> Turn:
    """Run the command of a task, or its agent with its prompt. Raises StepFailed."""
    spec = job.lease.task.spec
    place = job.place
    path = file.env.set.get("PATH") or place.person.get("PATH")
    agent = agent_of(spec, file.agent, place.options.profiles, path)
    if agent.name:
        _check(job, agent)
    prompt_file = job.workspace.folder / "prompt"
    prompt_file.write_text(prompt(job.lease), encoding="utf-8", errors="replace")
    (job.workspace.folder / NOTES).mkdir(exist_ok=True)
    sent = await place.depot.keep_bytes(prompt_file.read_bytes()) if agent.name else None
    limit = asyncio.Event()
    transcript = Transcript(
        job.workspace.folder / "output.log",
        place.options.output_bytes,
        agent.profile,
        lambda lines: _note_limit(agent, lines, limit),
        place.tails.of(job.name.task_id, job.name.epoch, "output"),
    )
    login = KeptLogin(place.roster.login_places(agent.profile))
    ended: Ended | None = None
    try:
        with span("attempt.command", job.traceparent, task_id=job.name.task_id):
            running = _run(job, file, agent, prompt_file, transcript)
            ended = await _until(running, limit)
        transcript.end()
        tail = transcript.tail()
        output = await job.keep_output(transcript)
    finally:
        transcript.close()
        put_back = login.put_back() if ended is None or ended.exit_code else []
    run = _run_of(agent, transcript.told, sent)
    failure = _failure(job, agent, transcript.told, ended, put_back)
    if failure is not None:
        raise failed(
            failure.kind, failure.detail, tail=tail, output=output,
            retry_after=failure.retry_after, agent=run,
        )  # fmt: skip
    return Turn(output, run)


def _check(job: Job, agent: Agent) -> None:
    """Nobody is started who would only meet what another one met already. Raises StepFailed."""
    roster, profile = job.place.roster, agent.profile
    if rest := roster.rests(profile):
        raise failed(
            "limit",
            f"{agent.name} waits for the end of its provider's limit, {_duration(rest)} from now",
            retry_after=rest,
        )
    log_in = roster.logged_out(profile) or (roster.is_refused(profile) and profile.login.command)
    if log_in:
        raise failed("infrastructure", _log_in(agent, log_in), retry_after=_LOGIN_WAIT)


def _run(
    job: Job, file: RepositoryFile, agent: Agent, prompt_file: Path, transcript: Transcript
) -> Coroutine[Any, Any, Ended]:
    spec = job.lease.task.spec
    notes = job.workspace.folder / NOTES
    grace = job.place.options.kill_grace
    asked = asking(agent, prompt_file, notes, grace, job.lease.session)
    return job.run(
        asked.argv, _without_keys(file, agent), transcript,
        passed=agent.profile.passed,
        run_timeout=spec.timeouts.run,
        silence_timeout=spec.timeouts.silence,
        stdin=asked.stdin,
        polite=asked.polite,
        extra=agent.profile.set_env | {
            "HIVE_PROMPT_FILE": str(prompt_file),
            "HIVE_NO_CHANGE_FILE": str(reason_file(job)),
        } | ({"HIVE_DEFECTS_FILE": str(defects_file(job))} if spec.review else {}),
    )  # fmt: skip


def _without_keys(file: RepositoryFile, agent: Agent) -> RepositoryFile:
    """A key that a repository needs for its tests must not pay for an agent."""
    env = file.env
    kept = msgspec.structs.replace(
        env,
        pass_=tuple(name for name in env.pass_ if name not in agent.profile.keys),
        set={name: value for name, value in env.set.items() if name not in agent.profile.keys},
    )
    return msgspec.structs.replace(file, env=kept)


def _note_limit(agent: Agent, lines: list[str], limit: asyncio.Event) -> None:
    if agent.profile.waits_at_limit and wait_for_limit(agent.profile, lines, _now()) is not None:
        limit.set()


async def _until(running: Coroutine[Any, Any, Ended], limit: asyncio.Event) -> Ended | None:
    """How it ended; None where it was ended because it waits for its provider."""
    run = asyncio.ensure_future(running)
    met = asyncio.ensure_future(limit.wait())
    try:
        await asyncio.wait([run, met], return_when=asyncio.FIRST_COMPLETED)
        return run.result() if run.done() else None
    finally:
        met.cancel()
        run.cancel()
        await unhurried(_over(run))


async def _over(task: "asyncio.Future[Ended]") -> None:
    await asyncio.wait([task])


def _run_of(agent: Agent, told: Told, sent: ArtifactRef | None) -> AgentRun | None:
    if not agent.name:
        return None
    return AgentRun(agent.name, told.session, told.said, sent, told.usage)


def _failure(
    job: Job, agent: Agent, told: Told, ended: Ended | None, put_back: list[Path]
) -> Failure | None:
    """Whose fault it was, if it did not end well."""
    by_itself = ended is not None and ended.reason == "exit"
    if by_itself and ended is not None and ended.exit_code == 0 and not told.error:
        return None
    if ended is not None and ended.limit:
        return Failure("agent", f"{agent.name or 'the command'} {how(ended)}")
    profile, roster = agent.profile, job.place.roster
    wait = wait_for_limit(profile, told.lines, _now(), told.resets_at)
    if wait is not None:
        roster.limited(profile, wait)
        said = told.error or (told.lines[-1] if told.lines else "")
        return Failure(
            "limit",
            f"{agent.name} has met its provider's limit, lifted in {_duration(wait)}: {said}",
            retry_after=wait,
        )
    if by_itself and refusal_in(profile, told.lines):
        roster.refused(profile)
        also = "".join(f"; it had removed {place}, which was put back" for place in put_back)
        detail = _log_in(agent, profile.login.command) + also
        return Failure("infrastructure", detail, retry_after=_LOGIN_WAIT)
    who = agent.name or "the command"
    if ended is None:
        return Failure("limit", f"{who} waited for its provider", retry_after=profile.limit_wait)
    if not by_itself:
        return Failure("timeout", f"{who} {how(ended)}")
    said = f": {told.error}" if told.error else ""
    return Failure("agent", f"{who} {how(ended)}{said}")


def _log_in(agent: Agent, command: str) -> str:
    return f"nobody is logged in to {agent.name}: run `{command}` on the runner's machine"


def _duration(seconds: float) -> str:
    minutes, left = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02} min" if hours else f"{minutes} min {left:02} s"


def _now() -> datetime:
    return datetime.now(UTC).astimezone()


@contextmanager
def told(agent: AgentRun | None) -> Iterator[None]:
    """What an agent used is reported, also where what follows fails. Raises StepFailed."""
    try:
        yield
    except StepFailed as error:
        raise StepFailed(msgspec.structs.replace(error.failure, agent=agent)) from error
    except (GitFailed, ArtifactUnavailable, OSError) as error:
        tail = error.stderr if isinstance(error, GitFailed) else ""
        raise failed("infrastructure", str(error), tail=tail, agent=agent) from error

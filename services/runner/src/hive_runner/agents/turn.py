"""One turn of an agent: from its prompt to its last words, or to whose fault it was."""

import asyncio
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import msgspec

from hive_contracts.files import RepositoryFile
from hive_contracts.outcome import AgentRun, Failure
from hive_contracts.plan import ArtifactRef
from hive_runner.agents.agent import Agent, agent_of, asking, write_private
from hive_runner.agents.homes import home_of
from hive_runner.agents.ledger import passed
from hive_runner.agents.limits import refusal_in, wait_for_limit
from hive_runner.agents.login import KeptLogin
from hive_runner.agents.prompt import prompt
from hive_runner.agents.questions import Asking
from hive_runner.agents.traced import turn_span, used
from hive_runner.agents.transcript import Told, Transcript
from hive_runner.errors import ArtifactUnavailable, GitFailed, StepFailed, failed, plain
from hive_runner.processes.process_group import Ended
from hive_runner.steps.absent import absent
from hive_runner.steps.job import ANSWER, PRIVATE, PROMPT, Job, how, left_over
from hive_runner.steps.notes import NOTES
from hive_runner.unhurried import unhurried
from hive_shared.profiles import settings_of

GUIDES: Final = ("AGENTS.md", "CLAUDE.md", "GEMINI.md", ".github/copilot-instructions.md")
MAX_GUIDE: Final = 65_536
"""Characters of such a file that a prompt takes."""
_LOGIN_WAIT: Final = 60.0
"""Seconds until a task is offered again whose agent's login was refused."""


class Turn(msgspec.Struct, frozen=True):
    """A turn that ended well."""

    output: ArtifactRef | None
    agent: AgentRun | None
    """None for a plain command."""
    left_over: int = 0
    """Processes that it left at work, and that were ended."""


def reason_file(job: Job) -> Path:
    """Where an agent says why nothing needs to be changed."""
    return job.workspace.folder / NOTES / "no-change"


def question_file(job: Job) -> Path:
    """Where an agent asks a person; with it, it ends its turn."""
    return job.workspace.folder / NOTES / "question"


def answer_file(job: Job) -> Path:
    """The answer to what the turn before asked."""
    return job.workspace.folder / ANSWER


def last_words_file(job: Job) -> Path:
    """The last message of an agent that cannot write any file."""
    return job.workspace.folder / NOTES / "last-words"


def defects_file(job: Job) -> Path:
    """Where a review lists what must be mended."""
    return job.workspace.folder / NOTES / "defects"


async def take_turn(job: Job, file: RepositoryFile) -> Turn:
    """Run the command of a task, or its agent with its prompt. Raises StepFailed."""
    with job.place.handled.turn.one():
        return await _take_turn(job, file)


async def _take_turn(job: Job, file: RepositoryFile) -> Turn:
    spec = job.lease.task.spec
    place = job.place
    path = file.env.set.get("PATH") or place.person.get("PATH")
    agent = agent_of(spec, file.agent, place.options.profiles, path)
    if agent.name:
        _check(job, agent)
    prompt_file = job.workspace.folder / PROMPT
    template = agent.profile.template
    guide = await asyncio.to_thread(_guide, job.workspace.tree) if "{guide}" in template else ""
    text = prompt(job.lease, template, guide)
    prompt_file.write_text(text, encoding="utf-8", errors="replace")
    (job.workspace.folder / NOTES).mkdir(exist_ok=True)
    if job.lease.answers:
        answer_file(job).write_text(job.lease.answers[-1].text, encoding="utf-8")
    sent = await place.depot.keep_bytes(prompt_file.read_bytes()) if agent.name else None
    limit, over = asyncio.Event(), asyncio.Event()
    questions = place.questions.of((job.name.task_id, job.name.epoch))
    transcript = Transcript(
        job.workspace.folder / "output.log",
        place.options.output_bytes,
        agent.profile,
        lambda lines: _note_limit(agent, lines, limit),
        place.silences.heard(job.key, place.tails.of(*job.key, "output")),
        lambda usage: over.set() if passed(usage, job.lease.cap) else None,
        questions.hear,
    )
    place.ledger.begin(job.key, lambda: _run_of(agent, transcript.told, sent))
    login = KeptLogin(place.roster.login_places(agent.profile))
    ended: Ended | None = None
    try:
        silence = place.silences.of(
            job.key, job.name.command_name, agent.name, spec.timeouts.silence, questions.pause
        )
        with turn_span(job, agent) as step, silence:
            try:
                running = _run(job, file, agent, prompt_file, transcript, questions)
                ended = await _until(running, limit, over)
                transcript.end()
            finally:
                step.tell(used(transcript.told.session, transcript.told.usage))
                if agent.name and transcript.told.usage is not None:
                    place.handled.used(agent.name, transcript.told.usage)
            if ended is None or ended.reason != "exit" or ended.exit_code:
                step.fail("stopped" if ended is None else ended.reason)
        tail = transcript.tail()
        output = await job.keep_output(transcript)
    except asyncio.CancelledError:
        if job.handover.asked.is_set():
            transcript.end()
            job.handover.agent = _run_of(agent, transcript.told, sent)
            job.handover.output = await job.keep_output(transcript)
        raise
    finally:
        transcript.close()
        questions.close()
        put_back = login.put_back() if ended is None or ended.exit_code else []
    run = _run_of(agent, transcript.told, sent)
    failure = _failure(job, agent, transcript.told, ended, put_back)
    if failure is not None:
        raise failed(
            failure.kind, failure.detail, tail=tail, output=output,
            retry_after=failure.retry_after, agent=run,
        )  # fmt: skip
    return Turn(output, run, ended.left_over if ended is not None else 0)


def _guide(tree: Path) -> str:
    """What a repository tells agents: the first of these files that it has."""
    for name in GUIDES:
        place = tree / name
        if place.is_file() and place.resolve().is_relative_to(tree.resolve()):
            with place.open(encoding="utf-8", errors="replace") as file:
                return plain(file.read(MAX_GUIDE))
    return ""


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
    job: Job,
    file: RepositoryFile,
    agent: Agent,
    prompt_file: Path,
    transcript: Transcript,
    questions: Asking,
) -> Coroutine[Any, Any, Ended]:
    spec = job.lease.task.spec
    notes = job.workspace.folder / NOTES
    grace = job.place.options.kill_grace
    private = job.workspace.folder / PRIVATE
    written = write_private(agent, private)
    acp = agent.profile.protocol == "acp"
    # A turn after a question goes on with its session, any other where the profile says so.
    goes_on = agent.profile.resume or _answers_last_turn(job)
    session = job.lease.session if goes_on else ""
    asked = asking(agent, prompt_file, notes, private, grace, session)
    return job.run(
        asked.argv, _without_keys(file, agent), transcript,
        passed=agent.profile.passed,
        run_timeout=spec.timeouts.run,
        silence_timeout=spec.timeouts.silence,
        stdin=asked.stdin,
        polite=asked.polite,
        inherited=questions.stdin if acp else None,
        pause=questions.pause,
        extra=agent.profile.set_env | written | _files(job),
        home=home_of(job, agent, file),
    )  # fmt: skip


def _answers_last_turn(job: Job) -> bool:
    """Whether the turn before ended with a question; an attempt that failed since began anew."""
    return bool(job.lease.answers) and job.lease.feedback is None


def _files(job: Job) -> dict[str, str]:
    """The variables that name files by which a command and the hive talk."""
    spec = job.lease.task.spec
    files = {
        "HIVE_PROMPT_FILE": job.workspace.folder / "prompt",
        "HIVE_NO_CHANGE_FILE": reason_file(job),
        "HIVE_QUESTION_FILE": question_file(job),
    }
    if job.lease.answers:
        files["HIVE_ANSWER_FILE"] = answer_file(job)
    if spec.review:
        files["HIVE_DEFECTS_FILE"] = defects_file(job)
    return {name: str(path) for name, path in files.items()}


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


async def _until(running: Coroutine[Any, Any, Ended], *events: asyncio.Event) -> Ended | None:
    """How it ended; None where it was ended, because it waits for its provider or used too much."""
    run = asyncio.ensure_future(running)
    met = [asyncio.ensure_future(event.wait()) for event in events]
    try:
        await asyncio.wait([run, *met], return_when=asyncio.FIRST_COMPLETED)
        return run.result() if run.done() else None
    finally:
        for waiting in met:
            waiting.cancel()
        run.cancel()
        await unhurried(_over(run))


async def _over(task: "asyncio.Future[Ended]") -> None:
    await asyncio.wait([task])


def _run_of(agent: Agent, told: Told, sent: ArtifactRef | None) -> AgentRun | None:
    if not agent.name:
        return None
    settings = settings_of(agent.profile)
    return AgentRun(agent.name, told.session, told.said, sent, told.usage, settings)


def _failure(
    job: Job, agent: Agent, told: Told, ended: Ended | None, put_back: list[Path]
) -> Failure | None:
    """Whose fault it was, if it did not end well."""
    by_itself = ended is not None and ended.reason == "exit"
    if by_itself and ended is not None and ended.exit_code == 0 and not told.error:
        return None
    if ended is not None and ended.limit:
        return Failure("agent", f"{agent.name or 'the command'} {how(ended)}")
    if ended is None and told.usage is not None and (used := passed(told.usage, job.lease.cap)):
        return Failure("budget", f"{agent.name} was stopped: it {used}")
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
    if not agent.name and (lacks := absent(ended.exit_code, told.lines, job.place.options.name)):
        return Failure("permanent", f"{who} {how(ended)}: {lacks}")
    said = f": {told.error}" if told.error else ""
    also = f"; {left_over(ended)}" if ended.left_over else ""
    return Failure("agent", f"{who} {how(ended)}{said}{also}")


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

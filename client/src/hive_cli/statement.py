"""What the person asked `hive run` for: a plan, and what it was made from."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import Final

import msgspec

from hive_cli.prompt_file import prompt_reader
from hive_client.checkout import Checkout, read_checkout
from hive_client.origin import origin_name
from hive_client.original import Call
from hive_client.remote import is_remote, read_remote
from hive_contracts.files import FileProblem, MissionFile, compile_plan, parse_mission
from hive_contracts.files.document import MAX_BYTES, parse_document, plain_data
from hive_contracts.files.mission import Mission, RepoEntry
from hive_contracts.files.naming import short_name
from hive_contracts.files.reading import Places
from hive_contracts.files.repository import REPOSITORY_FILE
from hive_contracts.plan import Plan

ANY_AGENT: Final = "any"
"""Stands for an agent that nobody named, until the runners are asked which there are."""
PROMPT: Final = "the prompt"


class Statement(msgspec.Struct, frozen=True):
    what: str
    """The file's name, or a word for the prompt."""
    plan: Plan
    checkout: Checkout


@contextmanager
def read_statement(
    what: str,
    repository: Path | None,
    gates: Sequence[str],
    no_gates: bool,
    agents: Callable[[], Sequence[str]],
) -> Iterator[Statement]:
    """A statement, for as long as its repository can be looked at.

    `repository` is what the command line names; it goes before what the file says. `agents` is
    called only where nobody named one for a prompt. Raises FileProblem.
    """
    file = read_mission(what)
    folder = Path(what).parent if is_file(what) else Path()
    with _repository(file, folder, repository) as checkout:
        _check_committed(file, checkout, gates, no_gates)
        plan = _plan(file, folder if is_file(what) else None, checkout, gates, no_gates, agents)
        yield Statement(Path(what).name if is_file(what) else PROMPT, plan, checkout)


def _repository(
    file: MissionFile, folder: Path, given: Path | None
) -> AbstractContextManager[Checkout]:
    written = file.mission.repo
    if given is not None or written is None:
        return nullcontext(read_checkout(given or Path()))
    entry = RepoEntry(written) if isinstance(written, str) else written
    if is_remote(entry.url):
        return read_remote(entry.url, entry.base)
    return nullcontext(read_checkout(folder / Path(entry.url).expanduser(), entry.base))


def _check_committed(
    file: MissionFile, checkout: Checkout, gates: Sequence[str], no_gates: bool
) -> None:
    """A file that lies there and does not count is the likeliest reason for having no gates."""
    mission = file.mission
    named = mission.gates or mission.success_criteria or gates or no_gates
    if checkout.file_is_new and not named:
        raise FileProblem(
            "this file is not committed, and a mission reads it from the commit it starts from",
            REPOSITORY_FILE,
            "commit it: hive init --commit",
        )


def _plan(
    file: MissionFile,
    folder: Path | None,
    checkout: Checkout,
    gates: Sequence[str],
    no_gates: bool,
    agents: Callable[[], Sequence[str]],
) -> Plan:
    def compiled(agent: str) -> Plan:
        return compile_plan(
            file,
            checkout.file,
            checkout.repository,
            extra_gates=gates,
            no_gates=no_gates,
            default_agent=agent,
            read_prompt=None if folder is None else prompt_reader(folder),
        )

    plan = compiled(ANY_AGENT)
    if ANY_AGENT in agents_of(plan):
        plan = compiled(_only(agents()))
    return _with_origin(plan, checkout)


def _with_origin(plan: Plan, checkout: Checkout) -> Plan:
    """Where a pull request goes, if nobody said it. Raises GitProblem."""
    wish = plan.pull_request
    if wish is None or wish.repository or plan.repository is None:
        return plan
    name = origin_name(plan.repository.url, checkout.path)
    return msgspec.structs.replace(
        plan, pull_request=msgspec.structs.replace(wish, repository=name)
    )


def read_mission(what: str) -> MissionFile:
    """A mission from a file's name, or from a prompt. Raises FileProblem."""
    if is_file(what):
        return parse_mission(_text_of(Path(what)), what)
    if not what.strip():
        raise FileProblem("the prompt is empty", PROMPT, "say what you want done")
    words = " ".join(what.split()[:6])
    return MissionFile(Mission(short_name(words, "prompt"), prompt=what), Places(PROMPT))


def is_file(what: str) -> bool:
    """A prompt has spaces; a file is there, or at least has the ending of one."""
    if what.endswith((".yaml", ".yml")):
        return True
    return " " not in what.strip() and ("/" in what or Path(what).is_file())


def agents_of(plan: Plan) -> set[str]:
    """The profiles that a plan names."""
    specs = [task for phase in plan.phases for task in phase.tasks]
    specs += [phase.for_each.template for phase in plan.phases if phase.for_each is not None]
    return {spec.agent for spec in specs if spec.agent}


def _only(agents: Sequence[str]) -> str:
    names = sorted(set(agents))
    if len(names) == 1:
        return names[0]
    found = f"the runners have {', '.join(names)}" if names else "no runner has one"
    raise FileProblem(
        f"no agent is named, and {found}",
        "agent",
        "write `agent: NAME` in the mission or in .hive/repo.yaml, or a command as `run: …`",
    )


def _text_of(path: Path) -> str:
    try:
        if path.stat().st_size > MAX_BYTES:
            raise FileProblem(
                f"the file has {path.stat().st_size:,} bytes, and {MAX_BYTES:,} are allowed",
                str(path),
                "keep long texts and lists in files of the repository",
            )
        return path.read_text("utf-8")
    except UnicodeDecodeError as error:
        raise FileProblem(
            f"the file is not UTF-8 text: {error.reason}", str(path), "save it as UTF-8"
        ) from error
    except OSError as error:
        raise FileProblem(
            f"the file cannot be read: {error.strerror}", str(path), "check its path"
        ) from error


def read_call(path: Path, repository: Path | None) -> Plan:
    """The plan of an original call's dictionary, in JSON or YAML. Raises FileProblem."""
    # Every JSON text that people write is YAML too.
    node = parse_document(_text_of(path), str(path))
    call = Call(plain_data(node), str(path))
    checkout = read_checkout(Path(repository or call.repository or "."))
    return call.plan(checkout.repository, checkout.file)

"""The mission file: what a person wants done, as structs."""

from typing import Literal

import msgspec

from hive_contracts.files.document import parse_document
from hive_contracts.files.reading import Amount, Count, Duration, Part, Places, read


class Format(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Parent of the structs here."""


class GateEntry(Format, frozen=True):
    """A gate in its long form: a command, an approval, a URL, a metric or a check on GitHub."""

    run: str = ""
    """Always a shell command, also without a space in it."""
    approval: str = ""
    """What a person is asked."""
    name: str = ""
    """Default: made from the command or the question."""
    timeout: Duration | None = None
    """A command's default is 30m, that of `http` and `metric` 1m, that of `github_check` 1h; an
    approval without one waits for ever."""
    compare: Literal["base"] | None = None
    """`base`: the command passes where it is no worse than on the base commit."""
    report: str = ""
    """The JUnit XML that the command writes: a path or glob in the repository."""
    by: tuple[str, ...] = ()
    """Of an approval: names or roles of those who may answer. Default: anybody who may at all."""

    http: str = ""
    """A URL that the runner gets until it is answered with `status` and `contains`."""
    status: int = 200
    """The status with which `http` is to answer."""
    contains: str = ""
    """Text that the answer's body has."""
    metric: str = ""
    """A PromQL expression, a comparison and a number, such as `rate(errors[5m]) < 0.01`."""
    prometheus: str = ""
    """The URL of the Prometheus server that is asked."""
    github_check: str = ""
    """A check run or commit status on GitHub, by its exact name: it must succeed on the tip of the
    pull request's branch. Only of a mission, with `result: pull_request`."""


GateItem = str | GateEntry
"""Text is the name of a gate in the repository file, or a command with a space in it."""


class TimeoutsEntry(Format, frozen=True):
    """The time-outs of a task."""

    queue: Duration | None = None
    """Ready, until a runner has it; 1h."""
    start: Duration | None = None
    """Leased, until the runner says that it began; 60s."""
    run: Duration | None = None
    """At work; 30m."""
    silence: Duration | None = None
    """At work without a byte of output; 10m."""
    answer: Duration | None = None
    """A question of its agent, until a person has answered; default: for ever."""


class TaskEntry(Format, frozen=True):
    """A piece of work: a prompt for an agent, or a shell command."""

    prompt: str = ""
    """What an agent is asked to do."""
    prompt_file: str = ""
    """The prompt in a file of its own: a path below the mission file's folder, read at launch."""
    run: str = ""
    """A shell command, in place of a prompt."""
    agent: str = ""
    """Who gets the prompt; default: the one of the phase."""
    needs: tuple[str, ...] = ()
    """Tasks of the same phase that are merged first."""
    gates: tuple[GateItem, ...] | None = None
    """What must pass before it is merged. Default: those of the phase."""
    attempts: int | None = None
    """How many may fail by the agent's or a gate's fault; default: as the phase says."""
    timeouts: TimeoutsEntry | None = None
    """Each by itself; default: as the phase says."""
    paths: tuple[str, ...] | None = None
    """Where it may change something, as git's globs; default: as the phase says, else anywhere."""
    output: str = ""
    """A file, by its path, that must be there at the end; it is kept, and shown."""

    on_failure: Literal["stop", "continue"] | None = None
    """As in a phase, for this task alone; default: as the phase says."""
    exclusive: bool | None = None
    """No two of its attempts are ever at work at the same time; default: as the phase says."""


class ForEachEntry(Format, frozen=True):
    """What a phase fans out over: a list, a glob, or what a command prints."""

    list: tuple[str | dict[str, str], ...] | None = None
    """Text, or mappings with a `name` each; `${item}` is the text or the name."""
    glob: tuple[str, ...] | None = None
    """Patterns over tracked files; `!` in front takes away, `/` at the end names folders."""
    command: str = ""
    """A shell command that prints a JSON value a line: text, or a mapping with a `name`."""
    per: Literal["path", "directory"] = "path"
    """Of a glob: `directory` yields each folder that holds a match, once."""
    min: int = 1
    """With fewer items the phase fails."""
    max: int = 10_000
    """With more items the phase fails."""


class PhaseEntry(Format, frozen=True):
    """One task (`prompt` or `run`), several `tasks`, or one for each of many items."""

    needs: tuple[str, ...] = ()
    """Phases that are completed first."""
    tasks: dict[str, TaskEntry] | None = None
    """Several, by name; they run side by side."""
    for_each: ForEachEntry | None = None
    """One task for each item."""
    prompt: str = ""
    """What an agent is asked to do; `${item}` stands for the item of for_each."""
    prompt_file: str = ""
    """The prompt in a file of its own: a path below the mission file's folder, read at launch."""
    run: str = ""
    """A shell command, in place of a prompt."""
    agent: str = ""
    """For tasks that name none; default: the one of the mission."""
    gates: tuple[GateItem, ...] | None = None
    """For each task that names none itself."""
    attempts: int | None = None
    """For tasks that say nothing themselves; default: as the mission says."""
    timeouts: TimeoutsEntry | None = None
    """For tasks that say nothing themselves."""

    paths: tuple[str, ...] | None = None
    """For tasks that say nothing themselves. A change outside of them fails the attempt; of tasks
    whose paths may meet, one waits until the other is merged."""
    on_failure: Literal["stop", "continue"] = "stop"
    """`continue`: the mission goes on without the tasks that failed, unless all of them did."""
    canary: int = 0
    """So many items of `for_each` go first; then a person is asked before the rest goes."""
    sends_back_to: str = ""
    """This phase is a review: where it lists defects, the phase named here, which it needs, and all
    between are done again."""
    rounds: int | None = None
    """How often it may be sent back before the mission fails; 1."""
    output: str = ""
    """Of its one task: a file, by its path, that must be there at the end."""
    exclusive: bool = False
    """For tasks that say nothing themselves: no two attempts at one are ever at work together."""


class PrerequisiteEntry(Format, frozen=True):
    """A mission of which a run has succeeded, or something that a person confirms."""

    mission: str = ""
    """A mission's name; waits until a run of it has succeeded."""
    approval: str = ""
    """What a person is asked before the first phase."""


class RepoEntry(Format, frozen=True):
    """The repository that the mission works on, where it is not the one around."""

    url: str
    """What git fetches from; a path is relative to the mission file's folder."""
    base: str = ""
    """A branch, tag or commit that the mission starts from. Default: what is checked out there."""


class AgentEntry(Format, frozen=True):
    """A name of this file's own for an agent's profile."""

    use: str
    """The profile: its command is in hive.toml of the runner."""
    model: str = ""
    """Default: the agent's own."""
    permissions: dict[str, Literal["allow", "deny", "ask"]] = {}
    """What it may do: `read`, `edit`, `run`, `fetch`, `run:` and a pattern of a command, `*` for
    all else. Default: as its profile says."""
    write: bool = True
    """`false`: a change of the worktree, but for `output`, fails the attempt."""


class NotifyEntry(Format, frozen=True):
    """Who is told of the mission."""

    webhook: str
    """A URL that gets a signed POST. It is recorded, and so is any secret in it."""
    when: tuple[Literal["needs-you", "done", "paused"], ...] = ()
    """Of what: a question to a person, the end, a pause or a cap that comes near. Default: all."""


class BudgetEntry(Format, frozen=True):
    """What a mission may use. At a cap it is paused, and asks."""

    usd: Amount | None = None
    """US dollars: what is billed, and what is estimated at list prices."""
    tokens: Count | None = None
    """Read and written by agents; `300k`, `6M`."""
    wall: Duration | None = None
    """Time in which it could go on: not while it is paused, or waits for people."""
    warn: Part | None = None
    """The part of a cap at which people are told, once; `80%`."""


class PullRequestEntry(Format, frozen=True):
    """A pull request on GitHub; `pull_request: {}` takes all defaults."""

    repository: str = ""
    """`owner/name` on GitHub. Default: the remote `origin` of the mission's repository."""
    base: str = ""
    """The branch that it is to be merged into. Default: the one that the mission starts from."""
    draft_until: Literal["success", "none"] = "success"
    """`success`: a draft from the first merge on, made ready once all gates have passed. `none`:
    opened only then."""
    reviewers: tuple[str, ...] = ()
    """Logins, and teams as `organisation/team`. GitHub itself asks the CODEOWNERS."""
    labels: tuple[str, ...] = ()
    """Put on it; those that do not exist yet are made."""
    merge: Literal["never", "when_green", "queue"] = "never"
    """`never`: people merge it. `when_green`: the hive does, once the mission has succeeded and the
    repository's rules allow it. `queue`: the hive puts it into GitHub's merge queue."""
    rounds: int = 3
    """How often failed checks and reviews go back to an agent, before a person is asked: 0 to 20.
    """
    per: Literal["mission", "task"] = "mission"
    """`mission`: one pull request for all. `task`: one for each task that changes something; a task
    that needs another is based on that one's until it is merged."""


class ResultEntry(Format, frozen=True):
    """What becomes of the merged branch, in its long form."""

    pull_request: PullRequestEntry | None = None
    """It is pushed to GitHub, and a pull request is opened and kept up to date."""


class Mission(Format, frozen=True):
    """What a person wants done: one prompt or command, or phases; and what must hold at the end."""

    mission: str
    """Its name; runs are numbered: `fix-upload` becomes `fix-upload-3`."""
    objective: str = ""
    """Part of every prompt."""
    repo: RepoEntry | str | None = None
    """Text is its url. Default: the repository that `hive run` is called in, at its HEAD."""
    prompt: str = ""
    """The short form: one task in place of phases."""
    prompt_file: str = ""
    """The prompt in a file of its own: a path below this file's folder, read at launch."""
    run: str = ""
    """The short form with a shell command."""
    agent: str = ""
    """For tasks that name none; default: the one of the repository file."""
    agents: dict[str, str | AgentEntry] = {}
    """Names of this file's own for profiles; text is the profile."""
    gates: tuple[GateItem, ...] | None = None
    """What must pass on the merged branch. Default: all gates of the repository file."""
    attempts: int | None = None
    """How many may fail by the agent's or a gate's fault, for tasks that say nothing; 2."""
    timeouts: TimeoutsEntry | None = None
    """For tasks that say nothing themselves."""
    phases: dict[str, PhaseEntry] | None = None
    """By name; those without `needs` start at once, side by side."""
    prerequisites: tuple[str | PrerequisiteEntry, ...] = ()
    """What must be so before the first phase; text is a mission's name."""
    success_criteria: tuple[GateItem, ...] | None = None
    """As `gates`; both may be given."""
    result: Literal["branch", "pull_request"] | ResultEntry = "branch"
    """`branch`: a local branch; nothing is pushed. `pull_request`: one on GitHub, with all its
    defaults."""

    paths: tuple[str, ...] | None = None
    """For tasks and phases that say nothing themselves."""
    notify: NotifyEntry | None = None
    """Who is told when it needs a person, is paused, or has ended."""
    budget: BudgetEntry | None = None
    """What it may use; default: nothing is capped."""
    deadline: Duration | None = None
    """Time from its launch until it is to have succeeded, whatever it waits for. Nothing is ended
    by it: that it has passed is told, and counts in the objective `mission-success`."""


class MissionFile:
    """A mission as it was written, and where each part of it stands."""

    def __init__(self, mission: Mission, places: Places) -> None:
        self.mission = mission
        self.places = places


def parse_mission(text: str, where: str) -> MissionFile:
    """A mission file; its names and references are checked by `compile_plan`.

    `where` names the file to people. Raises FileProblem.
    """
    places = Places(where)
    return MissionFile(read(parse_document(text, where), Mission, places), places)

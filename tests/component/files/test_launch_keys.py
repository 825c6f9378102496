"""Keys that say where things come from: prompt files, agents, and items that a command lists."""

from typing import Any

import msgspec
import pytest

from hive_contracts.dialogue import Rule
from hive_contracts.files import FileProblem, RepositoryFile, compile_plan, parse_mission
from hive_contracts.files.mission import RepoEntry
from hive_contracts.plan import ApprovalGate, Commanded, Plan, PullRequestWish

FILE = RepositoryFile(gates={"tests": "pytest -q"}, agent="claude")
PROMPTS = {"plan.md": "Plan it.\n", "each.md": "Move ${item}.\n", "empty.md": " \n"}
PHASES = "mission: x\nphases:\n"


def plan_of(text: str, **options: Any) -> Plan:
    def read(name: str, where: str) -> str:
        if name not in PROMPTS:
            raise FileProblem(f"{name} is not there", where, "write it")
        return PROMPTS[name]

    options = {"read_prompt": read, **options}
    return compile_plan(parse_mission(text, "fix.yaml"), FILE, None, **options)


def problem_of(text: str, **options: Any) -> str:
    with pytest.raises(FileProblem) as caught:
        plan_of(text, **options)
    assert caught.value.remedy
    return str(caught.value)


@pytest.mark.parametrize(
    "text",
    [
        "mission: x\nprompt_file: plan.md\n",
        PHASES + "  a: {prompt_file: plan.md}\n",
        PHASES + "  a: {tasks: {b: {prompt_file: plan.md}}}\n",
    ],
    ids=["mission", "phase", "task"],
)
def test_a_prompt_may_stand_in_a_file_of_its_own(text: str) -> None:
    task = plan_of(text).phases[0].tasks[0]
    assert (task.prompt, task.agent) == ("Plan it.\n", "claude")


def test_a_prompt_file_of_a_fan_out_has_placeholders() -> None:
    plan = plan_of(PHASES + "  a: {for_each: {list: [b]}, prompt_file: each.md}\n")
    assert plan.phases[0].for_each is not None
    assert plan.phases[0].for_each.template.prompt == "Move ${item}.\n"
    said = problem_of(PHASES + "  a: {prompt_file: each.md}\n")
    assert said.startswith("fix.yaml:3: ${item} has no meaning here")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("mission: x\nprompt: y\nprompt_file: plan.md\n", "fix.yaml:3: prompt and prompt_file are"),
        ("mission: x\nrun: y\nprompt_file: plan.md\n", "either a prompt or a command"),
        ("mission: x\nprompt_file: none.md\n", "fix.yaml:2: none.md is not there"),
        ("mission: x\nprompt_file: empty.md\n", "fix.yaml:2: empty.md is empty"),
    ],
)
def test_a_prompt_file_is_one_prompt(text: str, said: str) -> None:
    assert said in problem_of(text)


def test_a_prompt_of_the_command_line_has_no_files() -> None:
    assert "known only where the mission is a file" in problem_of(
        "mission: x\nprompt_file: plan.md\n", read_prompt=None
    )


def test_agents_of_the_file_stand_for_their_profiles_at_every_level() -> None:
    plan = plan_of(
        """
mission: x
agent: critic
agents: {builder: {use: claude}, critic: codex, claude: {use: gemini}}
phases:
  plan: {prompt: a}
  build:
    agent: builder
    tasks: {one: {prompt: b}, two: {prompt: c, agent: claude}, three: {prompt: d, agent: other}}
"""
    )
    agents = {task.name: task.agent for phase in plan.phases for task in phase.tasks}
    assert agents == {
        "plan": "codex", "one": "claude", "two": "gemini", "three": "other",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("agents: {builder: {}}", "fix.yaml:3: `use` is missing in `agents.builder`"),
        ("agents: {builder: {use: a, model: -x}}", "fix.yaml:3: '-x' is no model"),
        (
            "agents: {builder: {use: a, permissions: {edti: allow}}}",
            "fix.yaml:3: `edti` is nothing that is permitted",
        ),
        ("agents: {builder: {use: a, permissions: {edit: perhaps}}}", "fix.yaml:3"),
        ("agents: {builder: {use: a, permissions: {'run:': deny}}}", "nothing that is permitted"),
        ("agents: {Builder: a}", "the agent's name 'Builder' is not allowed"),
        ("agents: {builder: A b}", "the profile's name 'A b' is not allowed"),
        ("agents: [builder]", "expected a mapping of names in `agents`"),
    ],
)
def test_mistakes_in_agents_are_named(text: str, said: str) -> None:
    assert said in problem_of(f"mission: x\nprompt: y\n{text}\n")


def test_terms_of_agents_reach_their_tasks() -> None:
    plan = plan_of(
        """mission: x
agents:
  builder: {use: claude, model: opus, permissions: {edit: allow, "run:git push*": deny, "*": ask}}
  critic: {use: codex, write: false}
phases:
  plan: {agent: critic, prompt: Plan it., output: docs/plan.md}
  build: {needs: [plan], agent: builder, tasks: {one: {prompt: y, output: one.md}, two: {run: z}}}
"""
    )
    (planned,), (one, two) = (phase.tasks for phase in plan.phases)
    assert (planned.agent, planned.read_only, planned.output) == ("codex", True, "docs/plan.md")
    assert (one.agent, one.model, one.read_only, one.output) == ("claude", "opus", False, "one.md")
    assert one.permissions == (
        Rule("edit", "allow"), Rule("run:git push*", "deny"), Rule("*", "ask"),
    )  # fmt: skip
    assert (two.agent, two.model, two.permissions) == ("", "", ())


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{prompt: y, output: ../plan.md}", "is no path in the repository"),
        ("{tasks: {a: {run: y}}, output: plan.md}", "`output` is the file of one task"),
        ("{for_each: {list: [a]}, run: y, output: plan.md}", "`output` is the file of one task"),
        ("{run: y, gates: [{run: z, by: [ada]}]}", "`by` belongs to a gate with `approval`"),
    ],
)
def test_mistakes_in_outputs_and_judges_are_named(text: str, said: str) -> None:
    assert said in problem_of(f"mission: x\nphases: {{p: {text}}}\n")


def test_a_gate_may_say_whose_answer_counts() -> None:
    text = "gates: [{approval: Is it right?, by: [ada, approver, ada]}]"
    plan = plan_of(f"mission: x\nphases: {{p: {{run: y, {text}}}}}\n")
    (gate,) = plan.phases[0].tasks[0].gates
    assert isinstance(gate, ApprovalGate)
    assert gate.by == ("ada", "approver")


def test_a_fan_out_over_what_a_command_prints() -> None:
    plan = plan_of(
        PHASES
        + "  a: {for_each: {command: './list $${X}', max: 9}, run: 'do ${item} ${item.owner}'}\n"
    )
    each = plan.phases[0].for_each
    assert each is not None
    assert (each.source, each.max) == (Commanded("./list ${X}"), 9)
    assert msgspec.json.decode(msgspec.json.encode(plan), type=Plan) == plan


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{command: ./list, glob: a}", "either a list, a glob or a command"),
        ("{command: ' '}", "either a list, a glob or a command"),
        ("{command: 'echo ${item}'}", "${item} has no meaning here"),
    ],
)
def test_mistakes_in_the_command_of_a_fan_out_are_named(text: str, said: str) -> None:
    assert said in problem_of(PHASES + f"  a: {{for_each: {text}, run: x}}\n")


def test_only_items_may_be_asked_for_where_a_command_lists_them() -> None:
    said = problem_of(PHASES + "  a: {for_each: {command: ./list}, run: 'x ${home}'}\n")
    assert "${home} is not known" in said


def test_the_repository_is_named_short_or_long() -> None:
    def repo(text: str) -> object:
        return parse_mission(f"mission: x\nrun: y\nrepo: {text}\n", "fix.yaml").mission.repo

    assert repo("../shop") == "../shop"
    assert repo("{url: 'git@example.org:a/b.git', base: main}") == RepoEntry(
        "git@example.org:a/b.git", "main"
    )


def test_the_result_is_a_branch_unless_a_pull_request_is_asked_for() -> None:
    assert plan_of("mission: x\nrun: y\nresult: branch\n") == plan_of("mission: x\nrun: y\n")
    assert "'push' is not allowed in `result`" in problem_of("mission: x\nrun: y\nresult: push\n")
    short = plan_of("mission: x\nrun: y\nresult: pull_request\n")
    assert short == plan_of("mission: x\nrun: y\nresult: {pull_request: {merge: never}}\n")
    assert short.pull_request == PullRequestWish()


def test_a_pull_request_names_its_reviewers_and_labels_once_each() -> None:
    wish = plan_of(
        "mission: x\nrun: y\nresult: {pull_request: {repository: acme/shop, draft_until: none, "
        "reviewers: ['@ann', acme/api, ann], labels: [hive, hive]}}\n"
    ).pull_request
    assert wish == PullRequestWish("acme/shop", "", "none", ("ann", "acme/api"), ("hive",))


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        ("{repository: shop}", "'shop' is no repository on GitHub"),
        ("{repository: '../../etc'}", "is no repository on GitHub"),
        ("{reviewers: ['ann; rm -rf /']}", "is no reviewer"),
        ("{reviewers: [a/b/c]}", "is no reviewer"),
        ("{labels: ['']}", "is no label"),
        ("{labels: ['" + "x" * 51 + "']}", "is no label"),
        ("{merge: always}", "in `result.pull_request.merge`"),
    ],
)
def test_a_pull_request_that_cannot_be_is_refused(entry: str, said: str) -> None:
    assert said in problem_of(f"mission: x\nrun: y\nresult: {{pull_request: {entry}}}\n")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("timeouts: {run: 0}", "the time-out `run` is 0"),
        ("timeouts: {run: 400d}", "longer than a year"),
        ("attempts: 9999999999999999999", "a whole number of at most 18 digits"),
        ("result: [branch]", "expected `branch` or `pull_request` in `result`, found a list"),
    ],
)
def test_numbers_and_choices_that_make_no_sense_are_named(text: str, said: str) -> None:
    assert said in problem_of(f"mission: x\nrun: y\n{text}\n")

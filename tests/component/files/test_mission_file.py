from typing import Any

import msgspec
import pytest

from hive_contracts.files import (
    FileProblem,
    RepositoryFile,
    compile_plan,
    parse_mission,
    parse_repository,
)
from hive_contracts.plan import (
    ApprovalGate,
    CommandGate,
    ForEach,
    GithubCheckGate,
    Globbed,
    HttpGate,
    Item,
    Listed,
    MetricGate,
    Phase,
    Plan,
    Repository,
    Retry,
    TaskSpec,
    Timeouts,
)

REPO = Repository("/src/app", "4f2c1e9" + "0" * 33, "main")
FILE = RepositoryFile(gates={"lint": "ruff check .", "tests": "uv run pytest -q"}, agent="claude")


def plan_of(text: str, file: RepositoryFile = FILE, **options: Any) -> Plan:
    return compile_plan(parse_mission(text, "fix.yaml"), file, REPO, **options)


def problem_of(text: str, file: RepositoryFile = FILE, **options: Any) -> str:
    with pytest.raises(FileProblem) as caught:
        plan_of(text, file, **options)
    assert caught.value.remedy
    return str(caught.value)


def test_the_short_form_is_one_task_that_is_checked_before_and_after_its_merge() -> None:
    plan = plan_of(
        """
mission: fix-flaky-upload
prompt: tests/test_upload.py::test_retry fails one run in twenty.
gates: [tests]
"""
    )
    tests = CommandGate("tests")
    task = TaskSpec(
        "work",
        prompt="tests/test_upload.py::test_retry fails one run in twenty.",
        agent="claude",
        gates=(tests,),
    )
    assert plan == Plan(
        "fix-flaky-upload", (Phase("work", tasks=(task,)),), repository=REPO, criteria=(tests,)
    )


def test_without_gates_all_of_the_repository_file_count() -> None:
    plan = plan_of("mission: x\nrun: make\n")
    assert plan.criteria == (CommandGate("lint"), CommandGate("tests"))


def test_with_no_gate_at_all_a_mission_is_refused_unless_that_is_asked_for() -> None:
    text = "mission: x\nrun: make\n"
    assert "nothing would check the result" in problem_of(text, RepositoryFile())
    assert plan_of(text, RepositoryFile(), no_gates=True).criteria == ()


def test_gates_of_the_command_line_replace_the_default_and_join_what_is_written() -> None:
    default = plan_of("mission: x\nrun: make\n", extra_gates=["make check"])
    assert default.criteria == (CommandGate("make-check", "make check"),)
    joined = plan_of("mission: x\nrun: make\ngates: [lint]\n", extra_gates=["tests"])
    assert joined.criteria == (CommandGate("lint"), CommandGate("tests"))


def test_a_fan_out_over_a_glob_keeps_its_template() -> None:
    plan = plan_of(
        """
mission: modernise
phases:
  tidy:
    for_each: {glob: ["**/*.py", "!tests/**"], per: directory, max: 60}
    run: ruff check --fix ${item}
    gates: ["pytest -q tests/${item.name}"]
    attempts: 3
"""
    )
    template = TaskSpec(
        "tidy",
        run="ruff check --fix ${item}",
        gates=(CommandGate("pytest-tests", "pytest -q tests/${item.name}"),),
        retry=Retry(attempts=3),
    )
    source = Globbed(("**/*.py", "!tests/**"), "directory")
    assert plan.phases == (Phase("tidy", for_each=ForEach(source, template, max=60)),)


def test_a_fan_out_over_a_list_takes_texts_and_named_mappings() -> None:
    plan = plan_of(
        """
mission: x
phases:
  port:
    for_each: {list: [src/a, {name: b, owner: team-b}]}
    prompt: Port ${item} for $${WHOM}, called ${item.name}.
"""
    )
    assert plan.phases[0].for_each is not None
    assert plan.phases[0].for_each.source == Listed(
        (
            Item("src/a", {"path": "src/a", "name": "a", "dir": "src"}),
            Item("b", {"name": "b", "owner": "team-b"}),
        )
    )


def test_phases_tasks_and_their_needs_approvals_and_prerequisites() -> None:
    plan = plan_of(
        """
mission: rate-limits
objective: Per-key rate limits.
agent: builder
timeouts: {run: 1h}
phases:
  plan: {agent: critic, prompt: Plan it., gates: [{approval: "Is the plan right?", timeout: 24h}]}
  build:
    needs: [plan]
    tasks:
      limiter: {prompt: Build it., timeouts: {silence: 5m}}
      wiring: {prompt: Wire it., needs: limiter, gates: [lint]}
    gates: [tests]
prerequisites: [{mission: metrics-v2}, other, {approval: "Is the budget agreed?"}]
success_criteria: [tests, {approval: "Is it good?"}]
"""
    )
    long = Timeouts(run=3600)
    asked = ApprovalGate("is-the-plan-right", "Is the plan right?", 86400)
    first = TaskSpec("plan", "Plan it.", agent="critic", gates=(asked,), timeouts=long)
    limiter = TaskSpec(
        "limiter",
        "Build it.",
        agent="builder",
        gates=(CommandGate("tests"),),
        timeouts=Timeouts(run=3600, silence=300),
    )
    wiring = TaskSpec(
        "wiring",
        "Wire it.",
        agent="builder",
        needs=("limiter",),
        gates=(CommandGate("lint"),),
        timeouts=long,
    )
    assert plan == Plan(
        "rate-limits",
        (Phase("plan", tasks=(first,)), Phase("build", ("plan",), (limiter, wiring))),
        objective="Per-key rate limits.",
        repository=REPO,
        prerequisites=("metrics-v2", "other"),
        approvals=(ApprovalGate("is-the-budget-agreed", "Is the budget agreed?"),),
        criteria=(CommandGate("tests"), ApprovalGate("is-it-good", "Is it good?")),
    )


def test_a_command_of_one_word_is_written_as_a_mapping() -> None:
    plan = plan_of("mission: x\nrun: make\ngates: [{run: pytest, timeout: 90}]\n")
    assert plan.criteria == (CommandGate("pytest", "pytest", 90),)


def test_a_gate_may_be_compared_with_the_base_by_its_report() -> None:
    gate = "{run: pytest -q, compare: base, report: junit.xml}"
    plan = plan_of(f"mission: x\nrun: make\ngates: [{gate}]\n")
    assert plan.criteria == (
        CommandGate("pytest", "pytest -q", compare="base", report="junit.xml"),
    )


def test_a_named_gate_is_compared_as_the_repository_file_says() -> None:
    text = "gates: {tests: {run: pytest, compare: base, report: '**/TEST-*.xml', timeout: 1h}}"
    file = parse_repository(text, ".hive/repo.yaml")
    assert file.commands == {"tests": "pytest"}
    named = CommandGate("tests", "", 3600, "base", "**/TEST-*.xml")
    assert plan_of("mission: x\nrun: make\n", file).criteria == (named,)
    assert plan_of("mission: x\nrun: make\ngates: tests\n", file).criteria == (named,)


def test_a_url_and_a_metric_may_be_gates_of_the_mission_and_not_of_its_short_forms_task() -> None:
    plan = plan_of(
        "mission: x\nrun: make\ngates:\n"
        "  - make test\n"
        "  - {http: https://example.org/health, status: 204, contains: ok, timeout: 2m}\n"
        "  - {metric: 'max(lag{job=\"a\"}) <= 1.5e1', prometheus: http://p:9090, name: lag}\n"
    )
    test = CommandGate("make-test", "make test")
    assert plan.criteria == (
        test,
        HttpGate("example-org", "https://example.org/health", 204, "ok", 120),
        MetricGate("lag", "http://p:9090", 'max(lag{job="a"})', "<=", 15),
    )
    assert plan.phases[0].tasks[0].gates == (test,)


@pytest.mark.parametrize(
    ("written", "per"), [("{}", "mission"), ("{per: task}", "task"), ("{per: mission}", "mission")]
)
def test_a_pull_request_is_for_all_or_for_each_task(written: str, per: str) -> None:
    plan = plan_of(
        f"mission: x\nrun: y\ngates: [{{run: make}}]\nresult: {{pull_request: {written}}}\n"
    )
    assert plan.pull_request is not None
    assert plan.pull_request.per == per


def test_a_gate_may_be_a_check_on_github() -> None:
    plan = plan_of(
        "mission: x\nrun: y\nresult: pull_request\nsuccess_criteria:\n"
        "  - {github_check: CI / build (3.11) ünï, timeout: 2h}\n"
        "  - {github_check: ci/required, name: ci}\n"
    )
    assert plan.criteria == (
        GithubCheckGate("ci-build-3-11-n", "CI / build (3.11) ünï", 7200),
        GithubCheckGate("ci", "ci/required"),
    )


@pytest.mark.parametrize("operator", ["<", "<=", ">", ">=", "==", "!="])
@pytest.mark.parametrize("space", ["", " "])
def test_the_last_comparison_of_a_metric_is_the_gates(operator: str, space: str) -> None:
    text = f"sum(a > 2){space}{operator}{space}-3"
    plan = plan_of(
        f"mission: x\nrun: y\ngates: [{{metric: '{text}', prometheus: http://p, name: m}}]\n"
    )
    assert plan.criteria == (MetricGate("m", "http://p", "sum(a > 2)", operator, -3),)  # type: ignore[arg-type]


def test_commands_that_would_share_a_name_are_numbered() -> None:
    gates = "[{run: make test}, make  test, {run: Make-Test}, make test]"
    plan = plan_of(f"mission: x\nrun: make\ngates: {gates}\n")
    assert [gate.name for gate in plan.criteria] == ["make-test", "make-test-2", "make-test-3"]


def test_the_repository_s_set_up_time_out_travels_with_each_task() -> None:
    file = msgspec.structs.replace(FILE, setup="uv sync")
    assert plan_of("mission: x\nrun: make\n", file).phases[0].tasks[0].timeouts.setup == 900


PHASES = "mission: x\nphases:\n"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        pytest.param(
            "mission: x\nprommpt: y\n",
            "fix.yaml:2: unknown key `prommpt` (did you mean `prompt`?)",
            id="an unknown key",
        ),
        pytest.param(
            PHASES + "  a: {run: x, needz: [b]}\n",
            "fix.yaml:3: unknown key `needz` (did you mean `needs`?)",
            id="an unknown key inside",
        ),
        pytest.param(
            "mission: x\nrun: y\ngates: [{run: z, compare: main}]\n",
            "fix.yaml:3: 'main' is not allowed in `gates.0.compare`",
            id="a comparison with anything but the base",
        ),
        pytest.param(
            "mission: x\nrun: y\ngates: [{run: z, report: ../junit.xml}]\n",
            "fix.yaml:3: '../junit.xml' is no path in the repository",
            id="a report outside of the repository",
        ),
        pytest.param(
            "mission: x\nrun: y\ngates: [{approval: ok?, compare: base}]\n",
            "fix.yaml:3: `compare` belongs to a gate with `run` (take it out)",
            id="an approval with a report",
        ),
        pytest.param(
            PHASES + "  a: {needs: [c], run: x}\n  b: {needs: a, run: x}\n"
            "  c:\n    run: x\n    needs: [b]\n",
            "fix.yaml:3: these wait for each other: a → c → b → a",
            id="phases in a circle",
        ),
        pytest.param(
            PHASES + "  a:\n    tasks:\n      one: {run: x, needs: [one]}\n",
            "fix.yaml:5: these wait for each other: one → one",
            id="a task that waits for itself",
        ),
        pytest.param(
            PHASES + "  build: {run: x}\n  test: {run: x, needs: [biuld]}\n",
            "phase `test` needs `biuld`, which is no phase (did you mean `build`?)",
            id="an unknown need",
        ),
        pytest.param(PHASES + "  a: {}\n", "fix.yaml:3: phase `a` is empty", id="an empty phase"),
        pytest.param(
            PHASES + "  a: {tasks: {}}\n",
            "fix.yaml:3: phase `a` is empty",
            id="a phase of no tasks",
        ),
        pytest.param(
            PHASES + "  a: {for_each: {list: [b]}}\n",
            "phase `a` is empty",
            id="a fan-out of nothing",
        ),
        pytest.param("mission: x\nphases: {}\n", "has nothing to do", id="no phase"),
        pytest.param("mission: x\n", "has nothing to do", id="a name alone"),
        pytest.param("run: x\n", "fix.yaml:1: `mission` is missing", id="no name"),
        pytest.param(
            "mission: Fix It\nrun: x\n", "fix.yaml:1: the mission's name 'Fix It'", id="a bad name"
        ),
        pytest.param(
            PHASES + "  Build: {run: x}\n", "fix.yaml:3: the phase's name 'Build'", id="a bad phase"
        ),
        pytest.param(
            PHASES + "  a: {run: x}\n  a: {run: y}\n",
            "fix.yaml:4: the key `a` stands twice",
            id="a phase twice",
        ),
        pytest.param("mission: x\nrun: x\nprompt: y\n", "either a prompt or a command", id="both"),
        pytest.param(
            "mission: x\nrun: x\nphases: {a: {run: y}}\n",
            "either one prompt or command, or phases",
            id="short and long",
        ),
        pytest.param(
            PHASES + "  a: {run: x, tasks: {b: {run: y}}}\n",
            "has both tasks and",
            id="tasks and run",
        ),
        pytest.param(
            "mission: x\nrun: x\ngates: [test]\n",
            "fix.yaml:3: no gate is called `test` (did you mean `tests`?; for a command of one word"
            " write {run: test})",
            id="a gate that is not known",
        ),
        pytest.param(
            "mission: x\nrun: x\ngates: [{run: a, approval: b}]\n",
            "fix.yaml:3: a gate is a command, an approval, a URL, a metric or a check on GitHub",
            id="a gate that is two",
        ),
        pytest.param(
            "mission: x\nrun: x\ngates: [{run: a, status: 204}]\n",
            "fix.yaml:3: `status` belongs to a gate with `http`",
            id="a command with the status of a URL",
        ),
        pytest.param(
            "mission: x\nrun: x\ngates: [{http: 'ftp://example.org/'}]\n",
            "fix.yaml:3: 'ftp://example.org/' is no URL (write it with http:// or https://)",
            id="a URL of another kind",
        ),
        pytest.param(
            "mission: x\nrun: x\ngates: [{http: 'https://ada:secret@example.org/'}]\n",
            "fix.yaml:3: the URL has a password in it, and missions are recorded",
            id="a URL with a password",
        ),
        pytest.param(
            "mission: x\nrun: x\ngates: [{metric: 'up', prometheus: 'http://p:9090'}]\n",
            "fix.yaml:3: a metric ends with a comparison and a number",
            id="a metric without a comparison",
        ),
        pytest.param(
            "mission: x\nrun: x\ngates: [{metric: 'up == 1'}]\n",
            "fix.yaml:3: no Prometheus server is named for the metric",
            id="a metric of no server",
        ),
        pytest.param(
            'mission: x\nrun: x\ngates: [{github_check: "a\\tb"}]\n',
            "fix.yaml:3: 'a\\tb' is no name of a check (write 1 to 200 characters that can be seen",
            id="a check's name that cannot be seen",
        ),
        pytest.param(
            "mission: x\nrun: x\ngates: [{github_check: ci, by: [ada]}]\n",
            "fix.yaml:3: `by` belongs to a gate with `approval`",
            id="a check that a person would answer",
        ),
        pytest.param("mission: x\nrun: x\nattempts: 0\n", "attempts is 0", id="no attempt"),
        pytest.param(
            "mission: x\nrun: x\nattempts: many\n",
            "expected a whole number in `attempts`",
            id="attempts in words",
        ),
        pytest.param(
            "mission: x\nrun: echo ${HOME}\n",
            "fix.yaml:2: ${HOME} has no meaning here",
            id="a placeholder without items",
        ),
        pytest.param(
            PHASES + "  a: {for_each: {glob: a/*}, run: 'x ${item.size}'}\n",
            "${item.size} is not known",
            id="a placeholder that items do not have",
        ),
        pytest.param(
            PHASES + "  a: {for_each: {glob: ../*}, run: x}\n",
            "fix.yaml:3: the pattern '../*' leaves the repository",
            id="a glob that leaves",
        ),
        pytest.param(
            PHASES + "  a: {for_each: {glob: ['a/*', '!/etc/*']}, run: x}\n",
            "the pattern '!/etc/*' leaves the repository",
            id="an absolute glob",
        ),
        pytest.param(
            PHASES + "  a: {for_each: {glob: ['!a']}, run: x}\n", "only takes away", id="only !"
        ),
        pytest.param(
            PHASES + "  a: {for_each: {glob: a, list: [b]}, run: x}\n",
            "either a list, a glob or a command",
            id="two sources",
        ),
        pytest.param(
            PHASES + "  a: {for_each: {list: [b, b]}, run: x}\n",
            "'b' stands twice",
            id="an item twice",
        ),
        pytest.param(
            PHASES + "  a: {for_each: {list: []}, run: x}\n",
            "the list has 0 items",
            id="an empty list",
        ),
        pytest.param(
            PHASES + "  a: {for_each: {list: [{x: y}]}, run: x}\n",
            "has no `name`",
            id="no item name",
        ),
        pytest.param(
            PHASES + "  a: {for_each: {glob: a, per: folder}, run: x}\n",
            "'folder' is not allowed in `phases.a.for_each.per`",
            id="a choice that is none",
        ),
        pytest.param(
            "mission: x\nrun: x\nprerequisites: [x]\n", "cannot wait for itself", id="itself first"
        ),
        pytest.param("mission: x\nrun: " + "x" * 50_000, "bytes", id="a prompt that is too long"),
        pytest.param("mission: x\nrun: x\nobjective: " + "x" * 9_000, "8,000", id="long objective"),
        pytest.param(
            "mission: x\nrun: x\nphases:\n", "found nothing", id="a value that is missing"
        ),
    ],
)
def test_each_mistake_gets_one_error_with_its_place(text: str, said: str) -> None:
    assert said in problem_of(text)


def test_a_prompt_needs_an_agent_from_somewhere() -> None:
    text = "mission: x\nprompt: y\n"
    bare = RepositoryFile(gates={"tests": "pytest -q"})
    assert "no agent is named" in problem_of(text, bare)
    assert plan_of(text, bare, default_agent="codex").phases[0].tasks[0].agent == "codex"

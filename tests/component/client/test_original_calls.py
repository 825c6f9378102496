"""The two dictionaries of the original calls, as they were always written."""

from typing import Any

import pytest

from hive_client.original import Call
from hive_contracts.files import FileProblem, RepositoryFile
from hive_contracts.ids import SHORT_NAME
from hive_contracts.plan import ApprovalGate, CommandGate, Repository

DEPLOY = {
    "type": "devops-deployer",
    "mission": "Build enterprise-grade production operations with 99.9% uptime",
    "focus": "Kubernetes, Prometheus/Grafana, security, automation, CI/CD",
    "timeline": "2-3 weeks",
    "prerequisites": "Epic 7 complete (>90% test pass rate)",
    "success_criteria": [
        "Kubernetes production cluster operational",
        "Prometheus + Grafana monitoring with enterprise dashboards",
        "Automated CI/CD pipeline with quality gates",
        "99.9% uptime with intelligent auto-scaling",
        "Enterprise security compliance and audit systems",
    ],
    "deployment_phases": [
        "Week 1: Kubernetes cluster + basic deployment",
        "Week 2: Monitoring stack + security framework",
        "Week 3: Automation + CI/CD + 99.9% uptime validation",
    ],
}
CONTINUE = {
    "type": "qa-test-guardian",
    "current_progress": "Phase 1 complete (82% success), Level 2 in progress",
    "remaining_tasks": [
        "Complete GitHub integration lazy loading (30 minutes)",
        "Execute Level 2: Integration boundary testing (1 day)",
        "Execute Level 3: Service layer testing (1 day)",
        "Execute Level 4: System integration testing (1 day)",
        "Execute Level 5: Performance testing + consolidation (2 days)",
    ],
    "estimated_completion": "3-5 days",
    "success_pattern": "Bottom-up systematic validation",
}
REPO = Repository("/src/app", "4" * 40, "main")


def test_deploy_agent_becomes_phases_in_order() -> None:
    plan = Call(DEPLOY, "deploy_agent").plan(REPO, RepositoryFile())
    assert (plan.name, plan.type) == ("devops-deployer", "devops-deployer")
    assert [(p.name, p.needs) for p in plan.phases] == [
        ("week-1", ()),
        ("week-2", ("week-1",)),
        ("week-3", ("week-2",)),
    ]
    first = plan.phases[0].tasks[0]
    assert (first.prompt, first.agent) == (DEPLOY["deployment_phases"][0], "devops-deployer")


def test_its_texts_become_the_objective() -> None:
    plan = Call(DEPLOY, "deploy_agent").plan(REPO, RepositoryFile())
    assert plan.objective == (
        "Build enterprise-grade production operations with 99.9% uptime\n"
        "Focus: Kubernetes, Prometheus/Grafana, security, automation, CI/CD\n"
        "Timeline: 2-3 weeks"
    )


def test_free_text_criteria_and_prerequisites_are_asked_of_a_person() -> None:
    plan = Call(DEPLOY, "deploy_agent").plan(REPO, RepositoryFile())
    assert plan.prerequisites == ()
    assert plan.approvals == (
        ApprovalGate("epic-7-complete", "Epic 7 complete (>90% test pass rate)"),
    )
    assert [gate.text for gate in plan.criteria if isinstance(gate, ApprovalGate)] == (
        DEPLOY["success_criteria"]
    )
    names = [gate.name for gate in (*plan.approvals, *plan.criteria)]
    assert len(set(names)) == len(names)
    assert all(SHORT_NAME.fullmatch(name) for name in names)


def test_gates_of_the_repository_come_before_what_people_confirm() -> None:
    file = RepositoryFile(gates={"tests": "pytest -q"})
    plan = Call(DEPLOY, "deploy_agent").plan(REPO, file)
    assert plan.criteria[0] == CommandGate("tests")
    assert len(plan.criteria) == 6


def test_continue_agent_mission_becomes_tasks_in_order() -> None:
    plan = Call(CONTINUE, "continue_agent_mission").plan(REPO, RepositoryFile())
    assert (plan.name, plan.type) == ("qa-test-guardian", "qa-test-guardian")
    (phase,) = plan.phases
    assert [(task.name, task.needs) for task in phase.tasks] == [
        ("complete-github-integration-lazy-loading", ()),
        ("execute-level-2", ("complete-github-integration-lazy-loading",)),
        ("execute-level-3", ("execute-level-2",)),
        ("execute-level-4", ("execute-level-3",)),
        ("execute-level-5", ("execute-level-4",)),
    ]
    assert [task.prompt for task in phase.tasks] == CONTINUE["remaining_tasks"]
    assert plan.objective == (
        "Progress so far: Phase 1 complete (82% success), Level 2 in progress\n"
        "Pattern that works: Bottom-up systematic validation\n"
        "Estimated completion: 3-5 days"
    )


def test_a_prerequisite_that_is_a_name_is_a_mission() -> None:
    written = {**DEPLOY, "prerequisites": ["metrics-v2", "Ask the team"]}
    plan = Call(written, "deploy_agent").plan(REPO, RepositoryFile())
    assert plan.prerequisites == ("metrics-v2",)
    assert [gate.text for gate in plan.approvals] == ["Ask the team"]


def test_without_phases_the_mission_itself_is_the_work() -> None:
    plan = Call({"type": "qa-test-guardian", "mission": "Test it"}, "deploy_agent").plan(
        REPO, RepositoryFile()
    )
    assert [(p.name, p.tasks[0].prompt) for p in plan.phases] == [("work", "Test it")]


def test_phases_of_the_same_name_are_numbered() -> None:
    written = {"type": "x", "deployment_phases": ["Week 1: a", "Week 1: b", "!!!", "???"]}
    plan = Call(written, "deploy_agent").plan(REPO, RepositoryFile())
    assert [p.name for p in plan.phases] == ["week-1", "week-1-2", "phase", "phase-2"]


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("devops-deployer", "a dictionary is expected"),
        ({}, "the type '' names no agent profile"),
        ({"type": "QA Guardian", "mission": "x"}, "the type 'QA Guardian' names no agent profile"),
        ({"type": 7, "mission": "x"}, "`type` must be text, not 7"),
        ({"type": "x", "mision": "y"}, "unknown key 'mision' (did you mean `mission`?)"),
        ({"type": "x"}, "there is nothing to do"),
        ({"type": "x", "remaining_tasks": []}, "there is nothing to do"),
        ({"type": "x", "remaining_tasks": {"a": 1}}, "must be a list of at most 40 texts"),
        ({"type": "x", "remaining_tasks": ["a", None]}, "`remaining_tasks` must be text, not None"),
        ({"type": "x", "remaining_tasks": ["a"] * 41}, "must be a list of at most 40 texts"),
        ({"type": "x", "mission": " "}, "`mission` must be text"),
        ({"type": "x", "mission": "a\x00b"}, "`mission` must be text"),
        ({"type": "x", "mission": "y" * 3000}, "a text of 3,000 characters is too long"),
        ({"type": "x", "mission": "y", "prerequisites": "x"}, "cannot wait for itself"),
    ],
)
def test_odd_input_is_refused_before_anything_is_sent(written: Any, said: str) -> None:
    with pytest.raises(FileProblem) as caught:
        Call(written, "deploy_agent").plan(REPO, RepositoryFile())
    assert said in str(caught.value)
    assert caught.value.where.startswith("deploy_agent")

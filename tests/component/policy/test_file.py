"""policy.yaml and incidents.yaml: what is right is read, what is wrong is named with its line."""

import pytest

from hive_contracts.files.document import FileProblem
from hive_contracts.files.incidents import parse_incidents
from hive_contracts.files.policy import parse_policy
from hive_contracts.policy import Policy, PolicyState, Threshold

NAMES = ("mission-success", "rework-rate")

WHOLE = """
enforce: true
states:
  careful:
    budgets: {rework-rate: 25%, mission-success: 30%}
    slots: 50%
  frozen:
    budgets: {mission-success: 0%}
    until: 15%
    hold: 4h
    slots: 1
    approve: true
    freeze_landing: true
"""


def test_a_policy_is_read() -> None:
    assert parse_policy(WHOLE, "policy.yaml", NAMES) == Policy(
        (
            PolicyState(
                "careful",
                (Threshold("mission-success", 0.3), Threshold("rework-rate", 0.25)),
                0.4,
                slots_share=0.5,
            ),
            PolicyState(
                "frozen",
                (Threshold("mission-success", 0),),
                0.15,
                4 * 3600,
                1.0,
                1,
                approve=True,
                freeze_landing=True,
            ),
        ),
        enforce=True,
    )


@pytest.mark.parametrize(
    ("text", "pinned"),
    [
        ("pin: [model, prompt]", ("model", "prompt")),
        ("pin: [model]", ("model",)),
        ("pin: [prompt, prompt]", ("prompt",)),
        ("pin: model", ("model",)),
        ("slots: 1", ()),
    ],
)
def test_a_state_says_what_it_pins(text: str, pinned: tuple[str, ...]) -> None:
    policy = parse_policy(
        f"states: {{x: {{budgets: {{rework-rate: 5%}}, {text}}}}}", "policy.yaml", NAMES
    )
    assert policy.states[0].pin == pinned


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "empty"),
        ("states: {x: {budgets: {rework-rate: 5%}, pin: []}}", "changes nothing"),
        ("states: {x: {budgets: {rework-rate: 5%}, pin: [text]}}", "pin"),
        ("enforce: maybe", "true or false"),
        ("states: {x: {slots: 1}}", "`budgets` is missing"),
        ("states: {x: {budgets: {}, slots: 1}}", "never entered"),
        ("states: {x: {budgets: {rework: 5%}, slots: 1}}", "did you mean `rework-rate`"),
        ("states: {x: {budgets: {rework-rate: 5%}}}", "changes nothing"),
        ("states: {x: {budgets: {rework-rate: 50%}, until: 50%, slots: 1}}", "as soon as"),
        ("states: {x: {budgets: {rework-rate: 5%}, slots: 0}}", "no number of slots"),
        ("states: {x: {budgets: {rework-rate: 5%}, slots: 120%}}", "no number of slots"),
        ("states: {X y: {budgets: {rework-rate: 5%}, slots: 1}}", "no name"),
        ("states: {x: {budgets: {rework-rate: 5%}, slot: 1}}", "did you mean `slots`"),
    ],
)
def test_what_is_wrong_with_a_policy_is_said(text: str, said: str) -> None:
    with pytest.raises(FileProblem) as problem:
        parse_policy(text, "policy.yaml", NAMES)
    assert said in str(problem.value)
    assert problem.value.where.startswith("policy.yaml")


INCIDENTS = """
resolve_after: 10m
reopen_within: 2h
alertmanager: http://127.0.0.1:9093
causes:
  - {alert: Disk*, group_by: host, severity: page, runbook: runbooks/disk.yaml}
  - {alert: slo-*, follows: [HostDown]}
notify:
  pager: {url: "https://events.pagerduty.com/v2/enqueue", secret_file: pager.key, format: pagerduty,
    when: [opened, resolved, reopened, acknowledged], severity: page}
"""


def test_a_file_of_incidents_is_read() -> None:
    file = parse_incidents(INCIDENTS, "incidents.yaml")
    assert (file.patience.resolve_after, file.patience.page_again) == (600, 3600)
    assert file.alertmanager == ("http://127.0.0.1:9093",)
    disk, slo, none = (file.cause(name) for name in ("DiskFull", "slo-x", "Else"))
    assert disk is not None
    assert disk.group_by == ("host",)
    assert slo is not None
    assert slo.follows == ("HostDown",)
    assert none is None
    assert file.notify["pager"].format == "pagerduty"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("resolve_aftr: 5m", "did you mean `resolve_after`"),
        ("resolve_after: 1s", "at least 10s"),
        ("alertmanager: [ftp://x]", "no URL"),
        ("causes: [{group_by: a}]", "`alert` is missing"),
        ('causes: [{alert: ""}]', "no alert has such a name"),
        ("causes: [{alert: a, group_by: [a b]}]", "no label"),
        ("causes: [{alert: a, severity: huge}]", "'huge' is not allowed"),
        ("notify: {X: {url: http://a/b, secret_file: x}}", "no name"),
        ("notify: {x: {url: a, secret_file: x}}", "no URL"),
        ('notify: {x: {url: http://a/b, secret_file: ""}}', "needs a secret"),
        ("notify: {x: {url: http://a/b, secret_file: x, format: xml}}", "not allowed"),
        (
            "notify:\n" + "".join(f"  a{n}: {{url: http://a, secret_file: x}}\n" for n in range(9)),
            "too many",
        ),
    ],
)
def test_what_is_wrong_with_a_file_of_incidents_is_said(text: str, said: str) -> None:
    with pytest.raises(FileProblem) as problem:
        parse_incidents(text, "incidents.yaml")
    assert said in str(problem.value)
    assert problem.value.where.startswith("incidents.yaml")

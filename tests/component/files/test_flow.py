"""How phases go, as mission files say it."""

import pytest

from hive_contracts.plan import Notify
from tests.component.files.test_mission_file import plan_of, problem_of

FAN_OUT = """
mission: move
phases:
  migrate:
    for_each: {glob: "src/*/"}
    canary: 2
    prompt: Move ${item}.
    paths: ["${item}/**"]
    on_failure: continue
"""
REVIEWED = """
mission: limiter
phases:
  build: {prompt: Build it., paths: [libs/**]}
  lint: {needs: [build], run: ruff check}
  review: {needs: [lint], prompt: Look., sends_back_to: build, rounds: 3}
"""


def test_a_fan_out_in_two_waves_keeps_to_its_paths_and_goes_on() -> None:
    [phase] = plan_of(FAN_OUT).phases
    assert (phase.canary, phase.on_failure) == (2, "continue")
    assert phase.for_each is not None
    assert phase.for_each.template.paths == ("${item}/**",)
    assert not phase.for_each.template.review


def test_a_review_sends_back_what_it_needs() -> None:
    build, _, review = plan_of(REVIEWED).phases
    assert (review.sends_back_to, review.rounds) == ("build", 3)
    assert review.tasks[0].review
    assert not build.tasks[0].review
    assert build.tasks[0].paths == ("libs/**",)
    assert plan_of(REVIEWED.replace(", rounds: 3", "")).phases[2].rounds == 1


def test_the_innermost_paths_win() -> None:
    phases = (
        "phases: {p: {paths: [b], tasks: {one: {run: x, paths: [c]}, two: {run: x}}}, q: {run: x}}"
    )
    plan = plan_of(f"mission: m\npaths: [a]\n{phases}\n")
    assert [task.paths for phase in plan.phases for task in phase.tasks] == [("c",), ("b",), ("a",)]
    assert plan_of("mission: m\nrun: x\npaths: [a]\n").phases[0].tasks[0].paths == ("a",)


def test_who_is_told_of_what() -> None:
    text = "mission: m\nrun: x\nnotify: {webhook: 'https://example.org/h'WHEN}\n"
    assert plan_of(text.replace("WHEN", "")).notify == Notify("https://example.org/h")
    told = plan_of(text.replace("WHEN", ", when: [needs-you, paused]")).notify
    assert told == Notify("https://example.org/h", ("needs-you", "paused"))
    assert plan_of("mission: m\nrun: x\n").notify is None


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            "mission: m\nphases: {p: {run: x, canary: 1}}",
            "fix.yaml:2: canary says how many items of for_each go first",
        ),
        (FAN_OUT.replace("canary: 2", "canary: -1"), "fix.yaml:6: canary says"),
        (REVIEWED.replace("rounds: 3", "rounds: 99"), "fix.yaml:6: rounds is 99"),
        (
            REVIEWED.replace("sends_back_to: build, ", ""),
            "fix.yaml:6: rounds says how often a review may send back",
        ),
        (
            REVIEWED.replace("sends_back_to: build", "sends_back_to: review"),
            "`review` does not come after `review` (name a phase that it needs: build, lint)",
        ),
        (FAN_OUT.replace("${item}/**", "/etc/**"), "fix.yaml:8: `/etc/**`: a pattern is relative"),
        (REVIEWED.replace("libs/**", "../x"), "fix.yaml:4: `../x`: a pattern stays"),
        (REVIEWED.replace("libs/**", "'${item}/x'"), "${item}"),
        (FAN_OUT.replace("${item}/**", "${thing}/**"), "${thing} is not known"),
        (FAN_OUT.replace("continue", "go"), "on_failure"),
        (
            "mission: m\nrun: x\nnotify: {webhook: 'ftp://x'}",
            "fix.yaml:3: the webhook is no URL of http or https",
        ),
        (f"mission: m\nrun: x\npaths: [{', '.join(['a'] * 51)}]", "51 paths are too many"),
    ],
)
def test_what_makes_no_sense_is_named_with_its_place(text: str, said: str) -> None:
    assert said in problem_of(text)

"""One check, as it is written for GitHub."""

import pytest
from hypothesis import given
from hypothesis import strategies as some

from hive_contracts.github.check import CheckPlace, Conclusion
from hive_github.checks.annotations import Annotation
from hive_github.checks.run import MAX_TEXT, MAX_TITLE, Run, bodies, cut, fenced, named, status_body

PLACE = CheckPlace("t:1", "c" * 40)
URL = "https://hive.example.org/m/fix-1"
RED = Run(PLACE, "hive / tests", "completed", "failure", "1 failed", "Why", "boom")
PLACES = [Annotation("a.py", line, "failure", "bad") for line in range(1, 121)]


def test_annotations_go_in_fifties_with_the_same_output() -> None:
    first, second, third = bodies(RED, URL, PLACES, 7)
    sent = [len(body["output"]["annotations"]) for body in (first, second, third)]
    assert sent == [50, 50, 20]
    assert first["conclusion"] == "failure"
    assert first["external_id"] == "t:1"
    assert first["output"]["summary"] == "Why\n\n7 more places are named in the output."
    assert second["output"]["title"] == third["output"]["title"] == "1 failed"
    assert "status" not in second


def test_a_check_that_goes_on_has_no_conclusion() -> None:
    [body] = bodies(Run(PLACE, "hive / work", "in_progress", title="At work"), URL)
    assert "conclusion" not in body
    assert body["actions"] == []


def test_a_button_is_as_short_as_github_takes_it() -> None:
    run = Run(PLACE, "x", "completed", "action_required", "?", buttons=("approve", "rerun"))
    for action in bodies(run, URL)[0]["actions"]:
        assert len(action["label"]) <= 20
        assert len(action["description"]) <= 40
        assert len(action["identifier"]) <= 20


@given(some.text(max_size=200), some.text(max_size=400), some.text(max_size=400))
def test_whatever_is_said_it_fits(name: str, title: str, text: str) -> None:
    run = Run(PLACE, named(name), "completed", "failure", title * 50, text * 300, text * 300)
    [body] = bodies(run, URL)
    assert 0 < len(body["name"]) <= 200
    assert body["name"].isprintable()
    assert 0 < len(body["output"]["title"]) <= MAX_TITLE
    assert "\n" not in body["output"]["title"]
    for field in ("summary", "text"):
        assert len(body["output"].get(field, "")) <= MAX_TEXT


@given(some.text(alphabet="`\nab"))
def test_output_never_ends_its_block(text: str) -> None:
    first, *inside, last = fenced(text).split("\n")
    assert first == last
    assert set(first) == {"`"}
    assert all(first not in line for line in inside)


def test_what_is_cut_says_so() -> None:
    assert cut("x" * 10, 20) == "x" * 10
    assert cut("x" * 30, 20) == "x" * 12 + "\n… (cut)"


@pytest.mark.parametrize(
    ("conclusion", "state"),
    [
        ("", "pending"),
        ("success", "success"),
        ("neutral", "success"),
        ("failure", "failure"),
        ("cancelled", "error"),
        ("action_required", "pending"),
        ("timed_out", "failure"),
    ],
)
def test_as_a_commit_status(conclusion: Conclusion, state: str) -> None:
    run = Run(PLACE, "hive / tests", "completed", conclusion, "y" * 300)
    body = status_body(run, URL)
    assert (body["state"], body["context"]) == (state, "hive / tests")
    assert len(body["description"]) == 140


def test_another_word_is_another_digest() -> None:
    assert RED.digest != Run(PLACE, "hive / tests", "completed", "failure", "2 failed").digest

"""Which deliveries about issues are worth a look."""

import msgspec
import pytest

from hive_github.webhooks.meaning import IssueTouched, touched

HERE = {"id": 1, "full_name": "acme/shop"}
ISSUE = {"number": 7}
PULL = {"number": 7, "pull_request": {"url": "https://example.org"}}
SAID = {"body": "Please.\n\n/Hive run"}


@pytest.mark.parametrize(
    ("event", "payload"),
    [
        ("issues", {"action": "opened", "issue": ISSUE}),
        ("issues", {"action": "labeled", "issue": ISSUE}),
        ("issues", {"action": "assigned", "issue": ISSUE}),
        ("issue_comment", {"action": "created", "issue": ISSUE, "comment": SAID}),
    ],
)
def test_something_may_have_been_asked(event: str, payload: dict[str, object]) -> None:
    body = msgspec.json.encode({**payload, "repository": HERE, "installation": {"id": 5}})
    assert touched(event, body) == [IssueTouched("acme/shop", 7, 5)]


@pytest.mark.parametrize(
    ("event", "payload"),
    [
        ("issues", {"action": "unlabeled", "issue": ISSUE}),
        ("issues", {"action": "deleted", "issue": ISSUE}),
        ("issues", {"action": "labeled"}),
        ("issue_comment", {"action": "created", "issue": ISSUE, "comment": {"body": "Thanks"}}),
        ("issue_comment", {"action": "created", "issue": ISSUE, "comment": {"body": None}}),
        ("issue_comment", {"action": "edited", "issue": ISSUE, "comment": SAID}),
        ("issue_comment", {"action": "deleted", "issue": ISSUE, "comment": SAID}),
        ("issue_comment", {"action": "created", "issue": PULL, "comment": SAID}),
    ],
)
def test_nothing_can_have_been_asked_and_no_request_is_made(
    event: str, payload: dict[str, object]
) -> None:
    assert touched(event, msgspec.json.encode({**payload, "repository": HERE})) == []

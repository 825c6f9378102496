"""An issue: given what was recorded, when this comes, then these events."""

from functools import reduce

import pytest
from hypothesis import given as given_any
from hypothesis import settings
from hypothesis import strategies as st

from hive_contracts.github.issue import (
    AnyIssueCommand,
    AnyIssueEvent,
    AskObeyed,
    AskRefused,
    CommandPrepared,
    CommentRefused,
    IssueAsked,
    IssueClosed,
    IssueLeftOpen,
    IssuePlace,
    MissionCommented,
    NoteAsk,
    NoteClosed,
    NoteComment,
    NoteLeftOpen,
    ObeyAsk,
    PrepareCommand,
    RefuseAsk,
    RefuseComment,
)
from hive_github.deciders import issue

ID = "github-com-1-7"
PLACE = IssuePlace("github-com-1", "acme/shop", 7)
MISSION = "a" * 32
NOTE = NoteAsk(ID, "comment-1", PLACE, "ada", "comment", "run")
ASKED = IssueAsked(ID, "comment-1", PLACE, "ada", "comment", "run")
PREPARE = PrepareCommand(ID, "comment-1", "d" * 64)
PREPARED = CommandPrepared(ID, "comment-1", "d" * 64)
OBEY = ObeyAsk(ID, "comment-1", MISSION, "fix-1", launched=True)
OBEYED = AskObeyed(ID, "comment-1", MISSION, "fix-1", launched=True)
REFUSE = RefuseAsk(ID, "comment-1", "stranger")
REFUSED = AskRefused(ID, "comment-1", "stranger")
COMMENT = NoteComment(ID, MISSION, "fix-1", 9, "e" * 64, 5, 1000)
COMMENTED = MissionCommented(ID, MISSION, "fix-1", 9, "e" * 64, 5, 1000)

CASES = [
    pytest.param([], NOTE, [ASKED], id="asked"),
    pytest.param([ASKED], NOTE, [], id="asked again"),
    pytest.param(
        [],
        NoteAsk(ID, "comment-1", PLACE, "ada", "comment", "run", is_edited=True),
        [ASKED, AskRefused(ID, "comment-1", "edited", issue.EDITED)],
        id="an edited comment is refused as it is recorded",
    ),
    pytest.param([], PREPARE, [], id="prepared for nobody"),
    pytest.param([ASKED], PREPARE, [PREPARED], id="prepared"),
    pytest.param(
        [ASKED, PREPARED], PrepareCommand(ID, "comment-1", "f" * 64), [], id="the first counts"
    ),
    pytest.param([ASKED, REFUSED], PREPARE, [], id="prepared too late"),
    pytest.param([ASKED, PREPARED], OBEY, [OBEYED], id="obeyed"),
    pytest.param([ASKED, PREPARED, OBEYED], OBEY, [], id="obeyed again"),
    pytest.param([ASKED, OBEYED], REFUSE, [], id="refused after it was obeyed"),
    pytest.param([ASKED, REFUSED], OBEY, [], id="obeyed after it was refused"),
    pytest.param([], REFUSE, [], id="refused without being asked"),
    pytest.param([ASKED, OBEYED], COMMENT, [COMMENTED], id="commented"),
    pytest.param([COMMENTED], COMMENT, [], id="commented in the same words"),
    pytest.param(
        [], RefuseComment(ID, MISSION, "gone"), [CommentRefused(ID, MISSION, "gone")], id="no more"
    ),
    pytest.param(
        [CommentRefused(ID, MISSION, "gone")], RefuseComment(ID, MISSION, "gone"), [], id="said"
    ),
    pytest.param([], NoteClosed(ID, MISSION), [IssueClosed(ID, MISSION)], id="closed"),
    pytest.param([IssueClosed(ID, MISSION)], NoteClosed(ID, MISSION), [], id="closed twice"),
    pytest.param(
        [IssueClosed(ID, MISSION)], NoteLeftOpen(ID, MISSION, "gone"), [], id="left when closed"
    ),
    pytest.param(
        [IssueLeftOpen(ID, MISSION, "gone")], NoteClosed(ID, MISSION), [], id="closed when left"
    ),
    pytest.param(
        [IssueClosed(ID, "b" * 32)],
        NoteClosed(ID, MISSION),
        [IssueClosed(ID, MISSION)],
        id="closed for another mission before",
    ),
]


@pytest.mark.parametrize(("given", "when", "then"), CASES)
def test_given_when_then(
    given: list[AnyIssueEvent], when: AnyIssueCommand, then: list[AnyIssueEvent]
) -> None:
    assert issue.decide(reduce(issue.evolve, given, issue.INITIAL), when) == then


def test_a_mission_that_was_done_again_elsewhere_is_the_newest() -> None:
    again = MissionCommented(ID, "b" * 32, "fix-2", 10, "e" * 64, 9, 2000)
    history: list[AnyIssueEvent] = [ASKED, OBEYED, COMMENTED, again, COMMENTED]
    state = reduce(issue.evolve, history, issue.INITIAL)
    assert [*state.missions.values()] == ["fix-1", "fix-2"]


@settings(deadline=None)
@given_any(st.lists(st.sampled_from([NOTE, PREPARE, OBEY, REFUSE, COMMENT])))
def test_whatever_is_tried_an_ask_is_answered_at_most_once(tried: list[AnyIssueCommand]) -> None:
    state, events = issue.INITIAL, list[AnyIssueEvent]()
    for command in tried:
        news = issue.decide(state, command)
        state = reduce(issue.evolve, news, state)
        events += news
        assert issue.decide(state, command) == []
    assert sum(isinstance(event, AskObeyed | AskRefused) for event in events) <= 1

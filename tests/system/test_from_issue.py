"""From an issue's label to the merged pull request, through everything that can go wrong."""

import pytest

from hive_contracts.github.repository import LimitObserved
from tests.system.from_issue import staged
from tests.system.hive import of_type


@pytest.mark.full("the whole story; each of its parts has a test of its own")
@pytest.mark.timeout(900)
async def test_from_an_issues_label_to_the_merge_whatever_goes_wrong() -> None:
    with staged(print) as story:
        log = await story.tell()
    assert len(of_type(log, "MissionLaunched")) == len(of_type(log, "MissionLanded")) == 1
    limits = [each for each in of_type(log, "LimitObserved") if isinstance(each, LimitObserved)]
    assert {limit.kind for limit in limits} == {"secondary"}
    assert len(of_type(log, "RoundSettled")) == 3

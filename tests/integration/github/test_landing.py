"""A mission has landed once its pull request is merged, by whomever, and it has ended."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from hive_contracts.mission import RecordLanding
from hive_contracts.subjects import stream_name
from hive_github.merging.landing import Landings
from tests.integration.github.ground import Ground, on_github, opened
from tests.suites.on_github import MISSION


@pytest.fixture
async def ground(tmp_path: Path) -> AsyncIterator[Ground]:
    async with on_github(tmp_path) as ground:
        yield ground


async def test_a_merge_makes_the_mission_landed_once_it_has_ended(ground: Ground) -> None:
    story, _ = await opened(ground)
    landings = Landings(ground.hive.records, ground.hive.histories, ground.hive.orders)
    await story.succeeded()
    await ground.hive.carry()
    [merged] = [
        recorded
        for recorded in await ground.hive.store.read_stream(stream_name("pull_request", MISSION))
        if recorded.type == "PullRequestMerged"
    ]
    assert landings.wants(merged)
    await landings.perform(merged, merged.id)
    known = await ground.hive.records.pull_request(MISSION)
    by = known.merged_by
    assert by.startswith("github:")
    landed = RecordLanding(MISSION, known.merge_commit, "main", by)
    assert ground.hive.orders.told == [("github", landed)]


async def test_a_merge_before_the_end_is_told_of_at_the_end(ground: Ground) -> None:
    story, _ = await opened(ground)
    landings = Landings(ground.hive.records, ground.hive.histories, ground.hive.orders)
    ada = ground.server.person("ada")
    ada.set_draft(ground.shop, ground.pull, False)
    ada.merge(ground.shop, ground.pull)
    await ground.hive.looks.pull_request(
        MISSION, "acme/shop", ground.pull.number, ground.at.id, "test"
    )
    events = await ground.hive.store.read_all(0, 1000)
    for recorded in filter(landings.wants, events):
        await landings.perform(recorded, recorded.id)
    assert ground.hive.orders.told == []
    await story.succeeded()
    [ended] = [
        recorded
        for recorded in await ground.hive.store.read_all(len(events), 1000)
        if landings.wants(recorded)
    ]
    await landings.perform(ended, ended.id)
    [(_, landed)] = ground.hive.orders.told
    assert isinstance(landed, RecordLanding)
    assert landed.by == "github:ada"

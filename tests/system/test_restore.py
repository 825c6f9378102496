"""The record put back to how it was a while ago, under a hive that runs."""

import asyncio
from pathlib import Path

import pytest

from hive_client import HistoryChanged, Hive
from hive_client.answers import Arrived
from hive_contracts.envelope import Recorded
from tests.suites.verdict import judge
from tests.system.hive import Ground, RealHive, ends, eventually, of_type


async def newest(client: Hive, log: list[Recorded]) -> Arrived:
    """What a subscriber got last."""
    async for arrived in client.subscribe(after=0):
        if arrived.event.position == log[-1].position:
            return arrived
    raise AssertionError("the stream ended")


@pytest.mark.slow
async def test_after_a_restore_a_new_history_begins_and_all_goes_on(
    hive: RealHive, ground: Ground, tmp_path: Path
) -> None:
    go_on = tmp_path / "go-on"
    waits = ground.plan("waits", first=f"while [ ! -e {go_on} ]; do sleep 0.1; done")
    before, lost, after = (ground.plan(name) for name in ("before", "lost", "after"))
    async with hive.client() as client:
        first = await client.launch(before)
        await hive.ended(1, seconds=60)
        under_way = await client.launch(waits)
        await hive.until(lambda log: len(of_type(log, "AttemptStarted")) >= 6)
        async with hive.stopped("postgres"):
            copy = hive.keep_record()

        # What happens now will never have happened.
        go_on.touch()
        await client.launch(lost)
        forgotten = await hive.ended(3, seconds=60)
        place = await newest(client, forgotten)
        await hive.assert_feed_is_the_record()

        with hive.frozen("relay"):  # it wakes up in another history than it fell asleep in
            async with hive.stopped("postgres"):
                hive.put_back_record(copy)
            assert len(await hive.log()) < len(forgotten)

        last = await client.launch(after)
        log = await hive.ended(3, seconds=60)
        assert {recorded.stream for recorded in ends(log)} == {
            f"mission-{launched.mission_id}" for launched in (first, under_way, last)
        }
        judge(log)
        for plan, launched in ((before, first), (waits, under_way), (after, last)):
            await ground.assert_each_effect_is_there_once(client, plan, launched.mission_id)
        await _assert_new_history(hive, place)
        with pytest.raises(HistoryChanged):
            async with asyncio.timeout(20):
                await anext(client.subscribe(resume_token=place.resume_token))
    await hive.assert_feed_is_the_record()
    await hive.assert_views_equal_a_rebuild()


async def _assert_new_history(hive: RealHive, place: Arrived) -> None:
    """Its name is new, and no later position of the old one is on the bus."""

    async def probe() -> bool | None:
        async with hive.store() as store:
            return True if (await store.head()).log_id != place.log_id else None

    await eventually(probe)

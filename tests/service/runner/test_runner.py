"""A runner's whole life against a hive that forgets, refuses, repeats itself and goes away."""

import asyncio
import signal

import pytest

from hive_contracts.ids import is_id
from hive_contracts.orders import Lease, TaskRelease
from hive_contracts.outcome import Failure, GatesRun, HandedOver, MergeDone, WorkDone
from hive_contracts.v1 import runner_pb2
from tests.integration.runner.workshop import (
    Source,
    git,
    lease,
    merge_of,
    nothing_left_behind,
    until,
)
from tests.service.runner.hive import Hive, write_token
from tests.service.runner.process import RunnerProcess


def key(lease: Lease) -> tuple[str, int]:
    return (lease.task.task_id, lease.epoch)


def kept(runner: RunnerProcess) -> dict[str, str]:
    found: dict[str, str] = {}
    for mirror in runner.folder.glob("mirrors/*.git"):
        listed = git(mirror, "for-each-ref", "--format=%(refname) %(objectname)", "refs/hive/kept")
        found |= dict(line.split() for line in listed.splitlines())
    return found


async def test_a_task_is_worked_judged_and_merged(
    hive: Hive, runner: RunnerProcess, source: Source
) -> None:
    await runner.start()
    work = lease(source, run="echo 1 > one", traceparent="00-" + "a" * 32 + "-" + "b" * 16 + "-01")
    await hive.lease(work)
    result = await hive.outcome(work)
    assert isinstance(result, WorkDone)
    assert result.bundle is not None
    assert hive.artifacts[result.bundle.digest]
    assert {report.traceparent.split("-")[1] for report in hive.reports} == {"a" * 32}

    gates = lease(source, "gates", gates={"there": "cat one"}, result=result)
    merge = lease(source, "merge", merge=merge_of(result))
    await hive.lease(gates, merge)
    judged = await hive.outcome(gates)
    assert isinstance(judged, GatesRun)
    assert judged.results[0].passed
    merged = await hive.outcome(merge)
    assert isinstance(merged, MergeDone)
    assert hive.artifacts[merged.new.chain]
    await hive.until(lambda: hive.holding() == {})
    assert runner.folders_left() == []
    assert not list((runner.folder / "artifacts" / "outgoing").glob("??/*"))


async def test_what_no_order_names_any_more_is_stopped_and_kept(
    hive: Hive, runner: RunnerProcess, source: Source, nap: str
) -> None:
    with nothing_left_behind(nap):
        await runner.start()
        work = lease(source, run=f"echo half > half; {nap}")
        await hive.lease(work)
        await until(lambda: list(runner.folder.glob("attempts/*/tree/half")))
        await hive.drop(work)
        await until(lambda: kept(runner))
        await until(lambda: not runner.folders_left())
    assert hive.outcomes(work) == ["started"]
    assert key(work) not in hive.holding()


async def test_orders_that_repeat_themselves_begin_nothing_twice(
    hive: Hive, runner: RunnerProcess, source: Source
) -> None:
    hive.twice = True
    await runner.start()
    works = [
        lease(
            source, run=f"echo x >> {runner.data}/begun-{n}; sleep 0.3; echo {n} > n", name=f"w{n}"
        )
        for n in range(3)
    ]
    await hive.lease(*works)
    for work in works:
        assert isinstance(await hive.outcome(work), WorkDone)
    await hive.until(lambda: hive.holding() == {})
    assert [(runner.data / f"begun-{n}").read_text() for n in range(3)] == ["x\n"] * 3
    assert len(hive.reports) == 6


async def test_what_a_person_takes_is_handed_over_though_the_order_and_the_report_were_lost(
    hive: Hive, runner: RunnerProcess, source: Source, nap: str
) -> None:
    with nothing_left_behind(nap):
        await runner.start()
        work = lease(source, run=f"trap '' TERM; echo half > half; {nap}; {nap}")
        await hive.lease(work)
        await until(lambda: list(runner.folder.glob("attempts/*/tree/half")))
        await hive.stop()
        await hive.take(work)  # nobody hears of it
        await hive.start()
        hive.answering = False
        await hive.until(lambda: any(report.HasField("handover") for report in hive.reports))
        await hive.cut()
        hive.answering = True
        left = await hive.outcome(work)
    assert isinstance(left, HandedOver)
    assert left.bundle is not None and hive.artifacts[left.bundle.digest]
    assert left.commit in kept(runner).values()
    await hive.until(lambda: hive.holding() == {})
    assert runner.folders_left() == []


async def test_what_was_never_at_work_is_declined_and_no_late_lease_begins_it(
    hive: Hive, runner: RunnerProcess, source: Source
) -> None:
    await runner.start()
    work = lease(source, run=f"touch {runner.data}/begun")
    await hive.take(work)
    await hive.until(lambda: hive.outcomes(work))
    assert hive.outcomes(work) == ["declined"]
    await hive.lease(work)
    beats = len(hive.beats)
    await hive.until(lambda: len(hive.beats) > beats + 3)
    assert not (runner.data / "begun").exists()


async def test_a_cut_stream_stops_no_attempt_and_loses_no_report(
    hive: Hive, runner: RunnerProcess, source: Source
) -> None:
    await runner.start()
    work = lease(source, run=f"echo x >> {runner.data}/begun; sleep 0.5; echo 1 > one")
    await hive.lease(work)
    await until((runner.data / "begun").exists)
    hive.answering = False
    await hive.cut()
    await hive.until(lambda: any(outcome for outcome in hive.reports if outcome.HasField("work")))
    assert hive.sessions >= 2
    hive.answering = True
    await hive.cut()
    # Sooner than a report that was lost on a stream which is open would come again.
    assert isinstance(await hive.outcome(work, seconds=8), WorkDone)
    assert (runner.data / "begun").read_text() == "x\n"
    ids = [report.command_id for report in hive.reports if report.HasField("work")]
    assert len(ids) >= 2
    assert len(set(ids)) == 1


async def test_reports_of_a_hive_that_was_away_come_when_it_is_back(
    hive: Hive, runner: RunnerProcess, source: Source
) -> None:
    await runner.start()
    work = lease(source, run="echo begun; sleep 0.5; echo 1 > one")
    await hive.lease(work)
    await hive.until(lambda: hive.holding().get(key(work)) == "running")
    await hive.stop()
    await until(lambda: kept(runner))
    await until(lambda: not runner.folders_left())
    await hive.start()
    result = await hive.outcome(work)
    assert isinstance(result, WorkDone)
    assert result.output is not None
    assert hive.artifacts[result.output.digest] == b"begun\n"


async def test_a_killed_runner_comes_back_under_its_id_with_a_new_session(
    hive: Hive, runner: RunnerProcess, source: Source, nap: str
) -> None:
    with nothing_left_behind(nap):
        await runner.start()
        work = lease(source, run=f"echo half > half; trap '' TERM PIPE HUP; {nap}; {nap}")
        await hive.lease(work)
        await until(lambda: list(runner.folder.glob("attempts/*/tree/half")))
        await runner.kill()
        before = hive.beats[-1]
        hive.leases.clear()
        await runner.start()
        # A beat of its earlier life may still have been on its way.
        await hive.until(lambda: hive.beats[-1].session_id != before.session_id)
        after = hive.beats[-1]
        assert is_id(after.runner_id)
        assert after.runner_id == before.runner_id
        assert after.holding == ()
        await until(lambda: not runner.folders_left())
    ((ref, commit),) = kept(runner).items()
    assert ref == "refs/hive/kept/fix-1/build_one/1"
    (mirror,) = runner.folder.glob("mirrors/*.git")
    assert git(mirror, "show", f"{commit}:half") == "half"


async def test_a_report_outlives_the_runner_that_made_it(
    hive: Hive, runner: RunnerProcess, source: Source
) -> None:
    await runner.start()
    hive.answering = False
    work = lease(source, run="echo said; echo 1 > one")
    await hive.lease(work)
    await hive.until(lambda: any(report.HasField("work") for report in hive.reports))
    await runner.kill()
    hive.leases.clear()
    hive.reports.clear()
    hive.answering = True
    await runner.start()
    result = await hive.outcome(work)
    assert isinstance(result, WorkDone)
    assert [report.WhichOneof("report") for report in hive.reports[:2]] == ["started", "work"]


async def test_a_refused_beginning_ends_the_attempt(
    hive: Hive, runner: RunnerProcess, source: Source, nap: str
) -> None:
    with nothing_left_behind(nap):

        def refuse(report: runner_pb2.Report) -> str:
            hive.ordering = False
            return "stale"

        hive.refuse = refuse
        await runner.start()
        await hive.lease(lease(source, run=f"{nap}"))
        await hive.until(lambda: hive.taken)
        await hive.until(lambda: hive.holding() == {})
        await until(lambda: not runner.folders_left())
    assert [report.WhichOneof("report") for report in hive.taken.values()] == ["started"]


async def test_a_refused_result_is_not_sent_again_and_its_work_is_kept(
    hive: Hive, runner: RunnerProcess, source: Source
) -> None:
    hive.refuse = lambda report: "stale" if report.HasField("work") else ""
    await runner.start()
    work = lease(source, run="echo 1 > one")
    await hive.lease(work)
    await hive.outcome(work)
    await hive.until(lambda: hive.holding() == {})
    seen = len(hive.reports)
    await hive.cut()
    sessions = hive.sessions
    await hive.until(lambda: hive.sessions > sessions)
    assert len(hive.reports) == seen
    assert list(kept(runner)) == ["refs/hive/kept/fix-1/build_one/1"]


async def test_a_drained_runner_finishes_its_work_and_takes_no_more(
    hive: Hive, runner: RunnerProcess, source: Source
) -> None:
    await runner.start()
    work = lease(source, run=f"touch {runner.data}/begun; sleep 0.7; echo 1 > one")
    await hive.lease(work)
    await until((runner.data / "begun").exists)
    runner.tell()
    await hive.until(lambda: hive.beats[-1].draining)
    late = lease(source, run="echo 2 > two", name="late")
    await hive.lease(late)
    await hive.until(lambda: hive.outcomes(late) == ["declined"])
    assert isinstance(await hive.outcome(work), WorkDone)
    assert await runner.ended() == 0
    assert hive.beats[-1].draining
    assert hive.holding() == {}


async def test_a_retired_runner_finishes_what_it_has_however_long_it_takes_and_says_goodbye(
    hive: Hive, runner: RunnerProcess, source: Source
) -> None:
    await runner.start(HIVE_RUNNER_DRAIN="0.1")
    work = lease(source, run=f"touch {runner.data}/begun; sleep 1; echo 1 > one")
    await hive.lease(work)
    await until((runner.data / "begun").exists)
    runner.tell(signal.SIGUSR1)
    await hive.until(lambda: hive.beats[-1].draining)
    late = lease(source, run="echo 2 > two", name="late")
    await hive.lease(late)
    await hive.until(lambda: hive.outcomes(late) == ["declined"])
    hive.answering = False  # receipts come late: it stays until it has them
    await hive.until(lambda: any(report.HasField("work") for report in hive.reports))
    await hive.cut()
    hive.answering = True
    assert isinstance(await hive.outcome(work), WorkDone)
    assert await runner.ended() == 0
    assert hive.beats[-1].draining
    assert hive.holding() == {}


async def test_a_retiring_runner_that_is_told_to_end_ends(
    hive: Hive, runner: RunnerProcess, source: Source, nap: str
) -> None:
    with nothing_left_behind(nap):
        await runner.start(HIVE_RUNNER_DRAIN="0.3")
        work = lease(source, run=f"echo half > half; {nap}")
        await hive.lease(work)
        await until(lambda: list(runner.folder.glob("attempts/*/tree/half")))
        runner.tell(signal.SIGUSR1)
        await hive.until(lambda: hive.beats[-1].draining)
        runner.tell()
        ended = await hive.outcome(work)
        assert isinstance(ended, Failure)
        assert await runner.ended() == 0
    assert kept(runner)


async def test_a_drain_that_takes_too_long_stops_and_keeps_what_is_at_work(
    hive: Hive, runner: RunnerProcess, source: Source, nap: str
) -> None:
    with nothing_left_behind(nap):
        await runner.start(HIVE_RUNNER_DRAIN="0.3")
        work = lease(source, run=f"echo half > half; {nap}")
        await hive.lease(work)
        await until(lambda: list(runner.folder.glob("attempts/*/tree/half")))
        runner.tell()
        ended = await hive.outcome(work)
        assert isinstance(ended, Failure)
        assert ended.kind == "infrastructure"
        assert await runner.ended() == 0
    assert kept(runner)
    assert runner.folders_left() == []


async def test_a_second_signal_does_not_wait_for_what_is_at_work(
    hive: Hive, runner: RunnerProcess, source: Source, nap: str
) -> None:
    with nothing_left_behind(nap):
        await runner.start()
        await hive.lease(lease(source, run=f"echo half > half; {nap}"))
        await until(lambda: list(runner.folder.glob("attempts/*/tree/half")))
        runner.tell()
        await hive.until(lambda: hive.beats[-1].draining)
        runner.tell(signal.SIGINT)
        assert await runner.ended() == 0
    assert kept(runner)


async def test_a_wrong_token_is_named_and_a_new_one_is_taken_up(
    hive: Hive, runner: RunnerProcess
) -> None:
    token = write_token(runner.data / "secrets" / "runner.token", "wrong")
    await runner.start()
    await until(lambda: "this token is not known here" in runner.log.read_text())
    assert hive.sessions == 0
    write_token(token)
    await hive.until(lambda: hive.beats)


async def test_a_second_runner_in_the_same_folder_is_refused(
    hive: Hive, runner: RunnerProcess
) -> None:
    await runner.start()
    await hive.until(lambda: hive.beats)
    second = RunnerProcess(runner.data, hive.port)
    second.log = runner.data / "second.log"
    await second.start()
    assert await second.ended() == 1
    assert "another runner works in" in second.log.read_text()


async def test_no_more_attempts_run_than_there_are_slots(
    hive: Hive, runner: RunnerProcess, source: Source
) -> None:
    await runner.start()
    works = [lease(source, run="sleep 0.2; echo 1 > one", name=f"w{n}") for n in range(5)]
    await hive.lease(*works)
    await asyncio.gather(*(hive.outcome(work) for work in works))
    running = [
        sum(one.state == "running" for one in beat.holding) for beat in hive.beats if beat.holding
    ]
    assert max(running) <= 2


@pytest.mark.parametrize("damage", ["torn", "noise"])
async def test_a_spool_that_was_cut_off_keeps_what_is_whole(
    damage: str, hive: Hive, runner: RunnerProcess, source: Source
) -> None:
    await runner.start()
    hive.answering = False
    work = lease(source, run="echo 1 > one")
    await hive.lease(work)
    await hive.until(lambda: any(report.HasField("work") for report in hive.reports))
    await runner.kill()
    spool = runner.folder / "spool" / "reports"
    with spool.open("ab") as file:
        file.write(b'{"type":"added","rep' if damage == "torn" else b"\0\0\0\n")
    hive.answering = True
    await runner.start()
    assert isinstance(await hive.outcome(work), WorkDone)


async def test_output_comes_live_and_not_while_beats_go_unanswered(
    hive: Hive, runner: RunnerProcess, source: Source
) -> None:
    await runner.start()
    end = runner.data / "end"
    printing = f"yes | head -c 100000; until test -e {end}; do sleep 0.05; echo tick; done"
    work = lease(source, run=f"{printing}; echo 1 > one")
    await hive.lease(work)
    await hive.until(lambda: seen(hive) > 100_000)
    pieces = [piece for message in hive.output for piece in message]
    assert {(piece.task_id, piece.epoch) for piece in pieces} == {key(work)}
    assert max(len(piece.piece) for piece in pieces) <= 16 * 1024
    hive.ordering = False
    quiet_after = len(hive.beats) + 7  # more than a second
    await hive.until(lambda: len(hive.beats) >= quiet_after)
    sent = len(hive.output)
    await hive.until(lambda: len(hive.beats) >= quiet_after + 4)
    assert len(hive.output) == sent
    hive.ordering = True
    await hive.until(lambda: len(hive.output) > sent)
    await asyncio.to_thread(end.touch)
    assert isinstance(await hive.outcome(work), WorkDone)


def seen(hive: Hive) -> int:
    """Bytes of output that have come."""
    return sum(len(piece.piece) for message in hive.output for piece in message)


async def test_a_runner_that_was_off_learns_later_what_was_discarded(
    hive: Hive, runner: RunnerProcess, source: Source
) -> None:
    await runner.start()
    one, other = lease(source, run="echo 1 > one"), lease(source, run="echo 2 > two", epoch=2)
    await hive.lease(one, other)
    await hive.outcome(one)
    await hive.outcome(other)
    assert len(kept(runner)) == 2
    runner.tell(signal.SIGTERM)
    await runner.ended()
    hive.releases = [TaskRelease(one.task.task_id, all=True)]
    await runner.start()
    await until(lambda: len(kept(runner)) == 1)
    assert next(iter(kept(runner))).endswith("/2")

"""What a phase fans out over: what a command prints, a JSON value a line."""

import pytest

from hive_contracts.outcome import ItemsListed, Outcome
from hive_contracts.plan import Item, Timeouts
from tests.integration.runner.workshop import Source, Workshop, failure, lease


async def listed(
    source: Source, workshop: Workshop, command: str, run_timeout: float = 30
) -> Outcome:
    return await workshop.perform(
        lease(source, "expand", run=command, timeouts=Timeouts(run=run_timeout))
    )


async def test_each_line_is_an_item(source: Source, workshop: Workshop) -> None:
    source.commit({"names": '"src/a"\n\n{"name": "eu", "owner": "ada", "size": 3, "on": true}\n'})
    assert await listed(source, workshop, "cat names; echo said beside >&2") == ItemsListed(
        (
            Item("src/a", {"path": "src/a", "name": "a", "dir": "src"}),
            Item("eu", {"name": "eu", "owner": "ada", "size": "3", "on": "true"}),
        )
    )


async def test_the_command_finds_the_tip_and_what_the_set_up_made(
    source: Source, workshop: Workshop
) -> None:
    source.commit({".hive/repo.yaml": "setup: cp names made\n", "names": '"a"\n'})
    assert await listed(source, workshop, "cat made") == ItemsListed(
        (Item("a", {"path": "a", "name": "a", "dir": "."}),)
    )


async def test_nothing_printed_is_no_items(source: Source, workshop: Workshop) -> None:
    source.commit({"a": ""})
    assert await listed(source, workshop, "true") == ItemsListed(())


@pytest.mark.parametrize(
    ("command", "kind", "said"),
    [
        ("echo why >&2; exit 3", "agent", "ended with status 3"),
        ("kill -9 $$", "agent", "ended with status 137"),
        ("no-such-command", "permanent", "`no-such-command` was not found on the machine of"),
        ("sleep 60", "timeout", "was ended after 1 s, its time-out"),
        ("echo src/a", "permanent", "line 1 of what the command of for_each printed"),
        ("echo '\"a\"'; echo '[1]'", "permanent", "line 2"),
        ("echo 7", "permanent", "neither text nor an object"),
        ("echo null", "permanent", "neither text nor an object"),
        ("echo '\"\"'", "permanent", "it is empty"),
        ('echo \'{"owner": "x"}\'', "permanent", "it has no `name`"),
        ("echo '{\"name\": {}}'", "permanent", "what stands in `name` is no text"),
        ('echo \'"a"\'; echo \'{"name": "a"}\'', "permanent", "line 1 says the same"),
        ("printf '\"\\\\u0000\"\\n'", "permanent", "NUL"),
        ("printf '\"\\377\"\\n'", "permanent", "line 1"),
        ("printf '\"%5000s\"\\n' x", "permanent", "has 5000 characters; 4096 are allowed"),
        ("head -c 100000 /dev/zero | tr '\\0' '['", "permanent", "line 1"),
    ],
)
async def test_what_is_no_list_of_items_is_named(
    command: str, kind: str, said: str, source: Source, workshop: Workshop
) -> None:
    source.commit({"a": ""})
    failed = failure(await listed(source, workshop, command, 1 if "sleep" in command else 30))
    assert (failed.kind, said in failed.detail) == (kind, True), failed.detail


async def test_what_the_command_said_is_the_failure_s_tail(
    source: Source, workshop: Workshop
) -> None:
    source.commit({"a": ""})
    failed = failure(await listed(source, workshop, "echo no such service >&2; exit 1"))
    assert failed.tail == "no such service\n"


async def test_a_command_that_prints_for_ever_is_ended_before_the_disk_is_full(
    source: Source, workshop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hive_runner.steps.expand.MAX_BYTES", 100_000)
    source.commit({"a": ""})
    failed = failure(await listed(source, workshop, "yes '\"a\"'"))
    assert failed.kind == "permanent"
    assert "printed more than 100000 bytes" in failed.detail


async def test_more_items_than_a_phase_may_have_are_refused(
    source: Source, workshop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hive_runner.steps.expand.MAX_ITEMS", 2)
    source.commit({"a": ""})
    failed = failure(await listed(source, workshop, "printf '\"%s\"\\n' a b c"))
    assert "the command printed 3 items; a phase has at most 2" in failed.detail

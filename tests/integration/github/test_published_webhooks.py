"""What the hive makes of each webhook that GitHub publishes as an example.

    published_webhooks.txt     event action number | installation repository | what is looked at

A line is what was recorded of the delivery, and where it leads; `-` is nothing: it is stored, and
ignored. Run with HIVE_NEW_GOLDEN=1 to have the file written anew, and read what has changed.
"""

import os
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Final

import msgspec
import pytest

from hive_contracts.github.delivery import DeliveryReceived
from hive_github.webhooks.meaning import Touched, touched
from tests.conftest import Database
from tests.suites.endpoint import Endpoint, listening

PUBLISHED = Path(__file__).parents[3] / ".github-published/node_modules/@octokit/webhooks-examples"
MEANINGS = Path(__file__).with_name("published_webhooks.txt")
EXAMPLES: Final = 329
"""Of github.com, when the file was written first."""
OF_SERVERS: Final = 397
"""Of the versions of GitHub Enterprise Server, likewise: what they mean is the same."""

needs_examples = pytest.mark.skipif(
    not PUBLISHED.is_dir(), reason="`make github-published` fetches them"
)


def examples(folders: str) -> list[tuple[str, Any]]:
    """The kind of event, and what is sent with it."""
    return [
        (kind["name"], payload)
        for path in sorted(PUBLISHED.glob(f"{folders}/index.json"))
        for kind in msgspec.json.decode(path.read_bytes())
        for payload in kind["examples"]
    ]


def line(name: str, received: DeliveryReceived, found: list[Touched]) -> str:
    seen = f"{received.installation} {received.repository or '-'}"
    return f"{name} | {seen} | {'; '.join(map(said, found)) or '-'}"


def said(at: Touched) -> str:
    told = msgspec.structs.asdict(at).items()
    return " ".join([type(at).__name__, *(f"{name}={value!r}" for name, value in told if value)])


@pytest.fixture
async def endpoint(database: Database) -> AsyncIterator[Endpoint]:
    async with listening(database.url("github")) as endpoint:
        yield endpoint


async def understood(endpoint: Endpoint, sent: list[tuple[str, Any]]) -> list[str]:
    """The lines of what was delivered, as the record and the stored bodies have it."""
    for number, (event, payload) in enumerate(sent):
        body = msgspec.json.encode(payload)
        answer = await endpoint.deliver(body, event, f"{number:032x}")
        assert answer.status_code == 202, (event, answer.text)
    counted: Counter[str] = Counter()
    lines = []
    recorded = await endpoint.recorded()
    for (event, payload), received in zip(sent, recorded, strict=True):
        body = await endpoint.deliveries.body(received.delivery_id) or b""
        assert msgspec.json.decode(body) == payload
        kind = " ".join(filter(None, (received.event, received.action)))
        counted[kind] += 1
        lines.append(line(f"{kind} {counted[kind]:02}", received, touched(event, body)))
    return sorted(lines)


@needs_examples
async def test_every_published_example_passes_through_the_real_endpoint_and_means_what_it_says(
    endpoint: Endpoint,
) -> None:
    lines = await understood(endpoint, examples("api.github.com"))
    if os.environ.get("HIVE_NEW_GOLDEN"):
        MEANINGS.write_text("\n".join(lines) + "\n")
    assert lines == MEANINGS.read_text().splitlines()
    assert len(lines) >= EXAMPLES


@needs_examples
async def test_those_of_enterprise_servers_pass_and_mean_what_those_of_github_do(
    endpoint: Endpoint,
) -> None:
    known = {kinds(line) for line in MEANINGS.read_text().splitlines()}
    lines = await understood(endpoint, examples("ghes-*"))
    assert len(lines) >= OF_SERVERS
    named = {name for name, _ in known}
    assert {kinds(line) for line in lines if kinds(line)[0] in named} <= known


def kinds(line: str) -> tuple[str, tuple[str, ...]]:
    """The event and action of a line, and the kinds of what is looked at."""
    name, _, found = line.split(" | ")
    return name.rpartition(" ")[0], tuple({each.split()[0]: None for each in found.split("; ")})


def test_the_meanings_are_of_as_many_examples_as_there_are() -> None:
    assert len(MEANINGS.read_text().splitlines()) >= EXAMPLES

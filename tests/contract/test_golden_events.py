"""Each published event, byte for byte: what was written once can be read for ever.

A golden file is never changed. A new event, or a new schema version of one, brings a new file; run
this module with HIVE_NEW_GOLDEN=1 to have it written.
"""

import os
from pathlib import Path

import msgspec
import pytest

from hive_contracts.codec import UPCASTERS, decode, encode, event_types, schema_of, stream_of
from hive_contracts.envelope import Meta, Recorded
from tests.factories import sample

GOLDEN = Path(__file__).parent / "golden"
FILES = sorted(GOLDEN.rglob("*.json"))


def golden_file(category: str, type: str, schema: int) -> Path:
    return GOLDEN / category / f"{type}.v{schema}.json"


def recorded(path: Path) -> Recorded:
    type, version = path.name.removesuffix(".json").split(".v")
    meta = Meta("c" * 32, "d" * 32, "ann", schema=int(version))
    moment = msgspec.convert("2026-01-01T00:00:00Z", Recorded.__annotations__["recorded_at"])
    stream = f"{path.parent.name}-{'a' * 32}"
    return Recorded(1, stream, 1, "e" * 32, type, path.read_bytes(), meta, moment)


@pytest.mark.parametrize("key", sorted(event_types()), ids=".".join)
def test_every_event_has_a_golden_file_of_its_newest_schema(key: tuple[str, str]) -> None:
    category, type = key
    path = golden_file(category, type, schema_of(category, type))
    written = encode(sample(event_types()[key]))  # type: ignore[arg-type]
    if not path.exists() and os.environ.get("HIVE_NEW_GOLDEN"):
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(written)
    assert path.exists(), "run with HIVE_NEW_GOLDEN=1 and commit the new file"
    assert path.read_bytes() == written, "a published event has changed: write an upcaster instead"


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}.{path.stem}")
def test_every_golden_file_can_be_read(path: Path) -> None:
    event = decode(recorded(path))
    assert type(event).__name__ == path.name.split(".v")[0]
    assert stream_of(event).startswith(path.parent.name)


def test_no_upcaster_leads_nowhere() -> None:
    for category, type, schema in UPCASTERS:
        assert golden_file(category, type, schema).exists()
        assert (category, type) in event_types()

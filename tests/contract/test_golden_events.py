"""Each published event, byte for byte: what was written once can be read for ever.

    <Type>.v<schema>.json            the event when that schema was new
    <Type>.v<schema>.<digest>.json   the same schema, grown by fields with defaults

A golden file is never changed. A new event, a new schema version of one, or a new field brings a
new file; run this module with HIVE_NEW_GOLDEN=1 to have it written.
"""

import hashlib
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


def golden_files(category: str, type: str, schema: int) -> list[Path]:
    """The event of that schema, as it was first and as it has grown since."""
    first = golden_file(category, type, schema)
    return [path for path in (first, *first.parent.glob(f"{first.stem}.*.json")) if path.exists()]


def recorded(path: Path) -> Recorded:
    type, schema, *_ = path.stem.split(".")
    meta = Meta("c" * 32, "d" * 32, "ann", schema=int(schema.removeprefix("v")))
    moment = msgspec.convert("2026-01-01T00:00:00Z", Recorded.__annotations__["recorded_at"])
    stream = f"{path.parent.name}-{'a' * 32}"
    return Recorded(1, stream, 1, "e" * 32, type, path.read_bytes(), meta, moment)


@pytest.mark.parametrize("key", sorted(event_types()), ids=".".join)
def test_every_event_has_a_golden_file_with_every_field(key: tuple[str, str]) -> None:
    category, type = key
    schema = schema_of(category, type)
    written = encode(sample(event_types()[key]))  # type: ignore[arg-type]
    known = golden_files(category, type, schema)
    if written not in [path.read_bytes() for path in known] and os.environ.get("HIVE_NEW_GOLDEN"):
        path = golden_file(category, type, schema)
        if known:
            path = path.with_suffix(f".{hashlib.sha256(written).hexdigest()[:8]}.json")
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(written)
        known.append(path)
    assert written in [path.read_bytes() for path in known], (
        "run with HIVE_NEW_GOLDEN=1 and commit the new file"
    )


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}.{path.stem}")
def test_every_golden_file_can_be_read(path: Path) -> None:
    event = decode(recorded(path))
    assert type(event).__name__ == path.name.split(".v")[0]
    assert stream_of(event).startswith(path.parent.name)


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}.{path.stem}")
def test_a_published_event_only_grows(path: Path) -> None:
    """What was written is still written so: no field is renamed, dropped or narrowed."""
    record = recorded(path)
    if record.meta.schema < schema_of(path.parent.name, record.type):
        pytest.skip("an upcaster leads to the newer schema")
    assert encode(decode(record)) == path.read_bytes(), (
        "a published event has changed: write an upcaster instead"
    )


def test_no_upcaster_leads_nowhere() -> None:
    for category, type, schema in UPCASTERS:
        assert golden_file(category, type, schema).exists()
        assert (category, type) in event_types()

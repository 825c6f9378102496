"""Items that a command prints, a JSON value a line: text, or an object with a `name`."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import msgspec

from hive_contracts.globs import path_item
from hive_contracts.plan import ArtifactRef, Item
from hive_runner.errors import StepFailed, failed, plain
from hive_runner.place import repository_file
from hive_runner.steps.absent import absent
from hive_runner.steps.job import SHELL, Job, how
from hive_runner.steps.notes import NOTES, NoFile, note_bytes
from hive_runner.steps.preparation import prepare

MAX_TEXT: Final = 4_096
"""Characters of one item's value, or of one of its fields."""
# Standard output is the list; what is said beside it is the command's output. `head` ends a command
# that prints for ever before the disk is full.
_LISTED: Final = '{ /bin/sh -c "$2"; echo "$?" >"$1"; } | head -c "$3" >"$0"'


async def printed(job: Job, limit: int) -> list[Item]:
    """Run the command on the tip, after the set-up; at most `limit` bytes are read.

    Raises StepFailed: the command's fault where it fails (it is tried again), permanent where it
    prints what is no list of items.
    """
    mirror = await job.mirror()
    file = await repository_file(mirror, job.repository)
    # As for a gate: it is the plan's command, and no attempt's.
    await prepare(job, mirror, file, job.tip.commit, "gates")
    spec = job.lease.task.spec
    notes = job.workspace.folder / NOTES
    notes.mkdir(exist_ok=True)
    listed, status = notes / "items", notes / "items.status"
    output = job.output("expand")
    try:
        ended = await job.run(
            (*SHELL, _LISTED, str(listed), str(status), spec.run, str(limit + 1)), file, output,
            run_timeout=spec.timeouts.run,
        )  # fmt: skip
        tail = output.tail()
        kept = await job.keep_output(output)
    finally:
        output.close()
    if ended.reason != "exit":
        raise failed("timeout", f"the command of for_each {how(ended)}", tail=tail, output=kept)
    text = _read(listed, limit + 1)
    if len(text) > limit:
        raise failed(
            "permanent", f"the command of for_each printed more than {limit} bytes", output=kept
        )
    code = _status(status)
    if code != "0":
        said = f"the command of for_each ended with status {code}"
        known = int(code) if code.isdecimal() else None
        if lacks := absent(known, tail.splitlines(), job.place.options.name):
            raise failed("permanent", f"{said}: {lacks}", tail=tail, output=kept)
        raise failed("agent", said, tail=tail, output=kept)
    return list(_items(text, kept))


def _status(path: Path) -> str:
    return _read(path, MAX_TEXT).decode("ascii", "replace").strip() or "unknown"


def _read(path: Path, most: int) -> bytes:
    try:
        return note_bytes(path, most)
    except NoFile:
        return b""


def _items(text: bytes, output: ArtifactRef | None) -> Iterator[Item]:
    first: dict[str, int] = {}
    for number, line in enumerate(text.split(b"\n"), start=1):
        if not line.strip():
            continue
        try:
            item = _item(msgspec.json.decode(line))
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, ValueError) as error:
            raise _unusable(number, line, str(error), output) from error
        if item.value in first:
            raise _unusable(number, line, f"line {first[item.value]} says the same", output)
        first[item.value] = number
        yield item


def _item(value: Any) -> Item:
    """Raises ValueError."""
    if isinstance(value, str):
        return path_item(_text(value))
    if not isinstance(value, dict):
        raise ValueError("it is neither text nor an object with a `name`")
    if "name" not in value:
        raise ValueError("it has no `name`")
    fields = {_text(key): _text(part, key) for key, part in value.items()}
    return Item(_text(fields["name"]), fields)


def _text(value: Any, key: str = "") -> str:
    """Text, or a number or truth value as text; only an item itself may not be empty."""
    inside = f" in `{key}`" if key else ""
    if isinstance(value, bool):
        value = "true" if value else "false"
    if isinstance(value, int | float):
        value = str(value)
    if not isinstance(value, str):
        raise ValueError(f"what stands{inside} is no text")
    if not value and not key:
        raise ValueError("it is empty")
    if len(value) > MAX_TEXT:
        raise ValueError(f"the text{inside} has {len(value)} characters; {MAX_TEXT} are allowed")
    if plain(value) != value:
        raise ValueError(f"the text{inside} has a NUL character, or half of a UTF-16 pair")
    return value


def _unusable(number: int, line: bytes, why: str, output: ArtifactRef | None) -> StepFailed:
    shown = line[:80].decode("utf-8", "replace")
    return failed(
        "permanent",
        f"line {number} of what the command of for_each printed cannot be used, {shown!r}: {why}",
        output=output,
    )

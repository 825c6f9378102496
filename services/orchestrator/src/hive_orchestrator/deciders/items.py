"""Items that a phase fans out over: how they fit into events, and what their tasks are called."""

import re
from collections.abc import Collection
from typing import Final

import msgspec

from hive_contracts.plan import Item

MAX_BYTES: Final = 48_000
"""JSON bytes of items in one event."""
MAX_NAME: Final = 40


def in_chunks(items: tuple[Item, ...]) -> list[tuple[Item, ...]]:
    """The items in order, in groups that each fit into an event. No items make no group."""
    groups: list[list[Item]] = []
    room = 0
    for item in items:
        size = len(msgspec.json.encode(item)) + 1
        if size > room or not groups:
            groups.append([])
            room = MAX_BYTES
        groups[-1].append(item)
        room -= size
    return [tuple(group) for group in groups]


def task_name(item: Item, taken: Collection[str]) -> str:
    """A short name `[a-z0-9-]{1,40}` after the item's value, unlike those taken."""
    slug = re.sub(r"[^a-z0-9]+", "-", item.value.lower()).strip("-")
    name = slug[-MAX_NAME:].strip("-") or "item"
    number = 1
    while name in taken:
        number += 1
        ending = f"-{number}"
        name = (slug[-(MAX_NAME - len(ending)) :].strip("-") or "item") + ending
    return name

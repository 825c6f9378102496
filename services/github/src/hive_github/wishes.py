"""Which missions have a pull request, as far as the events that came by have told."""

from collections import OrderedDict
from typing import Final

from hive_contracts.envelope import Recorded
from hive_contracts.mission import MissionLaunched
from hive_contracts.subjects import split_stream

REMEMBERED: Final = 10_000
"""Missions; of another one nothing is known."""


class Wishes:
    def __init__(self) -> None:
        self._wished: OrderedDict[str, bool] = OrderedDict()

    def note(self, event: Recorded) -> None:
        category, id = split_stream(event.stream)
        if category == "pull_request":
            self._remember(id, wished=True)
        elif event.type == MissionLaunched.__name__:
            self._remember(id, wished=b'"pull_request":' in event.data)

    def may_have(self, mission_id: str) -> bool:
        """Also of one of which nothing is known."""
        return self._wished.get(mission_id, True)

    def _remember(self, mission_id: str, *, wished: bool) -> None:
        self._wished[mission_id] = wished or self._wished.get(mission_id, False)
        if len(self._wished) > REMEMBERED:
            self._wished.popitem(last=False)

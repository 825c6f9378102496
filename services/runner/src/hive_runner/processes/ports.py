"""Ports for attempts: each gets a block of its own, out of the runner's range.

Blocks are leased in this process's memory, so no two attempts of a runner share one. That somebody
else on the machine uses a port is found by binding it, once, when the block is leased: what takes
the port afterwards is not kept away.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from hive_contracts.files.repository import PORTS
from hive_runner.errors import failed
from hive_shared.block import are_free


class Ports:
    """The runner's range, in blocks of PORTS."""

    def __init__(self, first: int, last: int) -> None:
        self._blocks = range(first, last + 2 - PORTS, PORTS)
        self._leased: set[int] = set()

    @contextmanager
    def leased(self) -> Iterator["Block"]:
        """A block while an attempt lives; it is chosen when its first port is asked for."""
        block = Block(self)
        try:
            yield block
        finally:
            self._leased.discard(block.chosen)

    def choose(self) -> int:
        """The first port of the lowest block that is free. Raises StepFailed (infrastructure)."""
        for first in self._blocks:
            if first not in self._leased and are_free(first, PORTS):
                self._leased.add(first)
                return first
        raise failed(
            "infrastructure",
            f"no {PORTS} free ports in a row are left between {self._blocks.start} and"
            f" {self._blocks.stop - 1}: end what uses them, or set another `runner_ports`",
        )


class Block:
    """The ports of one attempt."""

    def __init__(self, ports: Ports) -> None:
        self._ports = ports
        self.chosen = 0
        """Its first port; 0 as long as nobody asked."""

    @property
    def first(self) -> int:
        """Raises StepFailed."""
        self.chosen = self.chosen or self._ports.choose()
        return self.chosen

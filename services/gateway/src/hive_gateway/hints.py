"""What is whispered on the bus: "look at the record", "this runner's orders changed". Adapter.

Hints may be lost; whoever hears them looks by itself now and then.
"""

from collections.abc import Callable

from nats.aio.client import Client
from nats.aio.msg import Msg

from hive_contracts.subjects import APPENDED, orders_hint


class Hints:
    def __init__(self) -> None:
        self._appended: list[Callable[[], None]] = []
        self._orders: list[Callable[[str], None]] = []

    async def subscribe(self, client: Client) -> None:
        await client.subscribe(APPENDED, cb=self._hear_appended)
        await client.subscribe(orders_hint("*"), cb=self._hear_orders)

    def on_appended(self, tell: Callable[[], None]) -> None:
        self._appended.append(tell)

    def on_orders(self, tell: Callable[[str], None]) -> None:
        """`tell` gets the runner's id."""
        self._orders.append(tell)

    async def _hear_appended(self, _: Msg) -> None:
        for tell in self._appended:
            tell()

    async def _hear_orders(self, message: Msg) -> None:
        for tell in self._orders:
            tell(message.subject.rpartition(".")[2])

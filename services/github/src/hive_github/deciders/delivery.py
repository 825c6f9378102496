"""A delivery: received once, worked once."""

from typing import Final, assert_never

import msgspec

from hive_contracts.github.delivery import (
    AnyDeliveryCommand,
    AnyDeliveryEvent,
    DeliveryReceived,
    DeliveryWorked,
    FinishDelivery,
    ReceiveDelivery,
)


class Delivery(msgspec.Struct, frozen=True):
    received: DeliveryReceived | None = None
    worked: bool = False


INITIAL: Final = Delivery()


def decide(state: Delivery, command: AnyDeliveryCommand) -> list[AnyDeliveryEvent]:
    """Said twice is done once: GitHub delivers again, and an effect is performed again."""
    match command:
        case ReceiveDelivery():
            if state.received is not None:
                return []
            return [
                DeliveryReceived(
                    command.delivery_id,
                    command.event,
                    command.digest,
                    command.size,
                    command.action,
                    command.installation,
                    command.repository,
                )
            ]
        case FinishDelivery():
            if state.received is None or state.worked:
                return []
            return [DeliveryWorked(command.delivery_id, command.outcome, command.reason)]
    assert_never(command)


def evolve(state: Delivery, event: AnyDeliveryEvent) -> Delivery:
    match event:
        case DeliveryReceived():
            return msgspec.structs.replace(state, received=event)
        case DeliveryWorked():
            return msgspec.structs.replace(state, worked=True)
    assert_never(event)

"""Events of a webhook's delivery: its stream is `delivery-<GUID>`.

The raw body is in a private table of the github service, from which it can be deleted; the log
holds facts and a digest.
"""

from typing import Literal

import msgspec


class DeliveryEvent(msgspec.Struct, frozen=True, tag=True, tag_field="type", omit_defaults=True):
    delivery_id: str
    """GitHub's GUID of the delivery, in lower case; a redelivery keeps it."""


class DeliveryReceived(DeliveryEvent, frozen=True):
    """Its signature was right, and its body is stored."""

    event: str
    """GitHub's name of the kind, such as `pull_request`."""
    digest: str
    """SHA-256 of the raw body, in hex."""
    size: int
    """Bytes of the raw body."""
    action: str = ""
    installation: int = 0
    """Of the App; 0 where the delivery names none."""
    repository: str = ""
    """`owner/name` at that moment; empty where the delivery is not about one."""


class DeliveryWorked(DeliveryEvent, frozen=True):
    """It was read, and what follows from it is recorded."""

    outcome: Literal["taken", "ignored", "lost"]
    """`ignored`: nothing follows from it here. `lost`: its body was gone before it was read."""
    reason: str = ""


AnyDeliveryEvent = DeliveryReceived | DeliveryWorked


class DeliveryCommand(msgspec.Struct, frozen=True, tag=True, tag_field="type"):
    delivery_id: str


class ReceiveDelivery(DeliveryCommand, frozen=True):
    event: str
    digest: str
    size: int
    action: str = ""
    installation: int = 0
    repository: str = ""


class FinishDelivery(DeliveryCommand, frozen=True):
    outcome: Literal["taken", "ignored", "lost"]
    reason: str = ""


AnyDeliveryCommand = ReceiveDelivery | FinishDelivery

"""A delivery: given what was recorded, when this comes, then these events."""

from functools import reduce

import pytest

from hive_contracts.github.delivery import (
    AnyDeliveryCommand,
    AnyDeliveryEvent,
    DeliveryReceived,
    DeliveryWorked,
    FinishDelivery,
    ReceiveDelivery,
)
from hive_github.deciders import delivery

GUID = "72d3162e-cc78-11e3-81ab-4c9367dc0958"
COMING = ReceiveDelivery(GUID, "push", "d" * 64, 7, installation=5, repository="acme/shop")
RECEIVED = DeliveryReceived(GUID, "push", "d" * 64, 7, installation=5, repository="acme/shop")
IGNORED = DeliveryWorked(GUID, "ignored", "no mission is about it")


@pytest.mark.parametrize(
    ("given", "when", "then"),
    [
        pytest.param([], COMING, [RECEIVED], id="the first is recorded"),
        pytest.param([RECEIVED], COMING, [], id="a redelivery of it is not"),
        pytest.param([RECEIVED, IGNORED], COMING, [], id="nor one long after"),
        pytest.param(
            [RECEIVED],
            FinishDelivery(GUID, "ignored", "no mission is about it"),
            [IGNORED],
            id="what came of it is recorded",
        ),
        pytest.param(
            [RECEIVED, IGNORED], FinishDelivery(GUID, "taken"), [], id="it is worked once"
        ),
        pytest.param([], FinishDelivery(GUID, "taken"), [], id="what never came is not worked"),
    ],
)
def test_delivery(
    given: list[AnyDeliveryEvent], when: AnyDeliveryCommand, then: list[AnyDeliveryEvent]
) -> None:
    assert delivery.decide(reduce(delivery.evolve, given, delivery.INITIAL), when) == then

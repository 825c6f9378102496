"""What orders make of what a runner holds."""

from hive_contracts.orders import Holding, Lease, Orders
from hive_runner.link.slots import PATIENCE, Slots
from tests.integration.runner.workshop import lease

ONE = lease(None, run="true", task_id="1" * 32)
TWO = lease(None, run="true", task_id="2" * 32)


def key(lease: Lease) -> tuple[str, int]:
    return (lease.task.task_id, lease.epoch)


def orders(*leases: Lease, keep: tuple[Lease, ...] = (), taken: tuple[Lease, ...] = ()) -> Orders:
    return Orders(
        "session",
        leases,
        tuple(Holding(*key(one)) for one in keep),
        hand_over=tuple(Holding(*key(one)) for one in taken),
    )


def holding(slots: Slots) -> dict[tuple[str, int], str]:
    return {(held.task_id, held.epoch): held.state for held in slots.holding()}


def heard(slots: Slots) -> Slots:
    slots.told(slots.holding())
    return slots


def test_what_is_leased_is_begun_once() -> None:
    slots = Slots()
    assert slots.obey(orders(ONE, TWO)).start == (ONE, TWO)
    assert slots.obey(orders(ONE, TWO)).start == ()
    assert holding(slots) == {key(ONE): "starting", key(TWO): "starting"}


def test_what_is_kept_goes_on() -> None:
    slots = Slots()
    slots.obey(orders(ONE))
    slots.running(key(ONE))
    instructions = heard(slots).obey(orders(keep=(ONE,)))
    assert (instructions.start, instructions.stop) == ((), ())
    assert holding(slots) == {key(ONE): "running"}


def test_what_no_order_names_is_stopped_and_not_held_any_more() -> None:
    slots = Slots()
    slots.obey(orders(ONE, TWO))
    slots.running(key(ONE))
    assert heard(slots).obey(orders(keep=(TWO,))).stop == (key(ONE),)
    assert holding(slots) == {key(TWO): "starting"}


def test_an_order_from_before_the_lease_stops_nothing() -> None:
    slots = Slots()
    slots.obey(orders(ONE))
    assert slots.obey(orders()).stop == ()
    assert heard(slots).obey(orders()).stop == (key(ONE),)


def test_what_was_stopped_is_begun_again_when_it_is_leased_again() -> None:
    slots = Slots()
    slots.obey(orders(ONE))
    heard(slots).obey(orders())
    assert slots.obey(orders(ONE)).start == (ONE,)


def test_a_reported_epoch_is_remembered_until_no_order_names_it() -> None:
    slots = Slots()
    slots.obey(orders(ONE))
    slots.reported(key(ONE))
    heard(slots).obey(orders(keep=(ONE,)))
    assert holding(slots) == {key(ONE): "reported"}
    instructions = slots.obey(orders())
    assert instructions.stop == ()
    assert holding(slots) == {}


def test_a_reported_epoch_is_never_begun_again() -> None:
    slots = Slots()
    slots.obey(orders(ONE))
    slots.reported(key(ONE))
    heard(slots).obey(orders())
    assert slots.obey(orders(ONE)).start == ()
    assert holding(slots) == {key(ONE): "reported"}


def test_a_later_epoch_of_the_same_task_is_another_one() -> None:
    slots = Slots()
    slots.obey(orders(ONE))
    slots.reported(key(ONE))
    later = lease(None, run="true", task_id="1" * 32, epoch=2)
    assert heard(slots).obey(orders(later)).start == (later,)
    assert holding(slots) == {key(later): "starting"}


def test_an_epoch_that_the_hive_disowned_is_dropped_at_once() -> None:
    slots = Slots()
    slots.obey(orders(ONE))
    slots.drop(key(ONE))
    slots.drop(key(ONE))
    assert holding(slots) == {}


def test_an_epoch_whose_answered_report_the_hive_has_lost_is_given_back_once() -> None:
    slots = Slots()
    slots.obey(orders(ONE))
    slots.reported(key(ONE))
    heard(slots)
    for _ in range(PATIENCE):
        assert slots.obey(orders(keep=(ONE,)), unanswered={key(ONE)}).give_back == ()
    for _ in range(PATIENCE - 1):
        assert slots.obey(orders(keep=(ONE,))).give_back == ()
    assert slots.obey(orders(keep=(ONE,))).give_back == (key(ONE),)
    assert slots.obey(orders(keep=(ONE,))).give_back == ()


def test_what_the_hive_leases_again_after_it_has_lost_its_report_is_given_back() -> None:
    slots = Slots()
    slots.obey(orders(ONE))
    slots.reported(key(ONE))
    heard(slots).obey(orders())
    given_back = [slots.obey(orders(ONE)) for _ in range(PATIENCE)]
    assert [one.give_back for one in given_back if one.give_back] == [(key(ONE),)]
    assert all(one.start == () for one in given_back)


def test_an_epoch_that_is_named_on_and_on_after_its_report_was_answered_is_given_back() -> None:
    slots = Slots()
    slots.obey(orders(ONE))
    slots.reported(key(ONE))
    back = [heard(slots).obey(orders(keep=(ONE,))).give_back for _ in range(2 * PATIENCE)]
    assert back.count((key(ONE),)) == 1
    assert back.index((key(ONE),)) == PATIENCE - 1


def test_an_epoch_whose_report_is_on_its_way_is_not_given_back() -> None:
    slots = Slots()
    slots.obey(orders(ONE))
    slots.reported(key(ONE))
    for _ in range(2 * PATIENCE):
        assert heard(slots).obey(orders(keep=(ONE,)), [key(ONE)]).give_back == ()


def test_what_a_person_has_taken_is_handed_over_until_it_is_reported() -> None:
    slots = Slots()
    slots.obey(orders(ONE))
    slots.running(key(ONE))
    for _ in range(3):
        instructions = heard(slots).obey(orders(taken=(ONE,)))
        assert (instructions.hand_over, instructions.stop) == ((key(ONE),), ())
    slots.reported(key(ONE))
    assert heard(slots).obey(orders(taken=(ONE,))).hand_over == ()
    heard(slots).obey(orders())
    assert holding(slots) == {}


def test_what_was_never_here_is_declined_once_and_not_begun_by_a_late_order() -> None:
    slots = Slots()
    assert slots.obey(orders(taken=(ONE,))).decline == (key(ONE),)
    slots.reported(key(ONE))
    assert heard(slots).obey(orders(taken=(ONE,))).decline == ()
    assert slots.obey(orders(ONE)).start == ()


def test_a_handover_that_the_hive_has_forgotten_is_declined_in_time() -> None:
    slots = Slots()
    slots.obey(orders(ONE))
    slots.reported(key(ONE))
    given_back = [heard(slots).obey(orders(taken=(ONE,))).give_back for _ in range(PATIENCE)]
    assert given_back == [()] * (PATIENCE - 1) + [(key(ONE),)]

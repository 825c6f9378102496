"""Resume tokens and the filters that they belong to."""

import base64
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hive_contracts.envelope import Meta, Recorded
from hive_gateway.filters import Filter
from hive_gateway.refusals import Refusal
from hive_gateway.resume import Place, ResumeTokens

TOKENS = ResumeTokens(b"k" * 32)
PLACE = Place("0123456789abcdef" * 2, 4711, Filter().digest())


@given(st.integers(min_value=0, max_value=2**62))
def test_a_token_comes_back_as_it_was(position: int) -> None:
    place = Place(PLACE.log_id, position, PLACE.filter)
    assert TOKENS.open(TOKENS.seal(place)) == place


def _forged(position: int) -> str:
    body = f"v1.{PLACE.log_id}.{position}.{PLACE.filter}"
    return base64.urlsafe_b64encode(f"{body}.{'0' * 32}".encode()).decode()


@pytest.mark.parametrize(
    "token",
    [
        "",
        "no token",
        "dG9rZW4=",
        _forged(1),
        TOKENS.seal(PLACE)[:-8],
        ResumeTokens(b"x" * 32).seal(PLACE),
        "ü" * 8,
        base64.urlsafe_b64encode("v1.a.b.c.ü".encode()).decode(),
    ],
)
def test_what_this_hive_did_not_seal_is_refused(token: str) -> None:
    with pytest.raises(Refusal) as caught:
        TOKENS.open(token)
    assert (caught.value.code, caught.value.where) == ("invalid", "resume_token")


def event(stream: str, type: str, correlation: str = "") -> Recorded:
    meta = Meta(correlation, "c", "a")
    return Recorded(1, stream, 1, "i", type, b"{}", meta, datetime(2026, 1, 1, tzinfo=UTC))


@pytest.mark.parametrize(
    ("filter", "matches"),
    [
        (Filter(), True),
        (Filter(categories=frozenset({"task", "runner"})), True),
        (Filter(categories=frozenset({"tas"})), False),
        (Filter(streams=frozenset({"task-1"})), True),
        (Filter(streams=frozenset({"task-2"})), False),
        (Filter(types=frozenset({"TaskLeased"})), True),
        (Filter(types=frozenset({"TaskLeased"}), streams=frozenset({"task-2"})), False),
        (Filter(mission_id="m"), True),
        (Filter(mission_id="n"), False),
    ],
)
def test_each_kind_of_condition_that_is_set_must_hold(filter: Filter, matches: bool) -> None:
    assert filter.matches(event("task-1", "TaskLeased", "m")) is matches


def test_the_same_filter_has_the_same_digest_and_another_one_another() -> None:
    one = Filter(types=frozenset(["A", "B"]))
    assert one.digest() == Filter(types=frozenset(["B", "A"])).digest()
    others = [Filter(), Filter(categories=frozenset(["A", "B"])), Filter(mission_id="A")]
    assert len({one.digest(), *(other.digest() for other in others)}) == 4

"""Ids, streams and subjects: what builds them also reads them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hive_contracts import ids, subjects

ID = st.binary(min_size=10, max_size=10)
MOMENT = st.integers(0, 2**48 - 1)
WORD = st.from_regex(r"[A-Za-z0-9_]+", fullmatch=True)


@given(MOMENT, ID)
def test_an_id_is_a_version_7_uuid_that_tells_its_moment(ms: int, entropy: bytes) -> None:
    id = ids.uuid7(ms, entropy)
    assert ids.is_id(id)
    assert ids.unix_ms_of(id) == ms
    assert id[12] == "7"
    assert id[16] in "89ab"


@given(MOMENT, MOMENT, ID)
def test_ids_sort_by_their_moment(one: int, other: int, entropy: bytes) -> None:
    if one < other:
        assert ids.uuid7(one, entropy) < ids.uuid7(other, entropy)


@given(MOMENT, ID, st.text(), st.text())
def test_a_derived_id_is_the_same_for_the_same_parts_only(
    ms: int, entropy: bytes, one: str, other: str
) -> None:
    parent = ids.uuid7(ms, entropy)
    assert ids.is_id(ids.derived_id(parent, one))
    assert ids.unix_ms_of(ids.derived_id(parent, one)) == ms
    assert (ids.derived_id(parent, one) == ids.derived_id(parent, other)) == (one == other)


@given(st.sampled_from(["mission", "task", "runner"]), WORD, WORD)
def test_an_event_subject_is_read_as_it_was_built(category: str, id: str, type: str) -> None:
    stream = subjects.stream_name(category, id)
    assert subjects.split_stream(stream) == (category, id)
    subject = subjects.event_subject(stream, type)
    assert subjects.parse_event_subject(subject) == (category, id, type)


@given(WORD, WORD)
def test_a_heartbeat_subject_is_read_as_it_was_built(service: str, instance: str) -> None:
    subject = subjects.heartbeat_subject(service, instance)
    assert subjects.parse_heartbeat_subject(subject) == (service, instance)


@pytest.mark.parametrize("name", ["", "task", "task-", "-a"])
def test_a_stream_needs_a_category_and_an_id(name: str) -> None:
    with pytest.raises(ValueError, match="no stream name"):
        subjects.split_stream(name)


@pytest.mark.parametrize("subject", ["hive.events.task", "hive.events.task.a.b.c", "x.y"])
def test_other_subjects_are_refused(subject: str) -> None:
    with pytest.raises(ValueError, match="no event subject"):
        subjects.parse_event_subject(subject)

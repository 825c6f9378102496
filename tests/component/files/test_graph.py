import graphlib
import itertools

from hypothesis import given
from hypothesis import strategies as st

from hive_contracts.files.graph import find_circle

NAMES = "abcdef"
GRAPHS = st.fixed_dictionaries(
    {name: st.lists(st.sampled_from(NAMES), max_size=3).map(tuple) for name in NAMES}
)


@given(GRAPHS)
def test_a_circle_is_found_exactly_where_there_is_no_order(
    needs: dict[str, tuple[str, ...]],
) -> None:
    try:
        graphlib.TopologicalSorter(needs).prepare()
        ordered = True
    except graphlib.CycleError:
        ordered = False
    circle = find_circle(needs)
    assert bool(circle) is not ordered
    if circle:
        assert circle[0] == circle[-1]
        assert all(after in needs[before] for before, after in itertools.pairwise(circle))


def test_a_chain_of_ten_thousand_is_walked_without_recursion() -> None:
    needs = {str(n): (str(n + 1),) for n in range(10_000)} | {"10000": ()}
    assert find_circle(needs) == []
    assert len(find_circle(needs | {"10000": ("0",)})) == 10_002

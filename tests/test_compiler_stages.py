"""The order of populations that act on each other within one instant."""

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from snnsim.compiler.stages import Cycle, stages


@settings(max_examples=200)
@given(n=st.integers(1, 12), data=st.data())
def test_every_edge_leads_to_a_later_level_and_none_could_be_earlier(n, data):
    place = data.draw(st.permutations(range(n)))
    pairs = data.draw(st.lists(st.tuples(st.integers(0, n - 1), st.integers(0, n - 1)), max_size=30))
    edges = [(a, b) for a, b in pairs if place[a] < place[b]]
    levels = stages(n, edges)
    level = {p: k for k, members in enumerate(levels) for p in members}
    assert sorted(level) == list(range(n)) and all(members == sorted(members) for members in levels)
    for p in range(n):
        assert level[p] == max((level[a] + 1 for a, b in edges if b == p), default=0)


@settings(max_examples=200)
@given(n=st.integers(1, 8), edges=st.lists(st.tuples(st.integers(0, 7), st.integers(0, 7)), max_size=20))
def test_a_cycle_that_is_named_is_one(n, edges):
    edges = [(a % n, b % n) for a, b in edges]
    try:
        path = None if stages(n, edges) else []
    except Cycle as cycle:
        path = cycle.path
    looping = any((a, a) in closure(edges) for a in range(n))
    assert (path is not None) == looping
    if path is not None:
        assert path[0] == path[-1] and len(set(path)) == len(path) - 1
        assert all((a, b) in edges for a, b in pairwise(path))


def closure(edges):
    reached = set(edges)
    while more := {(a, d) for a, b in reached for c, d in edges if b == c} - reached:
        reached |= more
    return reached


def test_an_edge_to_itself_is_a_cycle():
    with pytest.raises(Cycle, match="1 -> 1"):
        stages(2, [(0, 1), (1, 1)])

"""Views of populations as sides of projections."""

from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from snnsim.connect import (
    AllToAll,
    DistanceDependent,
    ExponentialProfile,
    FixedInDegree,
    FixedOutDegree,
    FixedProbability,
    FixedTotalNumber,
    FromArrays,
    FromSparse,
    OneToOne,
    Product,
    View,
    wire,
)
from snnsim.errors import ParameterError, WiringError
from snnsim.models.lif import LIF
from snnsim.models.staircase import Staircase
from snnsim.network import Network, Population, Projection, description_digest
from snnsim.viz import network_graph

FLAT, LAYER, OTHER = Population("exc", 20, LIF()), Population("layer", (3, 4, 5), LIF()), Population("inh", 7, LIF())


def wired(projection, seed=0):
    synapses = wire(projection, np.random.default_rng(seed))
    target = synapses.target.astype(np.int64)
    assert len(synapses.row_ptr) == projection.pre.population.size + 1
    pairs = synapses.source * projection.post.population.size + target
    assert np.all(np.diff(pairs) >= 0)  # in order of source, then target
    return synapses.source, target, synapses.entry, synapses.weight


@pytest.mark.parametrize(
    ("key", "name"),
    [
        (slice(10, 15), "exc[10:15]"),
        (slice(None, None, 2), "exc[::2]"),
        (slice(None, None, -3), "exc[::-3]"),
        (slice(-3, None), "exc[-3:]"),
        (7, "exc[7]"),
        (-1, "exc[-1]"),
        (Ellipsis, "exc[...]"),
        ([1, 5, 9], "exc[[1, 5, 9]]"),
        (np.array([9, 1, 5, 2, 0], dtype=np.uint8), "exc[[9, 1, 5, 2, ... 5 neurons]]"),
        (np.arange(20) % 6 == 1, "exc[[1, 7, 13, 19]]"),
    ],
)
def test_a_flat_population_is_indexed_like_an_array(key, name):
    view = FLAT[key]
    wanted = np.atleast_1d(np.arange(20)[key])
    assert isinstance(view, View) and view.population is FLAT and view.name == name
    np.testing.assert_array_equal(view.indices, wanted)
    assert view.indices.dtype == np.int64 and view.shape == wanted.shape and view.size == wanted.size


@pytest.mark.parametrize(
    ("key", "name", "shape"),
    [
        (0, "layer[0]", (4, 5)),
        (np.s_[:, 3:4], "layer[:, 3:4]", (3, 1, 5)),
        (np.s_[..., 1], "layer[..., 1]", (3, 4)),
        (np.s_[1, ..., ::2], "layer[1, ..., ::2]", (4, 3)),
        (np.s_[2, 3, 4], "layer[2, 3, 4]", (1,)),
        (np.arange(60).reshape(3, 4, 5) > 56, "layer[[57, 58, 59]]", (3,)),
    ],
)
def test_a_shaped_population_is_indexed_along_its_axes(key, name, shape):
    view = LAYER[key]
    assert view.name == name and view.shape == shape and repr(view).startswith(f"View({name}, ")
    np.testing.assert_array_equal(view.indices, np.ravel(np.arange(60).reshape(3, 4, 5)[key]))


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: FLAT[20], r"Population\('exc'\) index 20 must lie in -20 \.\. 19"),
        (lambda: FLAT[10:21], r"index 21 must lie within -20 \.\. 20"),
        (lambda: FLAT[5:5], r"\[5:5\] must pick a neuron: it picks none"),
        (lambda: FLAT[::0], "slice of step 0"),
        (lambda: FLAT[[1, 2, 1]], r"index 1 must be given once"),
        (lambda: FLAT[[1, 20]], "= 20 must be <= 19"),
        (lambda: FLAT[[-1]], "= -1 must be >= 0"),
        (lambda: FLAT[[]], "must pick a neuron"),
        (lambda: FLAT[[0.5]], "must hold whole numbers"),
        (lambda: FLAT[np.ones(19, dtype=bool)], r"the mask has shape \(19,\) but must have that of the population, \(20,\)"),
        (lambda: FLAT[1.0], r"index 1\.0 must be a whole number, a slice"),
        (lambda: FLAT[True], "index True must be a whole number"),
        (lambda: FLAT["a"], "index 'a' must be a whole number"),
        (lambda: FLAT[1, 2], "has 2 parts but must have at most 1"),
        (lambda: LAYER[[0, 1]], r"so must the population, here \(3, 4, 5\)\. Index a shaped population by"),
        (lambda: LAYER[0, 4], r"index 4 must lie in -4 \.\. 3"),
        (lambda: LAYER[..., ...], "has 2 parts but must have"),
    ],
)
def test_a_wrong_index_is_refused(make, words):
    with pytest.raises(ParameterError, match=words):
        make()


def test_views_cannot_be_changed_and_populations_are_no_sequences():
    view = FLAT[2:4]
    with pytest.raises(AttributeError, match="cannot be changed"):
        view.name = "x"
    with pytest.raises(ValueError, match="read-only"):
        view.indices[0] = 1
    with pytest.raises(TypeError, match="not iterable"):
        iter(FLAT)


def test_networks_find_the_population_behind_a_view_and_name_the_projection_by_it():
    projections = [
        Projection(FLAT[10:15], OTHER, AllToAll()),
        Projection(OTHER, LAYER[:, 1], AllToAll()),
        Projection(FLAT, OTHER, AllToAll()),
    ]
    net = Network(*projections, projections[0])
    assert list(net.populations) == ["exc", "inh", "layer"] and net.population("exc") is FLAT
    assert list(net.projections) == ["exc[10:15] -> inh", "inh -> layer[:, 1]", "exc -> inh", "exc[10:15] -> inh #2"]
    assert projections[0].pre.indices.tolist() == [10, 11, 12, 13, 14] and projections[0].post is OTHER
    assert repr(projections[0]) == "Projection('exc[10:15]' -> 'inh', AllToAll)"
    assert network_graph(net).get_figure() is not None


def test_a_projection_accepts_nothing_else_and_integer_units_no_views():
    with pytest.raises(WiringError, match=r"Projection\.post = \[1\] must be a Population, or a View"):
        Projection(FLAT, [1], AllToAll())
    a, b = (Population(name, 3, Staircase(theta=1, s_min=-3, s_max=3)) for name in "ab")
    with pytest.raises(WiringError, match="joined by whole populations, not views"):
        Projection(a[:2], b[:2], OneToOne())
    with pytest.raises(WiringError, match=r"Product\.partner = View\(b\[:2\], 2\) must be a Population, and a whole one"):
        Projection(a, Population("c", (3, 2), a.model), Product(b[:2], "i,j->ij"))


def test_the_digest_of_a_network_knows_the_neurons_of_a_view():
    sides = [FLAT, FLAT[:], FLAT[:5], FLAT[1:6], FLAT[[1, 2, 3, 4, 5]], FLAT[[5, 2, 3, 4, 1]]]
    names = [description_digest(Network(Projection(side, OTHER, AllToAll()))) for side in sides]
    assert names[3] == names[4] and len(set(names)) == 5


SETS = st.lists(st.integers(0, 19), min_size=1, unique=True)


@given(pre=SETS, post=SETS)
def test_all_pairs_of_two_views_are_joined_but_no_neuron_to_itself(pre, post):
    source, target, *_ = wired(Projection(FLAT[pre], FLAT[post], AllToAll()))
    assert list(zip(source.tolist(), target.tolist(), strict=True)) == sorted((i, j) for i in pre for j in post if i != j)
    both = wired(Projection(FLAT[pre], FLAT[post], AllToAll(autapses=True)))[0]
    assert len(both) == len(pre) * len(post)


@given(pre=SETS, post=SETS, seed=st.integers(0, 2**32 - 1))
@pytest.mark.parametrize("multapses", [False, True])
@pytest.mark.parametrize("rule", [FixedInDegree, FixedOutDegree, FixedTotalNumber])
def test_fixed_numbers_hold_between_overlapping_views(rule, multapses, pre, post, seed):
    shared = len(set(pre) & set(post))
    room = {
        FixedInDegree: len(pre) - (shared > 0),
        FixedOutDegree: len(post) - (shared > 0),
        FixedTotalNumber: len(pre) * len(post) - shared,
    }[rule]
    n = room if not multapses or not room else room + 3
    source, target, *_ = wired(Projection(FLAT[pre], FLAT[post], rule(n, multapses=multapses)), seed)
    assert not np.any(source == target) and set(source) <= set(pre) and set(target) <= set(post)
    if rule is FixedInDegree:
        assert np.bincount(target, minlength=20)[post].tolist() == [n] * len(post)
    elif rule is FixedOutDegree:
        assert np.bincount(source, minlength=20)[pre].tolist() == [n] * len(pre)
    else:
        assert len(source) == n
    if not multapses:
        assert len(set(zip(source, target, strict=True))) == len(source)


def test_probability_is_the_same_for_all_pairs_of_overlapping_views():
    counts, trials = np.zeros((20, 20)), 3000
    for seed in range(trials):
        source, target, *_ = wired(Projection(FLAT[[4, 9, 2, 7]], FLAT[3:10], FixedProbability(0.3)), seed)
        counts[source, target] += 1
    allowed = np.zeros((20, 20), dtype=bool)
    allowed[np.ix_([4, 9, 2, 7], np.arange(3, 10))] = True
    allowed &= ~np.eye(20, dtype=bool)
    assert not counts[~allowed].any()
    assert np.max(np.abs(counts[allowed] / trials - 0.3)) < 4.0 * np.sqrt(0.21 / trials)


def test_neurons_keep_their_own_positions_and_are_not_joined_to_themselves():
    points = np.arange(20.0)
    pre, post = FLAT[12:4:-1], FLAT[[6, 8, 3]]
    near = DistanceDependent(ExponentialProfile(length=1e9), points[pre.indices], points[post.indices], reach=1.5)
    source, target, *_ = wired(Projection(pre, post, near))
    assert list(zip(source.tolist(), target.tolist(), strict=True)) == [(5, 6), (7, 6), (7, 8), (9, 8)]


def test_values_listed_for_a_view_stay_with_their_synapses():
    pre, post = LAYER[0, :, 1], FLAT[[9, 2, 5]]
    lists = FromArrays([3, 0, 3], [0, 1, 1])
    source, target, entry, _ = wired(Projection(pre, post, lists, weight=[0.1, 0.2, 0.3]))
    assert list(zip(source.tolist(), target.tolist(), entry.tolist(), strict=True)) == [(1, 2, 1), (16, 2, 2), (16, 9, 0)]
    matrix = SimpleNamespace(row=np.array([1, 1]), col=np.array([0, 1]), data=np.array([0.5, 0.25]), shape=(4, 3))
    matrix.tocoo = lambda: matrix
    source, target, entry, weight = wired(Projection(pre, post, FromSparse(matrix)))
    assert (source.tolist(), target.tolist(), weight.tolist(), entry.tolist()) == ([6, 6], [2, 9], [0.25, 0.5], [1, 0])


def test_array_weights_follow_the_order_of_the_view():
    """Synapse k of the view, by source and target there, has weight k wherever it lands."""
    source, target, entry, _ = wired(Projection(FLAT[[8, 3]], FLAT[[7, 1, 4]], AllToAll()))
    assert source.tolist() == [3, 3, 3, 8, 8, 8] and target.tolist() == [1, 4, 7, 1, 4, 7] and entry.tolist() == [4, 5, 3, 1, 2, 0]
    straight = wired(Projection(FLAT[[3, 8]], FLAT[1:5], AllToAll(autapses=True)))
    assert straight[2] is None


def test_a_whole_population_is_wired_as_before_and_types_are_those_of_the_population():
    random = np.random.default_rng(1)
    connector = FixedProbability(0.4)
    plain = connector.between((20,), (20,), same=True, random=random)
    through = wire(Projection(FLAT, FLAT, connector), np.random.default_rng(1))
    assert through.target.tobytes() == plain.target.tobytes() and through.row_ptr.tobytes() == plain.row_ptr.tobytes()
    as_view = wire(Projection(FLAT[:], FLAT, connector), np.random.default_rng(1))
    assert as_view.target.tobytes() == plain.target.tobytes()
    large = Population("large", (1 << 16) + 1, LIF())
    last = wire(Projection(FLAT[0], large[-2:], AllToAll()), random)
    assert last.target.dtype == np.uint32 and last.target.tolist() == [(1 << 16) - 1, 1 << 16]

"""Distance-dependent connectors, their profiles and the cell lists behind them."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from synapse_lists import listed

from snnsim.connect import BallProfile, DistanceDependent, ExponentialProfile, GaussianProfile
from snnsim.connect import cells as cell_lists
from snnsim.errors import ParameterError, WiringError

PROFILES = [GaussianProfile(sigma=0.1, peak=0.6), ExponentialProfile(length=0.05), BallProfile(radius=0.2, peak=0.3)]


def synapses(connector, same=False, seed=0):
    n = len(connector.pre), len(connector.post)
    return listed(connector.synapses(*n, same=same, random=np.random.default_rng(seed)))


def distances(pre, post, box):
    step = post[None] - pre[:, None]
    if box is not None:
        step = np.abs(step) % box
        step = np.minimum(step, box - step)
    return np.sqrt((step**2).sum(axis=2))


@given(
    d=st.integers(1, 3), n_pre=st.integers(1, 40), n_post=st.integers(1, 40), radius=st.floats(1e-3, 2.0), periodic=st.booleans(),
    grid=st.booleans(), seed=st.integers(0, 2**32 - 1),
)  # fmt: skip
def test_a_sure_ball_holds_exactly_the_pairs_within_its_radius(d, n_pre, n_post, radius, periodic, grid, seed):
    random = np.random.default_rng(seed)
    pre, post = random.uniform(-0.5, 1.5, (n_pre, d)), random.uniform(0.0, 1.0, (n_post, d))
    if grid:  # pairs at exactly the radius, neurons on edges of cells and of the box
        pre, post, radius = np.rint(4 * pre) / 4, np.rint(4 * post) / 4, max(np.rint(4 * radius) / 4, 0.25)
    box = np.array([1.0, 0.75, 1.25])[:d] if periodic else None
    source, target, *_ = synapses(DistanceDependent(BallProfile(radius=radius), pre, post, box=box))
    wrapped = (pre % box, post % box) if periodic else (pre, post)
    wanted = np.argwhere(distances(*wrapped, box) <= radius)
    np.testing.assert_array_equal(np.stack([source, target], axis=1), wanted)


@pytest.mark.parametrize("box", [None, 1.0])
@pytest.mark.parametrize("profile", PROFILES, ids=lambda profile: type(profile).__name__)
def test_the_share_of_synapses_follows_the_profile(profile, box):
    random = np.random.default_rng(5)
    points = random.uniform(0.0, 1.0, (1500, 2))
    source, target, *_ = synapses(DistanceDependent(profile, points, box=box), same=True)
    assert np.all(np.diff(source * 1500 + target) > 0) and not np.any(source == target)
    made = np.zeros((1500, 1500))
    made[source, target] = 1.0
    d = distances(points, points, box)
    other = ~np.eye(1500, dtype=bool)
    p = profile(d)
    edges = np.quantile(d[(p > 1e-3) & other], np.linspace(0.0, 1.0, 26))
    for low, high in pairwise(edges):
        ring = (d >= low) & (d < high) & other
        sd = np.sqrt(np.sum(p[ring] * (1.0 - p[ring])))
        assert abs(made[ring].sum() - p[ring].sum()) <= 4.5 * sd + 1e-9


def test_synapses_do_not_depend_on_the_size_of_chunks(monkeypatch):
    points = np.random.default_rng(1).uniform(0.0, 1.0, (300, 2))
    connector = DistanceDependent(GaussianProfile(sigma=0.05), points, box=1.0)
    whole = synapses(connector)
    monkeypatch.setattr(cell_lists, "_CHUNK", 100)
    for a, b in zip(whole[:2], synapses(connector)[:2], strict=True):
        np.testing.assert_array_equal(a, b)
    assert not np.array_equal(synapses(connector, seed=1).target, whole.target)


def test_cell_lists_look_at_few_pairs_in_chunks_of_bounded_size():
    points = np.random.default_rng(2).uniform(0.0, 1.0, (200_000, 2))
    sizes = [len(source) for source, _ in cell_lists.candidates(points, points, 0.002, None)]
    assert max(sizes) <= 1 << 20
    assert sum(sizes) < 2_500_000  # of 4e10 pairs; nine cells of the reach hold 1,440,000


def test_any_function_may_be_a_profile():
    points = np.linspace(0.0, 1.0, 50)
    ring = DistanceDependent(lambda d: ((d > 0.25) & (d < 0.5)).astype(float), points)
    source, target, *_ = synapses(ring)
    d = np.abs(points[source] - points[target])
    assert len(d) > 100 and d.min() > 0.25 and d.max() < 0.5
    short = DistanceDependent(lambda d: np.ones_like(d), points, reach=0.1, autapses=True)
    source, target, *_ = synapses(short, same=True)
    assert np.abs(points[source] - points[target]).max() <= 0.1 and np.sum(source == target) == 50


@pytest.mark.parametrize("profile", PROFILES, ids=lambda profile: type(profile).__name__)
def test_the_reach_of_a_profile_leaves_out_nothing_that_could_be_drawn(profile):
    beyond = np.nextafter(profile.reach, np.inf)
    assert profile(np.array([beyond * 1.0001]))[0] <= 2.0**-53
    assert profile(np.array([0.0]))[0] == profile.peak


def test_wrong_values_are_refused():
    points = np.zeros((3, 2))
    for make, words in [
        (lambda: GaussianProfile(sigma=0.0), r"GaussianProfile\.sigma = 0 must be > 0"),
        (lambda: BallProfile(radius=1.0, peak=1.1), r"BallProfile\.peak = 1\.1 must be <= 1"),
        (lambda: ExponentialProfile(length=[1.0, 2.0]), r"ExponentialProfile\.length = .* must be one number"),
        (lambda: DistanceDependent(GaussianProfile, points), r"DistanceDependent\.profile = .* must be a profile such as"),
        (lambda: DistanceDependent(PROFILES[0], np.zeros((2, 2, 2))), r"DistanceDependent\.pre has shape \(2, 2, 2\)"),
        (lambda: DistanceDependent(PROFILES[0], points, np.zeros((3, 1))), "has 2 and post 1 coordinates"),
        (lambda: DistanceDependent(PROFILES[0], points, box=0.0), r"DistanceDependent\.box = 0 must be > 0"),
        (lambda: DistanceDependent(PROFILES[0], points, box=[1.0, 1.0, 1.0]), r"box has shape \(3,\) but must be one edge or 2"),
        (lambda: DistanceDependent(PROFILES[0], points, reach=-1.0), r"DistanceDependent\.reach = -1 must be >= 0"),
        (lambda: synapses(DistanceDependent(lambda d: 1.5 + d, points)), r"profile\(0\) = 1\.5 must lie in \[0, 1\]"),
        (lambda: synapses(DistanceDependent(lambda d: d[:1], points)), r"returned shape \(1,\) for distances \(9,\)"),
    ]:
        with pytest.raises(ParameterError, match=words):
            make()
    with pytest.raises(WiringError, match=r"here: DistanceDependent\.post holds 3 positions for 4 neurons"):
        DistanceDependent(PROFILES[0], points).check("here", (3,), (2, 2))

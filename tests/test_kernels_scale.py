"""Weights put within bounds, and the search for one that is no number."""

import numpy as np
import pytest

from snnsim.kernels.scale import bound


@pytest.mark.parametrize("run", [bound, bound.py_func], ids=["compiled", "python"])
def test_weights_are_cut_at_the_bounds_where_all_are_finite(run):
    weight = np.array([-0.5, 0.0, 0.25, 1.0, 7.0])
    assert run(weight, 0.0, 1.0) == -1
    assert weight.tolist() == [0.0, 0.0, 0.25, 1.0, 1.0]
    assert run(np.empty(0), 0.0, 1.0) == -1
    free = np.array([-1e300, 1e300])
    assert run(free, -np.inf, np.inf) == -1 and free.tolist() == [-1e300, 1e300]


@pytest.mark.parametrize("run", [bound, bound.py_func], ids=["compiled", "python"])
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_the_first_weight_that_is_not_finite_is_found_and_nothing_is_cut(run, bad):
    weight = np.linspace(-1.0, 2.0, 100)
    weight[[41, 77]] = bad
    before = weight.copy()
    assert run(weight, 0.0, 1.0) == 41
    assert np.array_equal(weight, before, equal_nan=True)

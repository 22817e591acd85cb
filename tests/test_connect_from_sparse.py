"""Synapses from a sparse matrix."""

from types import SimpleNamespace

import numpy as np
import pytest
from synapse_lists import listed

from snnsim.connect import FromSparse
from snnsim.errors import ParameterError, WiringError


def coo(row, col, data, shape):
    """Return what `tocoo` of a scipy matrix returns, as far as a connector looks."""
    array = SimpleNamespace(row=np.array(row, dtype=np.int32), col=np.array(col, dtype=np.int32), data=np.array(data), shape=shape)
    array.tocoo = lambda: array
    return array


def synapses(connector):
    return listed(connector.synapses(*connector.shape, same=False, random=np.random.default_rng(0)))


def test_stored_entries_are_synapses_in_order_with_their_weights():
    source, target, entry, weight = synapses(FromSparse(coo([2, 0, 2, 0], [1, 3, 0, 3], [0.5, 1, 0, 2], (3, 4))))
    assert list(zip(source, target, weight, entry, strict=True)) == [(0, 3, 1.0, 1), (0, 3, 2.0, 3), (2, 0, 0.0, 2), (2, 1, 0.5, 0)]


@pytest.mark.parametrize("form", ["csr_array", "csc_array", "coo_array", "lil_matrix", "bsr_matrix", "dok_array"])
def test_any_scipy_format_is_read(form):
    sparse = pytest.importorskip("scipy.sparse")
    random = np.random.default_rng(1)
    dense = random.normal(size=(6, 9)) * (random.random((6, 9)) < 0.4)
    source, target, _, weight = synapses(FromSparse(getattr(sparse, form)(dense)))
    got = np.zeros((6, 9))
    got[source, target] = weight
    np.testing.assert_array_equal(got, dense)
    assert np.all(np.diff(source * 9 + target) > 0)


def test_the_values_are_copied():
    given = coo([0], [0], [1.0], (1, 1))
    connector = FromSparse(given)
    given.data[0] = given.row[0] = 7
    assert connector.weight[0] == 1.0 and connector.source[0] == 0 and not connector.weight.flags.writeable


def test_wrong_values_are_refused():
    with pytest.raises(ParameterError, match=r"FromSparse\.matrix = ndarray must be a scipy sparse matrix"):
        FromSparse(np.eye(2))
    with pytest.raises(ParameterError, match=r"FromSparse\.matrix\.data = .* must be a number"):
        FromSparse(coo([0], [0], [True], (1, 1)))
    with pytest.raises(ParameterError, match=r"FromSparse\.matrix\.data = nan must be finite"):
        FromSparse(coo([0], [0], [np.nan], (1, 1)))
    with pytest.raises(WiringError, match=r"here: FromSparse\.matrix has shape \(2, 3\) but must be \(3, 2\), sources by targets"):
        FromSparse(coo([], [], np.empty(0), (2, 3))).check("here", (3,), (2,))

"""Convolution as a list of synapses."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from synapse_lists import listed

from snnsim.connect import Convolution, OneToOne
from snnsim.errors import ParameterError, WiringError

SIDE = st.integers(1, 7)


def matrix(connector, pre, post):
    source, target, entry, weight = listed(connector.between(pre, post, same=False, random=np.random.default_rng(0)))
    n_pre, n_post = int(np.prod(pre)), int(np.prod(post))
    assert entry is None and np.all(np.diff(source * n_post + target) > 0)
    dense = np.zeros((n_pre, n_post))
    dense[source, target] = weight
    return dense


def correlate(image, weight, stride, padding):
    """Correlate by the definition, one output at a time."""
    padded = np.pad(image, ((0, 0), *((p, p) for p in padding)))
    kernel = weight.shape[2:]
    size = [(n - k) // s + 1 for n, k, s in zip(padded.shape[1:], kernel, stride, strict=True)]
    out = np.empty((len(weight), *size))
    for y, x in np.ndindex(*size):
        window = padded[:, y * stride[0] : y * stride[0] + kernel[0], x * stride[1] : x * stride[1] + kernel[1]]
        out[:, y, x] = np.tensordot(weight, window, 3)
    return out


@given(
    channels=st.tuples(st.integers(1, 3), st.integers(1, 3)), size=st.tuples(SIDE, SIDE), kernel=st.tuples(SIDE, SIDE),
    stride=st.tuples(st.integers(1, 3), st.integers(1, 3)), padding=st.tuples(st.integers(0, 3), st.integers(0, 3)),
    seed=st.integers(0, 2**32 - 1),
)  # fmt: skip
def test_synapses_are_a_convolution_of_the_population(channels, size, kernel, stride, padding, seed):
    random = np.random.default_rng(seed)
    weight, image = random.normal(size=(*channels, *kernel)), random.normal(size=(channels[1], *size))
    connector = Convolution(weight, stride=stride, padding=padding)
    if any(n + 2 * p < k for n, p, k in zip(size, padding, kernel, strict=True)):
        with pytest.raises(WiringError, match="is larger than"):
            connector.post_shape(image.shape)
        return
    wanted = correlate(image, weight, stride, padding)
    assert connector.post_shape(image.shape) == wanted.shape
    connector.check("here", image.shape, wanted.shape)
    got = image.ravel() @ matrix(connector, image.shape, wanted.shape)
    np.testing.assert_allclose(got.reshape(wanted.shape), wanted, atol=1e-12)


def test_synapses_are_the_convolution_of_pytorch():
    torch = pytest.importorskip("torch")
    random = np.random.default_rng(0)
    weight, image = random.normal(size=(4, 3, 3, 5)), random.normal(size=(3, 12, 11))
    wanted = torch.nn.functional.conv2d(torch.tensor(image)[None], torch.tensor(weight), stride=(2, 1), padding=(1, 2))[0].numpy()
    got = image.ravel() @ matrix(Convolution(weight, stride=(2, 1), padding=(1, 2)), image.shape, wanted.shape)
    np.testing.assert_allclose(got.reshape(wanted.shape), wanted, atol=1e-12)


def test_one_number_stands_for_both_directions_and_zeros_are_synapses():
    pair, one = (Convolution(np.zeros((1, 1, 2, 2)), stride=s, padding=p) for s, p in (((2, 2), (1, 1)), (2, 1)))
    assert (pair.stride, pair.padding) == (one.stride, one.padding) == ((2, 2), (1, 1))
    plain = Convolution(np.zeros((1, 1, 2, 2)))
    assert len(plain.between((1, 3, 3), (1, 2, 2), same=False, random=np.random.default_rng(0)).source) == 16


def test_wrong_values_are_refused():
    with pytest.raises(ParameterError, match=r"Convolution\.weight has shape \(3, 3\)"):
        Convolution(np.ones((3, 3)))
    with pytest.raises(ParameterError, match=r"Convolution\.stride = 0 must be >= 1"):
        Convolution(np.ones((1, 1, 3, 3)), stride=0)
    with pytest.raises(ParameterError, match=r"Convolution\.padding = \(1, 1, 1\) must be one number or two"):
        Convolution(np.ones((1, 1, 3, 3)), padding=(1, 1, 1))
    connector = Convolution(np.ones((2, 3, 3, 3)))
    with pytest.raises(WiringError, match=r"here: Convolution\.weight .* takes a population of \(3, height, width\), not \(27,\)"):
        connector.check("here", (27,), (2, 1, 1))
    with pytest.raises(WiringError, match=r"here: Convolution turns \(3, 5, 5\) into \(2, 3, 3\), not \(2, 5, 5\)"):
        connector.check("here", (3, 5, 5), (2, 5, 5))
    assert not connector.weighted and OneToOne().weighted

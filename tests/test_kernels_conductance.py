"""Steps of neurons with conductances: what a neuron does depends on its own state alone, whatever loop takes it."""

import numpy as np
import pytest

from snnsim.kernels.magnus import SHARE, cross_stiff
from snnsim.models.lif_cond_alpha import LIFCondAlpha
from snnsim.models.lif_cond_exp import LIFCondExp

MODELS = (LIFCondExp, LIFCondAlpha)
N = 203  # no multiple of any width of a vector


def mixture(form, n=N, strongest=5000.0):
    """Return random states, every third neuron refractory, from silent to stiff, and input for some of them."""
    random, state = np.random.default_rng(3), form.state.copy()
    state[0] = random.uniform(-80.0, -50.5, n)
    for row in range(1, len(state) - 1):
        state[row] = strongest * random.random(n) ** 6
    state[-1] = np.where(random.random(n) < 0.3, random.integers(1, 4, n), 0)
    return state, random.random((2, n)) * (random.random((2, n)) < 0.3) * np.array([[60.0], [-40.0]])


def stepped(form, state, inputs, n_steps=3):
    """Return the state, the neurons that fired in some step, in ascending order, and the tally after steps with the same input."""
    state, n = state.copy(), state.shape[1]
    events, tally, fired = np.zeros((2, n), dtype=np.int32), np.zeros(3, dtype=np.int64), []
    for step in range(n_steps):
        n_spiking = form.step(step, state, form.coef, np.ascontiguousarray(inputs), np.uint64(0), events, tally)
        fired += events[0, :n_spiking].tolist()
    return state, np.unique(fired).astype(int), tally


def conductances(form, state):
    """Return g and d of both synapses, and for every neuron whether it is stiff, by the definition."""
    exc, inh = state[1], state[2]
    d_exc, d_inh = (state[3], state[4]) if len(state) == 6 else (np.zeros_like(exc), np.zeros_like(inh))
    c_m, g_leak, dt, pieces = form.coef[5, 0], form.coef[1, 0], form.coef[8, 0], form.coef[9, 0]
    return exc, d_exc, inh, d_inh, (g_leak + exc + inh + (d_exc + d_inh) * dt) * dt / pieces / c_m > SHARE


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("tau", [5.0, 0.07])
def test_the_vector_loop_and_the_scalar_path_agree(model, tau):
    form = model(tau_syn_exc=tau).clock_form(N, 0.1)
    state, inputs = mixture(form, strongest=400.0 if model is LIFCondExp else 800.0)
    exc, d_exc, inh, d_inh, stiff = conductances(form, state)
    free = state[-1] == 0.0
    expected = [
        cross_stiff(v, *g, form.coef, 0) if go else v
        for v, go, *g in zip(state[0], free, exc, d_exc, inh, d_inh, strict=True)
    ]  # fmt: skip
    after, fired, _ = stepped(form, state, inputs, 1)
    held = np.setdiff1d(np.arange(N), fired)
    assert np.count_nonzero(free & ~stiff) > 90 and len(held) > 100
    np.testing.assert_allclose(after[0, held], np.array(expected)[held], rtol=0.0, atol=1e-12)


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("tau", [5.0, 0.07])
def test_permuting_neurons_permutes_their_bits(model, tau):
    form = model(tau_syn_exc=tau).clock_form(N, 0.1)
    state, inputs = mixture(form)
    stiff = conductances(form, state)[-1]
    assert 10 < np.count_nonzero(stiff) < N - 10
    order = np.random.default_rng(8).permutation(N)
    after, fired, tally = stepped(form, state, inputs)
    permuted, fired_too, tally_too = stepped(form, np.ascontiguousarray(state[:, order]), inputs[:, order])
    np.testing.assert_array_equal(permuted, after[:, order])
    np.testing.assert_array_equal(np.sort(order[fired_too]), fired)
    np.testing.assert_array_equal(tally_too, tally)
    assert len(fired) > 0 and tally.sum() == 3 * N


@pytest.mark.parametrize("model", MODELS)
def test_a_neuron_alone_or_in_a_part_has_the_bits_it_has_among_others(model):
    form = model().clock_form(N, 0.1)
    state, inputs = mixture(form)
    after, _, _ = stepped(form, state, inputs)
    for part in (slice(0, 1), slice(17, 18), slice(3, 12), slice(100, N)):
        mine, _, _ = stepped(form, np.ascontiguousarray(state[:, part]), inputs[:, part])
        np.testing.assert_array_equal(mine, after[:, part])


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("tau", [5.0, 0.07])
def test_coefficients_of_their_own_give_neurons_the_same_bits(model, tau):
    form, each = model(tau_syn_exc=tau).clock_form(N, 0.1), model(tau_syn_exc=np.full(N, tau)).clock_form(N, 0.1)
    assert form.coef.shape[1] == 1 and each.coef.shape[1] == N
    state, inputs = mixture(form)
    for one, other in zip(stepped(form, state, inputs), stepped(each, state, inputs), strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("model", MODELS)
def test_a_stiff_neuron_leaves_the_ordinary_ones_beside_it_alone(model):
    form = model(v_th=0.0).clock_form(N, 0.1)
    state, inputs = mixture(form, strongest=50.0)
    calm, _, _ = stepped(form, state, inputs)
    state[1, 50], state[2, 50], state[-1, 50] = 1e7, 3e7, 0.0
    mixed, _, _ = stepped(form, state, inputs)
    others = np.arange(N) != 50
    np.testing.assert_array_equal(mixed[:, others], calm[:, others])
    assert mixed[0, 50] == pytest.approx(-60.0, abs=0.5)  # 3 : 1 between -80 and 0 mV, as conductances decay alike in 0.3 ms

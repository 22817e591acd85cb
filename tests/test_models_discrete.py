"""Leaky, Synaptic and NorseLIF against snnTorch and Norse, in doubles: every spike and every state of 100 random steps."""

import numpy as np
import pytest
from nest_traces import run_steps

from snnsim.connect import FromArrays
from snnsim.currents import Current, StepCurrent
from snnsim.engines.spiking import run_spiking
from snnsim.errors import ParameterError
from snnsim.models.norse_lif import NorseLIF
from snnsim.models.norse_lif_box import NorseLIFBox
from snnsim.models.snntorch_leaky import Leaky
from snnsim.models.snntorch_synaptic import Synaptic
from snnsim.models.spike_array import SpikeArray
from snnsim.network import Network, Population, Projection

STEPS, N_IN, N_OUT = 100, 12, 25


def random_task(seed, scale):
    """Return random input spikes and weights. Weights are multiples of 1/64: their sums do not depend on the order."""
    random = np.random.default_rng(seed)
    return random.random((STEPS, N_IN)) < 0.4, np.rint(random.normal(size=(N_OUT, N_IN)) * scale * 64.0) / 64.0


def ours(model, spikes, weights, precision="double"):
    """Return spikes and states, bool and float64[STEPS, N_OUT], of a layer of `model` behind an array of spikes."""
    at, index = np.nonzero(spikes)
    source = Population("source", N_IN, SpikeArray(times=at + 1.0, indices=index))
    cells = Population("cells", N_OUT, model)
    post, pre = (axis.ravel() for axis in np.indices((N_OUT, N_IN)))
    net = Network(Projection(source, cells, FromArrays(pre, post), weight=weights[post, pre], delay=1.0))
    result = run_spiking(net, duration=STEPS + 1.0, engine="clock", dt=1.0, precision=precision,
                         record={"cells": ["spikes", *model.states]})  # fmt: skip
    fired = np.zeros((STEPS, N_OUT), dtype=bool)
    trains = result.spikes["cells"]
    fired[np.rint(trains.times).astype(int) - 2, trains.indices] = True
    return fired, {name: recording.values[1:] for name, recording in result.recordings["cells"].items()}


def torch_and(name):
    """Return torch, set to doubles by the caller's tensors, and a package; skip without them."""
    return pytest.importorskip("torch"), pytest.importorskip(name)


@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize("reset_delay", [True, False])
@pytest.mark.parametrize("reset", ["subtract", "zero", "none"])
@pytest.mark.parametrize("model", [Leaky, Synaptic])
def test_every_spike_and_state_is_that_of_snntorch(model, reset, reset_delay, seed):
    torch, snntorch = torch_and("snntorch")
    random = np.random.default_rng(seed + 10)
    betas, alphas, v_th = random.random(N_OUT), random.random(N_OUT), 0.5 + random.random(N_OUT)
    spikes, weights = random_task(seed, 0.5)
    rates = {"beta": betas} | ({"alpha": alphas} if model is Synaptic else {})
    theirs = getattr(snntorch, model.__name__)(
        **{name: torch.tensor(value) for name, value in rates.items()},
        threshold=torch.tensor(v_th), reset_mechanism=reset, reset_delay=reset_delay,
    )  # fmt: skip
    state = [torch.zeros(N_OUT, dtype=torch.float64)] * len(model.states)
    expected, values = [], []
    for row in torch.tensor(spikes, dtype=torch.float64) @ torch.tensor(weights).T:
        fired, *state = theirs(row, *state)
        expected.append(fired.numpy() > 0.0)
        values.append([part.detach().numpy() for part in state])
    fired, states = ours(model(v_th=v_th, reset_mechanism=reset, reset_delay=reset_delay, **rates), spikes, weights)
    assert 100 < np.sum(expected) < STEPS * N_OUT - 100
    np.testing.assert_array_equal(fired, expected)
    for k, name in enumerate(("i_syn", "v") if model is Synaptic else ("v",)):
        np.testing.assert_array_equal(states[name], np.array(values)[:, k])


@pytest.mark.parametrize("reset", ["subtract", "zero", "none"])
@pytest.mark.parametrize("model", [Leaky, Synaptic])
def test_single_precision_rounds_where_snntorch_does(model, reset):
    torch, snntorch = torch_and("snntorch")
    rates = {"beta": 0.9} | ({"alpha": 0.7} if model is Synaptic else {})
    spikes, weights = random_task(3, 0.5)
    theirs = getattr(snntorch, model.__name__)(**rates, reset_mechanism=reset)
    state, values = [torch.zeros(N_OUT)] * len(model.states), []
    for row in torch.tensor(spikes, dtype=torch.float32) @ torch.tensor(weights, dtype=torch.float32).T:
        _, *state = theirs(row, *state)
        values.append(state[-1].detach().numpy())
    _, states = ours(model(reset_mechanism=reset, **rates), spikes, weights, precision="single")
    np.testing.assert_array_equal(states["v"], values)


@pytest.mark.parametrize("make", [Leaky, Synaptic, NorseLIF, NorseLIFBox])
def test_a_constant_input_adds_to_what_arrives_in_every_step(make):
    inputs = np.random.default_rng(5).normal(0.4, 1.0, size=(STEPS, 1))
    constant, fired = run_steps(make(i_ext=0.75), STEPS, dt=1.0, inputs=inputs)
    added, expected = run_steps(make(), STEPS, dt=1.0, inputs=inputs + 0.75)
    assert expected.size > 10 or make is NorseLIFBox
    np.testing.assert_array_equal(fired, expected)
    np.testing.assert_array_equal(constant, added)
    net = Network(Current(cells := Population("cells", 2, make()), StepCurrent(times=[0.0], values=[0.75])))
    flowing = run_spiking(net, duration=50.0, engine="clock", dt=1.0, record={"cells": ["v"]}).recordings["cells"]["v"].values
    np.testing.assert_array_equal(flowing, np.repeat(run_steps(make(i_ext=0.75), 50, dt=1.0)[0][:, :1], cells.size, axis=1))


@pytest.mark.parametrize("reset", ["value", "subtract"])
def test_every_spike_and_state_of_the_box_is_that_of_norse(reset):
    torch, _ = torch_and("norse")
    from norse.torch.functional import lif_box
    from norse.torch.functional import reset as resets

    random = np.random.default_rng(30)
    tau_m, v_th, v_reset = 2.0 + 8.0 * random.random(N_OUT), 0.3 + random.random(N_OUT), -0.2 * random.random(N_OUT)
    spikes, weights = random_task(6, 3.0)
    p = lif_box.LIFBoxParameters(
        *(torch.tensor(x) for x in (1000.0 / tau_m, np.full(N_OUT, 0.1), v_th, v_reset)), reset_method=getattr(resets, f"reset_{reset}")
    )
    state, expected, v = lif_box.LIFBoxFeedForwardState(v=torch.full((N_OUT,), 0.1, dtype=torch.float64)), [], []
    for row in torch.tensor(spikes, dtype=torch.float64) @ torch.tensor(weights).T:
        fired, state = lif_box.lif_box_feed_forward_step(row, state, p, dt=0.001)
        expected.append(fired.numpy() > 0.0)
        v.append(state.v.numpy())
    fired, states = ours(NorseLIFBox(tau_m=tau_m, v_rest=0.1, v_th=v_th, v_reset=v_reset, reset_mechanism=reset), spikes, weights)
    assert 100 < np.sum(expected) < STEPS * N_OUT - 100
    np.testing.assert_array_equal(fired, expected)
    np.testing.assert_allclose(states["v"], v, rtol=0.0, atol=1e-13)


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_every_spike_and_state_is_that_of_norse(seed):
    torch, _ = torch_and("norse")
    from norse.torch.functional.lif import LIFFeedForwardState, LIFParameters, lif_feed_forward_step

    random = np.random.default_rng(seed + 20)
    tau_m, tau_syn, v_th = 4.0 + 10.0 * random.random(N_OUT), 2.0 + 6.0 * random.random(N_OUT), 0.3 + random.random(N_OUT)
    v_rest, v_reset = 0.1 * random.normal(size=N_OUT), -0.2 * random.random(N_OUT)
    spikes, weights = random_task(seed, 0.7)
    p = LIFParameters(*(torch.tensor(x) for x in (1000.0 / tau_syn, 1000.0 / tau_m, v_rest, v_th, v_reset)))
    state = LIFFeedForwardState(v=torch.tensor(v_rest), i=torch.zeros(N_OUT, dtype=torch.float64))
    expected, v, i_syn = [], [], []
    for row in torch.tensor(spikes, dtype=torch.float64) @ torch.tensor(weights).T:
        fired, state = lif_feed_forward_step(row, state, p, dt=0.001)
        expected.append(fired.numpy() > 0.0)
        v.append(state.v.numpy())
        i_syn.append(state.i.numpy())
    fired, states = ours(NorseLIF(tau_m=tau_m, tau_syn=tau_syn, v_rest=v_rest, v_th=v_th, v_reset=v_reset), spikes, weights)
    assert 100 < np.sum(expected) < STEPS * N_OUT - 100
    np.testing.assert_array_equal(fired, expected)
    # Norse multiplies by 0.001 * (1000 / tau), this by 1 / tau: they differ by rounding.
    np.testing.assert_allclose(states["v"], v, rtol=0.0, atol=1e-13)
    np.testing.assert_allclose(states["i_syn"], i_syn, rtol=0.0, atol=1e-13)


@pytest.mark.parametrize("python", [False, True], ids=["compiled", "python"])
def test_a_threshold_must_be_exceeded_not_met(python):
    for model, least in ((Leaky(beta=0.5), 1.0), (Synaptic(beta=0.5, alpha=0.5), 1.0), (NorseLIF(tau_m=2.0, v_th=0.5), 1.0)):
        for extra, n_spikes in ((0.0, 0), (2.0**-40, 1)):
            _, fired = run_steps(model, 1, dt=1.0, inputs=np.array([[least + extra]]), python=python)
            assert fired.size == n_spikes


@pytest.mark.parametrize("model", [Leaky, Synaptic])
def test_any_other_step_than_one_is_refused(model):
    with pytest.raises(ParameterError, match=rf"simulate\.dt = 0\.1 ms must be 1 ms for {model.__name__}: its decay is given per step"):
        run_spiking(Network(Population("c", 1, model())), duration=5.0)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: Leaky(beta=1.5), r"Leaky\.beta = 1\.5 must be <= 1"),
        (lambda: Leaky(reset_mechanism="half"), r"Leaky\.reset_mechanism.*subtract, zero, none"),
        (lambda: Synaptic(reset_delay=1), r"Synaptic\.reset_delay = 1 must be True or False"),
        (lambda: NorseLIF(v_reset=1.0), r"NorseLIF\.v_reset = 1 must be < v_th = 1: a neuron reset"),
        (lambda: NorseLIF(tau_m=0.0), r"NorseLIF\.tau_m = 0 ms must be > 0 ms"),
    ],
)
def test_a_wrong_parameter_is_refused_with_name_value_and_rule(make, words):
    with pytest.raises(ParameterError, match=words):
        make()

"""Published tables, recomputed: from formulas where nobody can run the network, from counts where we can."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import snnsim as sim
from snnsim.energy import formulas
from snnsim.errors import ParameterError


def millijoules(*works) -> float:
    counts = [work.counts(f"part{k}") for k, work in enumerate(works)]
    return sim.estimate_energy(sum(counts[1:], start=counts[0]), "arithmetic_fp32").total.nominal * 1e-9


def test_neurobench_speech_commands_dense_operations():
    """Yik et al. 2025, NeuroBench: 145,152 synapses, 200 steps."""
    layers = [(20, 256), (256, 256), (256, 256), (256, 35)]
    work = sum((formulas.linear(*sizes) for sizes in layers[1:]), start=formulas.linear(*layers[0]))
    assert work.macs == 145_152
    assert work.repeated(200).macs == 29_030_400


def test_keras_spiking_dense_layer(tmp_path):
    """KerasSpiking's example: (784 x 128 synaptic operations + 128 updates) x 8.6 nJ, here from a run."""
    profile = tmp_path / "cpu.toml"
    rows = "".join(
        f'[prices.{role}]\nnj = [8.6, 8.6, 8.6]\ngrade = "V"\nsource = "keras_spiking, model_energy.py, cpu"\n'
        for role in ("synaptic.synops", "neuron.updates_driven")
    )
    lists = '[included]\nsynaptic = ["adds", "weight_fetches", "state_reads", "state_writes"]\n'
    lists += 'neuron = ["spikes", "adds", "multiplies", "state_reads", "state_writes", "tables", "divides", "shifts"]\n'
    profile.write_text('title = "cpu"\nnode_nm = 22\nscope = "term"\nnote = ""\n' + lists + rows)
    pre = sim.Population("pixels", 784, sim.SpikeArray(times=np.full(784, 0.5), indices=np.arange(784)))
    post = sim.Population("dense", 128, sim.IF())
    net = sim.Network(sim.Projection(pre, post, sim.AllToAll(), weight=1e-6, delay=1.0))
    counts = sim.simulate(net, duration=2.0, dt=1.0, engine="event").counts
    assert (counts.total("synops"), counts.total("updates_driven")) == (100_352, 128)
    assert sim.estimate_energy(counts, str(profile)).total.nominal * 1e-12 == pytest.approx(8.64e-4, rel=1e-3)


@pytest.mark.parametrize(
    ("width", "macs", "acs", "energy"),
    [(512, 347_329_512, 6.51754094e9, 7.4635026), (768, 520_993_768, 12.51365958e9, 13.6588650)],
)
def test_spikingformer(width, macs, acs, energy):
    """Zhou et al. 2023, Spikingformer: T = 4, real-valued pixels at the first convolution, a classifier with bias."""
    first = formulas.convolution((3, 3), 3, width // 8, (224, 224)).repeated(4)
    work = first + formulas.linear(width, 1000, bias=True)
    assert work.macs == macs
    assert millijoules(work, formulas.SpikingWork(round(acs))) == pytest.approx(energy, abs=5e-7)


def test_spikformer():
    """Zhou et al. 2023, Spikformer-8-768: 22.09 G synaptic operations at 0.9 pJ and 1.595 mJ of MACs."""
    work = formulas.DenseWork(round(1.595e9 / 4.6))
    assert millijoules(work, formulas.SpikingWork(22_090_000_000)) == pytest.approx(21.476, abs=1e-3)


def test_a_rate_cannot_be_applied_twice():
    """As in PMC10242054, table 3."""
    once = formulas.linear(100, 100).spiking(rate=0.2, steps=4)
    assert once.synops == 8000
    with pytest.raises(ParameterError, match="the rate is in these 8000 synaptic operations already"):
        once.spiking(rate=0.2)
    with pytest.raises(ParameterError, match="different prices"):
        once + formulas.linear(2, 2)
    with pytest.raises(ParameterError, match="must be OperationCounts"):
        sim.estimate_energy(once.synops * 0.2, "horowitz45")


def test_transformer_formulas_agree_with_the_counted_model(digits):
    model, inputs, _, _ = digits
    dense = sim.ann_operations(model.integer_graph, model.reference(inputs[:2]), skip_zeros=False)
    work = formulas.transformer_block(16, 32, 64)
    ends = formulas.linear(4, 32, positions=16) + formulas.linear(32, 10)
    assert dense.total("macs") == 2 * (work + work + ends).macs


@given(n=st.integers(1, 64), d=st.integers(1, 64), f=st.integers(1, 64))
def test_blocks_are_their_published_polynomials(n, d, f):
    assert formulas.transformer_block(n, d, f).macs == 4 * n * d * d + 2 * n * n * d + 2 * n * d * f
    assert formulas.decode_step(d, f, n).macs == 4 * d * d + 2 * n * d + 2 * d * f


@given(rate=st.floats(0.0, 3.0), steps=st.integers(1, 50), size=st.integers(1, 500))
def test_spiking_work_is_linear_in_rate_and_steps(rate, steps, size):
    dense = formulas.linear(size, size)
    assert dense.spiking(rate, steps).synops == pytest.approx(size * size * rate * steps, abs=0.5)


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (lambda: formulas.linear(0, 3), "n_in = 0 must be >= 1"),
        (lambda: formulas.linear(3, 3).spiking(-0.1), "rate = -0.1 must be >= 0"),
        (lambda: formulas.convolution((3, 3), 4, 6, (8, 8), groups=4), "groups = 4 must divide"),
        (lambda: formulas.linear(3, 3).repeated(0), "steps = 0 must be >= 1"),
        (lambda: formulas.linear(3, 3).spiking([0.1, 0.2]), "rate = .* must be one number, not an array"),
        (lambda: formulas.linear(3, 3, bias="no"), "bias = 'no' must be True or False"),
        (lambda: formulas.convolution(3, 4, 6, (8, 8)), "kernel = 3 must hold one whole number per axis"),
        (lambda: formulas.convolution((3,), 4, 6, (8, 8)), "out = .8, 8. must hold one whole number per axis"),
        (lambda: formulas.DenseWork(10**400), "macs = 10+ must be <="),
    ],
)
def test_sizes_that_cannot_be_are_refused(call, text):
    with pytest.raises(ParameterError, match=text):
        call()


def test_whole_floats_count_as_whole_numbers():
    assert formulas.DenseWork(3.0).counts().total("macs") == 3

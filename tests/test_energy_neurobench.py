"""Counts against NeuroBench's harness on the same snnTorch network (Yik et al. 2025)."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

import snnsim as sim
from snnsim.energy import formulas

torch = pytest.importorskip("torch", reason="torch is not installed: pip install torch")
snntorch = pytest.importorskip("snntorch", reason="snntorch is not installed: pip install snntorch")
pytest.importorskip("neurobench", reason="NeuroBench is not installed: pip install --no-deps neurobench")

SIZES = (20, 32, 24, 7)


def trained(seed: int):
    torch.manual_seed(seed)
    layers: list = []
    for n_in, n_out in itertools.pairwise(SIZES):
        layers += [torch.nn.Linear(n_in, n_out, bias=False), snntorch.Leaky(beta=0.875, init_hidden=True)]
    layers[-1] = snntorch.Leaky(beta=0.875, init_hidden=True, output=True)
    net = torch.nn.Sequential(*layers)
    with torch.no_grad():
        for parameter in net.parameters():
            if parameter.ndim == 2:
                # In steps of 1/64, so that sums are exact in single precision too; without zeros, which the harness takes for no synapse.
                parameter.copy_((torch.floor(64 * (torch.rand_like(parameter) * 0.6 - 0.1)) + 0.5) / 64)
    return net


@pytest.mark.parametrize("seed", [0, 1])
def test_effective_and_dense_operations_are_those_of_the_harness(seed):
    from neurobench.benchmarks import Benchmark
    from neurobench.metrics.workload import SynapticOperations
    from neurobench.models import SNNTorchModel
    from torch.utils.data import DataLoader, TensorDataset

    steps, samples = 30, 3
    spikes = (np.random.default_rng(seed).random((samples, steps, SIZES[0])) < 0.15).astype(np.float32)
    net = trained(seed)
    imported = sim.from_snntorch(net, torch.zeros(1, SIZES[0]))
    synops = [
        sim.simulate(imported.fed(sample).network, steps * imported.dt, dt=imported.dt, engine="clock").counts.total("synops")
        for sample in spikes
    ]
    data = TensorDataset(torch.from_numpy(spikes), torch.zeros(samples, dtype=torch.long))
    loader = DataLoader(data, batch_size=1)
    harness = Benchmark(SNNTorchModel(net), loader, [], [], [[], [SynapticOperations]]).run(quiet=True)["SynapticOperations"]
    assert harness["Effective_MACs"] == 0
    assert sum(synops) / samples == pytest.approx(harness["Effective_ACs"])
    work = [formulas.linear(*pair) for pair in itertools.pairwise(SIZES)]
    assert sum(each.macs for each in work) * steps == harness["Dense"]

"""A network trained in snnTorch goes through a NIR file into snnsim, fires the same spikes there, and goes back. Needs snntorch."""

import contextlib
import io
import tempfile
from pathlib import Path

import nir
import numpy as np
import snntorch
import torch
from snntorch.export_nir import export_to_nir
from snntorch.import_nir import import_from_nir

import snnsim as sim

STEPS, N_IN, N_HIDDEN, N_CLASSES, DT = 40, 16, 24, 3, 0.1  # snnTorch's reader and writer take a step for 0.1 ms


def patterns(n, random):
    """Return spikes, float[n, STEPS, N_IN], and the class of each: the half of the inputs that fires more often."""
    label = random.integers(0, N_CLASSES, n)
    rate = np.where((np.arange(N_IN) + 5 * label[:, None]) % N_IN < N_IN // 2, 0.4, 0.1)
    return (random.random((n, STEPS, N_IN)) < rate[:, None, :]).astype(np.float32), label


def run(module, inputs):
    """Return the output spikes of snnTorch from rest, float[STEPS, ..., N_CLASSES]; its neurons keep their state themselves."""
    for part in module.modules():
        if isinstance(part, snntorch.Leaky):
            part.reset_mem()
    out = [module(row) for row in inputs]
    return torch.stack([each[0] if isinstance(each, tuple) else each for each in out])


def quietly(function, *arguments):
    """Call a function of snnTorch without what it prints."""
    with contextlib.redirect_stdout(io.StringIO()):
        return function(*arguments)


random = np.random.default_rng(1)
torch.manual_seed(1)
torch.set_num_threads(1)
leaky = {"reset_mechanism": "zero", "reset_delay": False, "init_hidden": True}  # the one reset that NIR knows
layers = [
    torch.nn.Linear(N_IN, N_HIDDEN), snntorch.Leaky(beta=torch.full((N_HIDDEN,), 0.9), threshold=torch.ones(N_HIDDEN), **leaky),
    torch.nn.Linear(N_HIDDEN, N_CLASSES), snntorch.Leaky(beta=torch.full((N_CLASSES,), 0.8), threshold=torch.ones(N_CLASSES), **leaky),
]  # fmt: skip
net = torch.nn.Sequential(*layers)

weights = [p for layer in layers[::2] for p in layer.parameters()]
pace = [torch.zeros_like(p) for p in weights]
for _ in range(60):  # gradient descent with momentum
    inputs, label = patterns(64, random)
    counts = run(net, torch.tensor(inputs).transpose(0, 1)).sum(0)
    loss = torch.nn.functional.cross_entropy(0.3 * counts, torch.tensor(label))
    for p, v, gradient in zip(weights, pace, torch.autograd.grad(loss, weights), strict=True):
        v.mul_(0.8).sub_(0.05 * gradient)
        p.data += v

tests, label = patterns(30, random)


def outputs_of(module):
    """Return the output spikes of every test, int[30, STEPS, N_CLASSES]."""
    with torch.no_grad():
        return np.array([run(module, trial).numpy() for trial in torch.tensor(tests)]).astype(int)


def outputs_of_ours(model):
    """The same of a network that was read."""
    (name,) = model.outputs.values()
    out = np.zeros((len(tests), STEPS, N_CLASSES), dtype=int)
    for trial, spikes in zip(out, tests, strict=True):
        result = sim.simulate(model.fed(spikes), STEPS * DT, dt=DT, engine="clock", record=model.record)
        np.add.at(trial, (np.rint(result.spikes[name].times / DT).astype(int) - 1, result.spikes[name].indices), 1)
    return out


theirs = outputs_of(net)
with tempfile.TemporaryDirectory() as folder:
    path = Path(folder) / "trained.nir"
    nir.write(path, quietly(export_to_nir, net, torch.zeros(N_IN)), compression=None)
    model = sim.read_nir(path, dt=DT)
    ours = outputs_of_ours(model)

    back = Path(folder) / "back.nir"
    sim.write_nir(model, back)
    returned = outputs_of(quietly(import_from_nir, nir.read(back)))
    again = outputs_of_ours(sim.read_nir(back, dt=DT))

for name, population in model.network.populations.items():
    print(f"{name:7} {type(population.model).__name__:10} {population.size:3} neurons")
for name, spikes in (("snnTorch", theirs), ("snnsim", ours), ("snnTorch, from our file", returned), ("snnsim, from our file", again)):
    right = np.sum(spikes.sum(1).argmax(1) == label)
    same = "the same" if np.array_equal(spikes, theirs) else "others"
    print(f"{name:24} {right} of {len(label)} right, spikes: {same}")

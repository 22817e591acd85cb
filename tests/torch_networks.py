"""What the tests of the adapters share: torch modules run step by step beside the networks made from them."""

from __future__ import annotations

import numpy as np
import pytest

import snnsim as sim

STEPS = 100


def torch_and(name):
    """Return torch and a package; skip without them."""
    return pytest.importorskip("torch"), pytest.importorskip(name)


def in_its_precision(shifted):
    """A surrogate whose spikes have the precision of the potentials; snnTorch's own are always in single precision."""
    import snntorch

    return snntorch.surrogate.atan()(shifted).to(shifted.dtype)


def louder(module, factor):
    """Multiply all parameters of matrices, so that spikes pass."""
    import torch

    with torch.no_grad():
        for name, parameter in module.named_parameters():
            if "weight" in name and parameter.ndim > 1:
                parameter *= factor
    return module


def at_rest(module):
    """Clear the hidden states of all snnTorch neurons; snntorch.utils.reset leaves the spikes of RSynaptic."""
    for part in module.modules():
        if hasattr(part, "reset_mem"):
            part.reset_mem()


def spikes(seed, shape, p=0.3):
    return np.random.default_rng(seed).random((STEPS, *shape)) < p


def stepwise(module, values, layers, call):
    """Run `module` on every row of `values`; return spikes and first state of the modules in `layers`, by name, as arrays[step].

    call : (module, row, state) -> state   one step
    """
    import torch

    parts, seen = dict(module.named_modules()), {name: [] for name in layers}

    def note(name):
        def hook(_, arguments, output):
            fired, *states = output if isinstance(output, tuple) else (output,)
            seen[name].append((fired[0].detach().numpy().copy(), states))

        return hook

    handles = [parts[name].register_forward_hook(note(name)) for name in layers]
    state = None
    with torch.no_grad():
        for row in torch.as_tensor(np.asarray(values, dtype=np.float64)):
            state = call(module, row[None], state)
    for handle in handles:
        handle.remove()
    return {name: np.array([fired for fired, _ in each]) for name, each in seen.items()}


def ours(imported, values, names, states=("v",), **options):
    """Run an imported network on `values`; return spikes, bool[steps, *shape], and states by population."""
    fed = imported.fed(values)
    record = {name: ["spikes", *states] for name in names}
    result = sim.simulate(fed.network, len(values) * fed.dt, dt=fed.dt, engine="clock", record=record, **options)
    rasters = {name: fed.raster(result, name) for name in names}
    return rasters, {name: {s: result.recordings[name][s].values for s in states} for name in names}, result

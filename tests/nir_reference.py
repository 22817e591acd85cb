"""NIR graphs stepped in a few lines of numpy and PyTorch's layers, to compare an import with: forward Euler, dense, no snnsim."""

from __future__ import annotations

import warnings

import nir
import numpy as np
import torch


def lif(n, **given):
    """Return a LIF node of `n` neurons (an int or a shape) with parameters that vary from neuron to neuron."""
    random = np.random.default_rng(np.prod(n))
    fields = {"tau": random.uniform(0.004, 0.02, n), "r": random.uniform(0.5, 1.5, n), "v_leak": random.uniform(-0.1, 0.1, n)}
    fields |= {"v_threshold": random.uniform(0.2, 0.6, n), "v_reset": random.uniform(-0.2, 0.0, n)}
    return nir.LIF(**{name: given.get(name, value) for name, value in fields.items()})


def cuba_lif(n):
    """Return a CubaLIF node, as `lif`."""
    base = lif(n)
    random = np.random.default_rng(7)
    return nir.CubaLIF(
        random.uniform(0.004, 0.01, n), base.tau, base.r, base.v_leak, base.v_threshold, base.v_reset, random.uniform(1.0, 2.0, n)
    )


def torch_of(name, *arguments, **more):
    """Call torch.nn.functional on arrays, without an axis of trials."""
    tensors = [torch.as_tensor(np.asarray(x, dtype=float)) if isinstance(x, np.ndarray) else x for x in arguments]
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Using padding='same' with even kernel")  # slow, not wrong
        return getattr(torch.nn.functional, name)(tensors[0][None], *tensors[1:], **more)[0].numpy()


def pair(value):
    return tuple(int(x) for x in np.broadcast_to(np.ravel(value), 2))


def _conv(name, node, x):
    size = 1 if name == "conv1d" else 2
    settings = {
        key: getattr(node, key) if isinstance(getattr(node, key), str) else pair(getattr(node, key))[:size]
        for key in ("stride", "padding", "dilation")
    }
    return torch_of(name, x, np.asarray(node.weight), np.asarray(node.bias), **settings, groups=int(node.groups))


LINEAR = {
    nir.Affine: lambda node, x: np.einsum("...oi,...i->...o", node.weight, x) + node.bias,
    nir.Linear: lambda node, x: np.einsum("...oi,...i->...o", node.weight, x),
    nir.Scale: lambda node, x: node.scale * x,
    nir.Flatten: lambda node, x: torch.as_tensor(x).flatten(node.start_dim, node.end_dim).numpy(),
    nir.Conv1d: lambda node, x: _conv("conv1d", node, x),
    nir.Conv2d: lambda node, x: _conv("conv2d", node, x),
    nir.AvgPool2d: lambda node, x: torch_of("avg_pool2d", x, pair(node.kernel_size), pair(node.stride), pair(node.padding)),
    nir.SumPool2d: lambda node, x: torch_of(
        "avg_pool2d", x, pair(node.kernel_size), pair(node.stride), pair(node.padding), divisor_override=1
    ),
    nir.Output: lambda node, x: x,
    nir.Threshold: lambda node, x: (x > node.threshold).astype(float),
}


class Stepper:
    """One node with its state, dt in s; `step(x)` returns what it gives out."""

    def __init__(self, node, dt):
        self.node, self.dt = node, dt
        self.v = np.array(getattr(node, "v_leak", getattr(node, "v_reset", 0.0)), dtype=float)
        self.i, self.past = 0.0, []

    def step(self, x):
        node, dt = self.node, self.dt
        if type(node) in LINEAR:
            return LINEAR[type(node)](node, x)
        if isinstance(node, nir.Delay):
            self.past.append(x)
            steps = np.rint(node.delay / dt).astype(int)
            ages = len(self.past) - 1 - steps
            return np.where(ages >= 0, np.take_along_axis(np.array(self.past), np.maximum(ages, 0)[None], axis=0)[0], 0.0)
        if isinstance(node, (nir.CubaLIF, nir.CubaLI)):
            self.i = self.i + dt / node.tau_syn * (node.w_in * x - self.i)
            self.v = self.v + dt / node.tau_mem * (node.v_leak - self.v + node.r * self.i)
        elif isinstance(node, (nir.LIF, nir.LI)):
            self.v = self.v + dt / node.tau * (node.v_leak - self.v + node.r * x)
        else:
            self.v = self.v + dt * node.r * x
        if not hasattr(node, "v_threshold"):
            return self.v
        fired = self.v > node.v_threshold
        self.v = np.where(fired, node.v_reset, self.v)
        return fired.astype(float)


def run(graph, inputs, dt, *, late=()):
    """Return what every node gives out in every step, {name: float64[steps, ...]}.

    inputs : name of an Input -> float64[steps, *shape]; late : edges that bring what was given out one step before
    """
    into = {name: [pre for pre, post in graph.edges if post == name] for name in graph.nodes}
    steppers = {name: Stepper(node, dt) for name, node in graph.nodes.items()}
    order, waiting = [], list(graph.nodes)
    while waiting:
        name = next(name for name in waiting if all(pre in order or (pre, name) in late for pre in into[name]))
        order.append(name)
        waiting.remove(name)
    steps = len(next(iter(inputs.values())))
    out = {name: [] for name in order}
    for k in range(steps):
        for name in order:
            if name in inputs:
                out[name].append(inputs[name][k].astype(float))
                continue
            parts = [(out[pre][k - 1] if k else 0.0 * _like(graph, pre)) if (pre, name) in late else out[pre][k] for pre in into[name]]
            out[name].append(np.asarray(steppers[name].step(sum(parts[1:], start=parts[0]))))
    return {name: np.array(values) for name, values in out.items()}


def _like(graph, name):
    return np.zeros([int(n) for n in next(iter(graph.nodes[name].output_type.values()))])

"""Small networks and hardware for tests of placement, and what a list of all synapses says of them."""

from __future__ import annotations

import dataclasses
import importlib.util

import numpy as np
import pytest

import snnsim as sim
from snnsim.compiler.spiking import compile_spiking
from snnsim.hardware.figures import Figure, Interval

PARTITIONERS = [
    pytest.param(
        "metis", marks=pytest.mark.skipif(importlib.util.find_spec("pymetis") is None, reason="pymetis comes with the test extra")
    ),
    "order",
]


def hardware(times=None, **limits):
    """Return hardware with these limits alone, that does every kind of unit."""
    figures = {kind: Figure(Interval(*ns), "D", "test") for kind, ns in (times or {}).items()}
    return dataclasses.replace(sim.load_profile("loihi14"), name="toy", prices={}, limits=limits, times=figures)


def recurrent(n=60, seed=0, p=0.1):
    """Return a network with a source, views, repeated synapses and two populations that speak both ways."""
    noise = sim.Population("noise", n, sim.PoissonSource(rate=300.0))
    exc, inh = sim.Population("exc", n, sim.LIF()), sim.Population("inh", max(4, n // 4), sim.LIF())
    return sim.Network(
        sim.Projection(noise, exc, sim.OneToOne(), weight=9.0),
        sim.Projection(exc, exc, sim.FixedProbability(p), weight=0.4),
        sim.Projection(exc[: n // 2], inh, sim.FixedInDegree(3, multapses=True), weight=4.0),
        sim.Projection(inh, exc[n // 3 :], sim.FixedProbability(0.3), weight=-0.5),
    )


def run(network, duration=40.0, seed=0, **more):
    return sim.simulate(network, duration, seed=seed, engine="clock", record={n: ["spikes"] for n in network.populations}, **more)


def synapses(network, seed=0):
    """List (pre population, source, post population, target) of every synapse, one by one."""
    names = list(network.populations)
    rows = []
    for part in compile_spiking(network, seed=seed, dt=0.1).projections:
        for s in range(len(part.row_ptr) - 1):
            for t in part.target[part.row_ptr[s] : part.row_ptr[s + 1]]:
                rows.append((names[part.pre], s, names[part.post], int(t)))
    return rows


def reached(placement, rows):
    """Return (population, unit) -> cores it reaches, its own included, from a list of synapses."""
    cores = {}
    for pre, s, post, t in rows:
        cores.setdefault((pre, s), set()).add(int(placement.core[post].ravel()[t]))
    return cores


def walk(mesh, one, other):
    """Go from core to core link by link, along x first; return links within chips and between chips. None is the host."""
    x, y = (0, 0) if one is None else (int(v) for v in mesh.tiles(np.array(one)))
    to_x, to_y = (0, 0) if other is None else (int(v) for v in mesh.tiles(np.array(other)))
    inner = across = 0
    while (x, y) != (to_x, to_y):
        before = (x // mesh.columns, y // mesh.rows)
        if x != to_x:
            x += 1 if to_x > x else -1
        else:
            y += 1 if to_y > y else -1
        crossed = before != (x // mesh.columns, y // mesh.rows)
        inner, across = inner + (not crossed), across + crossed
    return inner, across

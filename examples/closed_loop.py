"""A loop through the world: a controller outside the network reads its rate and drives it, 100 times a second.

The cells are noisy and inhibit each other; at 500 ms the network loses half of its noise. Every 10 ms the controller sees the spikes
of the last 10 ms, and sends as many spikes as it takes to hold the cells at 20 Hz: a leaky integral of the error.
"""

import numpy as np

import snnsim as sim

N, TARGET, INTERVAL = 200, 20.0, 10.0  # neurons, Hz, ms
random = np.random.default_rng(1)


class Controller:
    def __init__(self):
        self.drive = 0.0  # spikes per neuron and interval

    def read(self, begin, end, heard):
        times, _ = heard["cells"]
        rate = len(times) / N / (INTERVAL * 1e-3)
        self.drive = max(0.0, self.drive + 0.004 * (TARGET - rate))
        n = random.poisson(self.drive * N)
        return random.uniform(begin, end, n), random.integers(N, size=n)


controller = Controller()
seconds = sim.VaryingPoissonSource(times=[0.0, 500.0], rates=[800.0, 400.0])  # ms, Hz
noise = sim.Population("noise", N, seconds)
cells = sim.Population("cells", N, sim.LIF())
robot = sim.Population("robot", N, sim.LiveSource(read=controller.read, interval=INTERVAL, hears=("cells",)))
drive = [sim.Projection(noise, cells, sim.OneToOne(), weight=1.0), sim.Projection(cells, cells, sim.FixedProbability(0.1), weight=-0.4)]
loop = sim.Projection(robot, cells, sim.OneToOne(), weight=3.0, delay=0.1)

for name, network in (("open", sim.Network(*drive)), ("closed", sim.Network(*drive, loop))):
    result = sim.simulate(network, 1_000.0, engine="clock", seed=7, record={"cells": ["spikes"]})
    _, rate = sim.analysis.population_rate(result.spikes["cells"], width=200.0)
    print(f"{name:>6} loop, in steps of 200 ms:", " ".join(f"{hz:5.1f}" for hz in rate), "Hz")

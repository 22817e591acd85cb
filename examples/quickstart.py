"""A noisy population with plastic recurrence: from description to spikes and operation counts."""

import snnsim as sim

noise = sim.Population("noise", 800, sim.PoissonSource(rate=15.0))  # Hz
exc = sim.Population("exc", 800, sim.LIF(tau_m=20.0, t_ref=2.0))  # ms
net = sim.Network(
    sim.Projection(noise, exc, sim.OneToOne(), weight=18.0, delay=1.0),  # mV, ms
    sim.Projection(exc, exc, sim.FixedProbability(0.1), weight=0.4, delay=1.5, plasticity=sim.PairSTDP(a_plus=0.01, a_minus=0.012)),
)
result = sim.simulate(net, duration=1_000.0, record={"exc": ["spikes", "v"]}, seed=7)
print(f"{result.spikes['exc'].mean_rate():.2f} Hz, mean weight {result.weights['exc -> exc'].mean():.3f} mV")
print(result.engine, "engine:", result.why)
print(result.counts.totals())
print(sim.estimate_energy(result.counts, profile="loihi14"))

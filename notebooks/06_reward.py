# ---
# jupyter:
#   jupytext:
#     formats: ipynb,py:percent
#     text_representation:
#       extension: .py
#       format_name: percent
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Reward
#
# Hebb's rule knows what fired together, not whether that was any good. Brains have a signal for good: dopamine, the
# same for millions of synapses, and seconds late. How can one number, told to all and late, teach the one synapse that
# earned it? By a memory in every synapse: a pair of spikes does not change the weight, it leaves an *eligibility* that
# fades. Dopamine turns what is left of it into weight (Izhikevich 2007).

# %%
import matplotlib.pyplot as plt
import numpy as np

import snnsim as sim
from snnsim import viz

# %% [markdown]
# ## 1. What is left when the reward comes
#
# One synapse, one pair of spikes, one drop of dopamine at time $T$:
#
# $$\tau_c \dot c = -c, \qquad \tau_d \dot d = -d, \qquad \dot w = c \, d$$
#
# The product of two exponentials is one, so the change of the weight is known in closed form: it falls with $\tau_c$ as the
# reward is later.

# %%
a_plus, tau_plus, tau_c, tau_d = 0.001, 20.0, 1_000.0, 200.0  # per ms, ms
end = 6_000.0  # ms


def change(rewarded_at: float) -> float:
    """Return how much the weight grows when a drop of dopamine falls at this time, ms."""

    def reward(begin: float, _: float) -> float | None:
        return 1.0 if begin == rewarded_at else None

    rule = sim.RewardSTDP(a_plus=a_plus, tau_plus=tau_plus, tau_c=tau_c, tau_d=tau_d, w_max=2.0, reward=reward, interval=100.0)
    pre = sim.Population("pre", 1, sim.SpikeArray(times=[20.0], indices=[0]))
    teacher = sim.Population("teacher", 1, sim.SpikeArray(times=[30.0], indices=[0]))
    cell = sim.Population("cell", 1, sim.LIF())
    net = sim.Network(
        sim.Projection(pre, cell, sim.OneToOne(), weight=0.5, delay=1.0, plasticity=rule),
        sim.Projection(teacher, cell, sim.OneToOne(), weight=100.0, delay=1.0),
    )
    return sim.simulate(net, end, dt=1.0).weights["pre -> cell"][0] - 0.5


times = np.array([100.0, 500.0, 1_000.0, 2_000.0, 3_000.0, 4_000.0])
grown = np.array([change(time) for time in times])
both = 1.0 / (1.0 / tau_c + 1.0 / tau_d)
# The presynaptic spike arrives at 21 ms, the cell fires at 31 ms.
theory = a_plus * np.exp(-10.0 / tau_plus) * np.exp(-(times - 31.0) / tau_c) * both * (1.0 - np.exp(-(end - times) / both))
np.testing.assert_allclose(grown, theory, rtol=1e-9)

fig, ax = plt.subplots(figsize=(6, 3), layout="constrained")
ax.plot(times / 1e3, theory, color="0.6", label="closed form")
ax.plot(times / 1e3, grown, "o", color=viz.BLUE, label="simulated")
ax.set(xlabel="time of the reward (s)", ylabel="change of the weight (mV)")
ax.legend(frameon=False)
plt.show()

# %% [markdown]
# ## 2. Who gets the credit
#
# Now 50 synapses onto one cell, all firing at random. Whenever input 0 happens to fire within 10 ms *before* the cell, a
# reward follows, half a second to one and a half later. Meanwhile every other synapse had its pairs as well. Yet only for
# synapse 0 do pair and reward go together. Dopamine says how much *better than expected* it was: reward less the reward
# of late. For the other synapses it is then positive as often as negative when it meets their eligibility.

# %%
SECONDS, INPUTS = 1200, 50


class World:
    """Watches for input 0 firing just before the cell, and rewards it late."""

    def __init__(self, seed: int):
        self.random, self.due, self.rewards = np.random.default_rng(seed), [], 0
        self.expected = 0.0  # rewards per 50 ms, of late
        self.last = -np.inf  # when input 0 fired

    def reward(self, begin: float, _: float, heard: dict) -> float:
        """Return the dopamine at `begin`."""
        times, neurons = heard["inputs"]
        chosen, fired = times[neurons == 0] + 1.0, heard["cell"][0]  # arrival at the cell
        for time in fired:
            before = np.append(chosen[chosen <= time], self.last)
            if time - before.max() < 10.0:
                self.due.append(begin + self.random.uniform(500.0, 1_500.0))
        self.last = max(self.last, chosen.max(initial=-np.inf))
        now = [time for time in self.due if time <= begin]
        self.due = [time for time in self.due if time > begin]
        self.rewards += len(now)
        surprise = len(now) - self.expected
        self.expected += 0.001 * surprise
        return 3.0 * surprise


world = World(seed=0)
rule = sim.RewardSTDP(
    a_plus=4e-4, a_minus=4.4e-4, tau_c=1_000.0, tau_d=200.0, w_max=4.0, reward=world.reward, interval=50.0, hears=("inputs", "cell")
)
inputs = sim.Population("inputs", INPUTS, sim.PoissonSource(rate=1.0))
noise = sim.Population("noise", 1, sim.PoissonSource(rate=450.0))
cell = sim.Population("cell", 1, sim.LIF(tau_m=20.0, v_rest=0.0, v_reset=0.0, v_th=10.0, t_ref=2.0))
net = sim.Network(
    sim.Projection(inputs, cell, sim.AllToAll(), weight=1.0, delay=1.0, plasticity=rule),
    sim.Projection(noise, cell, sim.AllToAll(), weight=0.62, delay=1.0),
)
result = sim.simulate(
    net, SECONDS * 1e3, dt=1.0, seed=10, record={"inputs -> cell": sim.Record("weight", every=10_000.0), "cell": "spikes"}
)
weights = result.recordings["inputs -> cell"]["weight"]
final = weights.values[-1]
print(f"{world.rewards} rewards; the cell fires at {result.spikes['cell'].mean_rate():.1f} Hz")
print(f"synapse 0: {final[0]:.2f} mV; the others: {final[1:].mean():.2f} mV on average, {final[1:].max():.2f} mV at most")

fig, ax = plt.subplots(figsize=(6, 3), layout="constrained")
ax.plot(weights.times / 1e3, weights.values[:, 1:], color="0.8", linewidth=0.6)
ax.plot(weights.times / 1e3, weights.values[:, 0], color=viz.BLUE, linewidth=2.0)
ax.annotate("synapse 0", (weights.times[-1] / 1e3, final[0]), ha="right", va="top", color=viz.BLUE)
ax.set(xlabel="time (s)", ylabel="weight (mV)", ylim=(0.0, 4.2))
plt.show()

assert final[0] > 2.0 * final[1:].mean() and final[0] > final[1:].max()

# %% [markdown]
# Nobody told the network which synapse it was. One number for all of them, seconds late, was enough.
#
# `examples/reward.py` lets a network find XOR in the same way: from success and failure alone.

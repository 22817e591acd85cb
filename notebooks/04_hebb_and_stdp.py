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
# # From Hebb to windows
#
# "Fire together, wire together" is a seed of a rule, and not yet one: taken at its word it runs away. This notebook lets
# it, cures it, then asks *when* together is, and ends with what the dependence on the weight does to all synapses of a
# neuron.

# %%
import matplotlib.pyplot as plt
import numpy as np

import snnsim as sim
from snnsim import viz

# %% [markdown]
# ## 1. Hebb's runaway, Oja's cure
#
# Hebb's rule of rates is $\dot w = \eta\, r_{pre} r_{post}$. A stronger synapse makes the neuron fire more, which makes the
# synapse stronger: growth feeds on itself. Oja (1982) subtracts a decay that grows faster,
# $\dot w = \eta\, r_{post} (r_{pre} - \alpha\, r_{post} w)$. The neuron integrates without leak, so that its rate is
# $r_{post} = \sum_i w_i r_i / v_{th}$.
#
# The parameters below are there to be changed.

# %%
n, rate, v_th = 20, 20.0, 10.0  # inputs, Hz, mV
eta_hebb, eta_oja, alpha = 2e-4, 1e-3, 5.0
start, duration = 0.2, 20_000.0  # mV, ms


def course(rule):
    """Mean weight over time, and spikes, of one neuron under Poisson inputs."""
    inputs = sim.Population("inputs", n, sim.PoissonSource(rate=rate))
    cell = sim.Population("cell", 1, sim.IF(v_th=v_th, v_reset=0.0, t_ref=0.0))
    net = sim.Network(sim.Projection(inputs, cell, sim.AllToAll(), weight=start, plasticity=rule))
    record = {"cell": ["spikes"], "inputs -> cell": sim.Record("weight", every=200.0)}
    run = sim.simulate(net, duration, record=record, engine="event", seed=1)
    weight = run.recordings["inputs -> cell"]["weight"]
    return 1e-3 * weight.times, weight.values.mean(axis=1)


hebb = course(sim.RateHebb(eta=eta_hebb))
oja = course(sim.RateOja(eta=eta_oja, alpha=alpha))
# With equal inputs r_post = g w r, g = n / v_th. Hebb: w grows as exp(eta g r^2 t). Oja: w settles where r = alpha r_post w.
g = n / v_th
growth, settled = eta_hebb * g * rate**2, 1.0 / np.sqrt(alpha * g)
measured = np.polyfit(hebb[0][10:], np.log(hebb[1][10:]), 1)[0]
print(f"Hebb: growth by {measured:.3f} per s, in closed form {growth:.3f}")
print(f"Oja: weight {oja[1][-25:].mean():.3f} mV, in closed form {settled:.3f}")

fig, ax = plt.subplots(figsize=(7, 3.0), layout="constrained")
ax.semilogy(*hebb, color=viz.RED, label="Hebb")
ax.semilogy(hebb[0], start * np.exp(growth * hebb[0]), color=viz.RED, linestyle=":", label="exponential growth")
ax.semilogy(*oja, color=viz.BLUE, label="Oja")
ax.axhline(settled, color=viz.BLUE, linestyle=":", label="its fixed point")
ax.set(xlabel="time (s)", ylabel="mean weight (mV)")
ax.legend(fontsize=8, frameon=False)
ax.spines[["top", "right"]].set_visible(False)
assert abs(measured / growth - 1.0) < 0.2
assert hebb[1][-1] > 10.0 * start and abs(oja[1][-25:].mean() / settled - 1.0) < 0.15

# %% [markdown]
# ## 2. When is together?
#
# Bi and Poo (1998) let single pairs of spikes happen at chosen lags and measured the change. We do the same: many pairs of
# neurons, each with one spike before and one after, at a lag of its own. Cause before effect strengthens; effect before
# cause weakens. The closed form is the rule itself:
#
# $$\Delta w = a_+ w_{max} e^{-\Delta t / \tau_+} \; (\Delta t > 0), \qquad
# \Delta w = -a_- w_{max} e^{\Delta t / \tau_-} \; (\Delta t < 0)$$

# %%
a_plus, a_minus, tau_plus, tau_minus = 0.010, 0.005, 17.0, 34.0  # ms; as Bi & Poo's fits, roughly
lags = np.arange(-80.0, 81.0, 2.0)  # ms, post minus pre at the synapse


def window(**more):
    """Change of weight by one pair of spikes at each lag."""
    k = len(lags)
    pre = sim.Population("pre", k, sim.SpikeArray(times=np.full(k, 100.0), indices=np.arange(k)))
    kick = sim.Population("kick", k, sim.SpikeArray(times=98.0 + lags, indices=np.arange(k)))
    post = sim.Population("post", k, sim.LIF(v_th=1e5, t_ref=0.0))
    rule = sim.PairSTDP(a_plus=a_plus, a_minus=a_minus, tau_plus=tau_plus, tau_minus=tau_minus, w_max=1.0, **more)
    net = sim.Network(
        sim.Projection(kick, post, sim.OneToOne(), weight=1e6, delay=1.0),
        sim.Projection(pre, post, sim.OneToOne(), weight=0.5, delay=1.0, plasticity=rule),
    )
    return sim.simulate(net, 300.0, engine="event").weights["pre -> post"] - 0.5


changes = window()
expected = np.where(lags > 0, a_plus * np.exp(-np.abs(lags) / tau_plus), -a_minus * np.exp(-np.abs(lags) / tau_minus)) * (lags != 0)
fig, ax = plt.subplots(figsize=(6, 3.0), layout="constrained")
ax.axhline(0.0, color="black", linewidth=0.8)
ax.plot(lags[lags < 0], 100.0 * expected[lags < 0], color=viz.GREY, linewidth=1.0, label="closed form")
ax.plot(lags[lags > 0], 100.0 * expected[lags > 0], color=viz.GREY, linewidth=1.0)
ax.plot(lags, 100.0 * changes, ".", color=viz.BLUE, label="measured")
ax.set(xlabel="postsynaptic minus presynaptic spike (ms)", ylabel="change (% of $w_{max}$)")
ax.legend(fontsize=8, frameon=False)
ax.spines[["top", "right"]].set_visible(False)
assert np.abs(changes - expected).max() < 1e-12

# %% [markdown]
# ## 3. What the weight has to say
#
# Five hundred synapses with the same window compete for one neuron. If the change does not depend on the weight (*additive*,
# $\mu = 0$; Song, Miller & Abbott 2000), winners take all: weights go to either bound. If it slows down towards the bounds
# (*multiplicative*, $\mu = 1$; Rubin, Lee & Sompolinsky 2001), they gather around one value. Between them lies a transition
# (Guetig et al. 2003). Depression is a little stronger than potentiation.

# %%
synapses, drive, w_max, learn = 500, 40.0, 0.08, 150_000.0  # Hz, mV, ms
step, ratio = 0.03, 1.05  # a_plus, a_minus / a_plus


def distribution(mu):
    """Weights at the end, as fractions of w_max, and the rate of the neuron over the last 10 s."""
    inputs = sim.Population("inputs", synapses, sim.PoissonSource(rate=drive))
    cell = sim.Population("cell", 1, sim.LIF(v_rest=0.0, v_reset=0.0, v_th=15.0))
    rule = sim.PairSTDP(a_plus=step, a_minus=step * ratio, mu_plus=mu, mu_minus=mu, w_max=w_max)
    net = sim.Network(sim.Projection(inputs, cell, sim.AllToAll(), weight=0.5 * w_max, plasticity=rule))
    run = sim.simulate(net, learn, engine="clock", dt=0.5, seed=1)
    return run.weights["inputs -> cell"] / w_max, np.sum(run.spikes["cell"].times > learn - 10_000.0) / 10.0


results = {mu: distribution(mu) for mu in (0.0, 0.02, 1.0)}
fig, axes = plt.subplots(1, 3, figsize=(10, 2.8), layout="constrained", sharey=True)
for ax, (mu, (weights, hz)) in zip(axes, results.items(), strict=True):
    ax.hist(weights, bins=40, range=(0.0, 1.0), color=viz.BLUE)
    ax.set(xlabel="weight / $w_{max}$", title=f"μ = {mu:g}, {hz:.0f} Hz")
    ax.spines[["top", "right"]].set_visible(False)
axes[0].set_ylabel("synapses")


# %%
def shares(weights):
    """Synapses in the lowest fifth, the middle three fifths, and the highest fifth."""
    return np.histogram(weights, [0.0, 0.2, 0.8, 1.0])[0] / len(weights)


for mu, (weights, _) in results.items():
    print(f"mu = {mu:g}: " + ", ".join(f"{100 * share:.0f} %" for share in shares(weights)) + " of the weights low, between, high")
low, between, high = shares(results[0.0][0])
assert min(low, high) > between / 3.0  # either outer fifth holds more than a fifth in between: two peaks
assert shares(results[1.0][0])[1] > 0.99 and results[1.0][0].std() < 0.1  # one
assert abs(results[1.0][0].mean() - 1.0 / (1.0 + ratio)) < 0.1  # where potentiation and depression cancel

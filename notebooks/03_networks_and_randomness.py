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
# # Networks and randomness
#
# A cortical neuron that gets the same stimulus twice fires at different times. Yet the spiking neuron of the last
# notebook is a clock: a constant current gives equal intervals. Where does the randomness come from? This notebook
# follows it from one neuron, whose inputs cancel, to a network that makes noise of its own, and shows what such a
# network does when one spike is added, and when it grows.

# %%
import math

import matplotlib.pyplot as plt
import numpy as np

import snnsim as sim
from snnsim import analysis, viz

# %% [markdown]
# ## 1. A clock or a dice: it depends on the mean
#
# Thousands of small inputs, excitatory and inhibitory, add up to a mean $\mu$ and fluctuations of size $\sigma$:
#
# $$\mu = J \tau_m (\nu_{exc} - \nu_{inh}), \qquad \sigma^2 = J^2 \tau_m (\nu_{exc} + \nu_{inh})$$
#
# If $\mu$ lies above threshold the mean drives the neuron, and noise only makes it a bad clock. If excitation and
# inhibition *balance*, so that $\mu$ stays below, the neuron waits for a fluctuation: that is how a Poisson process
# waits. The coefficient of variation (CV) of the intervals tells the two apart: 0 for a clock, 1 for Poisson.

# %%
tau_m, v_th, v_reset, t_ref = 20.0, 20.0, 10.0, 2.0  # ms, mV above rest, ms
membrane = {"tau_m": tau_m, "v_rest": 0.0, "v_th": v_th, "v_reset": v_reset, "t_ref": t_ref}
J, sigma, copies = 0.2, 4.0, 60  # mV, mV, neurons per point
means = np.linspace(14.0, 40.0, 14)  # mV
both, net_input = 1e3 * (sigma / J) ** 2 / tau_m, 1e3 * means / (J * tau_m)  # Hz: the sum and the difference of the rates

inputs = {
    "exc": sim.PoissonSource(rate=np.repeat((both + net_input) / 2, copies)),
    "inh": sim.PoissonSource(rate=np.repeat((both - net_input) / 2, copies)),
}
cells = sim.Population("cells", len(means) * copies, sim.LIF(**membrane))
driven = sim.Network(
    *(
        sim.Projection(sim.Population(name, cells.size, source), cells, sim.OneToOne(), weight=J if name == "exc" else -J, delay=0.1)
        for name, source in inputs.items()
    )
)
trains = sim.simulate(driven, duration=2_000.0, record={"cells": ["spikes"]}, engine="clock", seed=1).spikes["cells"]
start = sim.simulate(driven, duration=300.0, record={"cells": ["spikes", "v"]}, engine="clock", seed=1)  # the same, with potentials
gaps, neurons = analysis.intervals(trains)
rates = trains.rates().reshape(len(means), copies).mean(axis=1)
cvs = np.array([gaps[neurons // copies == k].std() / gaps[neurons // copies == k].mean() for k in range(len(means))])

# %% [markdown]
# Theory has both in closed form when inputs are many and small, with integrals from reset to threshold (Siegert 1951;
# Brunel 2000, appendix A):
#
# $$\frac{1}{\nu} = t_{ref} + \tau_m \sqrt{\pi} \int_a^b e^{x^2} (1 + \mathrm{erf}\, x) \, dx, \qquad
# CV^2 = 2 \pi \nu^2 \tau_m^2 \int_a^b e^{x^2} \int_{-\infty}^x e^{y^2} (1 + \mathrm{erf}\, y)^2 \, dy \, dx$$
#
# with $a = (v_{reset} - \mu) / \sigma$ and $b = (v_{th} - \mu) / \sigma$.


# %%
def diffusion(mean, spread):
    """Rate (Hz) and CV of a neuron whose input is white noise."""
    low, high = (v_reset - mean) / spread, (v_th - mean) / spread
    x = np.linspace(min(low, -1.0) - 6.0, high, 20_001)
    step, gain = x[1] - x[0], np.exp(x**2)
    tail = np.array([math.erfc(-value) for value in x])  # 1 + erf x
    inner, inside = np.cumsum(gain * tail**2) * step, x >= low
    rate = 1.0 / (t_ref + tau_m * math.sqrt(math.pi) * (gain * tail)[inside].sum() * step)
    return 1e3 * rate, math.sqrt(2.0 * math.pi * (gain * inner)[inside].sum() * step) * rate * tau_m


expected = np.array([diffusion(mean, sigma) for mean in means])
fig, axes = plt.subplots(1, 3, figsize=(10, 3.0), layout="constrained", width_ratios=(1.5, 1, 1))
v = start.recordings["cells"]["v"]
for row, mean in enumerate((32.0, 16.0)):
    neuron = int(np.flatnonzero(means == mean)[0]) * copies
    axes[0].plot(v.times, v.values[:, neuron] + 30.0 * row, color=(viz.ORANGE, viz.BLUE)[row], linewidth=0.9)
    axes[0].vlines(start.spikes["cells"].of(neuron), 20.0 + 30.0 * row, 27.0 + 30.0 * row, color=(viz.ORANGE, viz.BLUE)[row], linewidth=0.9)
    axes[0].text(303.0, 10.0 + 30.0 * row, f"μ = {mean:g} mV", color=(viz.ORANGE, viz.BLUE)[row], fontsize=8)
axes[0].set(xlabel="time (ms)", ylabel="potential (mV)", xlim=(0.0, 300.0), yticks=[0, 20, 30, 50], yticklabels=["0", "20", "0", "20"])
for ax, values, theory, label in ((axes[1], rates, expected[:, 0], "rate (Hz)"), (axes[2], cvs, expected[:, 1], "CV of intervals")):
    ax.plot(means, theory, color=viz.GREY, label="theory")
    ax.plot(means, values, "o", color=viz.BLUE, markersize=4, label="simulated")
    ax.axvline(v_th, color="black", linestyle=":", linewidth=1.0)
    ax.set(xlabel="mean input μ (mV)", ylabel=label, ylim=(0.0, None))
axes[2].legend(fontsize=8, frameon=False)
for ax in axes:
    ax.spines[["top", "right"]].set_visible(False)

assert np.abs(rates - expected[:, 0]).max() < 3.0
assert np.abs(cvs - expected[:, 1])[rates > 5.0].max() < 0.05  # below that a run of 2 s misses the long intervals
assert cvs[0] > 0.75 and cvs[-1] < 0.25
assert (np.diff(cvs[::3]) < 0.0).all()  # the stronger the mean, the more it is a clock

# %% [markdown]
# ## 2. Who balances whom? A network balances itself
#
# Nobody tunes the inputs of a cortical neuron. Brunel (2000) let a random network do it: excitation drives inhibition,
# which drives everybody down. Two numbers matter: $g$, how much stronger an inhibitory synapse is, and $\eta$, the noise
# from outside in units of what brings a neuron to threshold. There are four excitatory neurons to one inhibitory: at
# $g = 4$ the two cancel. We take a fifth of his network and scan the plane coarsely (`examples/brunel.py` has full size).


# %%
def network(g, eta, neurons=2_500, weight=0.5, inputs=(200, 50)):
    """Brunel's network with fewer inputs per neuron, each stronger: their product is that of the paper."""
    random = np.random.default_rng(0)
    sizes = {"exc": 4 * neurons // 5, "inh": neurons // 5}
    exc, inh = (sim.Population(name, n, sim.LIF(**membrane, v_init=random.uniform(0.0, v_th, n))) for name, n in sizes.items())
    parts = []
    for post in (exc, inh):
        noise = sim.Population(f"noise to {post.name}", post.size, sim.PoissonSource(rate=1e3 * eta * v_th / (weight * tau_m)))
        parts.append(sim.Projection(noise, post, sim.OneToOne(), weight=weight, delay=1.5))
        parts.append(sim.Projection(exc, post, sim.FixedInDegree(inputs[0]), weight=weight, delay=1.5))
        parts.append(sim.Projection(inh, post, sim.FixedInDegree(inputs[1]), weight=-g * weight, delay=1.5))
    return sim.Network(*parts)


def run(net, duration=300.0, record=("spikes",), seed=1):
    return sim.simulate(net, duration, record={"exc": list(record)}, engine="clock", seed=seed)


window = (100.0, 300.0)  # ms: without the start
gs, etas = np.array([3.0, 3.5, 4.0, 4.5, 5.0, 6.0, 7.0]), np.array([0.9, 1.5, 2.0, 3.0, 4.0])
plane = {name: np.zeros((len(etas), len(gs))) for name in ("rate (Hz)", "CV of intervals", "Fano factor of the population")}
for i, eta in enumerate(etas):
    for j, g in enumerate(gs):
        exc = run(network(g, eta)).spikes["exc"]
        plane["rate (Hz)"][i, j] = analysis.population_rate(exc, 1.0, window=window)[1].mean()
        plane["CV of intervals"][i, j] = analysis.isi_cv(exc)[0].mean()
        plane["Fano factor of the population"][i, j] = analysis.count_synchrony(exc, 1.0, window=window)

fig, axes = plt.subplots(1, 3, figsize=(10, 3.1), layout="constrained")
for ax, (name, values) in zip(axes, plane.items(), strict=True):
    norm = None if name.startswith("CV") else "log"
    image = ax.imshow(values, origin="lower", aspect="auto", cmap="viridis", norm=norm)
    ax.set(xlabel="inhibition g", ylabel="noise η", title=name)
    ax.set_xticks(range(len(gs)), labels=[f"{g:g}" for g in gs])
    ax.set_yticks(range(len(etas)), labels=[f"{eta:g}" for eta in etas])
    ax.title.set_fontsize(10)
    for i, j in np.ndindex(values.shape):
        bright = image.norm(values[i, j]) > 0.6
        text = f"{values[i, j]:.1f}" if name.startswith("CV") else f"{values[i, j]:.0f}"
        ax.text(j, i, text, ha="center", va="center", fontsize=7, color="black" if bright else "white")

left, right = gs < 4.0, gs > 4.0
rate_of, cv_of, fano_of = plane.values()
assert (rate_of[:, left].min(axis=1) > 2.0 * rate_of[:, right].max(axis=1)).all()  # not far below 1 / t_ref, against far below
assert cv_of[:, left].max() < cv_of[:, right].min() and cv_of[etas >= 2.0][:, right].min() > 0.7
assert fano_of[:, gs == 3.0].min() > 2.0 * fano_of[:, gs > 3.0].max()

# %% [markdown]
# Left of $g = 4$ excitation wins: neurons fire nearly as fast as their rest allows, like clocks, and at $g = 3$ all
# together. Right of it the network holds its own mean near threshold, and neurons fire seldom and irregularly: nobody set
# the balance, it is where the feedback settles. At the bottom of $g = 4.5$, where noise alone just does not reach
# threshold, the population moves in slow waves, and its Fano factor rises once more.

# %% [markdown]
# ## 3. Shared input need not mean shared output
#
# Each pair of neurons shares a tenth of its inputs, so one would expect them to fire together. They do when they are *not*
# connected and get the same shared input, as Poisson spikes at the rate of the network. Feedback removes most of it: when
# the population rises, inhibition pushes it down (Renart et al. 2010; Tetzlaff et al. 2012). It acts after its delay: over
# a few ms the network's own fast rhythm remains.

# %%
irregular = (6.0, 2.0)  # g, eta
recurrent = run(network(*irregular), duration=1_100.0).spikes["exc"]
rate = analysis.population_rate(recurrent, 1.0, window=(100.0, 1_100.0))[1].mean()
post = sim.Population("post", 400, sim.LIF(**membrane))
shared = sim.Network(
    sim.Projection(sim.Population("E", 2_000, sim.PoissonSource(rate=rate)), post, sim.FixedInDegree(200), weight=0.5, delay=1.5),
    sim.Projection(sim.Population("I", 500, sim.PoissonSource(rate=rate)), post, sim.FixedInDegree(50), weight=-3.0, delay=1.5),
    sim.Projection(sim.Population("noise", 400, sim.PoissonSource(rate=4_000.0)), post, sim.OneToOne(), weight=0.5, delay=1.5),
)
open_loop = sim.simulate(shared, 1_100.0, record={"post": ["spikes"]}, engine="clock", seed=1).spikes["post"]


def mean_correlation(trains, width, first=400):
    """Correlation of spike counts in bins of `width` ms, mean over all pairs of the first neurons."""
    few = trains.indices < first
    chosen = sim.SpikeTrains(trains.times[few], trains.indices[few], first, trains.duration)
    rho, _ = analysis.correlations(chosen, width, window=(100.0, 1_100.0))
    return rho[np.triu_indices(len(rho), 1)].mean()


widths = np.array([2.0, 5.0, 10.0, 20.0, 50.0, 100.0])  # ms
fig, ax = plt.subplots(figsize=(5.5, 3.0), layout="constrained")
correlation = {}
for name, some, colour in (("shared input, no feedback", open_loop, viz.ORANGE), ("network", recurrent, viz.BLUE)):
    correlation[name] = np.array([mean_correlation(some, width) for width in widths])
    ax.semilogx(widths, correlation[name], "o-", color=colour, label=f"{name}, {some.mean_rate():.0f} Hz")
ax.set(xlabel="counted in bins of (ms)", ylabel="mean correlation of a pair", ylim=(0.0, None))
ax.set_xticks(widths, labels=[f"{width:g}" for width in widths])
ax.minorticks_off()
ax.legend(fontsize=8, frameon=False)
ax.spines[["top", "right"]].set_visible(False)
print({name: values.round(4).tolist() for name, values in correlation.items()})
assert correlation["network"][-2:].max() < 0.5 * correlation["shared input, no feedback"][-2:].min()

# %% [markdown]
# ## 4. The same seed, the same spikes; one spike more, another future
#
# All random numbers here are functions of the seed: connections, noise, all. The same seed gives the same bits, so what
# looks random is not. We now keep the seed, and with it every noise spike, but let *one* of 2,500 neurons fire *one*
# extra spike at 100 ms.


# %%
def kicked(neuron, weight):
    """The irregular network, with one input of `weight` mV to one neuron at 100 ms."""
    net = network(*irregular)
    kick = sim.Population("kick", 1, sim.SpikeArray(times=[99.0]))
    wire = sim.FromArrays(np.array([0]), np.array([neuron]))
    return sim.Network(*net.projections.values(), sim.Projection(kick, net.population("exc"), wire, weight=weight, delay=1.0))


before = run(kicked(0, 0.0), duration=99.0, record=("v",)).recordings["exc"]["v"]
neuron = int(np.abs(before.values[-1] - 15.0).argmin())  # one that is neither at rest after a spike nor about to fire
usual, again, other = (run(kicked(neuron, weight), 250.0, ("spikes", "v")) for weight in (0.0, 0.0, 20.0))
assert np.array_equal(usual.spikes["exc"].times, again.spikes["exc"].times)
assert np.array_equal(usual.spikes["exc"].indices, again.spikes["exc"].indices)

v = {name: run_of.recordings["exc"]["v"].values for name, run_of in (("usual", usual), ("other", other))}
times = usual.recordings["exc"]["v"].times
distance = np.sqrt(((v["usual"] - v["other"]) ** 2).mean(axis=1))
stranger = np.sqrt(2.0) * v["usual"][times > 150.0].std(axis=1).mean()  # of two networks that know nothing of each other
assert (distance[times < 99.95] == 0.0).all()


def spike_set(result, start, stop):
    times, indices = result.spikes["exc"].times, result.spikes["exc"].indices
    inside = (times > start) & (times <= stop)
    return set(zip(np.rint(10.0 * times[inside]).astype(int).tolist(), indices[inside].tolist(), strict=True))


edges = np.arange(60.0, 250.0, 10.0)
same = np.array([len(spike_set(usual, t, t + 10.0) & spike_set(other, t, t + 10.0)) / len(spike_set(usual, t, t + 10.0)) for t in edges])

fig, axes = plt.subplots(1, 3, figsize=(10, 3.0), layout="constrained", width_ratios=(1.3, 1, 1))
for result, colour, size in ((usual, viz.ORANGE, 14), (other, viz.BLUE, 3)):
    spikes = result.spikes["exc"]
    few = (spikes.indices < 80) & (spikes.times > 80.0) & (spikes.times < 180.0)
    axes[0].scatter(spikes.times[few], spikes.indices[few], s=size, color=colour, linewidths=0)
axes[0].set(xlabel="time (ms)", ylabel="neuron", xlim=(80.0, 180.0), title="as usual (large dots), one spike more (small)")
axes[0].title.set_fontsize(9)
axes[1].semilogy(times[times > 100.0], distance[times > 100.0], color=viz.BLUE)
axes[1].axhline(stranger, color=viz.GREY, linestyle="--", linewidth=1.0)
axes[1].set(xlabel="time (ms)", ylabel="distance of potentials (mV, rms)", xlim=(95.0, 180.0))
axes[1].text(180.0, 0.6 * stranger, "two independent networks", fontsize=8, ha="right", va="top", color=viz.GREY)
axes[2].stairs(100.0 * same, np.append(edges, edges[-1] + 10.0), color=viz.BLUE, linewidth=1.4, baseline=None)
axes[2].set(xlabel="time (ms)", ylabel="spikes in both runs (%)", ylim=(0.0, 104.0))
for ax in axes:
    ax.axvline(100.0, color="black", linestyle=":", linewidth=1.0)
    ax.spines[["top", "right"]].set_visible(False)

forgotten = times[(times > 100.0) & (distance > 0.5 * stranger)][0] - 100.0
print(f"after {forgotten:.0f} ms the two are half as different as two networks that never met")
assert (same[edges < 100.0] == 1.0).all() and same[-5:].max() < 0.5
assert 2.0 < forgotten < 100.0

# %% [markdown]
# The difference grows exponentially until the two runs are strangers. A real brain never repeats the last spike, let
# alone all noise: London et al. (2010) added one spike in rat cortex and found it too much for a code of precise times.
# What survives is what the runs share: rates, CV, correlations.

# %%
summary = {
    name: (result.spikes["exc"].mean_rate(), analysis.isi_cv(result.spikes["exc"])[0].mean())
    for name, result in (("usual", usual), ("other", other))
}
print({name: f"{rate:.1f} Hz, CV {cv:.2f}" for name, (rate, cv) in summary.items()})
assert abs(summary["usual"][0] / summary["other"][0] - 1.0) < 0.15
assert abs(summary["usual"][1] - summary["other"][1]) < 0.1

# %% [markdown]
# ## 5. How much of it is because the network is small?
#
# With more neurons, and as many inputs to each, pairs share fewer inputs. In the irregular state the fluctuations of the
# population then fade as $1 / \sqrt{N}$: they are noise of a finite sample. In the synchronous state they do not: there
# they are what the network does.

# %%
sizes = np.array([1_250, 2_500, 5_000, 10_000])
states = {"irregular, g = 6": irregular, "synchronous, g = 3": (3.0, 2.0)}
spread = {name: [] for name in states}
for name, (g, eta) in states.items():
    for n in sizes:
        exc = run(network(g, eta, neurons=int(n))).spikes["exc"]
        activity = analysis.population_rate(exc, 1.0, window=window)[1]
        spread[name].append(activity.std() / activity.mean())
slopes = {name: np.polyfit(np.log(sizes), np.log(values), 1)[0] for name, values in spread.items()}
print({name: round(float(slope), 2) for name, slope in slopes.items()})

fig, ax = plt.subplots(figsize=(4.8, 3.2), layout="constrained")
for (name, values), colour in zip(spread.items(), (viz.BLUE, viz.RED), strict=True):
    ax.loglog(sizes, values, "o-", color=colour, label=f"{name}: N to the power of {slopes[name]:z.2f}")
ax.loglog(sizes, spread["irregular, g = 6"][0] * np.sqrt(sizes[0] / sizes), color=viz.GREY, linestyle=":", label="power of -1/2")
ax.set(xlabel="neurons N", ylabel="population rate: deviation / mean")
ax.set_xticks(sizes, labels=[f"{n:,}" for n in sizes])
ax.set_yticks([0.3, 0.4, 0.5, 0.7], labels=["0.3", "0.4", "0.5", "0.7"])
ax.minorticks_off()
ax.legend(fontsize=8, frameon=False, loc="lower left", bbox_to_anchor=(0.0, 1.0))
ax.spines[["top", "right"]].set_visible(False)
assert -0.75 < slopes["irregular, g = 6"] < -0.25
assert abs(slopes["synchronous, g = 3"]) < 0.1

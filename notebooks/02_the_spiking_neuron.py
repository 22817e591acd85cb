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
# # The spiking neuron
#
# A neuron that integrates and fires is a leaky bucket with an alarm. This notebook builds it from its electric circuit
# up: how it fills, what one spike does to it, how fast it fires, why it cannot fire faster, and what it costs to let
# time pass in steps. Each answer has a closed form, and the simulator is held to it.

# %%
import matplotlib.pyplot as plt
import numpy as np

import snnsim as sim
from snnsim import analysis, viz

# %% [markdown]
# ## 1. A capacitor that leaks
#
# The membrane stores charge like a capacitor of $c_m = 200$ pF and leaks like a resistor $r_m = \tau_m / c_m = 0.1$ GΩ:
#
# $$c_m \dot v = -\frac{v - v_{rest}}{r_m} + i \qquad\Longrightarrow\qquad v(t) = v_{rest} + r_m i \left(1 - e^{-t / \tau_m}\right)$$
#
# A constant 100 pA lifts it by 10 mV, too little to reach the threshold, 15 mV above rest.

# %%
tau_m, c_m, t_ref = 20.0, 200.0, 2.0  # ms, pF, ms
v_rest, v_th = -65.0, -50.0  # mV
membrane = {"tau_m": tau_m, "c_m": c_m, "t_ref": t_ref, "v_rest": v_rest, "v_reset": v_rest, "v_th": v_th}

quiet = sim.Network(sim.Population("neuron", 1, sim.LIF(**membrane, i_ext=100.0)))
result = sim.simulate(quiet, duration=120.0, record={"neuron": ["spikes", "v"]})
v = result.recordings["neuron"]["v"]
charging = v_rest + 10.0 * (1.0 - np.exp(-v.times / tau_m))
assert np.abs(v.values[:, 0] - charging).max() < 1e-9
assert len(result.spikes["neuron"]) == 0

fig, ax = plt.subplots(figsize=(7, 2.8), layout="constrained")
viz.traces(v, ax, v_th=v_th)
ax.axvline(tau_m, color=viz.ORANGE, linewidth=1.0)
ax.text(tau_m + 1.5, -63.0, "one time constant: 63 % of the way", fontsize=8)

# %% [markdown]
# ## 2. One spike arrives
#
# With *delta* synapses a spike lifts the potential at once, and the leak takes it back. With *exponential* synapses it
# lifts a current that decays with $\tau_{syn}$, and the potential answers with the difference of two exponentials:
#
# $$\Delta v(t) = \frac{w}{c_m} \frac{\tau_m \tau_{syn}}{\tau_m - \tau_{syn}} \left(e^{-t / \tau_m} - e^{-t / \tau_{syn}}\right)$$

# %%
tau_syn, jump, pulse, arrival = 5.0, 3.0, 150.0, 11.0  # ms, mV, pA, ms
spike = sim.Population("spike", 1, sim.SpikeArray(times=[10.0]))
delta = sim.Population("delta", 1, sim.LIF(**membrane))
smooth = sim.Population("smooth", 1, sim.LIFExp(**membrane, tau_syn_exc=tau_syn))
one = sim.Network(
    sim.Projection(spike, delta, sim.OneToOne(), weight=jump, delay=1.0),
    sim.Projection(spike, smooth, sim.OneToOne(), weight=pulse, delay=1.0),
)
record = {"delta": ["v"], "smooth": ["v"]}
runs = {engine: sim.simulate(one, duration=100.0, record=record, engine=engine) for engine in ("event", "clock")}

times = runs["event"].recordings["delta"]["v"].times
since = np.maximum(times - arrival, 0.0)
shape = pulse / c_m * tau_m * tau_syn / (tau_m - tau_syn) * (np.exp(-since / tau_m) - np.exp(-since / tau_syn))
expected = {"delta": np.where(times > arrival - 1e-6, jump * np.exp(-since / tau_m), 0.0), "smooth": shape}
for engine, run in runs.items():
    for name, form in expected.items():
        error = np.abs(run.recordings[name]["v"].values[:, 0] - v_rest - form).max()
        print(f"{engine:5s} engine, {name:6s} synapse: largest difference {error:.1e} mV")
        assert error < 1e-9

fig, ax = plt.subplots(figsize=(7, 2.8), layout="constrained")
for (name, form), colour in zip(expected.items(), (viz.BLUE, viz.ORANGE), strict=True):
    ax.plot(times, form, color=colour, linewidth=3.5, alpha=0.35, label=f"{name} synapse, closed form")
    ax.plot(
        times, runs["event"].recordings[name]["v"].values[:, 0] - v_rest, color=colour, linewidth=1.0, label=f"{name} synapse, simulated"
    )
ax.set(xlabel="time (ms)", ylabel="potential above rest (mV)")
ax.legend(fontsize=8, frameon=False)
ax.spines[["top", "right"]].set_visible(False)

# %% [markdown]
# The smooth potential peaks when the current that is left no longer outweighs the leak, after
# $\tau_m \tau_{syn} / (\tau_m - \tau_{syn}) \cdot \ln(\tau_m / \tau_{syn})$.

# %%
peak = tau_m * tau_syn / (tau_m - tau_syn) * np.log(tau_m / tau_syn)
seen = times[runs["event"].recordings["smooth"]["v"].values[:, 0].argmax()] - arrival
print(f"peak after {seen:.1f} ms; closed form {peak:.2f} ms")
assert abs(seen - peak) <= 0.1

# %% [markdown]
# ## 3. The alarm
#
# When the potential reaches the threshold the neuron fires, is reset, and rests for $t_{ref}$. A constant 250 pA makes
# it a clock. The first crossing has a closed form, and the event engine finds it between all grid points.

# %%
drive = 250.0  # pA
firing = sim.Network(sim.Population("neuron", 1, sim.LIF(**membrane, i_ext=drive)))
result = sim.simulate(firing, duration=150.0, engine="event", record={"neuron": ["spikes", "v"]})
spikes = result.spikes["neuron"]


def charge_time(current):
    """Time from reset to threshold, ms."""
    lift = current * tau_m / c_m
    return tau_m * np.log(lift / (lift - (v_th - v_rest)))


climb = charge_time(drive)
print(f"first spike at {spikes.times[0]:.12f} ms; closed form {climb:.12f} ms")
assert abs(spikes.times[0] - climb) < 1e-9
assert np.abs(np.diff(spikes.times) - (climb + t_ref)).max() < 1e-9
assert analysis.isi_cv(spikes)[0][0] < 1e-9  # as regular as can be
viz.traces(result.recordings["neuron"]["v"], v_th=v_th, spikes=spikes).figure

# %% [markdown]
# ## 4. The f-I curve, and why it bends
#
# One interval is the climb and the rest, so the rate is $f = 1 / (t_{ref} + \tau_m \ln \frac{r_m i}{r_m i - (v_{th} - v_{rest})})$
# above the *rheobase* of 150 pA, and zero below. However strong the current, the climb shrinks but the rest stays: the
# rate saturates at $1 / t_{ref}$.

# %%
currents = np.linspace(0.0, 1000.0, 41)
fig, axes = plt.subplots(1, 2, figsize=(8, 3.0), layout="constrained")
closed = np.array([1e3 / (t_ref + charge_time(i)) if i > 150.0 else 0.0 for i in currents])
measured = sim.f_i_curve(sim.LIF(**membrane), currents, engine="event")
assert np.allclose(measured, closed, rtol=1e-9, atol=0.0)
viz.f_i_curve(currents, measured, axes[0], expected=closed)

strong = np.geomspace(200.0, 1e6, 30)
for rest, colour in ((0.5, viz.GREY), (2.0, viz.BLUE), (5.0, viz.ORANGE)):
    rates = sim.f_i_curve(sim.LIF(**{**membrane, "t_ref": rest}), strong, engine="event", duration=100.0)
    axes[1].loglog(strong / 1e3, rates, color=colour, label=f"t_ref = {rest:g} ms")
    axes[1].axhline(1e3 / rest, color=colour, linestyle=":", linewidth=1.0)
    assert 0.99 < rates[-1] * rest / 1e3 < 1.0
axes[1].set(xlabel="current (nA)", ylabel="firing rate (Hz)")
axes[1].legend(fontsize=8, frameon=False)
axes[1].spines[["top", "right"]].set_visible(False)

# %% [markdown]
# ## 5. Refractoriness makes noise more regular
#
# Poisson spikes have intervals with a coefficient of variation (CV) of 1, and no memory. A neuron they drive begins each
# climb anew, so an interval is the rest plus a climb that knows nothing of it. The rest adds to the mean and not to the
# spread: $CV = CV_0 \, (1 - f \, t_{ref})$, where $CV_0$ is that of a neuron without rest.

# %%
noise = sim.Population("noise", 200, sim.PoissonSource(rate=350.0))
neurons = {rest: sim.Population(f"rest {rest:g} ms", 200, sim.LIF(**{**membrane, "t_ref": rest})) for rest in (0.0, 2.0, 10.0)}
noisy = sim.Network(*(sim.Projection(noise, post, sim.OneToOne(), weight=2.0, delay=1.0) for post in neurons.values()))
run = sim.simulate(noisy, duration=5_000.0, record={name: ["spikes"] for name in noisy.populations}, engine="event", seed=1)
source_cv = analysis.isi_cv(run.spikes["noise"])[0].mean()
print(f"CV of the input {source_cv:.3f}")
assert abs(source_cv - 1.0) < 0.02

fig, axes = plt.subplots(1, 3, figsize=(9, 2.8), layout="constrained", sharex=True)
cv_0 = None
for ax, (rest, population) in zip(axes, neurons.items(), strict=True):
    gaps, _ = analysis.intervals(run.spikes[population.name])
    rate, cv = 1.0 / gaps.mean(), gaps.std() / gaps.mean()
    cv_0 = cv_0 or cv
    theory = cv_0 * (1.0 - rate * rest)
    print(f"{population.name:10s}: {1e3 * rate:4.1f} Hz, shortest interval {gaps.min():5.2f} ms, CV {cv:.3f}, expected {theory:.3f}")
    assert gaps.min() >= rest
    assert abs(cv / theory - 1.0) < 0.03
    viz.isi_histogram(run.spikes[population.name], ax)
    ax.axvline(rest, color=viz.ORANGE, linewidth=1.5)
    ax.text(0.97, 0.9, f"t_ref = {rest:g} ms", transform=ax.transAxes, ha="right", fontsize=9)

# %% [markdown]
# ## 6. What a step of time costs
#
# The *clock* engine moves all neurons from grid point to grid point. Between spikes it is exact too (its propagators
# are), but it can only notice a crossing at the end of a step: each spike comes late, by less than `dt`. The *event*
# engine has no step. Its spikes are the yardstick.

# %%
steps = np.array([1.0, 0.5, 0.2, 0.1, 0.05, 0.02, 0.01])  # ms
drives = np.linspace(170.0, 600.0, 60)
model = sim.LIF(**membrane)
exact = 1e3 / sim.f_i_curve(model, drives, engine="event")  # intervals, ms
late = np.array([1e3 / sim.f_i_curve(model, drives, engine="clock", dt=dt) - exact for dt in steps])
for dt, row in zip(steps, late, strict=True):
    print(f"dt = {dt:5.2f} ms: an interval is {row.mean():.4f} ms too long on average, {row.max():.4f} at most")
    assert (row > -1e-9).all() and (row < dt + 1e-9).all()
order = np.polyfit(np.log(steps), np.log(late.mean(axis=1)), 1)[0]
print(f"the error grows as dt to the power of {order:.2f}")
assert 0.9 < order < 1.1

fig, axes = plt.subplots(1, 2, figsize=(8, 3.0), layout="constrained")
axes[0].loglog(steps, steps, color=viz.GREY, linestyle=":", label="bound: dt")
axes[0].loglog(steps, late.mean(axis=1), color=viz.BLUE, marker="o", markersize=4, label="mean over 60 currents")
axes[0].set(xlabel="dt (ms)", ylabel="interval too long by (ms)")
axes[0].legend(fontsize=8, frameon=False)
reference = sim.simulate(firing, duration=500.0, engine="event").spikes["neuron"].times
for dt, colour in ((1.0, viz.ORANGE), (0.1, viz.BLUE), (0.01, viz.GREEN)):
    times = sim.simulate(firing, duration=500.0, engine="clock", dt=dt).spikes["neuron"].times
    drift = times - reference[: len(times)]
    axes[1].plot(np.arange(1, len(times) + 1), drift, color=colour, marker=".", label=f"dt = {dt:g} ms")
    assert (np.diff(drift) > -1e-9).all()  # an error of one sign adds up
axes[1].set(xlabel="spike number", ylabel="spike too late by (ms)")
axes[1].legend(fontsize=8, frameon=False)
for ax in axes:
    ax.spines[["top", "right"]].set_visible(False)

# %% [markdown]
# An error of one sign does not average out: spike after spike the clock falls behind, in proportion to `dt`. Where a
# spike's time matters (in STDP, or where two spikes race) use the event engine, or a small step; where rates of many
# noisy neurons matter, a step of 0.1 ms is far below the noise.

# %%
last = {dt: sim.simulate(firing, duration=500.0, engine="clock", dt=dt).spikes["neuron"].times for dt in (0.1, 0.01)}
lag = {dt: times[-1] - reference[len(times) - 1] for dt, times in last.items()}
rates = {
    engine: sim.simulate(noisy, duration=2_000.0, engine=engine, seed=1).spikes["rest 2 ms"].mean_rate() for engine in ("event", "clock")
}
print(f"behind after 500 ms: {lag[0.1]:.2f} ms at dt = 0.1 ms, {lag[0.01]:.3f} ms at dt = 0.01 ms")
print(f"mean rate in noise: {rates['event']:.2f} Hz without a clock, {rates['clock']:.2f} Hz with one")
assert 0.0 < lag[0.01] < lag[0.1] < 0.1 * len(last[0.1])
assert abs(rates["clock"] / rates["event"] - 1.0) < 0.03

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
# # Chips that are not perfect
#
# A digital chip computes with exact numbers. An analog chip lets physics compute: a number is a current, a weight is a
# device. It moves no weights, and so it can save energy. But no two devices are equal, they drift, and they are noisy.
# This notebook puts a trained network on such chips, looks at one imperfection after the other, and wins the accuracy
# back.

# %%
import matplotlib.pyplot as plt
import numpy as np

import snnsim as sim
from snnsim.viz import BLUE, GREEN, GREY, ORANGE, RED

DAY, YEAR = 86_400.0, 31_536_000.0  # s
plt.rcParams.update({"font.size": 9, "axes.spines.top": False, "axes.spines.right": False, "legend.frameon": False})
above = {"loc": "lower left", "bbox_to_anchor": (0.0, 1.0), "fontsize": 8, "columnspacing": 1.2}  # legends stand above their axes

# %% [markdown]
# ## 1. A crossbar computes by physics
#
# Rows carry voltages, and where a row crosses a column there is a device with a conductance. *Ohm*: the current through a
# device is I = G V. *Kirchhoff*: the currents that meet in a column add up. So the current of a column is a weighted sum,
# for all columns at once, and no weight is moved from a memory.
#
# A weight below 0 needs two devices, since no conductance is negative: what is subtracted is the current of the second.

# %%
rng = np.random.default_rng(1)
weights = rng.integers(-7, 8, size=(4, 3))
volts = np.array([0.2, 0.0, 0.1, 0.15])  # V
microsiemens = 25.0 / 7.0  # conductance of a weight of 1, uS; the largest is 25
plus, minus = np.maximum(weights, 0) * microsiemens, np.maximum(-weights, 0) * microsiemens
currents = np.zeros(3)
for column in range(3):  # Kirchhoff: a sum of currents, one per device
    for row in range(4):
        currents[column] += plus[row, column] * volts[row] - minus[row, column] * volts[row]  # Ohm
print("currents of the columns (µA):", currents.round(2))
assert np.allclose(currents, microsiemens * (volts @ weights))

fig, ax = plt.subplots(figsize=(6.4, 3.6), layout="constrained")
for row in range(4):
    ax.plot([-0.9, 2.6], [-row, -row], color=GREY, lw=1.5, zorder=1)
    ax.text(-1.0, -row, f"{volts[row]:.2f} V", ha="right", va="center")
for column in range(3):
    ax.plot([column + 0.35] * 2, [0.4, -3.9], color=GREY, lw=1.5, zorder=1)
    ax.annotate("", (column + 0.35, -4.3), (column + 0.35, -3.9), arrowprops={"arrowstyle": "->", "color": GREY})
    ax.text(column + 0.35, -4.45, f"{currents[column]:+.2f} µA", ha="center", va="top")
    for row in range(4):
        colour = BLUE if weights[row, column] > 0 else RED
        size = 40 + 60 * abs(weights[row, column])
        ax.scatter(column + 0.35, -row, s=size, color=colour if weights[row, column] else "white", edgecolors=GREY, zorder=2)
        ax.text(column + 0.53, -row + 0.13, f"{plus[row, column] - minus[row, column]:.0f} µS", fontsize=8)
for colour, label in ((BLUE, "current is added"), (RED, "current is subtracted (second device)")):
    ax.scatter([], [], s=60, color=colour, label=label)
ax.legend(**above, ncols=2)
ax.set(xlim=(-1.8, 3.2), ylim=(-5.0, 0.5))
ax.axis("off")
plt.show()

# %% [markdown]
# ## 2. A network on a chip
#
# The network is the trained transformer that reads handwritten digits, converted into spikes. `sim.fabricate` puts its
# weights into crossbars. Between a crossbar and the neurons stand converters (ADCs, and DACs on the way in): sums are
# analog, what is sent between them is digital. Norms, softmax and thresholds stay digital too.
#
# An *ideal* chip gives the same answers as the digital network, number for number.

# %%
graph, _ = sim.data.load_model("digits")
(train, train_labels), (test, test_labels) = sim.data.load_digits("train"), sim.data.load_digits("test")
model = sim.convert(graph, sim.data.patches(train[:256]))
images, labels = sim.data.patches(test[:90]), test_labels[:90].astype(int)
calibration = sim.data.patches(train[600:664])  # what a chip may measure itself on


def right(device, time=None, recover=None, n=3):
    """Return the accuracy of n chips in percent, float[n]."""
    return 100 * sim.monte_carlo(model, images, labels, device, n=n, time=time, calibration=calibration, recover=recover).accuracy


ideal = sim.fabricate(model, "ideal")
certificate = ideal.certify(images[:8], code="graded")
digital = right("ideal", n=1)[0]
print(f"{len(ideal.crossbars)} crossbars; {digital:.1f} % right, as in digital logic")
assert certificate.mismatches == 0
assert (ideal.scores(ideal(images[:8], code="graded")) == model.scores(model(images[:8], code="graded"))).all()

# %% [markdown]
# ## 3. No two devices are equal
#
# *Device mismatch*: devices that are drawn alike come out different. Here a weight is multiplied by a random factor, with
# mean 1 and a spread of 10 % or 40 %. A seed is a chip: the same seed gives the same chip again.

# %%
fig, axes = plt.subplots(1, 2, figsize=(6.8, 2.8), layout="constrained")
bins = np.linspace(0.0, 2.2, 56)
for spread, colour in ((0.1, BLUE), (0.4, ORANGE)):
    device = sim.AnalogDevice(mismatch=spread)
    factors = device.conductances(np.ones(20_000), lambda purpose: np.random.default_rng(0), 0.0)
    axes[0].hist(factors, bins=bins, color=colour, alpha=0.7, label=f"{100 * spread:.0f} %")
    assert np.isclose(factors.std(), spread, rtol=0.05) and np.isclose(factors.mean(), 1.0, atol=0.01)
axes[0].set(xlabel="conductance over what was wanted", ylabel="devices")
axes[0].legend(**above, ncols=2, title="mismatch (sd / mean)", title_fontsize=8)
spreads = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5)
by_spread = np.array([right(sim.AnalogDevice(mismatch=spread)) for spread in spreads])
axes[1].plot(spreads, by_spread, "o", color=GREY, ms=4)
axes[1].plot(spreads, by_spread.mean(axis=1), color=BLUE, label="mean of 3 chips (dots)")
axes[1].set(xlabel="mismatch (sd / mean)", ylabel="digits right (%)", ylim=(0, 104))
axes[1].legend(**above)
plt.show()
assert (by_spread[0] == digital).all()
assert abs(by_spread[1].mean() - digital) < 2.0  # 10 % do no harm here
assert by_spread[-1].mean() < by_spread[1].mean() - 20.0  # 50 % do

# %% [markdown]
# ## 4. Writing is not exact, and time goes on
#
# *Phase-change memory* (PCM) keeps a conductance in a glass that is more or less crystalline. Writing has an error
# (*programming noise*). Then the glass relaxes: conductance falls as a power of time (*drift*), and every device has an
# exponent of its own. The figures below are published fits of measured devices (Nandakumar et al. 2019).
#
# *Resistive memory* (RRAM) wanders too, without falling: after a day it is a little worse (fits to Wan et al. 2022).

# %%
fig, axes = plt.subplots(1, 2, figsize=(6.8, 3.0), layout="constrained")
wanted = np.repeat(np.linspace(0.02, 1.0, 50), 40)
noisy = sim.PCM(drift=0.0, flicker=0.0).aged(wanted, lambda purpose: np.random.default_rng(3), 20.0)
axes[0].plot(25 * wanted, 25 * noisy, ".", color=BLUE, ms=2, alpha=0.5, label="devices")
axes[0].plot([0, 25], [0, 25], color=GREY, label="what was to be written")
axes[0].set(xlabel="conductance wanted (µS)", ylabel="conductance written (µS)")
axes[0].legend(**above, ncols=2)
times = np.geomspace(20.0, YEAR, 25)
quiet = sim.PCM(flicker=0.0, programming=0.0)
held = np.array([25 * quiet.aged(np.full(12, 0.8), lambda purpose: np.random.default_rng(5), t) for t in times])
axes[1].plot(times, held, color=BLUE, lw=0.8)
axes[1].plot([], [], color=BLUE, lw=0.8, label="12 devices written to 20 µS")
for when, name in ((DAY, "a day"), (YEAR, "a year")):
    axes[1].axvline(when, color=GREY, ls=":")
    axes[1].text(when / 1.3, 20.2, name, ha="right", fontsize=8)
axes[1].set(xscale="log", xlabel="time since writing (s)", ylabel="conductance (µS)", ylim=(0, 21.5))
axes[1].legend(**above)
plt.show()
error = 25 * (noisy - wanted)[wanted > 0.9].std()
print(f"error of writing near the largest conductance: {error:.2f} µS")
print(f"left of 20 µS: {held[-1].mean():.1f} µS after a year")
assert 0.8 < error < 1.3  # the fit says 1.06 µS at the largest conductance
assert (np.diff(held, axis=0) < 0).all() and 0.3 < held[-1].mean() / 20.0 < 0.65
resistive = {name: right("rram", time=t).mean() for name, t in (("a second", 1.0), ("a day", DAY))}
print("resistive memory:", ", ".join(f"after {name} {value:.1f} % right" for name, value in resistive.items()))
wandered = sim.RRAM().aged(np.full(20_000, 0.8), lambda purpose: np.random.default_rng(0), DAY) / 0.8
print(f"its devices after a day: {wandered.mean():.3f} +- {wandered.std():.3f} of what was written")
assert resistive["a second"] > resistive["a day"] > 90
assert abs(wandered.mean() - 1.0) < 0.01 < wandered.std()

# %% [markdown]
# What does it do to the answers? After a day the same chip is nearly blind. But all weights have shrunk by nearly the
# same factor. So one number per crossbar is enough to bring most of it back: *drift compensation*, a gain that the chip
# finds by reading known inputs.

# %%
ages = (20.0, 3600.0, DAY, YEAR)
old = {way: np.array([right("pcm", time=t, recover=way) for t in ages]) for way in (None, "drift")}
fig, ax = plt.subplots(figsize=(5.0, 2.9), layout="constrained")
for way, colour, label in ((None, GREY, "as made"), ("drift", BLUE, "one gain per crossbar")):
    ax.plot(ages, old[way].mean(axis=1), "o-", color=colour, label=label)
ax.set(xscale="log", xlabel="time since writing (s)", ylabel="digits right (%), mean of 3 chips", ylim=(0, 104))
ax.legend(**above, ncols=2)
plt.show()
assert old[None][0].mean() > 95 and old[None][2].mean() < 30
assert old["drift"][2:].mean() > 90

# %% [markdown]
# ## 5. Noise, few bits, broken devices
#
# *Read noise* is new in every reading: the same chip answers the same image with other scores. A converter of few *bits*
# rounds. *Stuck* devices ignore what is written to them: half of them conduct nothing, half as much as they can. One of a hundred
# is borne, ten of a hundred are not.

# %%
cases = {
    "read noise (steps of an 8-bit ADC)": ((0, 2, 8, 16, 32), lambda v: sim.AnalogDevice(adc_bits=8, read_noise=float(v))),
    "bits of the ADC": ((3, 4, 5, 6, 8), lambda v: sim.AnalogDevice(adc_bits=v)),
    "stuck devices (%)": ((0, 1, 2, 5, 10), lambda v: sim.AnalogDevice(stuck_off=v / 200, stuck_on=v / 200)),
}
found = {label: np.array([right(device(v)) for v in values]) for label, (values, device) in cases.items()}
fig, axes = plt.subplots(1, 3, figsize=(7.2, 2.6), layout="constrained", sharey=True)
for ax, (label, values) in zip(axes, found.items(), strict=True):
    ax.plot(cases[label][0], values, "o", color=GREY, ms=4)
    ax.plot(cases[label][0], values.mean(axis=1), color=BLUE, label="mean of 3 chips (dots)")
    ax.set(xlabel=label, ylim=(0, 104))
axes[0].set(ylabel="digits right (%)")
axes[0].legend(**above)
plt.show()
noise, bits, stuck = (found[label].mean(axis=1) for label in found)
assert noise[0] > 97 > noise[-1] and bits[-1] > 97 > bits[0] and stuck[1] > 97 and stuck[-1] < 90

chip = sim.fabricate(model, sim.AnalogDevice(adc_bits=8, read_noise=8.0), calibration=calibration)
again = sim.fabricate(model, sim.AnalogDevice(adc_bits=8, read_noise=8.0), calibration=calibration, reading=1)
scores = [each.scores(each(images[:8], code="graded")) for each in (chip, again)]
print("the same chip, the same images, read twice: scores differ by", np.abs(scores[0] - scores[1]).max().round(2))
assert (scores[0] != scores[1]).any()

# %% [markdown]
# ## 6. Many chips: Monte Carlo
#
# One chip proves nothing; another seed may be luckier. Draw several and give the mean with a *confidence interval*: draw
# from these chips again and again, with replacement, and see how much their mean moves (the bootstrap). The interval is
# about chips, for these very images. It gets narrower with more chips.

# %%
rough = sim.AnalogDevice(mismatch=0.4)
study = sim.monte_carlo(model, images, labels, rough, n=20, calibration=calibration)
low, high = study.interval(0.95)
few = sim.ChipStudy(rough, study.seeds[:6], study.accuracy[:6], 0, ())
print(f"20 chips: {100 * study.mean:.1f} % right, 95 % interval {100 * low:.1f} .. {100 * high:.1f} %")
print(f"the first 6 of them: {100 * few.interval()[0]:.1f} .. {100 * few.interval()[1]:.1f} %")
fig, ax = plt.subplots(figsize=(5.6, 2.5), layout="constrained")
ax.hist(100 * study.accuracy, bins=np.arange(40, 101, 2.5), color=GREY, label="chips")
ax.axvspan(100 * low, 100 * high, color=BLUE, alpha=0.3, label="mean, 95 % interval")
ax.axvline(100 * study.mean, color=BLUE)
ax.set(xlabel="digits right (%)", ylabel="chips")
ax.legend(**above, ncols=2)
plt.show()
assert low < study.mean < high
assert high - low < few.interval()[1] - few.interval()[0]
assert (sim.monte_carlo(model, images, labels, rough, n=2, seed=5).accuracy == study.accuracy[5:7]).all()  # a seed is a chip

# %% [markdown]
# ## 7. Winning it back
#
# A chip cannot look into its devices. It can send known inputs and see what comes out:
#
# - *calibration*: every converter gets a gain and an offset, so that its results have the mean and spread they should
#   have
# - *homeostasis*: a neuron moves its own threshold until its mean activity is the one it should have; it needs to know no
#   more
# - *a relearned readout*: the chip stays as it is, and new output synapses learn from its spikes
#
# For the last, spiking neurons listen to the layer before the classifier. A teacher makes the right one fire, and STDP
# with weights of one length makes each weight vector the mean of its examples ([notebook 04](04_hebb_and_stdp.ipynb)
# shows why).

# %%
TONIC = 40  # spikes of a line that fires alike for every image: what a large weight vector is balanced with


def spikes_of(chip, pictures):
    """Return spike counts per image and line of layer 'pool', positive and negative values on lines of their own."""
    values = chip.reference(pictures)["pool"].s
    largest = np.abs(model.reference(calibration)["pool"].s).max()
    lines = np.concatenate([np.maximum(values, 0), np.maximum(-values, 0)], axis=1) * (32 / largest)
    return np.rint(np.pad(lines, ((0, 0), (0, 8)), constant_values=TONIC)).astype(int)


def trains(counts, show=200.0):
    """Return regular spike trains, image after image, 100 ms of spikes and 100 ms of silence."""
    image, line = np.nonzero(counts)
    n = counts[image, line]
    which = np.repeat(np.arange(len(n)), n)
    nth = np.arange(len(which)) - np.repeat(np.cumsum(n) - n, n)
    phase = (line * 0.618 + 0.309) % 1.0
    times = image[which] * show + 100.0 * (nth + phase[which]) / n[which]
    return sim.SpikeArray(times=np.maximum(times, 0.01), indices=line[which])


def learned(counts, digits):
    """Return the weights that STDP finds while a teacher makes the neuron of the digit shown fire, float[lines, 10]."""
    beats = np.arange(5.0, 105.0, 10.0)  # ms
    times = (np.arange(len(digits))[:, None] * 200.0 + beats).ravel()
    lines = sim.Population("lines", counts.shape[1], trains(counts))
    teacher = sim.Population("teacher", 10, sim.SpikeArray(times=times, indices=np.repeat(digits, len(beats))))
    readout = sim.Population("readout", 10, sim.LIF(i_ext=-1e6))  # pA: nobody fires unless taught
    rules = [
        sim.PairSTDP(a_plus=0.0025, a_minus=0.0, w_max=300.0),
        sim.WeightNormalisation(total=300.0, norm=2.0, interval=200.0),
    ]
    net = sim.Network(
        sim.Projection(lines, readout, sim.AllToAll(), weight=0.0, plasticity=rules),
        sim.Projection(teacher, readout, sim.OneToOne(), weight=2e5),
    )
    record = {"lines -> readout": sim.Record("weight", every=200.0)}
    result = sim.simulate(net, len(digits) * 200.0, engine="clock", dt=0.5, record=record)
    return result.recordings["lines -> readout"]["weight"].values[-1].reshape(-1, 10)


def relearned(chip):
    """Return the accuracy, in percent, of a readout that learned from 100 images on this chip: the neuron driven most answers."""
    chosen = np.concatenate([np.flatnonzero(train_labels == digit)[:10] for digit in range(10)])
    chosen = np.random.default_rng(1).permutation(chosen)
    weights = learned(spikes_of(chip, sim.data.patches(train[chosen])), train_labels[chosen].astype(int))
    return 100 * (np.argmax(spikes_of(chip, images) @ weights, axis=1) == labels).mean()


ways = {"as made": None, "homeostasis": "homeostasis", "calibration": "channels"}
kinds = {"mismatch 40 %": (rough, None), "PCM, a day": ("pcm", DAY), "BrainScaleS-2": ("brainscales2", None)}
won = {kind: {way: right(device, time, recover).mean() for way, recover in ways.items()} for kind, (device, time) in kinds.items()}
for kind, (device, time) in kinds.items():
    chips = [sim.fabricate(model, device, seed=seed, time=time, calibration=calibration) for seed in range(3)]
    won[kind]["relearned readout"] = float(np.mean([relearned(chip) for chip in chips]))
    print(f"{kind:14}", ", ".join(f"{way} {value:.1f} %" for way, value in won[kind].items()))

# %%
fig, ax = plt.subplots(figsize=(6.4, 2.9), layout="constrained")
for place, (way, colour) in enumerate(zip(won["PCM, a day"], (GREY, ORANGE, BLUE, GREEN), strict=True)):
    heights = [won[kind][way] for kind in won]
    ax.bar(np.arange(3) + 0.2 * (place - 1.5), heights, width=0.18, color=colour, label=way)
ax.axhline(digital, color=RED, lw=0.8, ls="--", label="digital")
ax.set_xticks(range(3), labels=list(won))
ax.set(ylabel="digits right (%), mean of 3 chips", ylim=(0, 104))
ax.legend(**above, ncols=5)
plt.show()
assert won["mismatch 40 %"]["calibration"] > won["mismatch 40 %"]["as made"] + 10
assert won["mismatch 40 %"]["homeostasis"] > won["mismatch 40 %"]["as made"] + 5
assert won["PCM, a day"]["calibration"] > 95 and won["PCM, a day"]["relearned readout"] > won["PCM, a day"]["as made"] + 30
assert won["BrainScaleS-2"]["as made"] > 95  # its 6, 5 and 8 bits and its noise do no harm here

# %% [markdown]
# ## 8. What it costs
#
# The counts of a chip tell crossbars (`macs`), converters and the digital rest apart; a profile prices them. Beside the
# chip stand the same network in digital spikes, and the digital ANN of 8 bits. In the last row the crossbars stay, and
# the rest is computed as an ANN does.

# %%
shown = images[:32]
chip = sim.fabricate(model, "pcm", calibration=calibration, recover="channels")
dense = {each: sim.ann_operations(each.integer_graph, each.reference(shown), skip_zeros=False) for each in (model, chip)}
runs = {
    "digital, spikes": model(shown, code="graded").counts,
    "crossbars, spikes": chip(shown, code="graded").counts,
    "digital, ANN": dense[model],
    "crossbars, ANN": chip.hardware(dense[chip], len(shown)),
}
reports = {name: sim.estimate_energy(counts, "horowitz45", per=len(shown)) for name, counts in runs.items()}
work = chip.analog()
by_hand = sum(
    work.total(kind) * sim.load_profile("horowitz45").price(role, kind).pj.nominal
    for role, kind in (("crossbar", "macs"), ("converter", "adc_conversions"), ("converter", "dac_conversions"))
)
for name, report in reports.items():
    print(f"{name:18}{report}")
print("an image:", ", ".join(f"{work.total(kind):,} {kind}" for kind in ("macs", "dac_conversions", "adc_conversions")))
analog = reports["crossbars, spikes"].part("crossbar", "converter").nominal
assert np.isclose(analog, by_hand)

# %%
parts = {"crossbars": ("crossbar",), "converters": ("converter",), "synapses in digital logic": ("synaptic",)}
fig, axes = plt.subplots(1, 2, figsize=(7.2, 2.7), layout="constrained", width_ratios=(1.0, 1.0))
for ax, names in zip(axes, (list(runs)[:2], list(runs)[2:]), strict=True):
    for place, name in enumerate(names):
        report, left = reports[name], 0.0
        sums = {label: report.part(*roles).nominal / 1e3 for label, roles in parts.items()}
        if "ANN" in name:  # there a synapse is a MAC, and a weight that is fetched
            sums["synapses in digital logic"] = report.kind("macs", "weight_fetches").nominal / 1e3 - sums["crossbars"]
        sums["everything else"] = report.total.nominal / 1e3 - sum(sums.values())
        for (label, value), colour in zip(sums.items(), (BLUE, ORANGE, RED, GREY), strict=True):
            ax.barh(place, value, left=left, color=colour, label=label if place == 0 else None)
            left += value
    ax.set_yticks(range(2), labels=[name.split(",")[0] for name in names])
    ax.set(xlabel="energy of one image (nJ)", title="in spikes" if ax is axes[0] else "as an ANN", ylim=(1.5, -0.5))
fig.legend(*axes[0].get_legend_handles_labels(), loc="outside upper center", ncols=4, fontsize=8)
plt.show()
totals = {name: report.total.nominal for name, report in reports.items()}
synapses = reports["digital, spikes"].part("synaptic").nominal
print(f"crossbars and converters: {analog / 1e3:.0f} nJ; synapses in digital logic instead: {synapses / 1e3:.0f} nJ")
assert analog < synapses / 100
ratio = reports["crossbars, spikes"].part("converter").nominal / reports["crossbars, spikes"].part("crossbar").nominal
assert 0.5 < ratio < 2.0  # converters cost about as much as crossbars
assert totals["crossbars, spikes"] < totals["digital, spikes"] / 3
assert totals["crossbars, ANN"] < totals["digital, ANN"] < totals["crossbars, spikes"]

# %% [markdown]
# The crossbars are nearly free, and the converters cost about as much. What is left is what stayed digital: attention,
# norms, and the events between the layers. An analog chip does not make everything cheap; it makes weights cheap.
#
# The price of a conversion depends on the circuit. ISAAC, a design that reads bit by bit, converts 32 times for each
# result. Chips with phase-change memory, measured, lie in between.

# %%
alone = {name: sim.estimate_energy(work, name).total for name in ("horowitz45", "hermes14", "isaac32")}
for name, total in alone.items():
    title = sim.load_profile(name).title
    print(f"{total.nominal / 1e3:6.0f} nJ ({total.low / 1e3:.0f} .. {total.high / 1e3:.0f}) for crossbars and converters: {name}, {title}")
assert alone["horowitz45"].nominal < alone["hermes14"].nominal < alone["isaac32"].nominal
recovered = right("pcm", time=DAY, recover="channels")
print(f"a PCM chip after a day, calibrated: {recovered.mean():.1f} % right; digital: {digital:.1f} %")
assert recovered.mean() > digital - 3.0

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
# # Offloading attention
#
# A spiking chip need not run everything. It can sit beside a host as a co-processor and take some layers: attention, the feed-
# forward part, or whatever pays. But what moves between the two costs energy and time, and so does starting the chip. This
# notebook divides the digits transformer, prices every division, and says what would have to be true for it to pay.

# %%
import matplotlib.pyplot as plt

import snnsim as sim

graph, _ = sim.data.load_model("digits")
images = sim.data.load_digits("test")[0]
pixels = sim.data.patches(images[:30])
spiking = sim.convert(graph, sim.data.patches(sim.data.load_digits("train")[0][:256]))

# %% [markdown]
# ## 1. Two rules of thumb
#
# *Amdahl*: if a share a of the time runs s times as fast, the whole runs 1 / ((1 - a) + a / s + overhead) times as fast.
# *Bits*: an event that is sent must displace enough multiplications to pay for its transfer, bits x E_link / (E_host - E_chip)
# of them.

# %%
for share in (0.3, 0.6, 0.9):
    ideal, real = sim.speed_up(share, 1e9), sim.speed_up(share, 10.0, overhead=0.2)
    print(f"a = {share}: at most {ideal:5.2f} times as fast, {real:5.2f} with s = 10 and 20 % overhead")
print("MACs that a 32-bit event must displace at 5 pJ/bit against 1.41 pJ/MAC:", round(sim.macs_to_pay(32, 5.0, 1.41)))
assert sim.speed_up(0.3, 10.0, overhead=0.3) < 1.0  # overhead can eat all of it
assert round(sim.macs_to_pay(32, 5.0, 1.41)) == 113

# %% [markdown]
# ## 2. Every way to divide it
#
# SENECA can run all of it: payloads, products, rows. Each line is one division: layers on the chip, starts of the chip, events
# in and out, energy. The last is the best that a search over layers finds.

# %%
offload = sim.offload(spiking, pixels, host="horowitz45", chip="seneca22", link="aer28")
for split in offload.splits:
    print(
        f"{split.name:20} {len(split.layers):2d} layers {split.calls} calls  {split.events_in:6.0f} in {split.events_out:6.0f} out  "
        f"host {split.host.nominal * 1e-6:.3f} + chip {split.chip.nominal * 1e-6:.3f} + link {split.link.nominal * 1e-6:.3f} µJ"
    )
print(offload.sentence())
assert offload.best().layers == ()  # the host alone
assert offload.split("attention").link.nominal < 0.05 * offload.split("attention").chip.nominal

# %%
fig, axes = plt.subplots(1, 2, figsize=(9.6, 3.2), layout="constrained")
sim.viz.offload_bars(offload, axes[0])
sim.viz.offload_break_even(offload, axes[1])
plt.show()

# %% [markdown]
# Here the link is not the problem; the events of the chip are. On the right: how few of them there would have to be.
# `activity_to_pay` is where a curve meets 1.

# %%
for split in offload.splits[1:4]:
    print(f"{split.name:20} pays below {100 * offload.activity_to_pay(split.name):.2f} % of its events")
assert 0 < offload.activity_to_pay("attention") < 1

# %% [markdown]
# ## 3. Fewer events: only what changes
#
# A stream of similar inputs sends only the changes. The digit below moves by one grey level in one pixel per frame, and the
# settled network needs only the events of the difference.

# %%
frame = pixels[:1].copy()
frames = [frame.copy()]
for step in range(6):
    frame[0, 5 + step, 1] = min(16, frame[0, 5 + step, 1] + 1)
    frames.append(frame.copy())
results = list(spiking.stream(frames, code="graded"))
events = [result.counts.total("spikes") for result in results]
share = sum(events[1:]) / (len(events) - 1) / events[0]
print("events per frame:", events, f"- {100 * share:.0f} % of the first")
assert share < 1.0
needed = offload.activity_to_pay("all the chip can do")
print(f"it would have to be {100 * needed:.1f} %: {'enough' if share < needed else 'not enough'} here")

# %% [markdown]
# ## 4. A chip that cannot do everything, and its clock
#
# Loihi takes single spikes, and neither rows nor products nor tables. So it gets pieces, and every piece is a start. Its
# published times allow a roofline: below the ridge the link feeds it too slowly.

# %%
loihi = sim.offload(spiking, pixels[:10], host="edge_tpu", chip="loihi14", link="aer28", code="unary", objective="latency")
lacking = {lack for cost in loihi.costs.values() for lack in cost.lacks}
print("Loihi has no price for", ", ".join(sorted(lacking)))
for split in loihi.splits:
    energy = split.energy.nominal * 1e-6
    print(f"{split.name:20} {len(split.layers):2d} layers, {split.calls} calls, {split.latency:9.4f} ms, {energy:9.3f} µJ")
print(loihi.sentence())
fig, ax = plt.subplots(figsize=(5.6, 3.4), layout="constrained")
sim.viz.offload_roofline(loihi, ax)
plt.show()
assert loihi.best().name in ("host alone", "best found")
assert loihi.split("all the chip can do").calls > 1

# %% [markdown]
# ## 5. The link
#
# The same division over other links. A link of your own is `sim.Link(pj_per_bit=..., gbit_per_s=..., launch_us=...,
# sync_us=...)`.

# %%
for link in ("aer28", "ucie", "lvds180"):
    split = sim.offload(spiking, pixels[:10], chip="seneca22", link=link).split("attention")
    times = f"{split.t_link * 1e3:7.3f} µs, {split.t_overhead * 1e3:6.3f} µs to start and stop"
    print(f"{link:8} {split.bits:8.0f} bits, {split.link.nominal * 1e-6:7.4f} µJ, {times}")
free = sim.offload(spiking, pixels[:10], chip="seneca22", link=sim.Link(pj_per_bit=0.0, gbit_per_s=1e6))
assert free.best().layers == ()  # even a free link would not do

# %% [markdown]
# ## 6. Where it does pay
#
# Change the opponent and the network: a host in fp32 that reads a weight for every multiplication, a chip whose synaptic
# operation is below a picojoule (SNE, 0.22 pJ, all-in), and a model of 4 bits, whose values take at most 15 spikes instead of
# 255.

# %%
low = sim.convert(graph, sim.data.patches(sim.data.load_digits("train")[0][:256]), activation_bits=4, weight_bits=4)
paying = sim.offload(low, pixels, chip="sne22", link="ucie", code="unary", precision="fp32", reuse=1)
print(paying.sentence())
same = sim.offload(low, pixels, chip="sne22", link="ucie", code="unary")
print("Against an int8 host that reuses weights:", same.sentence())
assert paying.best().layers and paying.best().energy.nominal < paying.split("host alone").energy.nominal
assert same.best().layers == ()

"""A learning rule of your own in one file: spikes that suppress those after them, and what triplets of spikes teach.

python examples/own_rule.py                            # prints what own_rule.out holds
python examples/own_rule.py --picture own_rule.png     # ... and draws it
"""

import argparse
from dataclasses import dataclass

import numpy as np

import snnsim as sim
from snnsim import viz
from snnsim.kernels._jit import kernel_with, leaf_inline
from snnsim.kernels.lessons import LEARN
from snnsim.kernels.replayed import learn_replayed
from snnsim.plasticity.base import SpikeRule, SynapseForm
from snnsim.units import param


@leaf_inline
def on_pre(m, last, x, y, fade, c):
    """Depress if a post spike was last. last : its efficacy, > 0 of a pre spike, < 0 of a post spike; traces are set to 1."""
    efficacy = 1.0 - x[1]
    return (m + c[3] * efficacy * last * y[0] if last < 0.0 else m), efficacy


@leaf_inline
def on_post(m, last, x, y, fade, c):
    """Potentiate if a pre spike was last."""
    efficacy = 1.0 - y[1]
    return (m + c[2] * efficacy * last * x[0] if last > 0.0 else m), -efficacy


@kernel_with(LEARN)  # compiled once, then read from disk
def replay_suppressed(table, q, run, t, times):
    return learn_replayed(on_pre, on_post, True, 2, table, q, run, t, times)  # True: a variable of its own; 2 post traces


@dataclass(frozen=True, kw_only=True, eq=False)
class SuppressedSTDP(SpikeRule):
    r"""dw = e_pre e_post W(lag) of neighbouring pre and post spikes; e = 1 - exp(-t / tau), t since the last spike of its side.

    W(lag) = a_plus exp(-lag / tau_plus) where post follows pre, else -a_minus exp(lag / tau_minus).
    Source: Froemke & Dan (2002), Nature 416:433, who count all pairs: in triplets, those of neighbours. Numbers are round ones.
    """

    a_plus: float = param(0.01, doc="potentiation by one pair at zero lag, in the unit of the weight")
    a_minus: float = param(0.005, doc="depression by one pair at zero lag, in the unit of the weight")
    tau_plus: float = param(13.0, unit="ms", gt=0.0, doc="time constant of potentiation")
    tau_minus: float = param(34.0, unit="ms", gt=0.0, doc="time constant of depression")
    tau_pre: float = param(30.0, unit="ms", gt=0.0, doc="for which a pre spike suppresses the next")
    tau_post: float = param(80.0, unit="ms", gt=0.0, doc="for which a post spike suppresses the next")
    w_min: float = param(0.0, doc="lower bound of the size of the weight")
    w_max: float = param(1.0, gt=0.0, doc="upper bound of the size of the weight")
    delay: str = "dendritic"

    def form(self):
        coef, pre, post = (
            (self.w_min, self.w_max, self.a_plus, self.a_minus),
            (self.tau_plus, self.tau_pre),
            (self.tau_minus, self.tau_post),
        )
        return SynapseForm(coef, pre, post, replay_suppressed, pre_nearest=True, post_nearest=True, own=0.0)


# One synapse per protocol, all in one network: (pre spikes, post spikes) in ms. Pairs, then triplets of all pairs of intervals.
MIDDLE, LAGS, STEPS = 200.0, np.r_[-80.0:0.0:4.0, 4.0:84.0:4.0], np.arange(2.0, 82.0, 4.0)
FIRST, SECOND = (interval.ravel() for interval in np.meshgrid(STEPS, STEPS))
PAIRS = [([MIDDLE], [MIDDLE + lag]) for lag in LAGS]
PRE_POST_PRE = [([MIDDLE - a, MIDDLE + b], [MIDDLE]) for a, b in zip(FIRST, SECOND, strict=True)]
POST_PRE_POST = [(post, pre) for pre, post in PRE_POST_PRE]


def spikes(side, early):
    times = [np.asarray(protocol[side]) - early for protocol in PAIRS + PRE_POST_PRE + POST_PRE_POST]
    return sim.SpikeArray(times=np.concatenate(times), indices=np.repeat(np.arange(len(times)), [len(t) for t in times]))


n = len(PAIRS) + 2 * len(FIRST)
pre = sim.Population("pre", n, spikes(0, 0.0))
drive = sim.Population("drive", n, spikes(1, 2.0))  # cells fire 1 ms later; their spikes reach the synapse after its delay
cells = sim.Population("cells", n, sim.LIF(t_ref=0.0, v_th=1e5))  # deaf, but to the drive
net = sim.Network(
    sim.Projection(drive, cells, sim.OneToOne(), weight=1e6, delay=1.0),
    sim.Projection(pre, cells, sim.OneToOne(), weight=0.5, delay=1.0, plasticity=SuppressedSTDP()),
)
change = {e: sim.simulate(net, 400.0, engine=e, dt=1.0).weights["pre -> cells"] - 0.5 for e in ("clock", "event")}


def up(lag):
    return 0.01 * np.exp(-lag / 13.0)


def down(lag):
    return 0.005 * np.exp(-lag / 34.0)


window = np.where(LAGS > 0.0, up(np.abs(LAGS)), -down(np.abs(LAGS)))
pre_post_pre = up(FIRST) - (1.0 - np.exp(-(FIRST + SECOND) / 30.0)) * down(SECOND)
post_pre_post = -down(FIRST) + (1.0 - np.exp(-(FIRST + SECOND) / 80.0)) * up(SECOND)
for engine in change:
    np.testing.assert_allclose(change[engine], np.concatenate([window, pre_post_pre, post_pre_post]), rtol=0.0, atol=1e-14)
print(f"{n} protocols as in closed form, in both engines")
CHANGES = np.split(change["event"], [len(PAIRS), len(PAIRS) + len(FIRST)])
k = int(np.flatnonzero((FIRST == 10.0) & (SECOND == 10.0))[0])
print(f"pre - 10 ms - post - 10 ms - pre : {CHANGES[1][k]:+.6f}; the sum of its pairs {up(10.0) - down(10.0):+.6f}")
print(f"post - 10 ms - pre - 10 ms - post: {CHANGES[2][k]:+.6f}; the sum of its pairs {up(10.0) - down(10.0):+.6f}")
assert CHANGES[1][k] > 0.0 > CHANGES[2][k]  # the first pair decides
try:
    SuppressedSTDP(tau_pre=0.0)
except sim.ParameterError as error:
    print(error)


def draw(path: str) -> None:
    """The window of pairs; the change by triplets of either order over their two intervals."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11.0, 3.9), layout="constrained")
    pair, *triplets = figure.subplots(1, 3)
    pair.axhline(0.0, color="0.8", linewidth=0.8)
    fine = np.linspace(0.0, 80.0, 200)
    pair.plot(np.r_[-fine[::-1], np.nan, fine], 1e3 * np.r_[-down(fine[::-1]), np.nan, up(fine)], color="0.6", label="closed form")
    pair.plot(LAGS, 1e3 * CHANGES[0], ".", color=viz.BLUE, label="simulated")
    pair.set(title="pairs", xlabel="post - pre (ms)", ylabel="change of the weight (1e-3)")
    pair.spines[["top", "right"]].set_visible(False)
    pair.legend(frameon=False, fontsize=8)
    for axes, values, (a, b, c) in zip(triplets, CHANGES[1:], (("pre", "post", "pre"), ("post", "pre", "post")), strict=True):
        grid = 1e3 * values.reshape(len(STEPS), len(STEPS))
        image = axes.pcolormesh(STEPS, STEPS, grid, cmap="RdBu_r", vmin=-8.0, vmax=8.0)
        axes.contour(STEPS, STEPS, grid, [0.0], colors="0.3", linewidths=0.8)
        axes.set(title=f"{a}, {b}, {c}", xlabel=f"{a} to {b} (ms)", ylabel=f"{b} to {c} (ms)", aspect="equal")
    figure.colorbar(image, ax=triplets, label="change of the weight (1e-3)")
    figure.savefig(path, dpi=110)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--picture", help="where to store the picture")
    options = parser.parse_args()
    if options.picture:
        draw(options.picture)

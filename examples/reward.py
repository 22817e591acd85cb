"""XOR from reward alone: nobody tells the network the answer, only, when its spikes are long over, whether it was right.

python examples/reward.py                        # prints what reward.out holds
python examples/reward.py --picture reward.png   # ... and draws it

Two groups of inputs, a and b, each say 0 or 1 by which half of them fires. Cells with few random inputs answer to combinations of the
two. They excite two groups that inhibit each other, "no" and "yes": who fires more has answered. In each trial of 400 ms the inputs
fire from 200 to 240 ms. Dopamine comes at the end: what the answer was worth, 1 or 0, less what answers to this input have been worth
lately. Only synapses onto the answers learn, by the eligibility that the spikes have left. Where right and wrong are rewarded alike,
at random, they learn nothing.
Source: Izhikevich (2007), Cereb. Cortex 17:2443, for the rule and the late reward; Fremaux, Sprekeler & Gerstner (2010), J. Neurosci.
30:13326, for why reward must count from what is expected of each input.
"""

import argparse

import numpy as np

import snnsim as sim
from snnsim import viz

TRIALS, PERIOD = 300, 400.0  # ms
BLOCK = 50  # trials over which success is told
GROUP, CELLS, ANSWERS = 40, 200, 10  # inputs of a and of b, cells between, neurons of each answer


class World:
    """Shows inputs, looks at the answers, and rewards."""

    def __init__(self, seed: int, blind: bool):
        self.random = np.random.default_rng(seed)
        self.shown = self.random.integers(2, size=(TRIALS, 2))
        self.expected = np.full((2, 2), 0.5)
        self.success = np.zeros(TRIALS)
        self.blind = blind

    def inputs(self) -> sim.SpikeArray:
        """Return three volleys per trial of the halves that stand for the values of a and b."""
        neurons = np.arange(2 * GROUP).reshape(2, 2, GROUP // 2)  # group, value, neuron
        active = neurons[np.arange(2), self.shown].reshape(TRIALS, 1, GROUP)
        volleys = PERIOD * np.arange(TRIALS)[:, None, None] + np.array([205.0, 217.0, 229.0])[:, None]
        times = np.round(volleys + self.random.uniform(0.0, 6.0, (TRIALS, 3, GROUP)))
        return sim.SpikeArray(times=times.ravel(), indices=np.broadcast_to(active, times.shape).ravel())

    def reward(self, begin: float, end: float, heard: dict) -> float | None:
        """Return the dopamine for the trial that ends at `begin`."""
        if begin == 0.0:
            return None
        trial = round(begin / PERIOD) - 1
        a, b = self.shown[trial]
        no, yes = (len(heard[name][0]) for name in ("no", "yes"))
        answer = int(yes > no) if yes != no else self.random.integers(2)
        self.success[trial] = answer == (a ^ b)
        worth = self.random.integers(2) if self.blind else self.success[trial]
        surprise = worth - self.expected[a, b]
        self.expected[a, b] += 0.1 * surprise
        return surprise


def run(seed: int, blind: bool = False) -> np.ndarray:
    """Return which trials were a success. blind : the world rewards at random"""
    world = World(seed, blind)
    inputs = sim.Population("inputs", 2 * GROUP, world.inputs())
    cells = sim.Population("cells", CELLS, sim.LIF(tau_m=5.0))
    answers = {name: sim.Population(name, ANSWERS, sim.LIF(tau_m=10.0)) for name in ("no", "yes")}
    rule = sim.RewardSTDP(
        a_plus=0.005, a_minus=0.0, tau_plus=10.0, tau_c=150.0, tau_d=50.0, w_max=2.5,
        reward=world.reward, interval=PERIOD, hears=("no", "yes"),
    )  # fmt: skip
    parts = [sim.Projection(inputs, cells, sim.FixedInDegree(6), weight=4.5)]  # mV
    for name, other in (("no", "yes"), ("yes", "no")):
        parts += [
            sim.Projection(cells, answers[name], sim.AllToAll(), weight=0.55, plasticity=rule),
            sim.Projection(answers[name], answers[other], sim.AllToAll(), weight=-4.0),
            sim.Current(answers[name], sim.NoiseCurrent(std=100.0, tau=20.0)),  # pA, ms: tries out both answers
        ]
    # The last trial is rewarded at its end, where the run would end: one step more.
    sim.simulate(sim.Network(*parts), TRIALS * PERIOD + 1.0, engine="clock", dt=1.0, seed=seed, record={})
    return world.success


taught = np.array([run(seed) for seed in range(4)])
blind = np.array([run(seed, blind=True) for seed in range(2)])
for seed, success in enumerate(taught):
    print(f"seed {seed}: {success[:BLOCK].mean():4.0%} of the first {BLOCK} trials, {success[-BLOCK:].mean():4.0%} of the last")
print(f"rewarded at random: {blind[:, -BLOCK:].mean():4.0%} of the last, over {len(blind)} seeds")
assert taught[:, -BLOCK:].mean() > 0.9 > 0.7 > blind[:, -BLOCK:].mean()


def draw(path: str) -> None:
    """Draw success in blocks of trials."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6.5, 4.0), layout="constrained")
    axes = figure.subplots()
    middle = BLOCK * (np.arange(TRIALS // BLOCK) + 0.5)
    for runs, color, label in ((taught, viz.BLUE, "rewarded for XOR"), (blind, viz.ORANGE, "rewarded at random")):
        blocks = runs.reshape(len(runs), -1, BLOCK).mean(axis=2)
        axes.plot(middle, blocks.T, color=color, linewidth=0.8, alpha=0.6)
        axes.plot(middle, blocks.mean(axis=0), "o-", color=color, linewidth=2.0, label=label)
    axes.axhline(0.5, color="0.6", linewidth=0.8, linestyle="--")
    axes.set(xlabel="trial", ylabel=f"success in {BLOCK} trials", xlim=(0, TRIALS), ylim=(0.3, 1.02))
    axes.legend(frameon=False, loc="lower right")
    axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, dpi=110)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--picture", help="where to store the picture")
    options = parser.parse_args()
    if options.picture:
        draw(options.picture)

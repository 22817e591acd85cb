"""Parameters of a layer of competing neurons that learns from its inputs (Diehl & Cook 2015, as BindsNET has it), and its input.

As in networks.py the parameters are plain numbers, which travel to the peer's script as JSON; the script compares them with those of
the network that BindsNET builds, and the tests compare the equations below with its spikes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

DT = 1.0  # ms


@dataclass(frozen=True, kw_only=True)
class Competition:
    r"""Inputs X, excitatory neurons E that learn, as many inhibitory neurons I; all steps are DT, all states in single precision.

    One step, in this order. Spikes s are those of the step before wherever an input is summed, so every delay is one step; W is
    read there as the step before has left it.

    1.  input of E : i_E = s_X W - inhibition * (sum of s_I - own s_I);   input of I : i_I = excitation * own s_E
    2.  X fires as given: s_X
    3.  E : v <- v_rest + (v - v_rest) exp(-DT / tau_m);   theta <- theta exp(-DT / tau_theta)
        v <- v + i_E where count <= 0;   count <- count - 1        v is not held while refractory: it decays, and is tested
        c = (v >= v_th + theta);   where c: count <- t_ref / DT, v <- v_reset, theta <- theta + theta_plus
        s_E = c; where `one_spike`, as BindsNET has it by default, one neuron of c drawn uniformly: the others are reset,
        refractory and have their theta raised like it, but send no spike and leave no trace.
    4.  I : v <- v_rest + (v - v_rest) exp(-DT / tau_m);   v <- v + i_I where count <= 0;   count <- count - 1
        s_I = (v >= v_th);   where s_I: count <- t_ref / DT, v <- v_reset
    5.  traces of X and of E : x <- x exp(-DT / tau_trace), then x <- 1 where it fired: set, not raised (nearest spikes)
    6.  W[k, j] <- W[k, j] - rate_pre x_E[j] where X k fired, then W[k, j] <- W[k, j] + rate_post x_X[k] where E j fired, then
        clipped to [0, w_max]. The traces are those after 5: two spikes in one step count in both, with x = 1.

    Potentials of E and I are bounded below by nothing. Before the first sample theta = 0 and W is uniform in [0, w_init). After each
    sample of `steps` steps every column of W is scaled to the sum w_sum (and is not clipped before the next step), then v <- v_rest,
    count <- 0, s <- 0 and x <- 0 everywhere: what is under way is lost. W and theta stay. Switched off (learning or not),
    neither W nor theta changes within a step, and theta does not decay; columns are scaled all the same.

    steps : of a sample;   active, rate : inputs that fire in a sample, and their Hz; every sample has others
    samples : of a run
    one_spike : off here, so that no chance parts the two sides
    tolerance : relative difference of mean rates; wide, for the two sides differ in what `run` says
    """

    n_inputs: int = 784
    n: int = 400
    v_rest_exc: float = -65.0
    v_reset_exc: float = -60.0
    v_th_exc: float = -52.0
    tau_m_exc: float = 100.0
    t_ref_exc: float = 5.0
    theta_plus: float = 0.05
    tau_theta: float = 1e7
    v_rest_inh: float = -60.0
    v_reset_inh: float = -45.0
    v_th_inh: float = -40.0
    tau_m_inh: float = 10.0
    t_ref_inh: float = 2.0
    excitation: float = 22.5
    inhibition: float = 17.5
    tau_trace: float = 20.0
    rate_pre: float = 1e-4
    rate_post: float = 1e-2
    w_init: float = 0.3
    w_max: float = 1.0
    w_sum: float = 78.4
    steps: int = 350
    active: int = 150
    rate: float = 88.0
    samples: int = 20
    one_spike: bool = False
    tolerance: float = 0.2

    def inputs(self, seed: int) -> list[list[list[int]]]:
        """Return the input spikes of every sample: pairs of step (0 ... steps - 1) and input, in order; drawn before any run."""
        import numpy as np

        random, spikes = np.random.default_rng(seed), []
        for _ in range(self.samples):
            pixels = np.sort(random.permutation(self.n_inputs)[: self.active])
            step, which = np.nonzero(random.random((self.steps, self.active)) < 1e-3 * DT * self.rate)
            spikes.append(np.stack([step, pixels[which]], axis=1).tolist())
        return spikes


def run(parameters: Competition, inputs: list[list[list[int]]], *, seed: int, threads: int = 1) -> dict[str, Any]:
    """Present `inputs` to our network, learning and not.

    It is the network of `Competition` but for what differs between simulators: potentials are held while refractory, and a spike meets
    a synapse when it arrives, a step after BindsNET's. After every sample columns of W are scaled, then the network returns to its
    start (`sim.Trials`); both are timed as well.
    Returns seconds (of one sample, learning), fixed_s (of one sample, not learning), rate (of E while learning, Hz).
    """
    import snnsim as sim
    from benchmarks.ours import timed_run

    seconds: dict[bool, float] = {}
    length, rate = DT * parameters.steps, 0.0
    for learning in (True, False):
        samples = network(parameters, inputs)
        seconds[learning], result = timed_run(
            samples, length * len(inputs), dt=DT, seed=seed, threads=threads, learning=learning, trials=sim.Trials(length)
        )
        if learning:
            rate = result.counts.layers["E"].get("spikes", 0) / (parameters.n * DT * parameters.steps * len(inputs) * 1e-3)
    each = {learning: taken / len(inputs) for learning, taken in seconds.items()}
    return {"seconds": each[True], "fixed_s": each[False], "rate": rate}


def network(parameters: Competition, inputs: list[list[list[int]]]) -> Any:
    """Return the network that gets `inputs`, sample after sample."""
    import numpy as np

    import snnsim as sim

    p = parameters
    slot = DT * p.steps
    times = np.concatenate([DT * (np.array(sample)[:, 0] + 1.0) + slot * k for k, sample in enumerate(inputs)])
    index = np.concatenate([np.array(sample)[:, 1] for sample in inputs])
    x = sim.Population("X", p.n_inputs, sim.SpikeArray(times=times, indices=index))
    exc = {"tau_m": p.tau_m_exc, "v_rest": p.v_rest_exc, "v_reset": p.v_reset_exc, "v_th": p.v_th_exc, "t_ref": p.t_ref_exc}
    inh = {"tau_m": p.tau_m_inh, "v_rest": p.v_rest_inh, "v_reset": p.v_reset_inh, "v_th": p.v_th_inh, "t_ref": p.t_ref_inh}
    e = sim.Population("E", p.n, sim.ALIF(**exc, b=0.0, q=p.theta_plus, tau_theta=p.tau_theta))
    i = sim.Population("I", p.n, sim.LIF(**inh))
    rule = sim.PairSTDP(
        a_plus=p.rate_post / p.w_max, a_minus=p.rate_pre / p.w_max, tau_plus=p.tau_trace, tau_minus=p.tau_trace, w_max=p.w_max,
        pairing="nearest_symmetric", delay="axonal",
    )  # fmt: skip
    sums = sim.WeightNormalisation(total=p.w_sum, interval=slot)
    others = np.nonzero(~np.eye(p.n, dtype=bool))
    return sim.Network(
        sim.Projection(x, e, sim.AllToAll(), weight=sim.Uniform(low=0.0, high=p.w_init), delay=DT, plasticity=[rule, sums]),
        sim.Projection(e, i, sim.OneToOne(), weight=p.excitation, delay=DT),
        sim.Projection(i, e, sim.FromArrays(*others), weight=-p.inhibition, delay=DT),
    )

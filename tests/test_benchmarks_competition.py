"""The equations in benchmarks/competition.py, written out in numpy, against every spike that BindsNET makes."""

from __future__ import annotations

from dataclasses import asdict

import numpy as np
import pytest

from benchmarks import peers
from benchmarks.competition import DT, Competition
from benchmarks.peers import Worker

SMALL = Competition(n_inputs=110, n=30, active=30, steps=120, samples=3, one_spike=True)
SEED = 5
NEEDED = pytest.mark.skipif(not peers.ready("bindsnet"), reason="BindsNET is not set up: python -m benchmarks setup bindsnet")


class Reference:
    """Follows `Competition`; which candidate fires is told to it, being a matter of chance."""

    def __init__(self, some: Competition, weights: np.ndarray) -> None:
        self.p, self.w, self.theta = some, weights.copy(), np.zeros(some.n)
        self.begin()

    def begin(self) -> None:
        some = self.p
        self.v_exc, self.v_inh = np.full(some.n, some.v_rest_exc), np.full(some.n, some.v_rest_inh)
        self.count_exc, self.count_inh = np.zeros(some.n), np.zeros(some.n)
        self.s_in, self.x_in = np.zeros(some.n_inputs, bool), np.zeros(some.n_inputs)
        self.s_exc, self.x_exc, self.s_inh = np.zeros(some.n, bool), np.zeros(some.n), np.zeros(some.n, bool)

    def step(self, fired: np.ndarray, chosen: np.ndarray) -> np.ndarray:
        """Take one step. Returns the candidates among the excitatory neurons."""
        some = self.p
        i_exc = self.s_in @ self.w - some.inhibition * (self.s_inh.sum() - self.s_inh)
        i_inh = some.excitation * self.s_exc
        self.s_in = fired
        self.v_exc = some.v_rest_exc + (self.v_exc - some.v_rest_exc) * np.exp(-DT / some.tau_m_exc)
        self.theta *= np.exp(-DT / some.tau_theta)
        self.v_exc += np.where(self.count_exc <= 0, i_exc, 0.0)
        self.count_exc -= 1
        candidates = self.v_exc >= some.v_th_exc + self.theta
        self.count_exc[candidates], self.v_exc[candidates] = some.t_ref_exc / DT, some.v_reset_exc
        self.theta[candidates] += some.theta_plus
        self.s_exc = chosen
        self.v_inh = some.v_rest_inh + (self.v_inh - some.v_rest_inh) * np.exp(-DT / some.tau_m_inh)
        self.v_inh += np.where(self.count_inh <= 0, i_inh, 0.0)
        self.count_inh -= 1
        self.s_inh = self.v_inh >= some.v_th_inh
        self.count_inh[self.s_inh], self.v_inh[self.s_inh] = some.t_ref_inh / DT, some.v_reset_inh
        for trace, spikes in ((self.x_in, fired), (self.x_exc, chosen)):
            trace *= np.exp(-DT / some.tau_trace)
            trace[spikes] = 1.0
        self.w[fired] -= some.rate_pre * self.x_exc
        self.w[:, chosen] += some.rate_post * self.x_in[:, None]
        np.clip(self.w, 0.0, some.w_max, out=self.w)
        return candidates

    def end(self) -> None:
        self.w *= self.p.w_sum / self.w.sum(axis=0)
        self.begin()


def masks(spikes: list[list[int]], steps: int, n: int) -> np.ndarray:
    fired = np.zeros((steps, n), bool)
    if spikes:
        fired[tuple(np.array(spikes).T)] = True
    return fired


@NEEDED
def test_the_equations_are_those_of_bindsnet():
    inputs = SMALL.inputs(SEED)
    with Worker("bindsnet", {"task": "trace", "parameters": asdict(SMALL), "inputs": inputs, "seed": SEED, "threads": 1}) as worker:
        theirs = worker.run()
    start = np.array(theirs["start"])
    assert start.min() >= 0.0 and 0.99 * SMALL.w_init < start.max() < SMALL.w_init
    mine, contested, above = Reference(SMALL, start), 0, 0
    for sample, exc, inh in zip(inputs, theirs["spikes"]["Ae"], theirs["spikes"]["Ai"], strict=True):
        fired, chosen = masks(sample, SMALL.steps, SMALL.n_inputs), masks(exc, SMALL.steps, SMALL.n)
        inhibitory = masks(inh, SMALL.steps, SMALL.n)
        above += int((mine.w > SMALL.w_max).sum())
        for at in range(SMALL.steps):
            candidates = mine.step(fired[at], chosen[at])
            assert chosen[at].sum() == min(1, candidates.sum()) and not np.any(chosen[at] & ~candidates)
            assert np.array_equal(mine.s_inh, inhibitory[at])
            contested += candidates.sum() > 1
        mine.end()
    # The cases that are easy to get wrong did happen: several candidates, and weights that scaling had lifted over their bound.
    assert contested > 0 and above > 0 and sum(map(len, theirs["spikes"]["Ai"])) > 10
    np.testing.assert_allclose(mine.w, theirs["weights"], rtol=1e-4, atol=1e-6)
    # In single precision exp(-DT / tau_theta) is 1 - 2^-23, as if tau_theta were a sixth shorter.
    np.testing.assert_allclose(mine.theta, theirs["theta"], rtol=1e-4)


@NEEDED
def test_a_network_of_other_parameters_is_refused_by_bindsnet():
    other = Competition(n_inputs=20, n=5, active=10, steps=10, samples=1, inhibition=120.0)
    job = {"parameters": asdict(other), "inputs": other.inputs(1), "seed": 0, "threads": 1}
    with pytest.raises(peers.PeerError, match=r"BindsNET has inhibition = 17\.5, the workload 120"), Worker("bindsnet", job):
        pass


def test_input_spikes_are_those_asked_for():
    some = Competition(samples=4)
    inputs = some.inputs(3)
    assert inputs == some.inputs(3) and len(inputs) == 4 and inputs[0] != inputs[1]
    for sample in inputs:
        pairs = np.array(sample)
        assert len(np.unique(pairs, axis=0)) == len(pairs) and len(np.unique(pairs[:, 1])) == some.active
        assert pairs.min() >= 0 and pairs[:, 0].max() < some.steps and pairs[:, 1].max() < some.n_inputs
        assert np.all(np.diff(pairs[:, 0]) >= 0)
    mean = sum(map(len, inputs)) / len(inputs)
    assert mean == pytest.approx(some.active * some.steps * 1e-3 * some.rate, rel=0.05)

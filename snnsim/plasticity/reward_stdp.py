"""Reward-modulated STDP: spike pairs leave an eligibility, dopamine turns it into weight."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar, final

import numpy as np

from snnsim.errors import ParameterError
from snnsim.plasticity.base import Reward, SpikeRule, SynapseForm
from snnsim.units import param


@final
@dataclass(frozen=True, kw_only=True, eq=False)
class RewardSTDP(SpikeRule):
    r"""STDP that waits for a reward: pairs of spikes change an eligibility c, and the weight grows by c times dopamine d.

    .. math::
        \tau_c \dot c = -c, \qquad \dot w = c \, d, \qquad \tau_d \dot d = -d

    .. math::
        c \to c + a_+ x_{pre} \text{ at a post spike}, \qquad c \to c - a_- x_{post} \text{ at a pre spike}, \qquad
        \tau_\pm \dot x = -x, \; x \to x + 1 \text{ at its spike}

    w is the size of the weight; its sign stays. Every projection has a d of its own, 0 at the start, and one c per synapse. The
    integral of c d is exact between spikes; w is clipped to its bounds at spikes, pre and post, and when it is looked at. A spike
    delivers w as of its arrival, `Result.weights` holds w as of the end.

    Dopamine comes from a population, or from a function, or both; a projection whose rule names neither is refused.

    dopamine : str or None   name of a population; each of its spikes adds `release` to d, `release_delay` later
    reward : function (begin, end) -> float or None
        called before the network passes `begin`, ms, a multiple of `interval`; what it returns is added to d at `begin`, also when
        it is negative: less reward than expected. With `hears` it is called with (begin, end, heard): `heard` maps each of these
        populations to (times, indices) of its spikes since the last call, or since the run began. Projections whose rules have
        the same function, interval and hears share one call
    interval : float         ms between calls; a multiple of dt
    hears : tuple of str     populations that `reward` listens to
    delay : 'axonal'         the delay of the projection lies before the synapse; see `SpikeRule`. No other is known here

    Runs on the clock. What `reward` keeps is not part of `Result.state`; a run in pieces asks at the same times as one in a piece,
    but what it hears begins with the piece.

    Raises ParameterError for values outside their bounds.

    Source: Izhikevich (2007), Cereb. Cortex 17:2443, eqs. 1-3, whose STDP(tau) is that of pairs.
    """

    clock_only: ClassVar[str] = "whose dopamine is a function of all steps"

    a_plus: float = param(1e-4, doc="eligibility of one pre-post pair at zero lag, in weight per ms and unit of dopamine")
    a_minus: float = param(1.5e-4, doc="lost eligibility of one post-pre pair at zero lag, likewise")
    tau_plus: float = param(20.0, unit="ms", gt=0.0, doc="time constant of x_pre")
    tau_minus: float = param(20.0, unit="ms", gt=0.0, doc="time constant of x_post")
    tau_c: float = param(1000.0, unit="ms", gt=0.0, doc="time constant of eligibility")
    tau_d: float = param(200.0, unit="ms", gt=0.0, doc="time constant of dopamine")
    w_min: float = param(0.0, doc="lower bound of the size of the weight")
    w_max: float = param(1.0, gt=0.0, doc="upper bound of the size of the weight")
    dopamine: str | None = None
    release: float = param(1.0, doc="dopamine that one spike of the population adds")
    release_delay: float = param(1.0, unit="ms", gt=0.0, doc="time from such a spike to its effect; a multiple of dt")
    reward: Callable[..., Any] | None = None
    interval: float = param(10.0, unit="ms", gt=0.0, doc="simulated time between calls of `reward`")
    hears: tuple[str, ...] = ()
    delay: str = "axonal"

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.delay != "axonal":
            raise ParameterError(
                f"RewardSTDP.delay = {self.delay!r} must be 'axonal': dopamine is known up to now, and a dendritic delay would need that "
                "of the past. Leave it out."
            )
        if self.dopamine is not None and not isinstance(self.dopamine, str):
            raise ParameterError(f"RewardSTDP.dopamine = {self.dopamine!r} must be the name of a population. Give a text such as 'vta'.")
        given = self.reward
        if given is not None and (not callable(given) or not hasattr(given, "__qualname__") or isinstance(given, type)):
            raise ParameterError(f"RewardSTDP.reward = {given!r} must be a function or a method of (begin, end). Give its name.")
        if isinstance(self.hears, str) or not all(isinstance(name, str) for name in self.hears):
            raise ParameterError(f"RewardSTDP.hears = {self.hears!r} must be names of populations. Give a tuple such as ('exc',).")
        if self.hears and given is None:
            raise ParameterError(
                f"RewardSTDP.hears = {self.hears!r} must go with a function that hears them. Give reward, or leave it out."
            )
        object.__setattr__(self, "hears", tuple(dict.fromkeys(self.hears)))

    def check_projection(self, owner: str) -> None:
        """Refuse a rule that nobody rewards."""
        if self.dopamine is None and self.reward is None:
            raise ParameterError(
                f"{owner}.plasticity = RewardSTDP has no source of reward: its weights would never change. "
                "Give dopamine, the name of a population whose spikes release it, or reward, a function of (begin, end)."
            )

    def form(self) -> SynapseForm:
        """Return the traces and kernels of this rule."""
        from snnsim.kernels.reward_stdp import replay_rewarded

        coef = (self.w_min, self.w_max, self.a_plus, self.a_minus)
        given = Reward(self.tau_c, self.tau_d, self.dopamine, self.release, self.release_delay)
        return SynapseForm(coef, (self.tau_plus, self.tau_c), (self.tau_minus,), replay_rewarded, own=0.0, reward=given)

    def amount(self, owner: str, given: Any) -> float:
        """Return what `reward` gave as a number. Raises ParameterError for anything else than a finite one, or None for nothing."""
        if given is None:
            return 0.0
        value = np.asarray(given)
        if value.ndim or value.dtype.kind not in "iuf" or not np.isfinite(value):
            raise ParameterError(f"{owner} returned {given!r} but must return a finite amount, or None for nothing. Return one number.")
        return float(value)

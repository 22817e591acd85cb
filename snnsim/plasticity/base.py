"""What every learning rule declares."""

from __future__ import annotations

import dataclasses
from typing import Any, ClassVar, NamedTuple, Self

import numpy as np

from snnsim.errors import ParameterError
from snnsim.units import check_fields, check_given, show


class Plasticity:
    """A frozen dataclass of parameters, each one number for the projection. A rule sees one synapse; the engine owns connectivity."""

    def __new__(cls, *_: Any, **given: Any) -> Self:
        check_given(cls, given)
        return super().__new__(cls)

    def __post_init__(self) -> None:
        check_fields(self)
        for field in dataclasses.fields(self):  # type: ignore[arg-type]
            value = getattr(self, field.name)
            if isinstance(value, np.ndarray) and "bounds" in field.metadata:
                name = f"{type(self).__name__}.{field.name}"
                raise ParameterError(f"{name} = {show(value)} must be one number for the projection. Make one projection per value.")

    def check_projection(self, owner: str) -> None:
        """Raise ParameterError when this rule lacks what it needs in a projection."""

    def check_weights(self, owner: str, weight: np.ndarray) -> None:
        """Raise ParameterError when the weights at the start are none this rule can have."""


class Reward(NamedTuple):
    """Dopamine of a rule that waits for it: dc/dt = -c / tau_c, dw/dt = c d, dd/dt = -d / tau_d; see kernels/dopamine.py.

    tau_c, tau_d : float   ms, time constants of eligibility and dopamine
    giver : str or None    population whose spikes release `release` each, `delay` ms later
    """

    tau_c: float
    tau_d: float
    giver: str | None = None
    release: float = 0.0
    delay: float = 1.0


class Voltage(NamedTuple):
    """How a rule hears the postsynaptic potential; see kernels/voltage.py.

    tau_minus, tau_plus : float       ms, time constants of the filters; the bank hands u_minus to the rule as a postsynaptic trace
    theta_minus, theta_plus : float   mV, thresholds of the filtered potentials, and of the potential itself
    gain : float                      potentiation per x_pre, ms and mV^2
    v_spike, t_spike : float          mV, ms, what stands for the potential after a spike, and for how long; None: nothing does
    """

    tau_minus: float
    tau_plus: float
    theta_minus: float
    theta_plus: float
    gain: float
    v_spike: float | None
    t_spike: float


class SynapseForm(NamedTuple):
    """How the engines run a rule that works at spikes; see docs/architecture.md, "A learning rule of your own".

    coef : floats               at most 12, as the functions of the rule read them; the first two are the bounds
    tau_pre, tau_post : floats  ms, time constants of at most two traces on either side
    replay : LEARN kernel       made by `learn_replayed`
    learn, attend : LEARN and ATTEND kernels, or None   made by `learn_banked` and `attend_banked`, where potentiation is x_pre
                                times a gain of one sign: the clock engine then keeps no histories
    pre_nearest, post_nearest   traces are set to 1 at a spike; else 1 is added
    own : float or None         start of a variable that every synapse has of its own; None: the rule has none
    reward : Reward or None     that variable is an eligibility; the second of tau_pre is then tau_c
    voltage : Voltage or None   the rule hears the potential: potentiation is that of kernels/voltage.py, and `replay` is not used
    """

    coef: tuple[float, ...]
    tau_pre: tuple[float, ...]
    tau_post: tuple[float, ...]
    replay: Any
    learn: Any = None
    attend: Any = None
    pre_nearest: bool = False
    post_nearest: bool = False
    own: float | None = None
    reward: Reward | None = None
    voltage: Voltage | None = None


class SpikeRule(Plasticity):
    """A rule that changes a weight at pre- and postsynaptic spikes. A projection has at most one.

    It sees the weight without its sign: weights of a projection are all >= 0 or all <= 0, and stay so, unless `signed`. The bounds
    `w_min` and `w_max` hold for that size.

    Attributes
    ----------
    signed : bool       weights may change sign; the rule sees them as they are
    clock_only : str    why the event engine cannot run it; empty: it can
    inhibitory : bool   weights are <= 0, also where all are 0
    delay : str         'dendritic': the delay of the projection lies behind the synapse, so that a presynaptic spike is there at
                        once and a postsynaptic one late; 'axonal': before it, the other way round. Pairs that meet at exactly
                        one time: dendritic ones are not counted, an axonal spike has caused the other
    slow : str          the parameter, if any, by which a trace averages over many trials (`Trials`): it cannot begin anew in each
    """

    signed: ClassVar[bool] = False
    inhibitory: ClassVar[bool] = False
    clock_only: ClassVar[str] = ""
    slow: ClassVar[str] = ""
    w_min: float
    w_max: float
    delay: str = "dendritic"

    def __post_init__(self) -> None:
        super().__post_init__()
        name = type(self).__name__
        if not self.w_min < self.w_max:
            raise ParameterError(f"{name}.w_min = {self.w_min:g} must be < w_max = {self.w_max:g}. Widen the bounds.")
        if not self.signed and self.w_min < 0.0:
            raise ParameterError(
                f"{name}.w_min = {self.w_min:g} must be >= 0: bounds are those of the size of a weight, whose sign stays. Give a size."
            )
        check_choice(f"{name}.delay", self.delay, ("dendritic", "axonal"))

    def form(self) -> SynapseForm:
        """Return how the engines run this rule."""
        raise NotImplementedError(f"{type(self).__name__}.form")

    def sign(self, weight: np.ndarray) -> float:
        """Return what weights are divided by before the rule sees them: 1.0 or -1.0."""
        return -1.0 if not self.signed and (self.inhibitory or np.any(weight < 0.0)) else 1.0

    def check_weights(self, owner: str, weight: np.ndarray) -> None:
        """Raise ParameterError for weights outside the bounds, or of both signs."""
        name, size = type(self).__name__, weight if self.signed else np.abs(weight)
        if self.inhibitory and np.any(weight > 0.0):
            raise ParameterError(f"{owner} = {weight[weight > 0.0][0]:g} must be <= 0: {name} is a rule of inhibition. Change its sign.")
        if not self.signed and np.any(weight < 0.0) and np.any(weight > 0.0):
            raise ParameterError(
                f"{owner} has both signs, {weight.min():g} and {weight.max():g}: {name} keeps the sign of a projection. "
                "Make two projections."
            )
        bad = weight[(size < self.w_min) | (size > self.w_max)]
        if bad.size:
            raise ParameterError(
                f"{owner} = {bad[0]:g} must lie within {name}.w_min = {self.w_min:g} and w_max = {self.w_max:g}"
                f"{'' if self.signed else ', sign aside'}: the rule keeps weights there. Change the weight or the bounds."
            )


class ReleaseRule(Plasticity):
    """A rule that scales what a spike releases, by the spikes of its source alone; the weight stays. A projection has at most one."""

    def release_form(self) -> tuple[tuple[float, float], tuple[float, float, float, float]]:
        """Return u and x at 0 ms, and the coefficients of `kernels.release`, rates in 1/ms."""
        raise NotImplementedError(f"{type(self).__name__}.release_form")


class Synapses(NamedTuple):
    """What an `IntervalRule` sees of a projection; synapses in order of source, then target.

    source, target : int64[n]           neurons, in their populations
    weight : float64[n]                 modified in place
    n_pre, n_post : int                 sizes of the populations
    pre_count, post_count : int64[...]  spikes of every neuron since the rule last acted; empty unless it `hears`
    state : mapping of str to array     what `start` returned, modified in place and carried on
    """

    source: np.ndarray
    target: np.ndarray
    weight: np.ndarray
    n_pre: int
    n_post: int
    pre_count: np.ndarray
    post_count: np.ndarray
    state: dict[str, np.ndarray]


class IntervalRule(Plasticity):
    """A rule that acts on all weights of a projection at multiples of `interval`, ms. A projection may have several, in order.

    It acts on the weights as the last spikes to arrive left them; afterwards weights lie within the bounds of the rule of spikes,
    if the projection has one.

    Attributes
    ----------
    hears : bool          it wants to know how often the neurons fired
    slow : tuple of str   variables of `start` that outlast a trial (`Trials`); the others begin anew with each
    """

    hears: ClassVar[bool] = False
    slow: ClassVar[tuple[str, ...]] = ()
    interval: float

    def start(self, n_pre: int, n_post: int) -> dict[str, np.ndarray]:
        """Return the state at 0 ms."""
        return {}

    def act(self, synapses: Synapses) -> None:
        """Change the weights in place."""
        raise NotImplementedError(f"{type(self).__name__}.act")


class StructuralRule(IntervalRule):
    """An interval rule that moves synapses: their number stays. Only on the clock, and where all have one delay."""

    def move(self, synapses: Synapses, random: np.random.Generator, *, recurrent: bool) -> np.ndarray:
        """Change source, target and weight of some synapses in place. Returns which, bool[n].

        recurrent : bool   both sides are one population, whose neurons get no synapse onto themselves
        """
        raise NotImplementedError(f"{type(self).__name__}.move")


class Rules(NamedTuple):
    """The rules of one projection by what they work on."""

    spikes: SpikeRule | None = None
    release: ReleaseRule | None = None
    slow: tuple[IntervalRule, ...] = ()

    def check_weights(self, owner: str, weight: np.ndarray) -> None:
        """Raise ParameterError when the weights at the start are none that these rules can have."""
        for rule in (self.spikes, self.release, *self.slow):
            if rule is not None:
                rule.check_weights(owner, weight)

    @property
    def learn(self) -> bool:
        """Whether some rule changes weights."""
        return self.spikes is not None or bool(self.slow)


_KINDS: dict[str, type] = {"spikes": SpikeRule, "release": ReleaseRule, "slow": IntervalRule}


def rules_of(owner: str, given: Any) -> Rules | None:
    """Return the rules of a projection. Raises ParameterError for anything but a rule or several of different kinds."""
    if given is None:
        return None
    several = tuple(given) if isinstance(given, (tuple, list)) else (given,)
    found: dict[str, Any] = {}
    for rule in several:
        if isinstance(rule, type) and issubclass(rule, Plasticity):
            raise ParameterError(f"{owner}.plasticity = {rule.__name__} is a class. Call it: {rule.__name__}().")
        kind = next((kind for kind, cls in _KINDS.items() if isinstance(rule, cls)), None)
        if kind is None:
            raise ParameterError(f"{owner}.plasticity = {rule!r} must be a rule such as PairSTDP(). See snnsim.plasticity.")
        rule.check_projection(owner)
        if kind == "slow":
            rule = (*found.get(kind, ()), rule)
        elif kind in found:
            both = f"{type(found[kind]).__name__} and {type(rule).__name__}"
            raise ParameterError(f"{owner}.plasticity has {both}, of which a projection takes one. Make two projections.")
        found[kind] = rule
    return Rules(**found) if found else None


def check_choice(owner: str, value: Any, choices: tuple[str, ...]) -> None:
    """Raise ParameterError unless `value` is one of `choices`."""
    if not isinstance(value, str) or value not in choices:
        raise ParameterError(f"{owner} = {value!r} must be one of {', '.join(map(repr, choices))}.")


def check_slower(rule: Plasticity, slow: str, fast: str) -> None:
    """Raise ParameterError unless the time constant named `slow` is longer than the one named `fast`."""
    long, short = getattr(rule, slow), getattr(rule, fast)
    if not long > short:
        raise ParameterError(
            f"{type(rule).__name__}.{slow} = {long:g} ms must be > {fast} = {short:g} ms: it averages what the other follows. "
            f"Lengthen {slow}."
        )

r"""The spike rate at which a spiking layer costs what the same layer costs as an ANN, in closed form.

With M synapses, T steps and s spikes per synapse and inference,

.. math::
    E_{ann} &= M (E_{mac} + E_w / reuse) + N_{in} E_{rd} + N_{out} E_{wr} \\
    E_{snn} &= s M (E_w + E_{rdV} + E_{wrV} + E_{add}) + T N_{out} E_{upd} + s N_{in} (E_{spike} + hops\, bits\, E_{link}) + E_{fix}

and the break-even is the s at which both are equal. Nothing here multiplies a number of operations by a rate: s is what one solves for.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, final

import numpy as np

from snnsim.counts import MOST, check_precision
from snnsim.errors import ParameterError
from snnsim.hardware.figures import Interval
from snnsim.hardware.profile import Profile, load_profile
from snnsim.units import check_integer, check_number, check_scalar, one_of

_MOST = 1e30  # of a number: products of a few of them stay finite


class Threshold(NamedTuple):
    """A published break-even. spikes : (low, high) in `unit`"""

    who: str
    spikes: tuple[float, float]
    unit: str


#: published thresholds to draw beside one's own
PUBLISHED = (
    Threshold("Davidson & Furber 2021", (1.72, 1.72), "spikes per neuron"),
    Threshold("Dampfhoffer et al. 2022", (0.15, 1.38), "spikes per synapse"),
    Threshold("Yan et al. 2024, T = 5", (0.0, 0.057 * 5), "spikes per synapse"),
)


@final
@dataclass(frozen=True)
class BreakEven:
    """A layer as an ANN and as a spiking network, on one profile.

    ann : Interval           pJ of the layer as an ANN, per inference
    per_spike : Interval     pJ by which one more spike per synapse makes the spiking layer dearer (M synaptic operations, N_in events)
    fixed : Interval         pJ of the spiking layer without any spike: updates of neurons in every step, and what was given
    synapses, inputs, outputs, steps : int
    """

    profile: str
    ann: Interval
    per_spike: Interval
    fixed: Interval
    synapses: int
    inputs: int
    outputs: int
    steps: int

    @property
    def spikes_per_synapse(self) -> Interval:
        """Return the s at which both cost the same, for low, nominal and high prices alike; below 0 where the neurons alone cost more.

        Low prices go with low prices: they stand for the same memory on both sides. It is therefore no interval in which low is least.
        """
        return Interval(*((a - f) / p for a, p, f in zip(self.ann, self.per_spike, self.fixed, strict=True)))

    @property
    def rate(self) -> Interval:
        """Return the same as spikes per synapse and step."""
        return self.spikes_per_synapse.times(1.0 / self.steps)

    def ratio(self, spikes: float | np.ndarray) -> np.ndarray:
        """Return E_snn / E_ann at nominal prices for spikes per synapse and inference, float64[...]."""
        spikes = check_number("BreakEven.ratio.spikes", spikes, ge=0.0, le=_MOST)
        return np.asarray((self.fixed.nominal + spikes * self.per_spike.nominal) / self.ann.nominal)

    def __str__(self) -> str:
        low, nominal, high = self.spikes_per_synapse
        return (
            f"on {self.profile} spikes pay below {nominal:.3g} per synapse and inference ({low:.3g} at low, {high:.3g} at high prices); "
            f"{100 * nominal / self.steps:.3g} % per step at T = {self.steps}"
        )


def _needed(chip: Profile, role: str, kind: str, precision: str = "") -> Interval:
    price = chip.price(role, kind, precision)
    if price is not None:
        return price.pj
    if kind in chip.included.get(role, ()) or kind in chip.left_out.get(role, ()):
        return Interval(0.0, 0.0, 0.0)
    named = f"{kind}:{precision}" if precision else kind
    raise ParameterError(
        f"break_even.profile = {chip.name!r} has no price for {named} ({role}). Choose one that prices ANNs and spikes, such as "
        "'horowitz45'."
    )


def break_even(
    profile: str | Path | Profile = "horowitz45",
    *,
    synapses: int,
    inputs: int = 0,
    outputs: int = 0,
    steps: int = 1,
    reuse: float = 1.0,
    state: str = "memory",
    precision: str = "",
    hops: float = 0.0,
    event_bits: int = 32,
    fixed: float = 0.0,
) -> BreakEven:
    """Return where a layer breaks even on a profile that prices both sides.

    Parameters
    ----------
    synapses : int        M, of the layer
    inputs, outputs : int N_in, N_out: activations read and written by the ANN, neurons that send and receive; default 0 leaves them out
    steps : int           T, in each of which every output neuron takes an update where the profile prices idle ones
    reuse : float         MACs for which the ANN uses one weight that it has read, >= 1
    state : str           where membrane potentials live: 'memory', read and written for every synaptic operation, or 'registers'
    precision : str       of the MACs, such as 'int8' or 'fp32'; default what the profile prices
    hops, event_bits : float, int   links an event takes, and its bits
    fixed : float         pJ that the spiking layer costs whatever happens (static power x latency, barriers)

    Raises ParameterError for numbers out of range, or a profile that lacks a price that the formula needs.

    Source: the form of Davidson & Furber (2021) and Dampfhoffer et al. (2022); here every term is a price of the profile.
    """
    chip = load_profile(profile)
    m = check_integer("break_even.synapses", synapses, low=1, high=MOST)
    n_in, n_out = (check_integer(f"break_even.{name}", n, low=0, high=MOST) for name, n in (("inputs", inputs), ("outputs", outputs)))
    steps = check_integer("break_even.steps", steps, low=1, high=MOST)
    again = 1.0 / check_scalar("break_even.reuse", reuse, ge=1.0, le=_MOST)
    one_of("break_even.state", state, ("memory", "registers"))
    if precision != "":
        check_precision("break_even.precision", precision)
        if chip.scope == "arithmetic":
            raise ParameterError(f"break_even.precision = {precision!r}, but {chip.name!r} has one price for all. Leave it out.")
    links = check_scalar("break_even.hops", hops, ge=0.0, le=_MOST) * check_integer("break_even.event_bits", event_bits, low=1, high=MOST)
    if event_bits != 32 and not links:
        raise ParameterError(f"break_even.event_bits = {event_bits!r} needs hops: bits cost where they travel. Give their number.")
    if links and not n_in:
        raise ParameterError(f"break_even.hops = {hops!r} needs inputs: they are the neurons whose events travel. Give their number.")
    base = check_scalar("break_even.fixed", fixed, unit="pJ", ge=0.0, le=_MOST)
    weight = "synaptic", "weight_fetches"
    ann = _needed(chip, "ann", "macs", precision).times(m) + _needed(chip, "ann", "weight_fetches").times(m * again)
    ann = ann + _needed(chip, "ann", "activation_reads").times(n_in) + _needed(chip, "ann", "activation_writes").times(n_out)
    synop = _needed(chip, *weight) + _needed(chip, "synaptic", "adds") + _needed(chip, "synaptic", "synops")
    if state == "memory":
        synop = synop + _needed(chip, "synaptic", "state_reads") + _needed(chip, "synaptic", "state_writes")
    event = _needed(chip, "neuron", "spikes")
    if links:
        event = event + _needed(chip, "transport", "core_bits").times(links)
    updates = _needed(chip, "neuron", "updates_idle").times(steps * n_out)
    spike = synop.times(m) + event.times(n_in)
    if not (ann.low > 0.0 and spike.low > 0.0):
        raise ParameterError(
            f"break_even.profile = {chip.name!r} gives {'spikes' if ann.low > 0.0 else 'the ANN'} away at its low prices: there is no "
            "break-even with what costs nothing. Choose another profile."
        )
    return BreakEven(
        chip.name, ann, spike, updates + Interval(base, base, base), m, n_in, n_out, steps
    )  # fmt: skip


def baseline_bits(steps: int) -> int:
    """Return the bits of the ANN that says as much as a neuron which spikes 0 .. T times: ceil(log2(T + 1)).

    The quantised ANN of so many bits is the fair opponent of a rate code of T steps (Yan et al. 2024; Shen et al. 2023).
    Raises ParameterError unless steps is a whole number >= 1.
    """
    return check_integer("baseline_bits.steps", steps, low=1).bit_length()

"""`offload`: a converted model divided between a host and a neuromorphic chip."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple, final

from snnsim.conversion.spiking_model import SpikingModel
from snnsim.coprocessor.costs import LayerCost, calls, crossings, layer_costs
from snnsim.coprocessor.link import Link, load_link
from snnsim.coprocessor.select import NAMED, chosen_layers, named_layers, search
from snnsim.engines.settle import CODES, SCHEDULES
from snnsim.errors import ParameterError
from snnsim.graph.operations import ann_operations
from snnsim.hardware.figures import Interval
from snnsim.hardware.profile import Profile, load_profile
from snnsim.units import check_bool, check_integer, check_number, one_of

_ZERO = Interval(0.0, 0.0, 0.0)


class Split(NamedTuple):
    """One way to divide a model, per inference.

    layers : on the chip; calls : starts of the chip; events_in, events_out : moved; bits : of both
    host, chip, link, energy : pJ; energy is their sum
    t_host, t_link, t_overhead, t_chip, latency : ms, None where host or chip publish no times
    """

    name: str
    layers: tuple[str, ...]
    calls: int
    events_in: float
    events_out: float
    bits: float
    host: Interval
    chip: Interval
    link: Interval
    t_host: float | None
    t_link: float
    t_overhead: float
    t_chip: float | None
    latency: float | None
    energy: Interval


@final
@dataclass(frozen=True, eq=False)
class Offload:
    """All splits that were tried; the first leaves everything to the host.

    costs : layer -> LayerCost
    cores : int       of the chip, that share its work
    overlap : bool    whether host, link and chip work at the same time
    """

    splits: tuple[Split, ...]
    costs: Mapping[str, LayerCost]
    host: Profile
    chip: Profile
    link: Link
    cores: int
    overlap: bool
    objective: str

    def split(self, name: str) -> Split:
        """Return one split by name. Raises ParameterError for an unknown one."""
        one_of("Offload.split", name, [split.name for split in self.splits])
        return next(split for split in self.splits if split.name == name)

    def best(self) -> Split:
        """Return the split of least energy, or latency, as the objective says."""
        return min(self.splits, key=lambda split: _value(split, self.objective))

    def macs_per_event(self) -> float | None:
        """Return how many MACs of the host an event must displace to pay for its transfer.

        bits E_link / (E_MAC of the host - E of the chip per MAC it displaces), at nominal prices over all layers that the chip can do;
        None where the chip spends more per displaced MAC than the host.
        """
        able = [cost for cost in self.costs.values() if cost.chip is not None and cost.macs]
        macs = sum(cost.macs for cost in able)
        if not macs:
            return None
        saved = sum(cost.host.nominal - cost.chip.nominal for cost in able if cost.chip is not None) / macs
        return self.link.event_bits * self.link.pj_per_bit.nominal / saved if saved > 0 else None

    def activity_to_pay(self, name: str) -> float:
        """Return the share of its present events at which a split would cost the energy of the host alone; 1 or more: it pays now.

        Chip and link are taken to shrink with the activity. 0 for the host alone, which has no events.
        """
        split, base = self.split(name), self.splits[0]
        moving = split.chip.nominal + split.link.nominal
        return (base.energy.nominal - split.host.nominal) / moving if moving else 0.0

    def sentence(self) -> str:
        """Return the answer in one sentence."""
        best, base = self.best(), self.splits[0]
        what = f"{self.chip.title} beside {self.host.title} over {self.link.title}"
        if not best.layers:
            other = min((split for split in self.splits if split.layers), key=lambda split: _value(split, self.objective), default=None)
            tail = "" if other is None else f"; the cheapest way to use the chip ({other.name}) {_against(other, base, self.objective)}"
            return f"Offloading does not pay on {what}: the host alone needs least {self.objective}{tail}."
        return (
            f"Offloading pays on {what}: {best.name} ({len(best.layers)} of {len(self.costs)} layers, {best.calls} calls) "
            f"{_against(best, base, self.objective)}."
        )


def _value(split: Split, objective: str) -> float:
    if objective == "energy":
        return split.energy.nominal
    return float("inf") if split.latency is None else split.latency


def _against(split: Split, base: Split, objective: str) -> str:
    parts = [f"takes {split.energy.nominal / base.energy.nominal:.3g} times the energy of the host alone"]
    if split.latency is not None and base.latency:
        parts.append(f"{split.latency / base.latency:.3g} times its time")
    return " and ".join(parts if objective == "energy" else parts[::-1])


def speed_up(share: float, acceleration: float, overhead: float = 0.0) -> float:
    """Return how much faster a program gets when `share` of its time runs `acceleration` times as fast.

    .. math:: S = 1 / ((1 - a) + a / s + t_{overhead} / t_{base})

    overhead : of launches, synchronisation and transfer, as a share of the time before

    Raises ParameterError outside 0 <= share <= 1, acceleration > 0, overhead >= 0. Source: Amdahl (1967).
    """
    a = float(check_number("speed_up.share", share, ge=0.0, le=1.0))
    s = float(check_number("speed_up.acceleration", acceleration, gt=0.0))
    t = float(check_number("speed_up.overhead", overhead, ge=0.0))
    return 1.0 / ((1.0 - a) + a / s + t)


def macs_to_pay(bits: float, pj_per_bit: float, host_pj_per_mac: float, chip_pj_per_mac: float = 0.0) -> float:
    """Return how many MACs a transferred event must displace: bits E_link / (E_host - E_chip).

    Raises ParameterError unless E_host > E_chip.
    """
    moved = float(check_number("macs_to_pay.bits", bits, gt=0.0)) * float(check_number("macs_to_pay.pj_per_bit", pj_per_bit, ge=0.0))
    host = float(check_number("macs_to_pay.host_pj_per_mac", host_pj_per_mac, unit="pJ", gt=0.0))
    chip = float(check_number("macs_to_pay.chip_pj_per_mac", chip_pj_per_mac, unit="pJ", ge=0.0))
    if chip >= host:
        raise ParameterError(f"macs_to_pay.chip_pj_per_mac = {chip:g} pJ must be < {host:g} pJ of the host: else no event ever pays.")
    return moved / (host - chip)


@dataclass(frozen=True)
class _Machine:
    """What turns a set of layers into a `Split`."""

    costs: Mapping[str, LayerCost]
    host: Profile
    chip: Profile
    link: Link
    overlap: bool
    cores: int
    steps: float

    def split(self, name: str, on_chip: frozenset[str]) -> Split:
        costs = self.costs
        events_in, events_out = crossings(costs, on_chip)
        bits = (events_in + events_out) * self.link.event_bits
        n_calls = calls(costs, on_chip)
        host = sum((cost.host for n, cost in costs.items() if n not in on_chip), start=_ZERO)
        chip = sum((cost.chip for n, cost in costs.items() if n in on_chip and cost.chip is not None), start=_ZERO)
        link = self.link.pj_per_bit.times(bits)
        t_host, t_chip = self._host_ms(on_chip), self._chip_ms(on_chip)
        t_link = bits / self.link.gbit_per_s.nominal * 1e-6
        t_over = n_calls * (self.link.launch_us.nominal + self.link.sync_us.nominal) * 1e-3
        latency = None
        if t_host is not None and t_chip is not None:
            busy = (t_host, t_link, t_chip)
            latency = t_over + (max(busy) if self.overlap else sum(busy))
        layers = tuple(n for n in costs if n in on_chip)
        return Split(
            name, layers, n_calls, events_in, events_out, bits, host, chip, link, t_host, t_link, t_over, t_chip, latency,
            host + chip + link,
        )  # fmt: skip

    def _host_ms(self, on_chip: frozenset[str]) -> float | None:
        macs = sum(cost.macs for name, cost in self.costs.items() if name not in on_chip)
        if not macs:
            return 0.0
        time = self.host.times.get("macs")
        return None if time is None else macs * time.value.nominal * 1e-6

    def _chip_ms(self, on_chip: frozenset[str]) -> float | None:
        """Return the time of the chip: its work divided over its cores, and a barrier per step, as many steps as its share of layers."""
        if not on_chip:
            return 0.0
        if not self.chip.times:
            return None
        work = 0.0
        for name in on_chip:
            cost = self.costs[name]
            counted = {"synops": cost.synops, "updates_driven": cost.updates, "updates_idle": cost.idle, "spikes": cost.spikes}
            for kind, n in counted.items():
                time = self.chip.times.get(kind)
                work += n * time.value.nominal if time else 0.0
        barrier = self.chip.times.get("barriers")
        steps = self.steps * len(on_chip) / len(self.costs)
        return (work / self.cores + (steps * barrier.value.nominal if barrier else 0.0)) * 1e-6


def offload(
    spiking: SpikingModel,
    inputs: Any,
    *,
    host: Any = "horowitz45",
    chip: Any = "seneca22",
    link: Any = "aer28",
    splits: Mapping[str, Iterable[str]] | None = None,
    code: str = "graded",
    schedule: str = "settled",
    objective: str = "energy",
    overlap: bool = False,
    cores: int | None = None,
    skip_zeros: bool = True,
    allow_recalled: bool = False,
    threads: int | None = None,
) -> Offload:
    """Divide a converted model between a host, which runs layers as an ANN, and a chip, which runs them as spikes.

    .. math:: t = t_{host} + calls (t_{launch} + t_{sync}) + bits / BW + t_{chip}

    with the largest of host, link and chip instead of their sum when they overlap. Tried are: all on the host, attention, the
    layers that are not attention, all (each as far as the chip can do it), what `splits` names, and the best one found by search.

    Parameters
    ----------
    spiking : SpikingModel
    inputs : arrays as for a call of the model; counts are means over these samples
    host, chip : str, Path or Profile    the host prices ANNs, the chip spikes
    link : str or Link                   a name of `link_names()` or one of your own
    splits : mapping of name to layers   more ways to divide
    code, schedule : str                 how the chip runs
    objective : 'energy' or 'latency'    what `best` and the search look for
    overlap : bool                       host, link and chip work at the same time, on different inferences
    cores : int                          cores of the chip that share its work evenly; default those of its limits, or 1
    skip_zeros : bool                    the host leaves out multiplications by zero
    allow_recalled : bool                use figures of grade R

    Raises
    ------
    ParameterError   for unknown names, layers the chip cannot do, a host that cannot price the ANN, no times where latency is asked for

    The chip's work is divided evenly over its cores and its steps by the layers it holds: a lower bound, which `sim.place` refines.
    """
    if not isinstance(spiking, SpikingModel):
        raise ParameterError(f"offload.spiking = {type(spiking).__name__} must be a SpikingModel. Convert the model first.")
    one_of("offload.code", code, CODES)
    one_of("offload.schedule", schedule, [name for name in SCHEDULES if name != "timed"])
    one_of("offload.objective", objective, ("energy", "latency"))
    for name, value in (("overlap", overlap), ("skip_zeros", skip_zeros), ("allow_recalled", allow_recalled)):
        check_bool(f"offload.{name}", value)
    at_host, at_chip = load_profile(host), load_profile(chip)
    way = load_link(link, allow_recalled=allow_recalled)
    n_cores = at_chip.limits.get("cores", 1) if cores is None else check_integer("offload.cores", cores, low=1)
    if objective == "latency" and ("macs" not in at_host.times or not at_chip.times):
        lacking = at_host.name if "macs" not in at_host.times else at_chip.name
        raise ParameterError(f"offload.objective = 'latency', but {lacking!r} holds no times. Choose another, or the objective 'energy'.")
    result = spiking(inputs, code=code, schedule=schedule, threads=threads)
    trials = len(result.steps) if result.steps is not None else 1
    ann = ann_operations(spiking.integer_graph, spiking.reference(inputs), skip_zeros=skip_zeros)
    costs = layer_costs(spiking.network, ann, result.counts, at_host, at_chip, per=trials, allow_recalled=allow_recalled)
    steps = float(result.steps.mean()) if result.steps is not None else 1.0
    machine = _Machine(costs, at_host, at_chip, way, overlap, n_cores, steps)
    sets = {name: named_layers(spiking.network, costs, name) for name in NAMED}
    for name, layers in (splits or {}).items():
        if name in (*NAMED, "best"):
            raise ParameterError(f"offload.splits: {name!r} is the name of a split that is tried anyway. Rename it.")
        sets[name] = chosen_layers(spiking.network, costs, layers)
    sets["best"] = search(spiking.network, costs, lambda s: _value(machine.split("", s), objective), sets.values())
    labels = {
        "none": "host alone",
        "all": "all the chip can do",
        "attention": "attention",
        "mlp": "all but attention",
        "best": "best found",
    }
    rows = tuple(machine.split(labels.get(name, name), layers) for name, layers in sets.items())
    return Offload(rows, costs, at_host, at_chip, way, n_cores, overlap, objective)

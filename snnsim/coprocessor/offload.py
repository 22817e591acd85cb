"""`offload`: a converted model divided between a host and a neuromorphic chip."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from snnsim.conversion.spiking_model import SpikingModel
from snnsim.coprocessor.costs import LayerCost, calls, crossings, layer_costs
from snnsim.coprocessor.link import Link, load_link
from snnsim.coprocessor.select import NAMED, chosen_layers, named_layers, search
from snnsim.coprocessor.splits import Offload, Split, value_of
from snnsim.engines.settle import CODES, SCHEDULES
from snnsim.errors import ParameterError
from snnsim.graph.operations import ann_operations
from snnsim.hardware.figures import Interval
from snnsim.hardware.profile import Profile, load_profile
from snnsim.units import check_bool, check_integer, one_of

_ZERO = Interval(0.0, 0.0, 0.0)


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


#: names of the splits that are tried anyway, as they are shown
_SHOWN = {"none": "host alone", "all": "all the chip can do", "attention": "attention", "mlp": "all but attention", "best": "best found"}


def _check_splits(splits: Any) -> None:
    """Refuse splits of another form, and names that are taken."""
    if splits is None:
        return
    if not isinstance(splits, Mapping):
        raise ParameterError(f"offload.splits = {splits!r} must map names to lists of layers. Give a dict.")
    for name in splits:
        if not isinstance(name, str):
            raise ParameterError(f"offload.splits: {name!r} must be a text, the name of a split. Rename it.")
        if name in (*_SHOWN, *_SHOWN.values()):
            raise ParameterError(f"offload.splits: {name!r} is the name of a split that is tried anyway. Rename it.")


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
    precision: str | None = None,
    reuse: int | None = None,
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
    precision, reuse                     how the host runs its layers, as in `ann_operations`: 'fp32', MACs per weight read
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
    n_cores = at_chip.limits.get("cores", 1) if cores is None else check_integer("offload.cores", cores, low=1, high=10**9)
    _check_splits(splits)
    if objective == "latency" and ("macs" not in at_host.times or not at_chip.times):
        lacking = at_host.name if "macs" not in at_host.times else at_chip.name
        raise ParameterError(f"offload.objective = 'latency', but {lacking!r} holds no times. Choose another, or the objective 'energy'.")
    ann = ann_operations(
        spiking.integer_graph, spiking.reference(inputs), skip_zeros=skip_zeros, precision=precision, reuse=reuse
    )  # fmt: skip
    result = spiking(inputs, code=code, schedule=schedule, threads=threads)
    trials = len(result.steps) if result.steps is not None else 1
    costs = layer_costs(spiking.network, ann, result.counts, at_host, at_chip, per=trials, allow_recalled=allow_recalled)
    steps = float(result.steps.mean()) if result.steps is not None else 1.0
    machine = _Machine(costs, at_host, at_chip, way, overlap, n_cores, steps)
    sets = {name: named_layers(spiking.network, costs, name) for name in NAMED}
    for name, layers in (splits or {}).items():
        sets[name] = chosen_layers(spiking.network, costs, layers)
    sets["best"] = search(spiking.network, costs, lambda s: value_of(machine.split("", s), objective), sets.values())
    rows = tuple(machine.split(_SHOWN.get(name, name), layers) for name, layers in sets.items())
    return Offload(rows, costs, at_host, at_chip, way, n_cores, overlap, objective)

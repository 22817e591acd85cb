"""The ways to divide a model, side by side."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple, final

from snnsim.coprocessor.costs import LayerCost
from snnsim.coprocessor.link import Link
from snnsim.hardware.figures import Interval
from snnsim.hardware.profile import Profile
from snnsim.units import one_of


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
        return min(self.splits, key=lambda split: value_of(split, self.objective))

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
            if not any(split.layers for split in self.splits):
                return f"Nothing can be offloaded on {what}: the chip has no price for any layer."
            other = min((split for split in self.splits if split.layers), key=lambda split: value_of(split, self.objective), default=None)
            tail = "" if other is None else f"; the cheapest way to use the chip ({other.name}) {_against(other, base, self.objective)}"
            return f"Offloading does not pay on {what}: the host alone needs least {self.objective}{tail}."
        return (
            f"Offloading pays on {what}: {best.name} ({len(best.layers)} of {len(self.costs)} layers, {best.calls} calls) "
            f"{_against(best, base, self.objective)}."
        )


def value_of(split: Split, objective: str) -> float:
    if objective == "energy":
        return split.energy.nominal
    return float("inf") if split.latency is None else split.latency


def _against(split: Split, base: Split, objective: str) -> str:
    parts = [f"takes {split.energy.nominal / base.energy.nominal:.3g} times the energy of the host alone"]
    if split.latency is not None and base.latency:
        parts.append(f"{split.latency / base.latency:.3g} times its time")
    return " and ".join(parts if objective == "energy" else parts[::-1])

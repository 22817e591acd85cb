"""Counts times prices: an interval, or the list of what could not be priced."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any, final

from snnsim.counts import MOST, OperationCounts
from snnsim.errors import ParameterError
from snnsim.hardware.figures import Interval
from snnsim.hardware.profile import Profile, load_profile
from snnsim.units import check_bool, check_integer, check_scalar

_ZERO = Interval(0.0, 0.0, 0.0)


class MixedNodesWarning(UserWarning):
    """Energies of different process nodes were added up."""


@final
@dataclass(frozen=True)
class EnergyReport:
    """The energy of some counted operations on one piece of hardware.

    parts : role -> kind -> Interval         pJ of the operations that could be priced
    layers : layer -> Interval               the same by layer
    unpriced : role -> kind -> count         what could not be priced; then there is no total
    left_out : role -> kind -> count         what the scope of the profile leaves out of its total
    host : str or None                       profile that priced the roles this hardware cannot do
    hosted : tuple of str                    those roles
    nodes : profile -> nm or None            process nodes that took part
    recalled : tuple of str                  'role.kind' of prices of grade R that were used
    sliced : precision -> int                weights wider than a synapse of this hardware, and how many synapses each of them takes
    per : int                                inferences the figures were divided by
    static : Interval or None                pJ of static power over the latency given, per inference; never part of `total`
    """

    profile: str
    scope: str
    parts: Mapping[str, Mapping[str, Interval]]
    layers: Mapping[str, Interval]
    unpriced: Mapping[str, Mapping[str, int]]
    left_out: Mapping[str, Mapping[str, int]]
    host: str | None
    hosted: tuple[str, ...]
    nodes: Mapping[str, int | None]
    recalled: tuple[str, ...]
    sliced: Mapping[str, int]
    per: int
    static: Interval | None = None

    @property
    def total(self) -> Interval | None:
        """Return the sum, pJ per inference; None when any non-zero count has no price."""
        if self.unpriced:
            return None
        return self.part(*self.parts)

    def part(self, *roles: str) -> Interval:
        """Return the sum over some roles, pJ per inference, of what could be priced."""
        return sum((interval for role in roles for interval in self.parts.get(role, {}).values()), start=_ZERO)

    def kind(self, *kinds: str) -> Interval:
        """Return the sum over some kinds of operations in all roles, pJ per inference, of what could be priced."""
        return sum((terms[kind] for terms in self.parts.values() for kind in kinds if kind in terms), start=_ZERO)

    def __str__(self) -> str:
        host = f", {' and '.join(self.hosted)} on {self.host}" if self.hosted else ""
        if self.total is None:
            missing = ", ".join(f"{count} {kind} ({role})" for role, kinds in self.unpriced.items() for kind, count in kinds.items())
            return f"no total: {self.profile}{host} has no price for {missing}"
        low, nominal, high = (value * 1e-3 for value in self.total)
        out = sorted({kind for kinds in self.left_out.values() for kind in kinds})
        rest = f"; left out: {', '.join(out)}" if out else ""
        rest += "".join(f"; {n} synapses for an {precision} weight" for precision, n in self.sliced.items())
        return f"{nominal:.4g} nJ ({low:.4g} .. {high:.4g}) on {self.profile}{host} [{self.scope}]{rest}"


@dataclass
class _Sums:
    """What one estimate adds up."""

    parts: dict[str, dict[str, Interval]] = field(default_factory=dict)
    layers: dict[str, Interval] = field(default_factory=dict)
    unpriced: dict[str, dict[str, int]] = field(default_factory=dict)
    left_out: dict[str, dict[str, int]] = field(default_factory=dict)
    recalled: list[str] = field(default_factory=list)
    hosted: list[str] = field(default_factory=list)
    sliced: dict[str, int] = field(default_factory=dict)

    def note(self, table: dict[str, dict[str, int]], role: str, kind: str, count: int) -> None:
        mine = table.setdefault(role, {})
        mine[kind] = mine.get(kind, 0) + count

    def price(self, role: str, layer: str, kind: str, energy: Interval) -> None:
        terms = self.parts.setdefault(role, {})
        terms[kind] = terms.get(kind, _ZERO) + energy
        self.layers[layer] = self.layers.get(layer, _ZERO) + energy


def _checked(counts: Any, chip: Profile, helper: Profile | None) -> None:
    if not isinstance(counts, OperationCounts):
        raise ParameterError(f"estimate_energy.counts = {counts!r} must be OperationCounts, such as Result.counts.")
    if helper is not None and helper.name == chip.name and helper != chip:
        raise ParameterError(f"estimate_energy.host = {helper.name!r} is also the name of another profile, the chip's. Rename one file.")
    if counts.placed_on not in (None, chip.name) and "cores" in chip.limits:
        raise ParameterError(
            f"estimate_energy.profile = {chip.name!r}, but the hops were counted on the cores of {counts.placed_on!r}. Price them there, "
            f"place the network on {chip.name!r}, or give the counts without a placement."
        )


def _add_up(counts: OperationCounts, chip: Profile, helper: Profile | None, per: int, allow_recalled: bool) -> _Sums:
    sums = _Sums()
    placed = counts.placed_on is not None
    if chip.inference is not None:  # one price for everything, of a network that fits: which a placement proves
        if placed and (allow_recalled or chip.inference.grade != "R"):
            sums.price("neuron", "inference", "spikes", chip.inference.pj)
        else:
            sums.note(sums.unpriced, "neuron", "spikes", counts.total("spikes"))
        return sums
    for layer, kinds in counts.layers.items():
        role, precision = counts.role(layer), counts.precisions.get(layer, "")
        used = chip if chip.does(role) or helper is None else helper
        if used is not chip and role not in sums.hosted:
            sums.hosted.append(role)
        included, left_out = used.included.get(role, ()), used.left_out.get(role, ())
        slices = used.slices(role, precision)
        if slices > 1:
            sums.sliced[precision] = slices
        for kind, count in kinds.items():
            if kind in left_out:
                sums.note(sums.left_out, role, kind, count)
                continue
            if kind in included:
                continue
            price = used.price(role, kind, precision, placed=placed)
            if price is None or (price.grade == "R" and not allow_recalled):
                sums.note(sums.unpriced, role, f"{kind}:{precision}" if precision and kind in used.prices.get(role, {}) else kind, count)
                continue
            if price.grade == "R" and f"{role}.{kind}" not in sums.recalled:
                sums.recalled.append(f"{role}.{kind}")
            sums.price(role, layer, kind, price.pj.times(count / per * (slices if kind == "synops" else 1)))
    return sums


def _check_static(chip: Profile, latency_ms: float | None, chips: int, cores: int | None) -> None:
    """Refuse numbers of chips and cores that would change nothing."""
    name, value = ("chips", chips) if cores is None else ("cores", cores)
    if latency_ms is None and (chips != 1 or cores is not None):
        raise ParameterError(f"estimate_energy.{name} = {value} draw static power for latency_ms, which is missing. Give it, or neither.")
    if cores is not None and chip.static and "core" not in chip.static:
        raise ParameterError(
            f"estimate_energy.cores = {cores}, but {chip.name!r} tells the static power of a whole chip alone. Leave it out; chips= counts."
        )


def _static(chip: Profile, latency_ms: float | None, chips: int, cores: int | None) -> Interval | None:
    """Return the energy of static power over the time of one inference, pJ."""
    if latency_ms is None or not chip.static:
        return None
    parts = _ZERO
    for what, figure in chip.static.items():
        n = chips if what == "chip" else (cores if cores is not None else chips * chip.limits.get("cores", 1))
        parts = parts + figure.value.times(n * latency_ms * 1e6)  # mW ms = uJ
    return parts


def estimate_energy(
    counts: OperationCounts,
    profile: str | Path | Profile,
    *,
    host: str | Path | Profile | None = None,
    per: int = 1,
    allow_recalled: bool = False,
    allow_mixed_nodes: bool = False,
    latency_ms: float | None = None,
    chips: int = 1,
    cores: int | None = None,
) -> EnergyReport:
    """Return the energy of `counts` under a hardware profile.

    Parameters
    ----------
    counts : OperationCounts
    profile : str or Profile     a shipped name such as 'loihi14', the path of a .toml file, or a Profile
    host : str or Profile        prices the roles that `profile` cannot do at all, such as softmax rows on a spiking chip;
                                 the result names it
    per : int                    inferences in the counts; figures are divided by it
    allow_recalled : bool        use prices of grade R, which were not verified in a source
    allow_mixed_nodes : bool     do not warn where `host` is of another process node
    latency_ms : float           ms of one inference; with it `EnergyReport.static` holds what static power took meanwhile
    chips, cores : int           how many draw static power; default one chip, and all of its cores

    Raises
    ------
    ParameterError   for an unknown profile (listing the valid ones), per < 1, or hops counted on the cores of other hardware

    Warns
    -----
    MixedNodesWarning   when energies of two process nodes are added up
    """
    per = check_integer("estimate_energy.per", per, low=1, high=MOST, why="it is the number of inferences counted")
    for name, value in (("allow_recalled", allow_recalled), ("allow_mixed_nodes", allow_mixed_nodes)):
        check_bool(f"estimate_energy.{name}", value)
    if latency_ms is not None:
        latency_ms = check_scalar("estimate_energy.latency_ms", latency_ms, unit="ms", ge=0.0, le=1e30)
    chips = check_integer("estimate_energy.chips", chips, low=1, high=MOST)
    cores = None if cores is None else check_integer("estimate_energy.cores", cores, low=1, high=MOST)
    chip = load_profile(profile)
    helper = None if host is None else load_profile(host)
    _checked(counts, chip, helper)
    _check_static(chip, latency_ms, chips, cores)
    sums = _add_up(counts, chip, helper, per, allow_recalled)
    nodes = {chip.name: chip.node_nm}
    if helper is not None and sums.hosted:
        nodes[helper.name] = helper.node_nm
        if None not in nodes.values() and helper.node_nm != chip.node_nm and not allow_mixed_nodes:
            warnings.warn(
                f"estimate_energy: {' and '.join(sums.hosted)} on {helper.name} ({helper.node_nm} nm), the rest on {chip.name} "
                f"({chip.node_nm} nm): energies of different process nodes are added up. Choose a host of the same node, or say "
                "allow_mixed_nodes=True.",
                MixedNodesWarning,
                stacklevel=2,
            )
    return EnergyReport(
        profile=chip.name,
        scope=chip.scope,
        parts=_frozen(sums.parts),
        layers=MappingProxyType(sums.layers),
        unpriced=_frozen(sums.unpriced),
        left_out=_frozen(sums.left_out),
        host=helper.name if helper and sums.hosted else None,
        hosted=tuple(sums.hosted),
        nodes=MappingProxyType(nodes),
        recalled=tuple(sums.recalled),
        sliced=MappingProxyType(sums.sliced),
        per=per,
        static=_static(chip, latency_ms, chips, cores),
    )


def _frozen(table: Mapping[str, Mapping[str, Any]]) -> Mapping[str, Mapping[str, Any]]:
    return MappingProxyType({role: MappingProxyType(terms) for role, terms in table.items()})

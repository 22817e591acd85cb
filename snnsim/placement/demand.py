"""What every unit asks of a core, and which units no core could ever hold."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from snnsim.errors import ParameterError, PlacementError
from snnsim.hardware.profile import Profile, load_profile, profile_names
from snnsim.models.integer import IntegerUnit
from snnsim.network import Network, Population
from snnsim.placement.blocks import Blocks, offsets

#: limits that add up over the units of a core, and what the error for one of them calls it
LINEAR: Mapping[str, str] = {
    "neurons_per_core": "neurons",
    "synapses_per_core": "synapses",
    "synapse_bits_per_core": "bits of synapses",
}


class Demand(NamedTuple):
    """What the units of a network take on one piece of hardware. Synapses are those of the hardware: wide weights take several.

    fan_in : int64[n_units]     synapses onto a unit
    own : int64[n_units]        those of them that a core stores for this unit alone
    column : name -> int        of a population: those that a core stores once for all positions of a channel
    bits : int                  of a synapse
    """

    fan_in: np.ndarray
    own: np.ndarray
    column: Mapping[str, int]
    bits: int


def hardware_of(hardware: Any) -> Profile:
    """Return a profile that has limits. Raises ParameterError listing those that have."""
    profile = load_profile(hardware)
    if "neurons_per_core" not in profile.limits:
        known = [name for name in profile_names() if "neurons_per_core" in load_profile(name).limits]
        raise ParameterError(
            f"place.hardware = {profile.name!r} tells no neurons_per_core: nobody knows what a core holds. Choose one of "
            f"{', '.join(known)}, or give a .toml file with [limits] of your own."
        )
    if "synapse_bits_per_core" in profile.limits and "weight_bits" not in profile.limits:
        raise ParameterError(f"place.hardware = {profile.name!r} limits synapse_bits_per_core but tells no weight_bits. Add them.")
    return profile


def demand_of(network: Network, blocks: Sequence[Blocks], profile: Profile, shared: bool) -> Demand:
    """Return what the units take. shared : whether a core stores a kernel once for all positions it serves"""
    n = sum(population.size for population in network.populations.values())
    total, own = np.zeros(n), np.zeros(n)
    column = dict.fromkeys(network.populations, 0)
    names, ends = list(network.populations), np.array([*offsets(network).values(), n])
    for part in blocks:
        slices = profile.slices(part.role, part.precision)
        each = np.bincount(part.target, np.repeat(np.diff(part.source_ptr) * slices, np.diff(part.target_ptr)), n)
        total += each
        if shared and part.kernel:
            column[names[np.searchsorted(ends, part.target[0], side="right") - 1]] += part.kernel * slices
        else:
            own += each
    bits = profile.limits.get("weight_bits", 0) + profile.limits.get("synapse_overhead_bits", 0)
    return Demand(total.astype(np.int64), own.astype(np.int64), column, bits)


def in_rows(population: Population) -> bool:
    """Whether the units of a row see each other, as in a softmax, so that a core must hold the whole row."""
    return isinstance(population.model, IntegerUnit) and population.model.label == "group"


def outside_of(network: Network, profile: Profile, host: bool) -> dict[str, str]:
    """Return the populations that lie on no core, and why.

    Raises PlacementError for those that this hardware cannot compute, unless they may go to a `host`.
    """
    outside, refused = {}, {}
    for name, population in network.populations.items():
        model = population.model
        if model.is_source or (isinstance(model, IntegerUnit) and model.label == "input"):
            outside[name] = "a source"
        elif isinstance(model, IntegerUnit) and profile.prices:
            roles = [model.role]
            if any(hasattr(_inner(p.connector), "partner") for p in network.projections.values() if p.post is population):
                roles.append("product")
            missing = [role for role in roles if not profile.does(role)]
            if missing:
                refused[name] = f"{' and '.join(missing)}: not on {profile.name}"
    if refused and not host:
        name, why = next(iter(refused.items()))
        more = f", and {len(refused) - 1} more" if len(refused) > 1 else ""
        raise PlacementError(
            f"Population({name!r}) needs the role {why}{more}. Give host=True to leave what the cores cannot do to a host beside the chip."
        )
    return outside | refused


def _inner(connector: Any) -> Any:
    return getattr(connector, "connector", connector)


def check_units(network: Network, blocks: Sequence[Blocks], demand: Demand, profile: Profile, outside: Mapping[str, str]) -> None:
    """Raise PlacementError for units that fit no core, population by population."""
    limits, first = profile.limits, offsets(network)
    found = []
    for name, population in network.populations.items():
        if name in outside:
            continue
        span = slice(first[name], first[name] + population.size)
        width = population.shape[-1] if in_rows(population) else 1
        what = f"a row of {width} units" if width > 1 else "a neuron"
        fan_in, own = int(demand.fan_in[span].max()), int(demand.own[span].reshape(-1, width).sum(axis=1).max())
        stored = own + demand.column[name] * width
        for limit, value, noun in (
            ("fan_in", fan_in, "synapses"),
            ("neurons_per_core", width, "neurons"),
            ("synapses_per_core", stored, "synapses"),
            ("synapse_bits_per_core", stored * demand.bits, "bits of synapses"),
        ):
            if limit in limits and value > limits[limit]:
                who = "a neuron" if limit == "fan_in" else what
                over = f"{value - limits[limit]:,} more than {limit} = {limits[limit]:,}"
                found.append(f"Population({name!r}): {who} has {value:,} {noun}, {over}")
    if found:
        wide = {part.precision for part in blocks if profile.slices(part.role, part.precision) > 1}
        slices = profile.slices("synaptic", min(wide)) if wide else 1
        why = f" An {min(wide)} weight takes {slices} synapses of {limits['weight_bits']} bit." if wide else ""
        more = f"; and {len(found) - 1} more like it" if len(found) > 1 else ""
        raise PlacementError(f"{found[0]} of {profile.name}{more}.{why} Divide the inputs over several neurons, or choose other hardware.")

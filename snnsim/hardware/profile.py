"""A hardware profile: what an operation costs, by whom it is done, how large a chip is, and who says so."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any, final

from snnsim.counts import PRECISE
from snnsim.errors import ParameterError, unknown_name
from snnsim.hardware.figures import GRADES, Figure, Interval, Price, int_widths

__all__ = ["GRADES", "SCOPES", "Interval", "Price", "Profile", "load_profile", "profile_names"]

_HERE = Path(__file__).parent
#: what a price of the profile holds
SCOPES: Mapping[str, str] = MappingProxyType(
    {
        "op": "single arithmetic and memory operations",
        "term": "terms of a chip's own energy model",
        "all-in": "chip energy divided by synaptic operations: routing lies within",
        "inference": "chip energy of a whole inference of a network that fits it",
        "floor": "power divided by peak throughput: no run costs less",
        "arithmetic": "additions and multiplications alone, memory and events left out",
        "reference": "not a machine one can buy: a line to compare with",
    }
)

#: limits of `Profile.limits` and what each means; whole numbers, except `mesh`
LIMITS: Mapping[str, str] = MappingProxyType(
    {
        "chips": "chips in the largest system",
        "cores": "cores of a chip",
        "cores_per_tile": "cores that share a router; default 1",
        "mesh": "[columns, rows] of tiles on a chip; cores of one tile are 0 hops apart",
        "neurons_per_core": "neurons",
        "synapses_per_core": "synapses of the neurons of a core",
        "synapse_bits_per_core": "bits of memory for synapses",
        "synapse_overhead_bits": "bits that a synapse takes beside its weight; default 0",
        "fan_in": "synapses onto a neuron",
        "fan_out": "cores that a neuron reaches",
        "axons_in": "sources outside that a core listens to",
        "axons_out": "(neuron, core) pairs that a core sends to",
        "weight_bits": "bits of a weight",
        "event_bits": "bits of a packet that carries one event",
    }
)


@final
@dataclass(frozen=True)
class Profile:
    """Prices, limits, times and static power of one piece of hardware.

    node_nm : int or None    process node; None where there is none, or its maker does not tell
    scope : str              what its prices hold, a name of `SCOPES`
    prices : role -> kind -> Price; a role that is absent cannot be done by this hardware. A kind may carry a precision, 'macs:fp32'
    included : role -> kinds whose energy lies within other prices of the profile; pricing them again is refused
    left_out : role -> kinds that the figures do not hold and that stay out of the total, which says so
    placed : role -> kind -> Price that replaces the one of `prices` once hops are counted (see `sim.place`)
    limits : name of `LIMITS` -> number
    times : kind of operation -> Figure, ns; 'barriers' by the number of cores where it is known
    static : 'chip' or 'core' -> Figure, mW drawn whatever happens
    inference : Price or None    of scope 'inference': pJ of a whole inference of a network that fits
    """

    name: str
    title: str
    node_nm: int | None
    voltage: float | None
    scope: str
    note: str
    prices: Mapping[str, Mapping[str, Price]]
    included: Mapping[str, tuple[str, ...]]
    left_out: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    placed: Mapping[str, Mapping[str, Price]] = field(default_factory=dict)
    limits: Mapping[str, Any] = field(default_factory=dict)
    limits_source: str = ""
    inference: Price | None = None
    times: Mapping[str, Figure] = field(default_factory=dict)
    static: Mapping[str, Figure] = field(default_factory=dict)

    def does(self, role: str) -> bool:
        """Return whether this hardware can do the work of `role` at all."""
        return role in self.prices or role in self.included or role in self.left_out

    def price(self, role: str, kind: str, precision: str = "", *, placed: bool = False) -> Price | None:
        """Return the price of one operation, or None.

        precision : of its operands, as in `OperationCounts.precisions`; it matters to macs, multiplies, adds and conversions alone
        placed : whether hops are counted apart
        """
        rows = self.prices.get(role, {})
        if placed and kind in self.placed.get(role, {}):
            return self.placed[role][kind]
        if not precision or kind not in PRECISE or self.scope == "arithmetic":
            return rows.get(kind)
        own = rows.get(f"{kind}:{precision}")
        widths = int_widths(precision)
        if own is not None or widths is None:
            return own
        plain = rows.get(kind)
        if plain is None or (kind in ("multiplies", "adds") and plain.per_bit_product is None):
            return plain
        return plain.at(widths)

    def slices(self, role: str, precision: str) -> int:
        """Return how many synapses of the hardware one weight of a layer takes: slices of its bits, whose sums are shifted and added."""
        if role != "synaptic" or not precision.startswith("int") or "weight_bits" not in self.limits:
            return 1
        bits, room = int(precision[3:].split("x")[0]), self.limits["weight_bits"]
        return 1 if bits <= room else -(-bits // room)


def profile_names() -> tuple[str, ...]:
    """Return the names of the profiles that ship with snnsim."""
    return tuple(sorted(path.stem for path in (_HERE / "profiles").glob("*.toml")))


@cache
def _shipped(name: str) -> Profile:
    from snnsim.hardware.reading import read_profile

    return read_profile(_HERE / "profiles" / f"{name}.toml")


def load_profile(name: str | Path | Profile) -> Profile:
    """Return a shipped profile by name, or one of your own by the path of its .toml file (read anew each time).

    Raises ParameterError for an unknown name (listing the valid ones), FormatError for a bad file.
    """
    if isinstance(name, Profile):
        return name
    if str(name).endswith(".toml"):
        from snnsim.hardware.reading import read_profile

        return read_profile(name)
    if not isinstance(name, str) or name not in profile_names():
        raise ParameterError(unknown_name("profile", name, profile_names()) + " A file of your own must end in .toml.")
    return _shipped(name)

"""Operations counted where the work is done: what energy is computed from."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

import numpy as np

from snnsim.errors import ParameterError, unknown_name

#: Kinds of operations and what one of each means.
OPERATIONS: Mapping[str, str] = MappingProxyType(
    {
        "spikes": "events emitted",
        "synops": "synaptic operations: one event reaching one synapse",
        "adds": "additions into a state variable or accumulator, and comparisons",
        "shifts": "binary shifts by a few places",
        "multiplies": "multiplications",
        "tables": "table look-ups",
        "divides": "divisions and square roots",
        "macs": "multiply-accumulate operations of an ANN or a crossbar",
        "weight_fetches": "8-bit words of weights read from memory",
        "state_reads": "state variables or accumulators read from memory",
        "state_writes": "state variables or accumulators written to memory",
        "activation_reads": "8-bit words of activations of an ANN read from memory",
        "activation_writes": "8-bit words of activations of an ANN written to memory",
        "updates_driven": "neuron updates that had input to handle",
        "updates_idle": "neuron updates that had none",
        "plasticity_updates": "applications of a learning rule to one synapse",
        "crossbar_reads": "vectors multiplied by a crossbar, all of its rows and columns at once",
        "dac_conversions": "numbers turned into an analog input of a crossbar",
        "adc_conversions": "analog sums of a crossbar turned into numbers",
        "packets": "events sent from a core to another one",
        "hops": "links between neighbouring tiles of a chip that packets went along",
        "core_bits": "bits moved along such links: bits of a packet times hops",
        "chip_bits": "bits moved over boundaries of chips",
        "barriers": "meetings of a core with the others at the end of a step",
    }
)

#: Who does the work of a layer; prices differ by it.
ROLES: Mapping[str, str] = MappingProxyType(
    {
        "synaptic": "delivery of events along a projection with weights of its own",
        "product": "delivery of events along a projection whose weights are the values of another population",
        "neuron": "update of neurons that need only their own state",
        "lookup": "update of neurons whose thresholds are a table",
        "group": "a function of a whole row of units: softmax, norm",
        "ann": "a layer of an ANN that does not spike",
        "crossbar": "sums of currents through analog weights",
        "converter": "between numbers and the analog inside of a crossbar",
        "transport": "events on their way between cores and chips, and keeping cores in step",
    }
)

#: kinds whose price depends on the precision of their operands
PRECISE = ("macs", "multiplies", "adds", "dac_conversions", "adc_conversions")
MOST = 10**30  # operations of a layer: more than any run does, and few enough for sums of floats
_PRECISION = re.compile(r"(fp(16|32|64)|bf16|int([1-9]\d?)(x([1-9]\d?))?)")


def check_precision(owner: str, value: Any) -> str:
    """Return a valid precision: 'fp32', 'fp16', 'bf16', 'int8', 'int4x8' (bits of weights x of activations).

    Raises ParameterError.
    """
    if not isinstance(value, str) or not _PRECISION.fullmatch(value):
        raise ParameterError(f"{owner} = {value!r} must be a precision: fp64, fp32, fp16, bf16, int8, or int4x8 for weights x activations.")
    return value


@dataclass(frozen=True)
class OperationCounts:
    """Operations counted where the kernels do them.

    Parameters
    ----------
    layers : mapping of str to mapping of str to int
        by population name (spikes, updates) or projection name 'pre -> post' (synaptic operations), then by kind
    roles : mapping of str to str
        who does the work of a layer, a name of `ROLES`; the default is 'synaptic' for a layer with synops, else 'neuron'
    precisions : mapping of str to str
        precision of the operands of a layer, such as 'int8' or 'fp32'; a layer without one is priced at what its hardware gives
    placed_on : str or None
        the profile on whose cores the events were routed, where hops are counted
    """

    layers: Mapping[str, Mapping[str, int]]
    roles: Mapping[str, str] = field(default_factory=dict)
    precisions: Mapping[str, str] = field(default_factory=dict)
    placed_on: str | None = None

    def __post_init__(self) -> None:
        frozen = {}
        if not isinstance(self.layers, Mapping):
            raise ParameterError(f"OperationCounts.layers = {self.layers!r} must map layer names to counts by kind.")
        for what, given in (("roles", self.roles), ("precisions", self.precisions)):
            if not isinstance(given, Mapping):
                raise ParameterError(f"OperationCounts.{what} = {given!r} must map layer names to texts. Give a dict.")
        if self.placed_on is not None and not isinstance(self.placed_on, str):
            raise ParameterError(f"OperationCounts.placed_on = {self.placed_on!r} must be the name of a profile, or None.")
        for layer, role in self.roles.items():
            if role not in list(ROLES):
                raise ParameterError(unknown_name(f"OperationCounts.roles[{layer!r}]", role, ROLES))
        for layer, precision in self.precisions.items():
            check_precision(f"OperationCounts.precisions[{layer!r}]", precision)
        for what, given in (("roles", self.roles), ("precisions", self.precisions)):
            for layer in given:
                if layer not in self.layers:
                    raise ParameterError(unknown_name(f"OperationCounts.{what}: layer", layer, self.layers))
            object.__setattr__(self, what, MappingProxyType(dict(given)))
        for layer, kinds in self.layers.items():
            if not isinstance(kinds, Mapping):
                raise ParameterError(f"OperationCounts.layers[{layer!r}] = {kinds!r} must map kinds of operations to counts. Give a dict.")
            for kind, count in kinds.items():
                if kind not in OPERATIONS:
                    raise ParameterError(unknown_name(f"OperationCounts.layers[{layer!r}]", kind, OPERATIONS))
                if not isinstance(count, (int, np.integer)) or isinstance(count, bool) or not 0 <= count <= MOST:
                    raise ParameterError(
                        f"OperationCounts.layers[{layer!r}][{kind!r}] = {count!r} must be a whole number >= 0, at most 10^30. Count again."
                    )
            frozen[layer] = MappingProxyType({kind: int(count) for kind, count in kinds.items() if count})
        object.__setattr__(self, "layers", MappingProxyType(frozen))

    def __reduce__(self) -> tuple:
        # Read-only mappings are not pickled; a pool of processes returns results so.
        return OperationCounts, (self.to_dict(), dict(self.roles), dict(self.precisions), self.placed_on)

    def total(self, kind: str, role: str | None = None) -> int:
        """Return the count of `kind` over all layers, or over those of one role."""
        if kind not in OPERATIONS:
            raise ParameterError(unknown_name("operation", kind, OPERATIONS))
        if role is not None and role not in ROLES:
            raise ParameterError(unknown_name("role", role, ROLES))
        return sum(kinds.get(kind, 0) for layer, kinds in self.layers.items() if role is None or self.role(layer) == role)

    def role(self, layer: str) -> str:
        """Return who does the work of `layer`."""
        return self.roles.get(layer) or ("synaptic" if "synops" in self.layers[layer] else "neuron")

    def totals(self) -> dict[str, int]:
        """Return the non-zero totals by kind, in the order of `OPERATIONS`."""
        return {kind: count for kind in OPERATIONS if (count := self.total(kind))}

    def __add__(self, other: OperationCounts) -> OperationCounts:
        if not isinstance(other, OperationCounts):
            return NotImplemented
        layers = {layer: dict(kinds) for layer, kinds in self.layers.items()}
        for layer, kinds in other.layers.items():
            mine = layers.setdefault(layer, {})
            for kind, count in kinds.items():
                mine[kind] = mine.get(kind, 0) + count
        for layer in set(self.layers) & set(other.layers):
            mixed = self.precisions.get(layer), other.precisions.get(layer)
            if mixed[0] != mixed[1]:
                raise ParameterError(f"OperationCounts: layer {layer!r} is counted at {mixed[0]} and at {mixed[1]}. Rename one of them.")
        places = {each.placed_on for each in (self, other)} - {None}
        if len(places) > 1:
            raise ParameterError(f"OperationCounts: hops of {' and '.join(sorted(map(str, places)))} do not add up. Place on one of them.")
        placed_on = next(iter(places), None)
        return OperationCounts(layers, {**self.roles, **other.roles}, {**self.precisions, **other.precisions}, placed_on)

    def to_dict(self) -> dict[str, dict[str, int]]:
        """Return plain nested dictionaries, ready for JSON."""
        return {layer: dict(kinds) for layer, kinds in self.layers.items()}

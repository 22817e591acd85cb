"""From what the kernels tallied to the operations of a `Result`, and from compiled synapses to its connections."""

from __future__ import annotations

import numpy as np

from snnsim.compiler.spiking import CompiledSpiking
from snnsim.counts import OperationCounts


def counts(engine: str, compiled: CompiledSpiking, neurons: np.ndarray, synapses: np.ndarray) -> OperationCounts:
    """Return what the kernels counted, and the operations that follow from it.

    neurons : int64[P, 3], synapses : int64[Q, 2]   tallies, as in `kernels.layout`
    An update does what its model declares in `update_operations`; a synaptic operation reads one weight and reads, adds to
    and writes one input.
    """
    layers: dict[str, dict[str, int]] = {}
    for population, model, (driven, idle, spikes) in zip(compiled.populations, compiled.models, neurons, strict=True):
        layers[population.name] = {"spikes": int(spikes), "updates_driven": int(driven), "updates_idle": int(idle)}
        for kind, each in model.update_operations.get(engine, {}).items():
            layers[population.name][kind] = each * int(driven + idle)
    for part, (synops, learned) in zip(compiled.projections, synapses, strict=True):
        per_synop = ("synops", "adds", "weight_fetches", "state_reads", "state_writes")
        layers[part.name] = dict.fromkeys(per_synop, int(synops)) | {"plasticity_updates": int(learned)}
    roles = {population.name: "neuron" for population in compiled.populations}
    return OperationCounts(layers, roles | {part.name: "synaptic" for part in compiled.projections})


def wiring(compiled: CompiledSpiking) -> dict[str, tuple[np.ndarray, np.ndarray, int]]:
    """Return where the synapses of plastic projections are: row_ptr, target, and the size of the post population."""
    return {
        part.name: (part.row_ptr, part.target, compiled.populations[part.post].size)
        for part in compiled.projections
        if part.plasticity is not None
    }

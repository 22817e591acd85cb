"""What a run of integer units did, in operations: from tallies by population and projection to a `Result`'s counts."""

from __future__ import annotations

from typing import cast

import numpy as np

from snnsim.compiler.integer import CompiledInteger
from snnsim.connect import Dense, Filters, Gathered, Product, unwrap
from snnsim.counts import OperationCounts
from snnsim.graph.integer import weight_words
from snnsim.kernels.integer_net import PARTNER_READS, SCALED, SYNOPS
from snnsim.kernels.settle import Trials
from snnsim.models.integer import IntegerUnit
from snnsim.network import Population, Projection


def _population_counts(population: Population, rows: int, spikes: int, code: str, idle: int, ramps: int) -> dict[str, int]:
    """Count what the units of one population did: `rows` evaluations of g, `spikes` events, `idle` steps without input.

    ramps : steps in which a unit added up what had arrived, while it waited for the end of a window
    """
    unit = cast(IntegerUnit, population.model)
    width = population.shape[-1]
    counts = {kind: n * rows for kind, n in unit.operations(width).items()}

    def more(kind: str, n: int) -> None:
        counts[kind] = counts.get(kind, 0) + n

    if unit.label in ("spiking", "group"):
        counts |= {"updates_driven": rows * width + ramps, "updates_idle": idle}
    if ramps:  # in each of them the sum of what has arrived goes into the accumulator
        more("adds", ramps)
        more("state_reads", 2 * ramps)
        more("state_writes", ramps)
    if unit.label == "spiking":
        # Each event compares with a threshold and moves the membrane by it; a power of two shifts the threshold first, and a
        # payload is a rounded quotient: one multiplication by the reciprocal and one shift for each evaluation.
        more("adds", spikes)
        more("state_writes", spikes)
        if code in ("binary", "signed_digit"):
            more("shifts", spikes)
        elif code == "graded":
            more("multiplies", rows * width)
            more("shifts", rows * width)
    return {**counts, "spikes": spikes}


def _projection_counts(projection: Projection, events: int, total: np.ndarray, code: str) -> dict[str, int]:
    """Count what one projection did. events : spikes of its pre population; total : int64[N_COUNTERS]"""
    synops, partner_reads, scaled = (int(total[k]) for k in (SYNOPS, PARTNER_READS, SCALED))
    product = isinstance(unwrap(projection.connector)[0], Product)
    # A consumer of a product keeps what it has seen of either operand: one read and one write per event.
    kept = events if product else 0
    return {
        "synops": synops,
        "adds": synops + kept,
        "shifts": scaled if code in ("binary", "signed_digit") else 0,
        "multiplies": synops if code == "graded" else 0,
        "weight_fetches": synops * weight_bytes(projection),
        "state_reads": synops + partner_reads + kept,
        "state_writes": synops + kept,
    }


def weight_bytes(projection: Projection) -> int:
    """Return how many 8-bit words one weight takes; 0 where the weight is 1 or comes from a population."""
    connector, _ = unwrap(projection.connector)
    if isinstance(connector, (Dense, Filters)):
        return connector.weight.itemsize
    if projection.weight is None or isinstance(connector, Product):
        return 0
    return weight_words(np.asarray(projection.weight))


def weight_precision(projection: Projection) -> str | None:
    """Return the precision of the weights of a projection, such as 'int8'; None where all are 1 or come from a population."""
    connector, _ = unwrap(projection.connector)
    if isinstance(connector, (Dense, Filters)):
        weight = connector.weight
        return f"int{max(int(weight.max(initial=0)), -int(weight.min(initial=0))).bit_length() + 1}"
    words = weight_bytes(projection)
    return f"int{8 * words}" if words else None


def fan_out(projection: Projection) -> int | None:
    """Return the synapses one event of `projection` reaches; None where it depends on the unit, or on the partner of a product."""
    match projection.connector:
        case Dense(weight=weight):
            return weight.shape[1]
        case Gathered() | Product() | Filters():
            return None
    return 1


def counts_of(compiled: CompiledInteger, work: Trials, code: str, schedule: str) -> OperationCounts:
    layers: dict[str, dict[str, int]] = {}
    roles: dict[str, str] = {}
    precisions: dict[str, str] = {}
    steps = 0 if schedule == "shuffled" else int(work.steps.sum())  # without a global step, nobody is idle in one
    for p, name in enumerate(compiled.populations):
        population = compiled.network.populations[name]
        rows, spikes = int(work.evaluated[:, p].sum()), int(work.spikes[:, p].sum())
        ramps = _ramps(compiled, work, p, schedule) if code == "time_to_first_spike" else 0
        idle = max(0, steps * population.size - rows * population.shape[-1] - ramps)
        layers[name] = _population_counts(population, rows, spikes, code, idle, ramps)
        roles[name] = cast(IntegerUnit, population.model).role
    for e, key in enumerate(compiled.projections):
        projection = compiled.network.projections[key]
        events = layers[projection.pre.name]["spikes"]
        layers[key] = _projection_counts(projection, events, work.counts[:, e].sum(axis=0), code)
        roles[key] = "product" if isinstance(unwrap(projection.connector)[0], Product) else "synaptic"
        if precision := weight_precision(projection):
            precisions[key] = precision
    return OperationCounts(layers, roles, precisions)


def _ramps(compiled: CompiledInteger, work: Trials, p: int, schedule: str) -> int:
    """Return the steps in which units of population `p` added up what had arrived, over all units and trials.

    A unit integrates over the whole window of each projection that brought it anything; where all share one clock of windows,
    over each of those in which it had input.
    """
    net = compiled.net
    into = np.flatnonzero(net.post == p)
    if schedule == "settled":
        pre = np.searchsorted(net.out_ptr, into, side="right") - 1
        windows = (work.spikes[:, pre] > 0) @ net.window[pre]
    else:
        windows = np.full(len(work.inputs), net.window.max() if len(into) else 0)
    return int((windows * work.evaluated[:, p]).sum() * net.width[p])

"""Description -> flat arrays, for networks of spiking models. Nothing here depends on the engine but the unit of delays."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Any, cast

import numpy as np

from snnsim.compiler.stages import Cycle, stages
from snnsim.connect import Distribution, Sparse, sample
from snnsim.errors import CompileError, ParameterError
from snnsim.models.spiking import NeuronModel
from snnsim.network import Network, Population, Projection, description_digest
from snnsim.units import check_integer, check_number, show

_DELAY = 1.0  # ms, when none is given
_WEIGHT = 1.0  # in the unit of the post model, when none is given


@dataclass(frozen=True, eq=False)
class CompiledProjection:
    """One projection. A source owns runs of equal delay; a run owns synapses sorted by target.

    row_ptr : int64[n_pre + 1]      source -> runs
    run_ptr : int64[n_runs + 1]     run -> synapses
    delay : float64[n_runs]         ms
    target : int32[n_synapses]
    weight : float64[1] or float64[n_synapses]   one for all, or one each
    order : int64[n_synapses] or None            position of each synapse in order of (source, target); None: the same order
    """

    name: str
    pre: int
    post: int
    plasticity: Any
    row_ptr: np.ndarray
    run_ptr: np.ndarray
    delay: np.ndarray
    target: np.ndarray
    weight: np.ndarray
    order: np.ndarray | None

    @property
    def fan_out(self) -> np.ndarray:
        """Synapses of each source, int64[n_pre]."""
        return np.diff(self.run_ptr[self.row_ptr])

    def by_target(self, weight: np.ndarray) -> np.ndarray:
        """Return stored weights in order of source, then target."""
        values = np.broadcast_to(weight, self.target.shape)
        if self.order is None:
            return values.copy()
        out = np.empty(self.target.shape)
        out[self.order] = values
        return out


@dataclass(frozen=True, eq=False)
class CompiledSpiking:
    """A network as read-only arrays, ready for either engine. digest : `description_digest` of the network."""

    populations: tuple[Population, ...]
    projections: tuple[CompiledProjection, ...]
    seed: int
    dt: float
    digest: str

    @property
    def models(self) -> tuple[NeuronModel, ...]:
        """Models of the populations."""
        return tuple(cast(NeuronModel, population.model) for population in self.populations)


def compile_spiking(network: Network, *, seed: int, dt: float) -> CompiledSpiking:
    """Draw the connectivity of `network` and lay it out.

    Projection number k draws from PCG64(SeedSequence([seed, k])), so adding a projection at the end changes no other.

    Raises
    ------
    ParameterError   for arrays of another length than the synapses, weights outside the bounds of their rule, a delay of 0 with plasticity
    CompileError     for a connector that lists no synapses, a cycle of projections without delay
    """
    seed = check_integer("seed", seed, low=0, high=2**63 - 1)
    dt = float(check_number("dt", dt, unit="ms", gt=0.0))
    names = list(network.populations)
    projections = tuple(
        _compile_projection(name, projection, names, np.random.Generator(np.random.PCG64(np.random.SeedSequence([seed, k]))))
        for k, (name, projection) in enumerate(network.projections.items())
    )
    compiled = CompiledSpiking(tuple(network.populations.values()), projections, seed, dt, description_digest(network))
    settling_order(compiled)
    return compiled


def settling_order(compiled: CompiledSpiking) -> list[list[int]]:
    """Return the populations in the levels in which an instant settles them (`stages`): delays of 0 act within it.

    Raises CompileError when projections without delay form a cycle.
    """
    edges = [(part.pre, part.post) for part in compiled.projections if np.any(part.delay == 0.0)]
    try:
        return stages(len(compiled.populations), edges)
    except Cycle as cycle:
        path = " -> ".join(compiled.populations[p].name for p in cycle.path)
        raise CompileError(
            f"Projection.delay = 0 ms along {path} must be > 0 ms somewhere: a spike would act on its own cause. "
            "Give one of these projections a positive delay."
        ) from None


def _compile_projection(name: str, projection: Projection, names: list[str], random: np.random.Generator) -> CompiledProjection:
    if not isinstance(projection.connector, Sparse):
        raise CompileError(
            f"Projection({name}).connector = {type(projection.connector).__name__} computes integer fan-out and lists no synapses. "
            "Between spiking models use a connector that lists them, such as OneToOne or FixedProbability."
        )
    n_pre = projection.pre.size
    synapses = projection.connector.between(
        projection.pre.shape, projection.post.shape, same=projection.pre is projection.post, random=random
    )
    n = len(synapses.target)
    given_weight, given_delay = (
        sample(given, n, random) if isinstance(given, Distribution) else given for given in (projection.weight, projection.delay)
    )
    # What a distribution drew follows the synapses; what the user listed follows the user's order.
    weight_entry, delay_entry = (
        None if isinstance(given, Distribution) else synapses.entry for given in (projection.weight, projection.delay)
    )
    weight = _per_synapse(f"Projection({name}).weight", given_weight, _WEIGHT, n, weight_entry)
    if synapses.weight is not None:
        weight = synapses.weight
    delay = _per_synapse(f"Projection({name}).delay", given_delay, _DELAY, n, delay_entry)
    if projection.plasticity is not None and np.any(delay == 0.0):
        raise ParameterError(
            f"Projection({name}).delay = 0 ms must be > 0 ms where it learns: a spike and the one it causes at that time have no order. "
            "Give a positive delay, or leave out plasticity."
        )
    _check_bounds(name, projection.plasticity, weight)
    if projection.plasticity is not None:
        weight = np.broadcast_to(weight, n)

    uniform = len(delay) == 1
    order = None if uniform else np.lexsort((synapses.target, delay, synapses.source))
    source = synapses.source if order is None else synapses.source[order]
    if order is not None:
        delay = delay[order]
        weight = weight[order] if len(weight) == n and n > 1 else weight
    starts = np.ones(n, dtype=bool)
    starts[1:] = source[1:] != source[:-1]
    if not uniform:
        starts[1:] |= delay[1:] != delay[:-1]
    first = np.flatnonzero(starts)
    arrays = {
        "row_ptr": np.searchsorted(source[first], np.arange(n_pre + 1)).astype(np.int64),
        "run_ptr": np.append(first, n).astype(np.int64),
        "delay": np.full(len(first), delay[0]) if uniform else delay[first],
        "target": (synapses.target if order is None else synapses.target[order]).astype(np.int32),
        "weight": np.array(weight, dtype=np.float64),
    }
    for array in arrays.values():
        array.flags.writeable = False
    pre, post = names.index(projection.pre.name), names.index(projection.post.name)
    return CompiledProjection(name=name, pre=pre, post=post, plasticity=projection.plasticity, order=order, **arrays)


def _per_synapse(owner: str, value: float | np.ndarray | None, default: float, n: int, entry: np.ndarray | None) -> np.ndarray:
    """Return float64[1] for one number, else float64[n] in the order of the synapses."""
    if not isinstance(value, np.ndarray):
        return np.array([default if value is None else value])
    given = n if entry is None else len(entry)
    if value.shape != (given,):
        raise ParameterError(f"{owner} = {show(value)} must be one number or hold one value per synapse, here {given}. Correct its length.")
    return value if entry is None else value[entry]


def _check_bounds(name: str, rule: Any, weight: np.ndarray) -> None:
    if rule is None:
        return
    bad = weight[(weight < rule.w_min) | (weight > rule.w_max)]
    if bad.size:
        raise ParameterError(
            f"Projection({name}).weight = {bad[0]:g} must lie within {type(rule).__name__}.w_min = {rule.w_min:g} and "
            f"w_max = {rule.w_max:g}: the rule keeps weights there. Change the weight or the bounds."
        )


def end_to_end(parts: list[np.ndarray], dtype: type) -> tuple[np.ndarray, np.ndarray]:
    """Join arrays; return them and the n + 1 positions where they start and end."""
    first = np.cumsum([0, *(part.size for part in parts)]).astype(np.int64)
    joined: np.ndarray = np.concatenate([np.ravel(part) for part in parts]).astype(dtype) if parts else np.empty(0, dtype)
    return joined, first


def outgoing(n_populations: int, of: list[int]) -> tuple[np.ndarray, np.ndarray]:
    """Return (ptr, items): the items k with of[k] == p, for each population p in turn."""
    items = np.argsort(np.asarray(of, dtype=np.int64), kind="stable").astype(np.int64)
    return np.searchsorted(np.asarray(of, dtype=np.int64)[items], np.arange(n_populations + 1)).astype(np.int64), items


def spans(first: np.ndarray) -> list[slice]:
    """Return the slices between consecutive positions."""
    return [slice(int(a), int(b)) for a, b in pairwise(first)]

"""Description -> flat arrays, for networks of spiking models. Nothing here depends on the engine but the unit of delays."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any, cast

import numpy as np

from snnsim.compiler.stages import Cycle, stages
from snnsim.connect import Sparse, View, wire
from snnsim.currents import Current, Signal
from snnsim.distributions import Distribution, draw_single, draw_steps, sample
from snnsim.errors import CompileError, ParameterError, WiringError
from snnsim.models.spiking import NeuronModel
from snnsim.network import Network, Population, Projection, description_digest
from snnsim.plasticity.base import Rules, rules_of
from snnsim.units import check_integer, check_number, show

_DELAY = 1.0  # ms, when none is given
_WEIGHT = 1.0  # in the unit of the post model, when none is given


@dataclass(frozen=True, eq=False)
class CompiledProjection:
    """One projection. Source i owns synapses row_ptr[i] .. row_ptr[i + 1] - 1, sorted by target.

    row_ptr : int64[n_pre + 1]
    target : uint16 or uint32[n_synapses]           the narrower where the targets fit
    weight : float64[1], float32 or float64[n_synapses]   one for all, or one each; single where that loses nothing
    delay : float64[k]                              ms, the different delays in ascending order
    which : uint8, uint16 or uint32[n_synapses] or None   position in `delay`; None: there is one delay
    """

    name: str
    pre: int
    post: int
    plasticity: Rules | None
    row_ptr: np.ndarray
    target: np.ndarray
    weight: np.ndarray
    delay: np.ndarray
    which: np.ndarray | None

    @property
    def fan_out(self) -> np.ndarray:
        """Synapses of each source, int64[n_pre]."""
        return np.diff(self.row_ptr)


@dataclass(frozen=True, eq=False)
class CompiledCurrent:
    """A signal and the neurons into which it flows: int64[k] in the order of a view, or None for all of a population."""

    population: int
    neurons: np.ndarray | None
    signal: Signal


@dataclass(frozen=True, eq=False)
class CompiledSpiking:
    """A network as read-only arrays, ready for either engine, any number of times. digest : `description_digest` of the network."""

    populations: tuple[Population, ...]
    projections: tuple[CompiledProjection, ...]
    seed: int
    dt: float
    digest: str
    currents: tuple[CompiledCurrent, ...] = ()

    def release(self, projections: Sequence[int]) -> None:
        """Forget the synapses of these projections, all but how many each source has: an engine has laid them out anew.

        Only for a network that is compiled for one run. At full scale there is no room for two copies.
        """
        kept = list(self.projections)
        for q in projections:
            which = None if kept[q].which is None else np.empty(0, np.uint8)
            kept[q] = replace(kept[q], target=np.empty(0, np.uint16), weight=np.empty(0), which=which)
        object.__setattr__(self, "projections", tuple(kept))

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
    populations = tuple(
        population.drawn(np.random.Generator(np.random.PCG64(np.random.SeedSequence([seed, k], spawn_key=(1,)))))
        for k, population in enumerate(network.populations.values())
    )
    currents = tuple(_compile_current(current, names) for current in network.currents)
    compiled = CompiledSpiking(populations, projections, seed, dt, description_digest(network), currents)
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


def _compile_current(current: Current, names: list[str]) -> CompiledCurrent:
    neurons = current.target.indices if isinstance(current.target, View) else None
    return CompiledCurrent(names.index(current.target.population.name), neurons, current.signal)


def _compile_projection(name: str, projection: Projection, names: list[str], random: np.random.Generator) -> CompiledProjection:
    if not isinstance(projection.connector, Sparse):
        raise CompileError(
            f"Projection({name}).connector = {type(projection.connector).__name__} computes integer fan-out and lists no synapses. "
            "Between spiking models use a connector that lists them, such as OneToOne or FixedProbability."
        )
    with _of(f"Projection({name}).connector"):
        synapses = wire(projection, random)
    n = len(synapses.target)
    weight = synapses.weight if synapses.weight is not None else _weights(name, projection.weight, n, synapses.entry, random)
    rules = rules_of(f"Projection({name})", projection.plasticity)
    if rules is not None:
        rules.check_weights(f"Projection({name}).weight", weight)
    if len(weight) > 1:
        weight = narrow_weights(weight)
    delay, which = _delays(name, projection.delay, n, synapses.entry, random)
    if rules is not None and delay[0] == 0.0:
        raise ParameterError(
            f"Projection({name}).delay = 0 ms must be > 0 ms where it learns: a spike and the one it causes at that time have no order. "
            "Give a positive delay, or leave out plasticity."
        )
    for array in (synapses.row_ptr, synapses.target, weight, delay, which):
        if array is not None:
            array.flags.writeable = False
    pre, post = names.index(projection.pre.population.name), names.index(projection.post.population.name)
    return CompiledProjection(name, pre, post, rules, synapses.row_ptr, synapses.target, weight, delay, which)


@contextmanager
def _of(what: str) -> Iterator[None]:
    """Say in an error of what is drawn here whose it is: connectors and distributions do not know."""
    try:
        yield
    except (ParameterError, WiringError) as error:
        raise type(error)(f"{what}: {error}") from None


def _weights(name: str, given: Any, n: int, entry: np.ndarray | None, random: np.random.Generator) -> np.ndarray:
    """Return float64[1] for one number, else one weight per synapse; what is drawn is drawn in single precision."""
    if isinstance(given, Distribution):
        with _of(f"Projection({name}).weight"):
            return draw_single(given, n, random)
    return _per_synapse(f"Projection({name}).weight", given, _WEIGHT, n, entry)


def narrow_weights(weight: np.ndarray) -> np.ndarray:
    """Return float64 weights as float32 where every one of them is a single-precision number."""
    with np.errstate(over="ignore"):
        single = weight.astype(np.float32)
    return single if np.array_equal(single, weight) else np.array(weight)


def _delays(name: str, given: Any, n: int, entry: np.ndarray | None, random: np.random.Generator) -> tuple[np.ndarray, np.ndarray | None]:
    """Return the different delays, ms, in ascending order, and which of them each synapse has."""
    if isinstance(given, Distribution):
        if given.step is None:
            return _different(sample(given, n, random))
        steps, which = _different(draw_steps(given, n, random))
        return steps * given.step, which
    values = _per_synapse(f"Projection({name}).delay", given, _DELAY, n, entry)
    return (values, None) if len(values) == 1 else _different(values)


def _different(values: np.ndarray) -> tuple[np.ndarray, np.ndarray | None]:
    """Return the different values in ascending order, and the position of each value among them."""
    if not len(values):
        return np.array([_DELAY]), None
    if values.dtype.kind == "u":
        present = np.zeros(int(values.max()) + 1, dtype=bool)
        present[values] = True
        different = np.flatnonzero(present)
        which = (np.cumsum(present) - 1).astype(values.dtype)[values]
    else:
        different, which = np.unique(values, return_inverse=True)
    if len(different) == 1:
        return different.astype(np.float64), None
    return different.astype(np.float64), which.astype(np.min_scalar_type(len(different) - 1))


def _per_synapse(owner: str, value: float | np.ndarray | None, default: float, n: int, entry: np.ndarray | None) -> np.ndarray:
    """Return float64[1] for one number, else float64[n] in the order of the synapses."""
    if not isinstance(value, np.ndarray):
        return np.array([default if value is None else value])
    given = n if entry is None else len(entry)
    if value.shape != (given,):
        raise ParameterError(f"{owner} = {show(value)} must be one number or hold one value per synapse, here {given}. Correct its length.")
    return np.array(value if entry is None else value[entry])


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

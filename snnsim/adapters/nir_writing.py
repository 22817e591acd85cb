"""From a network to the nodes and edges of a NIR graph."""

from __future__ import annotations

from typing import Any

import numpy as np

from snnsim.adapters.nir_library import library
from snnsim.adapters.nir_models import STEPPED, written
from snnsim.adapters.nir_network import Link
from snnsim.adapters.nir_neurons import BY_MODEL, Written, seconds
from snnsim.adapters.nir_order import closing
from snnsim.adapters.nir_synapses import BIAS, Listed, Task, elementwise, listed, node_of, per_channel, pieces, slides
from snnsim.connect import Convolution
from snnsim.errors import ConversionError
from snnsim.models.threshold import InputSum, Memoryless
from snnsim.network import Network, Population, Projection

Shape = tuple[int, ...]


class Writing:
    """One call of `write_nir`: from network to graph."""

    def __init__(self, network: Network, dt: float | None, spike: str, links: tuple[Link, ...], outputs: dict[str, str]) -> None:
        self.network, self.dt, self.spike, self.outputs = network, dt, spike, outputs
        # Links are in the order of the projections they made.
        self.links = dict(zip(network.projections, links, strict=True)) if len(links) == len(network.projections) else {}
        self.sources = {name for name, p in network.populations.items() if p.model.is_source}
        self.sums = {name for name, p in network.populations.items() if isinstance(p.model, InputSum)}
        self.per_ms = self._time()
        self.synapses = {name: listed(name, p) for name, p in network.projections.items()}
        neurons = {name: p for name, p in network.populations.items() if name not in self.sources | self.sums}
        self.said = {name: written(name, p.model, p.shape, dt) for name, p in neurons.items()}
        self.factors = {name: self._factor(p.post.population) for name, p in network.projections.items()}
        self.shapes = self._shapes()
        self.nodes: dict[str, Any] = {}
        self.edges: list[tuple[str, str]] = []
        self.ends: dict[str, str] = {}  # populations whose spikes come from a Threshold of their own

    def _time(self) -> float:
        """Return ms of NIR's time per ms of ours: steps of snnTorch's neurons count as 1 ms, whatever they stand for."""
        models = [p.model for name, p in self.network.populations.items() if name not in self.sources | self.sums]
        stepped = [isinstance(model, STEPPED) for model in models]
        if self.dt is None or self.dt == 1.0 or not any(stepped):
            return 1.0
        if not all(stepped):
            raise ConversionError(
                f"write_nir.dt = {self.dt:g} ms must be 1 ms: a step of Leaky and Synaptic counts as 1 ms, and the network has other "
                "models, whose time it would not be. Use dt=1.0."
            )
        return self.dt

    def _factor(self, post: Population) -> np.ndarray:
        """Return what turns a weight onto `post` into one of NIR."""
        per = self.said[post.name].per_weight if post.name in self.said else 1.0
        pulse = self.spike == "delta" and not isinstance(post.model, Memoryless)
        factor = np.asarray(per, dtype=np.float64) * ((self.dt or 1.0) * 1e-3 if pulse else 1.0)
        if factor.ndim and np.all(factor == factor.flat[0]):
            factor = np.asarray(factor.flat[0])
        return factor.ravel() if factor.ndim else factor

    def _bias(self, name: str) -> np.ndarray | None:
        population = self.network.populations[name]
        given = getattr(population.model, "i_ext", 0.0)
        return np.broadcast_to(np.asarray(given, dtype=np.float64), population.shape).ravel() if np.any(np.asarray(given) != 0.0) else None

    def _into(self, name: str) -> list[tuple[str, Projection]]:
        return [(key, p) for key, p in self.network.projections.items() if p.post.population.name == name]

    def _shapes(self) -> dict[str, Shape]:
        """Return the shape of every population in NIR: its own where all that leads to it keeps it, else flat."""
        shapes = {name: p.shape for name, p in self.network.populations.items()}
        changed = True
        while changed:
            changed = False
            for name, population in self.network.populations.items():
                if name in self.sources or len(shapes[name]) == 1:
                    continue
                if not all(self._keeps(key, p, shapes) for key, p in self._into(name)) or not self._carried(name, shapes):
                    shapes[name], changed = (population.size,), True
        return shapes

    def _keeps(self, key: str, projection: Projection, shapes: dict[str, Shape]) -> bool:
        pre = shapes[projection.pre.population.name]
        return slides(projection, pre, self.factors[key]) or (elementwise(projection) and pre == projection.post.shape)

    def _carried(self, name: str, shapes: dict[str, Shape]) -> bool:
        bias = self._bias(name)
        return bias is None or any(self._slides_with(bias, key, p, shapes) for key, p in self._into(name))

    def _slides_with(self, bias: np.ndarray, key: str, p: Projection, shapes: dict[str, Shape]) -> bool:
        return slides(p, shapes[p.pre.population.name], self.factors[key]) and per_channel(bias, p) is not None

    def graph(self) -> Any:
        """Return the graph."""
        nir = library()
        for name in self.network.populations:
            if name in self.sources:
                self.nodes[name] = nir.Input({"input": np.array(self.shapes[name])})
            elif name in self.said:
                self._add_neurons(name, self.said[name])
        for name, population in self.outputs.items():
            if name in self.nodes:
                raise ConversionError(f"Output {name!r} has the name of a population. Rename the population.")
            self.nodes[name] = nir.Output({"output": np.array(self.shapes[population])})
            if population not in self.sums:
                self.edges.append((self.ends.get(population, population), name))
        at_once = self._waiting()
        for name in self.network.populations:
            if name not in self.sources:
                self._add_projections(name, at_once)
        noted = any(getattr(node, "metadata", None) for node in self.nodes.values())
        return nir.NIRGraph(self.nodes, self.edges, metadata={"snnsim_dt": self.dt} if noted else {}, type_check=False)

    def _add_neurons(self, name: str, said: Written) -> None:
        shape = self.shapes[name]
        model = self.network.populations[name].model
        note = None if type(model) in BY_MODEL or said.threshold is not None else type(model).__name__
        self.nodes[name] = node_of(said.node, {field: value.reshape(shape) for field, value in said.fields.items()}, note)
        if said.threshold is not None:
            fires = self._unused(f"{name}_threshold")
            self.nodes[fires] = library().Threshold(said.threshold.reshape(shape))
            self.edges.append((name, fires))
            self.ends[name] = fires

    def _unused(self, name: str) -> str:
        taken = self.nodes.keys() | self.network.populations.keys() | self.outputs.keys()
        number, free = 2, name
        while free in taken:
            free, number = f"{name}_{number}", number + 1
        return free

    def _waiting(self) -> set[str]:
        """Return the projections that get no Delay, though they take a step: those that close a loop, as `read_nir` finds them again."""
        pair = {key: (p.pre.population.name, p.post.population.name) for key, p in self.network.projections.items()}
        zero = {pair[key] for key, synapses in self.synapses.items() if np.any(synapses.delay == 0.0)}
        step = None if self.dt is None else self.dt / self.per_ms
        able = {key for key, synapses in self.synapses.items() if len(synapses.delay) and np.all(synapses.delay == step)}
        late = closing([*zero, *(pair[key] for key in able)], self.sources)
        chosen = {key for key in able if pair[key] in late}
        pairs = {pair[key] for key in chosen}
        return chosen if closing([*zero, *pairs], self.sources) == pairs else set()

    def _add_projections(self, name: str, at_once: set[str]) -> None:
        """Write all that leads to a population, one of it with the bias."""
        into, bias = self._into(name), self._bias(name)
        if bias is not None and not into:
            raise ConversionError(
                f"Population({name!r}).model.i_ext cannot be written: in NIR it is the bias of a linear node, and none leads there. Let a "
                "projection lead to it, or raise v_rest."
            )
        carrier = None if bias is None else self._carrier(bias, into)
        for key, p in into:
            self._add(self._task(key, p, at_once, bias if key == carrier else None))
        if bias is not None and carrier is None:
            key, p = into[0]
            nothing = Listed(np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0), np.empty(0))
            self._add(
                Task(key, p, nothing, self.shapes[p.pre.population.name], self.shapes[name], np.asarray(1.0), np.empty(0), bias, BIAS)
            )

    def _carrier(self, bias: np.ndarray, into: list[tuple[str, Projection]]) -> str | None:
        """Return the projection that takes the bias along: an Affine, or a convolution if it is one number per channel."""
        lists = [key for key, p in into if not isinstance(p.connector, Convolution)]
        affine = [key for key in lists if self._kind(key) == "Affine"]
        matrices = [key for key, p in into if key in lists and not elementwise(p)]
        slide = [key for key, p in into if self._slides_with(bias, key, p, self.shapes)]
        return next(iter([*affine, *matrices, *slide]), None)

    def _kind(self, key: str) -> str:
        return self.links[key].kind if key in self.links else ""

    def _task(self, key: str, p: Projection, at_once: set[str], bias: np.ndarray | None) -> Task:
        synapses = self.synapses[key]
        delay = np.zeros(len(synapses.delay)) if key in at_once else seconds(synapses.delay * self.per_ms)
        pre, post = self.shapes[p.pre.population.name], self.shapes[p.post.population.name]
        return Task(key, p, synapses, pre, post, self.factors[key], delay, bias, self._kind(key))

    def _add(self, task: Task) -> None:
        pre, post = task.projection.pre.population.name, task.projection.post.population.name
        read = self.links[task.name].nodes if task.name in self.links else ()
        for chain in pieces(task):
            at, stem = self.ends.get(pre, pre), f"{pre}_{post}"
            if not chain and (at, post) in self.edges:
                chain = [("weights", library().Scale(np.ones(task.post)))]
            for what, node in chain:
                own = read[0] if len(chain) == 1 == len(read) else stem if what == "weights" else f"{stem}_{what}"
                name = self._unused(own)
                self.nodes[name] = node
                self.edges.append((at, name))
                at = name
            self.edges.append((at, post))

"""A rate-coded conversion as a torch module, to be trained by surrogate gradients, and back."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import nn

from snnsim.adapters.rate_neurons import RateNeurons
from snnsim.adapters.rate_parts import part_of, restored
from snnsim.conversion.balance import Balance
from snnsim.conversion.rate_model import RateModel
from snnsim.conversion.rate_plan import RatePlan, rounds, without_blanks
from snnsim.errors import ConversionError
from snnsim.graph.ir import Graph
from snnsim.graph.nodes import Activation, Input, Max, Node
from snnsim.units import check_integer

#: (balance, shape, beta, reset) of a layer -> its neurons
Make = Callable[[Balance, tuple[int, ...], float, str], RateNeurons]


class RateModule(nn.Module):
    """What `to_snntorch` and `to_norse` make of a `RateModel`: its linear maps and convolutions, and neurons between them.

    ``module(x, steps=T)`` runs T steps from rest on constant inputs x, [batch, ...] as the model takes them, and returns the outputs
    after every step, [T, batch, ...]; of several outputs a dict by name. Parameters are those of the linear operations.

    parts, neurons : ModuleDict   linear operations, and layers of neurons, by name; '.' becomes '_'. `layers` holds the latter by the
                                  names of the model
    steps : int                   T that a call runs unless told otherwise
    """

    one: torch.Tensor  # tells type and device

    def __init__(self, where: str, model: RateModel, make: Make, dtype: torch.dtype) -> None:
        super().__init__()
        plan = model.plan
        self.steps, self.beta, self.reset, self.encoded = model.steps, model.beta, model.reset, plan.encoded
        self.graph_nodes, self.outputs = tuple(plan.graph.nodes.values()), tuple(plan.outputs)
        self.needed, self.rectified = tuple(plan.nodes), dict(plan.rectified)
        self.keys = _keys(where, [*plan.layers, *(node.name for node in plan.nodes if node.name not in plan.layers)])
        self.neurons, self.parts = nn.ModuleDict(), nn.ModuleDict()
        for name, layer in plan.layers.items():
            self.neurons[self.keys[name]] = make(model.balances[name], layer.shape, model.beta, model.reset)
        for node in self.needed:
            part = part_of(where, node, dtype)
            if part is not None:
                self.parts[self.keys[node.name]] = part
        for name, index in _windows(plan).items():
            self.register_buffer(f"window_{self.keys[name]}", torch.from_numpy(index), persistent=False)
        self.spiking = _reached_by_spikes(plan)
        self.register_buffer("one", torch.ones((), dtype=dtype), persistent=False)

    def forward(self, *inputs: torch.Tensor, steps: int | None = None) -> torch.Tensor | dict[str, torch.Tensor]:
        """Return the outputs after every step."""
        steps = self.steps if steps is None else check_integer("RateModule.steps", steps, low=1, high=2**20)
        fixed = self._inputs(inputs)
        # What no spike reaches is the same in every step.
        self._values(fixed, [node for node in self.needed if node.name not in self.spiking])
        self._rest()
        totals: dict[str, torch.Tensor] = {}
        said: dict[str, list[torch.Tensor]] = {name: [] for name in self.outputs}
        for step in range(1, steps + 1):
            values = dict(fixed)
            self._values(values, [node for node in self.needed if node.name in self.spiking])
            for name in self.outputs:
                totals[name] = totals[name] + values[name] if name in totals else values[name]
                said[name].append(totals[name] / step)
        self._rest()
        found = {name: torch.stack(each) for name, each in said.items()}
        return found[self.outputs[0]] if len(found) == 1 else found

    def _rest(self) -> None:
        for layer in self.neurons.values():
            layer.rest()  # type: ignore[operator]

    def _inputs(self, given: tuple[torch.Tensor, ...]) -> dict[str, torch.Tensor]:
        """Return the inputs as numbers, under their names."""
        nodes = [node for node in self.graph_nodes if isinstance(node, Input)]
        shapes = [tuple(x.shape[1:]) for x in given]
        if shapes != [node.shape for node in nodes]:
            wanted = ", ".join(f"{node.name}[batch, {', '.join(map(str, node.shape))}]" for node in nodes)
            raise ConversionError(
                f"RateModule: inputs of shapes {[tuple(x.shape) for x in given]} must be {wanted}, without an axis of time: they stay the "
                "same in all steps. Reshape them."
            )
        return {node.name: x.to(self.one) * (node.step or 1.0) for node, x in zip(nodes, given, strict=True)}

    def _values(self, values: dict[str, torch.Tensor], nodes: list[Node]) -> None:
        """Add the values of `nodes` in this step."""
        for node in nodes:
            operands = [values[source] for source in node.inputs]
            if isinstance(node, Input):
                if self.encoded:
                    values[node.name] = self.neurons[self.keys[node.name]](values[node.name])
            elif isinstance(node, Activation):
                found = self.rectified[node.name]
                fired = self.neurons[self.keys[node.name]](found.slope * operands[0] + found.shift)
                values[node.name] = found.rest + found.sign * fired
            elif isinstance(node, Max):
                values[node.name] = self._highest(node, operands[0])
            else:
                values[node.name] = self.parts[self.keys[node.name]](*operands)

    def _highest(self, node: Max, window: torch.Tensor) -> torch.Tensor:
        """Return maxima by rounds of pairs, as the plan has them."""
        index = getattr(self, f"window_{self.keys[node.name]}")
        value = window.flatten(1)[:, index]
        for round_, (left, right, rest) in enumerate(rounds(index.shape[1]), start=1):
            first = value[..., left]
            more = (value[..., right] - first).unflatten(1, node.shape or (1,))
            won = first + self.neurons[self.keys[f"{node.name}.{round_}"]](more).reshape(first.shape)
            value = won if rest is None else torch.cat([won, value[..., [rest]]], dim=2)
        return value.reshape(-1, *node.shape)

    @property
    def layers(self) -> dict[str, RateNeurons]:
        """Neurons by the names of their layers in the model, as in `RateModel.thresholds`."""
        found = dict(self.neurons.items())
        return {name: layer for name, key in self.keys.items() if isinstance(layer := found.get(key), RateNeurons)}

    def rate_model(self, where: str = "RateModule.rate_model") -> RateModel:
        """Return the model that makes this module's spikes. Raises ConversionError for neurons changed by hand, by name."""
        balances = {}
        for name, layer in self.layers.items():
            if layer.changed():
                raise ConversionError(
                    f"{where}: neurons {name!r}: cell.{layer.changed()}, as they were made: no RateNeuron is like them now. Set it back."
                )
            balances[name] = layer.balance()
        parts = {name: self.parts[key] for name, key in self.keys.items() if key in self.parts}
        nodes = [restored(node, parts[node.name]) if node.name in parts else node for node in self.graph_nodes]
        plan = RatePlan(Graph(nodes, self.outputs), encoded=self.encoded)
        return RateModel(plan, {name: balances[name] for name in plan.layers}, beta=self.beta, reset=self.reset, steps=self.steps)


def _keys(where: str, names: list[str]) -> dict[str, str]:
    """Return names that a ModuleDict takes: without dots, and none of its own, such as 'values'."""
    keys = {name: name.replace(".", "_") for name in names}
    keys = {name: f"{key}_" if hasattr(nn.ModuleDict, key) else key for name, key in keys.items()}
    if len(set(keys.values())) < len(keys):
        raise ConversionError(f"{where}: names of the model's operations must differ when '.' becomes '_'. Rename one.")
    return keys


def _reached_by_spikes(plan: RatePlan) -> frozenset[str]:
    reached: set[str] = set()
    for node in plan.nodes:
        fires = isinstance(node, (Activation, Max)) or (plan.encoded and isinstance(node, Input))
        if fires or reached.intersection(node.inputs):
            reached.add(node.name)
    return frozenset(reached)


def _windows(plan: RatePlan) -> dict[str, np.ndarray]:
    """Return what each maximum compares, int64[n, width], its padding replaced by another element of the window."""
    maxima = [node for node in plan.nodes if isinstance(node, Max)]
    if not maxima:
        return {}
    nothing = {node.name: np.zeros((1, *node.shape)) for node in plan.graph.inputs}
    values = plan.evaluate(nothing, lambda name, sums: plan.layers[name].rectifier(sums))
    return {node.name: without_blanks(values[node.inputs[0]].reshape(int(np.prod(node.shape)), -1)) for node in maxima}

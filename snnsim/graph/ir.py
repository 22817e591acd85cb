"""The float graph of a trained network: nodes in order, checked, evaluated in numpy."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, final

import numpy as np

from snnsim.errors import ConversionError, ParameterError, unknown_name
from snnsim.graph.functions import check_expression
from snnsim.graph.nodes import Activation, Elementwise, Embedding, Gather, Input, Node, Softmax
from snnsim.graph.origins import Operation, node_operation

_INPUT_KINDS = ("levels", "real", "index", "mask")


def _check_scalars(node: Node) -> None:
    """Refuse shapes and numbers that no trained network has."""
    if not all(type(size) is int and 1 <= size <= 2**24 for size in node.shape):
        raise ConversionError(f"Graph node {node.name!r}.shape = {node.shape} must hold sizes in 1 .. 2^24.")
    for field in ("step", "scale", "eps"):
        value = getattr(node, field, None)
        if value is None or isinstance(value, np.ndarray):
            continue
        finite = type(value) in (int, float) and np.isfinite(value)
        if not finite or (field == "step" and value <= 0.0) or (field == "scale" and value == 0.0) or (field == "eps" and value < 0.0):
            rule = {"step": "> 0", "scale": "other than 0", "eps": ">= 0"}[field]
            raise ConversionError(f"Graph node {node.name!r}.{field} = {value!r} must be a finite number {rule}.")
    if isinstance(node, Input):
        _check_input(node)


def _check_input(node: Input) -> None:
    if node.kind not in _INPUT_KINDS:
        raise ConversionError(f"Graph node {node.name!r}: " + unknown_name("kind", node.kind, _INPUT_KINDS))
    if not node.whole:
        if (node.low, node.high, node.step) != (None, None, None):
            raise ConversionError(f"Graph node {node.name!r}: a {node.kind} input has no low, high or step; calibration chooses them.")
        return
    if not (type(node.low) is type(node.high) is int and node.low < node.high):
        raise ConversionError(f"Graph node {node.name!r}: low = {node.low!r} and high = {node.high!r} must be whole numbers, low < high.")
    if (node.step is None) != (node.kind == "index"):
        raise ConversionError(f"Graph node {node.name!r}.step = {node.step!r}: levels have one, indices have none.")


def _check_places(node: Node, sources: Sequence[Node]) -> None:
    """Refuse indices that point past what they read."""
    if isinstance(node, Gather):
        size = sum(int(np.prod(source.shape)) for source in sources)
        if node.index.dtype.kind not in "iu" or node.index.shape != node.shape or node.index.min() < -1 or node.index.max() >= size:
            raise ConversionError(f"Graph node {node.name!r}.index must hold whole numbers in -1 .. {size - 1}, of shape {node.shape}.")
    if isinstance(node, Embedding):
        source = sources[0]
        if isinstance(source, Input) and (source.kind != "index" or source.low != 0 or source.high != len(node.table) - 1):
            raise ConversionError(
                f"Graph node {node.name!r} looks up {len(node.table)} rows: it needs an index input 0 .. {len(node.table) - 1}."
            )


@final
class Graph:
    """Nodes in an order in which each comes after those it reads; the first ones are the inputs.

    Parameters
    ----------
    nodes : sequence of Node
    outputs : sequence of str   what the model returns; default the last node
    operations : sequence of Operation   those of the user's model, and what became of them; default one for every node

    Attributes
    ----------
    nodes : mapping of str to Node
    inputs, outputs : tuple of Node
    host : frozenset of str      nodes computed before encoding: they read nothing but indices and masks

    Raises
    ------
    ConversionError   for a node that reads a later or unknown one, a repeated name, non-finite arrays, or a shape
                      that the node does not produce
    """

    def __init__(self, nodes: Sequence[Node], outputs: Sequence[str] | None = None, operations: Sequence[Operation] = ()) -> None:
        table: dict[str, Node] = {}
        for node in nodes:
            self._check(node, table)
            table[node.name] = node
        if not nodes or not isinstance(nodes[0], Input):
            raise ConversionError("Graph must begin with its inputs: give at least one Input node first.")
        self.nodes = MappingProxyType(table)
        self.inputs: tuple[Input, ...] = tuple(node for node in nodes if isinstance(node, Input))
        if any(not isinstance(node, Input) for node in nodes[: len(self.inputs)]):
            raise ConversionError("Graph must begin with its inputs: move every Input node to the front.")
        for name in outputs or ():
            if name not in table:
                raise ConversionError("Graph: " + unknown_name("output", name, table))
        self.outputs: tuple[Node, ...] = tuple(table[name] for name in outputs) if outputs else (nodes[-1],)
        self.host = self._on_host()
        self._check_shapes()
        self.operations = tuple(operations) or tuple(node_operation(node) for node in nodes if not isinstance(node, Input))
        for operation in self.operations:
            for name in operation.nodes:
                if name not in table:
                    raise ConversionError("Graph.operations: " + unknown_name("node", name, table))

    @staticmethod
    def _check(node: Node, table: Mapping[str, Node]) -> None:
        if node.name in table:
            raise ConversionError(f"Graph has two nodes named {node.name!r}. Rename one.")
        wrong = not node.inputs if node.arity is None else len(node.inputs) != node.arity
        if wrong or (isinstance(node, Softmax) and len(node.inputs) > 2):
            raise ConversionError(
                f"Graph node {node.name!r} reads {len(node.inputs)} nodes but a {type(node).__name__} takes {node.arity or 'others'}."
            )
        _check_scalars(node)
        for source in node.inputs:
            if source not in table:
                raise ConversionError(f"Graph node {node.name!r}: " + unknown_name("input", source, table))
        for field, array in node.arrays().items():
            if array.dtype.kind not in "b" and not np.isfinite(array).all():
                raise ConversionError(f"Graph node {node.name!r}.{field} holds NaN or infinity: the model is damaged. Export it again.")
        _check_places(node, [table[source] for source in node.inputs])
        if isinstance(node, Activation):
            check_expression(f"Graph node {node.name!r}", node.function, ("x",))
        if isinstance(node, Elementwise):
            check_expression(f"Graph node {node.name!r}", node.function, tuple(f"x{i}" for i in range(len(node.inputs))))

    @property
    def input(self) -> Input:
        """The first input."""
        return self.inputs[0]

    @property
    def output(self) -> Node:
        """The first output."""
        return self.outputs[0]

    def _on_host(self) -> frozenset[str]:
        host: set[str] = set()
        for node in self.nodes.values():
            if isinstance(node, Input):
                if node.kind in ("index", "mask"):
                    host.add(node.name)
            elif node.on_host and all(source in host for source in node.inputs):
                host.add(node.name)
            elif isinstance(node, (Elementwise, Embedding)):
                raise ConversionError(
                    f"Graph node {node.name!r}: a {type(node).__name__} works on what the host computes from indices, not on spikes."
                )
        return frozenset(host)

    def _check_shapes(self) -> None:
        probe = self.evaluate({node.name: np.full((1, *node.shape), node.low or 0) for node in self.inputs})
        for name, value in probe.items():
            if value.shape[1:] != self.nodes[name].shape:
                raise ConversionError(f"Graph node {name!r} produces {value.shape[1:]} but declares {self.nodes[name].shape}.")

    def evaluate(self, inputs: Any) -> Mapping[str, np.ndarray]:
        """Return the value of every node, float64[batch, *shape].

        inputs : array[batch, *input.shape], or for several inputs a mapping of name to array, or a sequence in their order
        """
        given = named_inputs("Graph.evaluate", inputs, self)
        values: dict[str, np.ndarray] = {}
        with np.errstate(all="ignore"):  # what is not finite is found and named by who needs it
            for node in self.nodes.values():
                operands = [given[node.name]] if isinstance(node, Input) else [values[source] for source in node.inputs]
                try:
                    values[node.name] = node.apply(*operands)
                except ValueError as error:
                    shapes = ", ".join(str(operand.shape[1:]) for operand in operands)
                    raise ConversionError(f"Graph node {node.name!r} ({type(node).__name__}) cannot take {shapes}: {error}.") from error
        return values

    def consumers(self, name: str) -> list[Node]:
        """Return the nodes that read `name`."""
        return [node for node in self.nodes.values() if name in node.inputs]

    def __repr__(self) -> str:
        size = sum(array.size for node in self.nodes.values() if not isinstance(node, Gather) for array in node.arrays().values())
        return f"Graph({len(self.nodes)} nodes, {size} learned numbers, {self.input.shape} -> {self.output.shape})"


def named_inputs(owner: str, inputs: Any, graph: Graph) -> dict[str, np.ndarray]:
    """Return the checked arrays by input name. Raises ParameterError for missing, unknown or unequally long ones."""
    names = [node.name for node in graph.inputs]
    if isinstance(inputs, Mapping):
        for name in inputs:
            if name not in names:
                raise ParameterError(f"{owner}: " + unknown_name("input", name, names))
        given = dict(inputs)
    elif isinstance(inputs, (tuple, list)) and len(names) > 1:
        given = dict(zip(names, inputs, strict=False))
        if len(inputs) > len(names):
            raise ParameterError(f"{owner}: {len(inputs)} inputs were given but the model takes {len(names)}: {', '.join(names)}.")
    else:
        given = {names[0]: inputs}
    missing = [name for name in names if name not in given]
    if missing:
        raise ParameterError(f"{owner}: input {missing[0]!r} is missing. The model takes {', '.join(names)}.")
    checked = {node.name: check_inputs(owner, given[node.name], node) for node in graph.inputs}
    lengths = {name: len(array) for name, array in checked.items()}
    if len(set(lengths.values())) > 1:
        raise ParameterError(f"{owner}: inputs hold different numbers of samples: {lengths}. Give one of each per sample.")
    return checked


def as_array(values: Any) -> np.ndarray:
    """Return numbers as an array; of a torch tensor, wherever it lies and whatever it tracks, those it holds."""
    if hasattr(values, "detach"):
        values = values.detach().cpu()
        if values.dtype.is_floating_point:
            values = values.double()  # numpy has no bfloat16
    return np.asarray(values)


def check_inputs(owner: str, inputs: Any, node: Input) -> np.ndarray:
    """Return inputs as [batch, *shape], int64 for levels and indices, float64 for real numbers, or say what is wrong with them.

    Raises ParameterError.
    """
    try:
        array = as_array(inputs)
    except (ValueError, TypeError):
        raise ParameterError(f"{owner}: {node.name!r} must be a regular array of numbers.") from None
    if not node.whole:
        if array.dtype.kind not in "fiub":
            raise ParameterError(f"{owner}: {node.name!r} of dtype {array.dtype} must hold numbers.")
        array = array.astype(np.float64)
    else:
        if array.dtype.kind == "b":
            array = array.astype(np.int64)
        if array.dtype.kind == "f" and np.isfinite(array).all() and (array == np.rint(array)).all():
            array = array.astype(np.int64)
        if array.dtype.kind not in "iu":
            raise ParameterError(
                f"{owner}: {node.name!r} of dtype {array.dtype} must hold whole numbers in {node.low} .. {node.high}. Quantise it first."
            )
    if node.packed and array.ndim == len(node.shape) and len(array) % node.shape[0] == 0:
        array = array.reshape(-1, *node.shape[:1], *array.shape[1:])
    if array.ndim != len(node.shape) + 1 or array.shape[1:] != node.shape:
        wanted = ", ".join(["batch", *map(str, node.shape)])
        raise ParameterError(f"{owner}: {node.name!r} has shape {array.shape} but must have ({wanted}). Reshape or cut it.")
    if len(array) == 0:
        raise ParameterError(f"{owner}: {node.name!r} holds no sample. Give at least one.")
    if not node.whole:
        finite = np.isfinite(array) | (np.isneginf(array) & (node.kind == "mask"))
        if not finite.all():
            raise ParameterError(f"{owner}: {node.name!r} holds NaN or infinity. Clean the data.")
        return array
    outside = array[(array < node.low) | (array > node.high)]
    if outside.size:
        raise ParameterError(f"{owner}: {node.name!r} holds {outside.flat[0]} but must lie in {node.low} .. {node.high}. Rescale it.")
    return array.astype(np.int64)

"""`sparsify`: a trained transformer that computes less, and what it then costs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, final

import numpy as np

from snnsim.errors import ParameterError
from snnsim.graph.ir import Graph, named_inputs
from snnsim.results import OperationCounts
from snnsim.sparsity.rule import Method, Rule
from snnsim.sparsity.run import Run
from snnsim.sparsity.structure import decodes
from snnsim.units import check_bool


@final
@dataclass(frozen=True)
class SparseResult:
    """What a run of a `SparseModel` returned.

    outputs : mapping of output to float64[samples, *shape]
    counts : OperationCounts   what was done, over all samples; roles 'ann', and 'group' for rows of softmax and norm
    dense_macs : int           of the model that computes everything
    notes : mapping            what methods decided, such as the samples that left at each exit
    """

    outputs: Mapping[str, np.ndarray]
    counts: OperationCounts
    dense_macs: int
    notes: Mapping[Any, Any]

    @property
    def skipped_macs(self) -> int:
        """MACs of the dense model that were not done; less than 0 where decisions cost more MACs than they save."""
        return self.dense_macs - self.counts.total("macs")


@final
class SparseModel:
    """A float graph and the rules it is run by. Values are float64; prices are for the caller to choose.

    Attributes
    ----------
    graph : Graph             what is run: the given one, or what a method made of it (such as ReLUs in place of GELUs)
    methods : tuple of Method
    """

    def __init__(self, graph: Graph, methods: Sequence[Method], rules: Sequence[Rule], dense: Graph) -> None:
        self.graph, self.methods = graph, tuple(methods)
        self._rules, self._dense = tuple(rules), dense

    def __call__(self, inputs: Any, *, decoding: bool = False) -> SparseResult:
        """Run `inputs`, array[samples, *shape] or a mapping of them by input.

        decoding : bool   count a decoder that writes token by token, with keys and values in a cache: the MACs are those of all tokens at
                          once, but weights and cache are read again for every token. A step after L - 1 tokens takes
                          4 d^2 + 2 L d + 2 d f MACs in a block, and reads as many weights and cached values

        Raises ParameterError for inputs that do not fit the model, or decoding a model without a causal mask in every softmax.
        """
        given = named_inputs("SparseModel", inputs, self.graph)
        if check_bool("SparseModel.decoding", decoding) and not decodes(self.graph):
            raise ParameterError(
                "SparseModel.decoding = True must be of a decoder: every softmax needs a constant mask, or tokens depend on later ones. "
                "Leave it out."
            )
        run = Run(self.graph, self._rules, given, decoding)
        samples = len(run.finished)
        # Nothing in a dense model depends on the data: one sample tells all.
        one = Run(self._dense, (), {name: array[:1] for name, array in given.items()})
        outputs = {node.name: run.flows[node.name].value for node in self.graph.outputs}
        notes = {name: note for name, note in run.notes.items() if isinstance(name, str)}
        return SparseResult(outputs, run.counts, samples * one.counts.total("macs"), notes)

    def __repr__(self) -> str:
        return f"SparseModel({', '.join(map(repr, self.methods)) or 'dense'})"


def as_graph(model: Any, calibration: Any) -> Graph:
    """Return a graph as it is, and trace a torch module with `calibration` as its sample inputs."""
    if isinstance(model, Graph):
        return model
    if calibration is None:
        raise ParameterError(f"sparsify.model = {type(model).__name__} is traced with sample inputs. Give calibration=inputs, or a Graph.")
    try:
        from snnsim.trace.torch_export import trace_torch
    except ModuleNotFoundError as error:
        raise ParameterError(f"sparsify: reading {type(model).__name__} needs {error.name}. Install it: pip install torch.") from None
    return trace_torch(model, calibration)


def sparsify(model: Any, *methods: Method, calibration: Any = None) -> SparseModel:
    """Return a trained model that computes less, by one method or several at once.

    Parameters
    ----------
    model : Graph or torch.nn.Module   a transformer (encoder, decoder, or both); a module is traced with `calibration`
    methods : Method                   `ReluMLP`, `ActivationThreshold`, `TopKAttention`, `TopKHidden`, `Delta`, `EarlyExit`,
                                       `MixtureOfDepths`, `ZeroSkipping`; none: the dense model. They are prepared in this order, and what
                                       one leaves, the next one sees
    calibration : array[n, ...], or a mapping or sequence of them   samples that thresholds, heads and routers are fitted to

    Raises
    ------
    ParameterError    for what is no method, settings that do not fit the model, or missing calibration data
    ConversionError   for a module that cannot be traced
    """
    graph = as_graph(model, calibration)
    for method in methods:
        if not isinstance(method, Method):
            raise ParameterError(f"sparsify.methods holds {method!r}, which is no method. Give one such as sim.TopKAttention(k=4).")
    given = None if calibration is None else named_inputs("sparsify.calibration", calibration, graph)
    dense, rules = graph, []
    for method in methods:
        graph, rule = method.prepare(graph, given)
        rules.append(rule)
    return SparseModel(graph, methods, rules, dense)

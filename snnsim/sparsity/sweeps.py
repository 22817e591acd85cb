"""The settings that `sparsity_front` tries, by the name of the method."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from types import MappingProxyType

from snnsim.graph.ir import Graph
from snnsim.graph.nodes import Softmax
from snnsim.sparsity.activation_threshold import ActivationThreshold
from snnsim.sparsity.delta import Delta
from snnsim.sparsity.early_exit import EarlyExit
from snnsim.sparsity.mixture_of_depths import MixtureOfDepths
from snnsim.sparsity.relu_mlp import ReluMLP
from snnsim.sparsity.rule import Method
from snnsim.sparsity.structure import blocks
from snnsim.sparsity.top_k import TopKAttention, TopKHidden
from snnsim.sparsity.zero_skipping import ZeroSkipping

Setting = tuple[Method, ...]


def _rows(graph: Graph, *parts: int) -> list[int]:
    """Return shares of the longest row of attention: its length by each of `parts`."""
    longest = max((node.shape[-1] for node in graph.nodes.values() if isinstance(node, Softmax)), default=1)
    return list(dict.fromkeys(max(1, longest // part) for part in parts))


def _depths(graph: Graph) -> list[Setting]:
    last = (max(0, len(blocks(graph)) - 1),)
    every: list[Setting] = [(MixtureOfDepths(share, router="update"),) for share in (0.9, 0.75)]
    return [*every, *[(MixtureOfDepths(share, blocks=last),) for share in (0.9, 0.75, 0.5)]]


def _combined(graph: Graph) -> list[Setting]:
    """Return all at once, from careful to bold: methods whose savings lie in different places."""
    half, quarter = _rows(graph, 2)[0], _rows(graph, 4)[0]
    return [
        (ReluMLP(), TopKAttention(half)),
        (ReluMLP(), EarlyExit(4.0)),
        (ReluMLP(), TopKAttention(half), EarlyExit(3.0)),
        (ReluMLP(), TopKAttention(half), EarlyExit(2.0)),
        (ReluMLP(), TopKAttention(quarter), EarlyExit(1.0)),
    ]


#: name -> settings for a graph; each setting is one or more methods at once
SWEEPS: Mapping[str, Callable[[Graph], list[Setting]]] = MappingProxyType(
    {
        "zero_skipping": lambda graph: [(ZeroSkipping(),)],
        "relu": lambda graph: [(ReluMLP(),), (ReluMLP(shift=0.5),), (ReluMLP(shift=1.0),)],
        "threshold": lambda graph: [
            *[(ActivationThreshold(fraction=share),) for share in (0.5, 0.2)],
            *[(ActivationThreshold(fraction=share, at="inputs"),) for share in (0.8, 0.6)],
        ],
        "top_k_attention": lambda graph: [(TopKAttention(k),) for k in _rows(graph, 2, 4, 8)],
        "top_k_hidden": lambda graph: [(TopKHidden(share),) for share in (0.5, 0.25, 0.1)],
        "delta": lambda graph: [(Delta(threshold),) for threshold in (0.05, 0.1, 0.2, 0.3)],
        "early_exit": lambda graph: [(EarlyExit(margin),) for margin in (4.0, 3.0, 2.0, 1.0, 0.5)],
        "mixture_of_depths": _depths,
        "combined": _combined,
    }
)


def text(setting: Setting) -> str:
    """Return the methods of a setting with the parameters that differ from their defaults."""
    parts = []
    for method in setting:
        fields = [field for field in dataclasses.fields(method) if getattr(method, field.name) != field.default]  # type: ignore[arg-type]
        parts.append(f"{type(method).__name__}({', '.join(f'{field.name}={getattr(method, field.name)!r}' for field in fields)})")
    return " + ".join(parts)

"""What became of every call of a program: the nodes it made, or those of its readers that took it in."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, final

import numpy as np

from snnsim.graph.nodes import Gather, Node, Softmax
from snnsim.graph.origins import Operation
from snnsim.trace.values import Value


class _Seen(NamedTuple):
    """One call: what its row shall say, the nodes that its result is a layout of, scaled or not, and the calls that it reads.

    layout : int64[...] or None   the places of the only source that are read
    """

    name: str
    operation: str
    shape: tuple[int, ...]
    origin: str
    sources: frozenset[str]
    layout: np.ndarray | None
    read: frozenset[str]


@final
class Origins:
    """The calls of a program in the order of the walk. Nodes are made for the call that is being translated."""

    def __init__(self) -> None:
        self.now = ""
        self._made: dict[str, list[str]] = {}
        self._seen: dict[str, _Seen] = {}
        self._returned: dict[str, set[str]] = {}  # by graph: what it returns
        self._names: dict[Any, str] = {}

    def note(self, node: str) -> None:
        """Say that a node stands for what is being translated now, and for the calls around it."""
        parts = self.now.split(".")
        for depth in range(1, len(parts) + 1):
            self._made.setdefault(".".join(parts[:depth]), []).append(node)

    def of(self, node: Any, translate: Callable[[Any], Any], name: str, origin: str, shape: tuple[Any, ...]) -> Any:
        """Return translate(node), writing down whose the nodes are that it makes.

        A call of a graph inside another bears the name of the outer call before its own.
        """
        outer = self.now
        call = self.now = self._names[node] = f"{outer}.{node.name}" if outer else node.name
        result = translate(node)
        self.now = outer
        read = {self._names[source] for source in node.all_input_nodes if source in self._names} | self._returned.get(call, set())
        operation = getattr(node.target, "_opname", getattr(node.target, "__name__", str(node.target)))
        sizes = tuple(size for size in shape if isinstance(size, int))
        index = result.index if isinstance(result, Value) and len(result.sources) == 1 else None
        self._seen[call] = _Seen(name, operation, sizes, origin, frozenset(_sources(result)), index, frozenset(read))
        return result

    def returns(self, node: Any) -> None:
        """Write down what a graph returns: the program, or the one inside the call that is being translated."""
        self._returned[self.now] = {self._names[source] for source in node.all_input_nodes if source in self._names}

    def operations(self, nodes: Mapping[str, Node], renamed: Mapping[str, str], axis: int) -> tuple[Operation, ...]:
        """Return every call with what is left of it.

        nodes : of the finished graph;   renamed : those that others took in, by name;   axis : of the batch, left out of shapes
        """
        left = {call: _left(self._made.get(call, ()), nodes, renamed) for call in self._seen}
        readers: dict[str, list[str]] = {}
        for call, seen in self._seen.items():
            for source in seen.read:
                readers.setdefault(source, []).append(call)
        above = _ancestors(nodes)
        takers: dict[str, tuple[str, ...]] = {}
        after: dict[str, list[str]] = {}
        result = []
        for call, seen in reversed(self._seen.items()):  # what reads a call comes after it
            own, others = left[call]
            sources = {renamed.get(name, name) for name in seen.sources}
            index = seen.layout if sources == seen.sources else None
            found: list[str] = [] if call not in self._returned.get("", ()) else sorted(sources.intersection(nodes))
            for reader in readers.get(call, ()):
                made = [*left[reader][1], *left[reader][0]]
                if call.startswith(f"{reader}."):  # what a graph returns is read by the readers of the call around it
                    found += after[reader]
                else:
                    found += _taking(sources, index, [nodes[name] for name in made], above) if made else takers[reader]
            after[call] = found
            takers[call] = own or others or tuple(dict.fromkeys(found))
            shape = seen.shape
            if seen.sources and len(shape) > axis and shape[axis] == 1:
                shape = (*shape[:axis], *shape[axis + 1 :])
            result.append(Operation(call, seen.name, seen.operation, shape, seen.origin, takers[call], bool(own)))
        return tuple(result[::-1])


def _sources(result: Any) -> set[str]:
    if isinstance(result, (tuple, list)):
        return set().union(*map(_sources, result))
    return set(result.sources) if isinstance(result, Value) else set()


def _left(made: Any, nodes: Mapping[str, Node], renamed: Mapping[str, str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the nodes of a call that are there as they were made, and those that took others of its nodes in."""
    own = dict.fromkeys(name for name in made if name not in renamed and name in nodes)
    taken = dict.fromkeys(renamed[name] for name in made if renamed.get(name) in nodes)
    return tuple(own), tuple(taken)


def _ancestors(nodes: Mapping[str, Node]) -> dict[str, frozenset[str]]:
    above: dict[str, frozenset[str]] = {}
    for name, node in nodes.items():
        above[name] = frozenset(node.inputs).union(*(above[source] for source in node.inputs))
    return above


def _taking(sources: set[str], index: np.ndarray | None, made: list[Node], above: Mapping[str, frozenset[str]]) -> list[str]:
    """Return which nodes of a reader take in a value that is a layout of `sources`; of no source where it is a constant."""
    last = [made[-1].name]
    if not sources:  # what a call of several nodes takes as a constant is a mask, or its one weight
        return [node.name for node in made if isinstance(node, Softmax)] or last
    folded = [node.name for node in made if node.name in sources]
    direct = [node for node in made if sources.intersection(node.inputs)]
    if index is not None and len(direct) > 1:
        direct = [node for node in direct if not isinstance(node, Gather) or _meet(node.index, index)] or direct
    return folded or [node.name for node in direct] or [node.name for node in made if sources & above[node.name]][:1] or last


def _meet(one: np.ndarray, other: np.ndarray) -> bool:
    """Whether two layouts of a node have a place in common."""
    seen = np.zeros(max(int(one.max()), int(other.max())) + 1, dtype=bool)
    seen[one[one >= 0]] = True
    return bool(seen[other[other >= 0]].any())

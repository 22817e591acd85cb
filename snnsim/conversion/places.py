"""Where every operation of the user's model went: a population, the host, or folded into them."""

from __future__ import annotations

from typing import NamedTuple

from snnsim.conversion.coding import Coding
from snnsim.conversion.plan import Plan
from snnsim.graph.nodes import Input, Shape


class Place(NamedTuple):
    """One operation, and what stands for it in the converted model.

    call, name, operation, shape, origin : as `graph.origins.Operation`
    rows : tuple of str   populations and host nodes that it became; the last holds its value
    into : tuple of str   where `rows` is empty: those whose weights, thresholds, indices or units took it in; empty where none did
    """

    call: str
    name: str
    operation: str
    shape: Shape
    origin: str
    rows: tuple[str, ...]
    into: tuple[str, ...]


def places(plan: Plan, coding: Coding) -> tuple[Place, ...]:
    """Return the place of every operation of the plan's graph, in their order. An operation that another equals is folded into its row."""
    found = _Found(plan, coding)
    taken: set[str] = set()
    result = []
    for operation in plan.graph.operations:
        rows = tuple(name for name in operation.nodes if name in found.rows) if operation.own else ()
        last = operation.nodes[-1:]
        if rows[-1:] == last and last and last[0] not in taken:
            taken.update(last)
            result.append(Place(*operation[:5], rows, ()))
            continue
        ends = last if operation.own else operation.nodes
        into = dict.fromkeys(row for name in ends for row in found.into(name))
        result.append(Place(*operation[:5], (), tuple(into)))
    return tuple(result)


class _Found:
    """Rows by node of the graph. What is no row of its own is part of what reads it: of its edges, its terms or its units."""

    def __init__(self, plan: Plan, coding: Coding) -> None:
        self.plan = plan
        hosted = {node.name for node in coding.host.nodes.values() if not isinstance(node, Input)}
        self.rows = hosted | {planned.name for planned in plan.populations}
        self._into: dict[str, tuple[str, ...]] = {}
        for name in reversed(plan.graph.nodes):
            self._into[name] = (name,) if name in self.rows else self._readers(name)

    def into(self, name: str) -> tuple[str, ...]:
        return self._into[name]

    def _readers(self, name: str) -> tuple[str, ...]:
        rows = [row for reader in self.plan.readers[name] for row in self._into[reader.name]]
        if name in self.plan.outputs:  # the host lays it out: what it is made of took it in
            rows += [source for source, _ in self.plan.outputs[name].parts()]
        return tuple(dict.fromkeys(rows))

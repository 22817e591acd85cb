"""The state of an event run, and how its weights are read and set while it goes on. Layout: event_machine.py."""

from __future__ import annotations

from typing import Any

import numpy as np

from snnsim.compiler.spiking import CompiledSpiking
from snnsim.engines import learning
from snnsim.engines.runs import to_order
from snnsim.errors import CompileError
from snnsim.kernels.queue import waiting
from snnsim.kernels.teach import meet_now, settle

KEPT = ("clocks", "now", "sampled")  # what a continued run needs of its agenda


def saved(machine: Any, desk: Any, compiled: CompiledSpiking) -> dict[str, np.ndarray]:
    """Return the arrays that `build` restores: what is in the queues alone, not the room behind it."""
    arrays = {"cells.state": machine.cells.state, **learning.saved([desk.course], [desk.runs], compiled, desk.rest)}
    arrays |= {f"agenda.{name}": getattr(machine.agenda, name) for name in KEPT}
    used = int(machine.queue.size[0])
    arrays |= {f"queue.{name}": array if name == "size" else array[:used] for name, array in machine.queue._asdict().items()}
    if len(machine.currents.kind):
        arrays["current.between"] = machine.currents.between
    _, origin, run = waiting(machine.lines)
    return arrays | {"lines.under_way": machine.lines.under_way, "lines.origin": origin, "lines.run": run}


def weights_of(compiled: CompiledSpiking, machine: Any, desk: Any, now: float) -> dict[str, np.ndarray]:
    """Return the weights of plastic projections as of `now`, by name."""
    plastic = [(q, part.name) for q, part in enumerate(compiled.projections) if part.plasticity is not None]
    return {name: weight_of(compiled, machine, desk, q, now) for q, name in plastic}


def weight_of(compiled: CompiledSpiking, machine: Any, desk: Any, q: int, now: float) -> np.ndarray:
    """Return the weights of one plastic projection as of `now`, in order of source, target; looking changes nothing."""
    if q in desk.rest:
        return np.array(np.broadcast_to(desk.rest[q], len(compiled.projections[q].target)), dtype=np.float64)
    seen, wiring = desk.course.looked_at(q), machine.wiring
    table, lesson = seen.tables.table, seen.lessons[q]
    if table["rule"][q] >= 0 and not table["axonal"][q]:
        # Behind a dendritic delay a spike under way has reached the synapse.
        for projection, run, origin in zip(*under_way(machine), strict=True):
            while projection == q:
                meet_now(seen.tables, q, run - wiring.run_first[q], origin)
                if wiring.run_final[run]:
                    break
                run += 1
    if table["rule"][q] >= 0:
        settle(seen.tables, q, now, True)
    out = np.empty(len(lesson.weight))
    to_order(desk.runs[q], lesson.weight, out)
    return out


class Reach:
    """How rules that act at intervals reach the weights at `now`; see `upkeep.Access`."""

    def __init__(self, compiled: CompiledSpiking, machine: Any, desk: Any, now: float) -> None:
        self.compiled, self.machine, self.desk, self.time = compiled, machine, desk, now

    def whole(self, q: int) -> np.ndarray:
        """Return the weights as the last spikes to arrive left them."""
        lesson = self.desk.course.lessons[q]
        self.machine.wiring.tally[q, 1] += learning.whole(self.desk.course, q, self.time)
        out = np.empty(len(lesson.weight))
        to_order(self.desk.runs[q], lesson.weight, out)
        return out

    def put(self, q: int, weight: np.ndarray) -> None:
        """Set the weights."""
        place = self.desk.runs[q].place
        self.desk.course.lessons[q].weight[:] = weight if place is None else weight[place]

    def now(self, q: int) -> np.ndarray:
        """Return the weights as of now."""
        return weight_of(self.compiled, self.machine, self.desk, q, self.time)

    def move(self, q: int, *synapses: np.ndarray) -> CompiledSpiking:
        """Refuse: networks with synapses that move are."""
        raise CompileError('Synapses move on the clock alone. Use engine="clock".')


def under_way(machine: Any) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return (projection, run, origin) of the spikes that have not arrived, in order of origin."""
    size = int(machine.queue.size[0])
    projection, origin, run = waiting(machine.lines)
    projection, run, origin = (
        np.concatenate(both)
        for both in ((machine.queue.priority[:size], projection), (machine.queue.id[:size], run), (machine.queue.origin[:size], origin))
    )
    order = np.lexsort((run, projection, origin))
    return projection[order], run[order], origin[order]

"""Kernels write within their arrays: what they are given lies between bytes that no run may change.

Arrays are borrowed by address and compiled without tests of bounds, so that a wrong place corrupts the memory of others unseen.
"""

import numpy as np
import pytest
from random_networks import CONTINUOUS, DISCRETE, DT, random_network

from snnsim.engines import clock_machine, event_machine, lessons, tables
from snnsim.engines.spiking import run_spiking
from snnsim.kernels import queue
from snnsim.models.integrate_fire import IF
from snnsim.models.lif import LIF
from snnsim.models.lif_exp import LIFExp

_MARGIN, _BYTE = 4096, 0xA5

#: Where arrays that kernels write to are made.
MAKERS = [
    (tables, "on_a_line"),
    (clock_machine, "on_a_line"),
    (clock_machine, "_scratch"),
    (clock_machine, "_sent"),
    (clock_machine, "empty_mail"),
    (lessons, "_lesson"),
    (lessons, "empty_history"),
    (event_machine, "_agenda"),
    (event_machine, "empty_dues"),
    (event_machine, "empty_queue"),
    (event_machine, "lined_up"),
    (queue, "empty_queue"),
]


class Margins:
    """Lays arrays out anew with a margin on either side, and looks after the margins."""

    def __init__(self):
        self.rooms = []

    def around(self, made, shared=()):
        """Return an array, or a tuple of arrays but for those named in `shared`, within margins."""
        if isinstance(made, tuple):
            return made._replace(
                **{name: self.around(one) for name, one in made._asdict().items() if isinstance(one, np.ndarray) and name not in shared}
            )
        room = np.full(made.nbytes + 2 * _MARGIN, _BYTE, dtype=np.uint8)
        self.rooms.append(room)
        copy = room[_MARGIN : _MARGIN + made.nbytes].view(made.dtype).reshape(made.shape)
        copy[...] = made
        return copy

    def broken(self):
        """Return how many arrays were written beyond, and forget all."""
        hurt = sum(bool(np.any(room[:_MARGIN] != _BYTE) or np.any(room[-_MARGIN:] != _BYTE)) for room in self.rooms)
        self.rooms.clear()
        return hurt


@pytest.fixture
def margins(monkeypatch):
    margins = Margins()

    def within(make):
        # The event engine delivers the weights of its lessons: they stay where they are.
        return lambda *given, **more: margins.around(make(*given, **more), shared=("weight",))

    for module, name in MAKERS:
        monkeypatch.setattr(module, name, within(getattr(module, name)))
    return margins


def test_margins_show_a_write_beyond_either_end():
    margins = Margins()
    array = margins.around(np.arange(7, dtype=np.int32))
    np.testing.assert_array_equal(array, np.arange(7))
    assert margins.broken() == 0
    for place in (-1, 7):
        margins.around(np.arange(7, dtype=np.int32))
        margins.rooms[-1].view(np.int32)[_MARGIN // 4 + place] = 1
        assert margins.broken() == 1


@pytest.mark.parametrize("precision", ["double", "single"])
@pytest.mark.parametrize("kind", ["small", "large", "discrete"])
def test_no_clock_run_writes_beyond_its_arrays(margins, kind, precision):
    dt, models = (1.0, tuple(DISCRETE)) if kind == "discrete" else (DT, tuple(CONTINUOUS))
    for seed in range(10 if kind == "large" else 60):
        net = random_network(seed, models=models, large=kind == "large", plastic=kind != "large", duration=10.0, dt=dt)
        first = run_spiking(net, duration=5.0, engine="clock", dt=dt, seed=seed, precision=precision, threads=1 + seed % 2)
        run_spiking(net, duration=5.0, engine="clock", dt=dt, seed=seed, precision=precision, threads=2 - seed % 2, start=first.state)
        assert len(margins.rooms) > 10
        assert margins.broken() == 0, f"seed {seed}"


def test_no_event_run_writes_beyond_its_arrays(margins):
    for seed in range(60):
        net = random_network(seed, models=(LIF, LIFExp, IF), duration=10.0, rest=1.0)
        first = run_spiking(net, duration=5.0, engine="event", dt=DT, seed=seed)
        run_spiking(net, duration=5.0, engine="event", dt=DT, seed=seed, start=first.state)
        assert len(margins.rooms) > 10
        assert margins.broken() == 0, f"seed {seed}"

"""Checkpoints: bit-identical continuation in another process, and what a damaged or foreign file is answered."""

from __future__ import annotations

import dataclasses
import io
import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest

import snnsim as sim
from snnsim.engines.settle import IntegerState
from snnsim.engines.tables import RunState
from snnsim.errors import FormatError, ParameterError, SimulationError

# Built by the tests and, from this very text, by the process that continues.
NETWORKS = """
import numpy as np
import snnsim as sim

def spiking():
    noise = sim.Population("noise", 40, sim.PoissonSource(rate=60.0))
    exc = sim.Population("exc", 30, sim.LIF(tau_m=20.0, t_ref=2.0))
    slow = sim.Population("slow", 10, sim.LIFExp(t_ref=2.0))
    rule = sim.PairSTDP(a_plus=0.02, a_minus=0.024, w_max=8.0)
    return sim.Network(
        sim.Projection(noise, exc, sim.FixedProbability(0.3), weight=4.0, delay=1.0, plasticity=rule),
        sim.Projection(exc, exc, sim.FixedProbability(0.2), weight=0.5, delay=7.5),
        sim.Projection(exc, slow, sim.AllToAll(), weight=60.0, delay=2.0),
    )

def integer():
    random = np.random.default_rng(0)
    x = sim.Population("x", (4, 3), sim.IntegerInput(s_min=-5, s_max=5))
    y = sim.Population("y", (4, 6), sim.Staircase(theta=3, s_min=-9, s_max=9))
    z = sim.Population("z", (4, 2), sim.Readout())
    dense = lambda *shape: sim.Dense(random.integers(-9, 10, size=shape).astype(np.int8))
    return sim.Network(sim.Projection(x, y, dense(3, 6)), sim.Projection(y, z, dense(6, 2)))
"""
SPACE: dict = {}
exec(NETWORKS, SPACE)
FIRST, NEXT = (np.random.default_rng(k).integers(-5, 6, size=(7, 4, 3)) for k in (1, 2))


def facts(result):
    """Everything a run returned, as arrays."""
    out = {f"{name}/{part}": getattr(trains, part) for name, trains in result.spikes.items() for part in ("times", "indices")}
    out |= {f"v/{name}": recording["v"].values for name, recording in result.recordings.items()}
    for what in ("weights", "values", "accumulators"):
        out |= {f"{what}/{name}": array for name, array in getattr(result, what).items()}
    out["counts"] = np.array(json.dumps(result.counts.to_dict(), sort_keys=True))
    return out


def in_another_process(tmp_path: Path, call: str) -> dict[str, np.ndarray]:
    """Return the facts of `call`, a run that starts from the file state.npz, made by a new process."""
    script = f"{NETWORKS}\nimport json\nstate = sim.load_state('state.npz')\nresult = {call}\n"
    source = Path(__file__).read_text()
    script += source[source.index("def facts(") : source.index("def in_another_process(")]
    script += "np.savez('facts.npz', **{name.replace('/', '|'): array for name, array in facts(result).items()})\n"
    done = subprocess.run([sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    with np.load(tmp_path / "facts.npz") as archive:
        return {name.replace("|", "/"): archive[name] for name in archive.files}


def same(one, other):
    assert one.keys() == other.keys()
    for name, array in one.items():
        # By bytes: a queue has places that were never written, which may hold NaN.
        assert (array.dtype, array.shape) == (other[name].dtype, other[name].shape), name
        assert array.tobytes() == other[name].tobytes(), name


@pytest.fixture(scope="module")
def states():
    spiking, integer = SPACE["spiking"](), SPACE["integer"]()
    return {
        "clock": sim.simulate(spiking, 80.0, engine="clock", seed=5).state,
        "event": sim.simulate(spiking, 80.0, engine="event", seed=5).state,
        "settle": sim.simulate(integer, inputs=FIRST).state,
    }


RECORD = {"exc": ["spikes", "v"], "slow": ["spikes"]}


@pytest.mark.parametrize("engine", ["clock", "event"])
def test_a_spiking_run_continues_bit_for_bit_in_another_process(tmp_path, states, engine):
    sim.save_state(states[engine], tmp_path / "state.npz")
    theirs = in_another_process(tmp_path, f"sim.simulate(spiking(), 90.0, start=state, record={RECORD!r})")
    mine = sim.simulate(SPACE["spiking"](), 90.0, start=states[engine], record=RECORD)
    same(facts(mine), theirs)
    assert len(mine.spikes["exc"]) > 50 and np.ptp(mine.weights["noise -> exc"]) > 0.0
    if engine == "clock":  # and the two halves are the run that was never interrupted
        whole = sim.simulate(SPACE["spiking"](), 170.0, engine="clock", seed=5)
        same({"w": whole.weights["noise -> exc"]}, {"w": theirs["weights/noise -> exc"]})


def test_an_integer_network_continues_bit_for_bit_in_another_process(tmp_path, states):
    sim.save_state(states["settle"], tmp_path / "state.npz")
    theirs = in_another_process(tmp_path, f"sim.simulate(integer(), inputs=np.array({NEXT.tolist()}), start=state)")
    same(facts(sim.simulate(SPACE["integer"](), inputs=NEXT, start=states["settle"])), theirs)
    fresh = sim.simulate(SPACE["integer"](), inputs=NEXT)
    assert np.array_equal(theirs["values/z"], fresh.values["z"]) and np.array_equal(theirs["values/y"], fresh.values["y"])


@pytest.mark.parametrize("engine", ["clock", "event", "settle"])
def test_a_loaded_state_is_the_saved_one(tmp_path, states, engine):
    sim.save_state(states[engine], tmp_path / "a.npz")
    loaded = sim.load_state(tmp_path / "a.npz")
    assert type(loaded) is type(states[engine])
    for field in dataclasses.fields(loaded):
        old, new = (getattr(state, field.name) for state in (states[engine], loaded))
        if isinstance(loaded, RunState) and field.name == "arrays":
            same(dict(old), dict(new))
        else:
            same({"": np.asarray(old)}, {"": np.asarray(new)})
            assert type(new) is type(old)


def test_a_state_of_another_network_is_still_refused_after_loading(tmp_path, states):
    sim.save_state(states["clock"], tmp_path / "a.npz")
    other = sim.Network(sim.Population("exc", 30, sim.LIF()))
    with pytest.raises(SimulationError, match="another network"):
        sim.simulate(other, 10.0, engine="clock", start=sim.load_state(tmp_path / "a.npz"))


# --- writing


@pytest.mark.parametrize("wrong", [None, "state", {"arrays": {}}])
def test_anything_but_a_state_is_refused_with_what_to_give(tmp_path, wrong):
    with pytest.raises(ParameterError, match=r"save_state\.state = .* Give result\.state"):
        sim.save_state(wrong, tmp_path / "a.npz")
    assert list(tmp_path.iterdir()) == []


def test_a_write_that_fails_leaves_the_old_file_and_nothing_else(tmp_path, states, monkeypatch):
    path = tmp_path / "a.npz"
    sim.save_state(states["clock"], path)
    before = path.read_bytes()

    def full(stream, **arrays):
        stream.write(b"half of a file")
        raise OSError("no space left on device")

    monkeypatch.setattr(np, "savez", full)
    with pytest.raises(OSError, match="no space left"):
        sim.save_state(states["event"], path)
    assert path.read_bytes() == before and list(tmp_path.iterdir()) == [path]


def test_a_saved_file_replaces_the_old_one_and_others_may_read_it(tmp_path, states):
    path = tmp_path / "a.npz"
    path.write_text("old")
    sim.save_state(states["clock"], path)
    assert sim.load_state(str(path)).engine == "clock"
    (tmp_path / "plain").touch()
    assert path.stat().st_mode == (tmp_path / "plain").stat().st_mode and os.listdir(tmp_path).__len__() == 2


def test_a_folder_that_is_not_there_is_named(tmp_path, states):
    with pytest.raises(FileNotFoundError, match="nowhere"):
        sim.save_state(states["clock"], tmp_path / "nowhere" / "a.npz")


# --- reading


def rewrite(path: Path, state, change, seal=False) -> Path:
    """Save `state`, then rewrite the file with `change` applied to its dictionary of arrays; `seal` makes the checksum fit again."""
    from snnsim.io.archive import fingerprint

    sim.save_state(state, path)
    with np.load(path) as archive:
        arrays = {name: archive[name] for name in archive.files}
    change(arrays)
    if seal:
        rest = {name: array for name, array in arrays.items() if name != "header"}
        with_header(arrays, sha256=fingerprint(rest), arrays={name: [a.dtype.str, list(a.shape)] for name, a in rest.items()})
    with path.open("wb") as stream:
        np.savez(stream, **arrays)
    return path


def with_header(arrays, /, **values):
    header = {**json.loads(bytes(arrays["header"])), **values}
    arrays["header"] = np.frombuffer(json.dumps(header).encode(), dtype=np.uint8)


def with_field(arrays, /, **values):
    with_header(arrays, fields={**json.loads(bytes(arrays["header"]))["fields"], **values})


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (lambda a: a.pop("header"), "has no header"),
        (lambda a: with_header(a, format="snnsim-graph"), "has format 'snnsim-graph'"),
        (lambda a: with_header(a, version=99), "has version 99.* Upgrade"),
        (lambda a: with_header(a, version=1), "has version 1; this snnsim reads from 2 on.* run again"),
        (lambda a: with_header(a, version=0), "is damaged"),
        (lambda a: with_header(a, kind="quantum"), "is damaged"),
        (lambda a: with_header(a, arrays=7), "is damaged"),
        (lambda a: a.update(header=np.frombuffer(b"[" * 100_000, dtype=np.uint8)), "is damaged"),
        (lambda a: a.update(header=np.frombuffer(b"[1]", dtype=np.uint8)), "is damaged"),
        (lambda a: a.pop("arrays/mail.each"), "not those its header lists"),
        (lambda a: a.update(extra=np.zeros(3)), "not those its header lists"),
        (lambda a: a.update({"arrays/state": a["arrays/state"][:5]}), r"where <f8 \(\d+,\) belongs"),
        (lambda a: a.update({"arrays/state": a["arrays/state"] + 1.0}), "do not match the checksum"),
        (lambda a: with_field(a, seed=1.5), "seed = 1.5 where a finite int belongs"),
        (lambda a: with_field(a, time=float("inf")), "time = inf where a finite float belongs"),
        (lambda a: with_field(a, engine=None), "engine = None where a finite str|is damaged"),
        (lambda a: with_header(a, fields={}), "is damaged"),
    ],
)
def test_a_foreign_or_changed_file_says_what_is_wrong(tmp_path, states, change, text):
    with pytest.raises(FormatError, match=rf"changed\.npz.*({text})"):
        sim.load_state(rewrite(tmp_path / "changed.npz", states["clock"], change))


@pytest.mark.parametrize(
    ("engine", "change"),
    [
        ("settle", lambda a: a.pop("alive")),
        ("clock", lambda a: [a.pop(name) for name in list(a) if name.startswith("arrays/")]),
        ("clock", lambda a: a.update({"arrays/state": a["arrays/state"].astype("U5")})),
    ],
)
def test_a_file_whose_checksum_fits_must_still_hold_a_state(tmp_path, states, engine, change):
    with pytest.raises(FormatError, match=r"changed\.npz is damaged"):
        sim.load_state(rewrite(tmp_path / "changed.npz", states[engine], change, seal=True))


def test_every_truncation_and_flipped_bytes_are_called_damaged(tmp_path, states):
    path = tmp_path / "a.npz"
    sim.save_state(states["settle"], path)
    content = path.read_bytes()
    for size in range(0, len(content), len(content) // 23):
        path.write_bytes(content[:size])
        with pytest.raises(FormatError, match=r"a\.npz"):
            sim.load_state(path)
    for at in range(len(content) // 3, len(content) // 2, 97):
        flipped = bytearray(content)
        flipped[at] ^= 0xFF
        path.write_bytes(flipped)
        try:
            loaded = sim.load_state(path)
        except FormatError:
            continue
        assert isinstance(loaded, IntegerState)  # a byte of padding, or of a date: nothing that is read
        assert all(np.array_equal(getattr(loaded, name), getattr(states["settle"], name)) for name in ("acc", "s", "seen", "alive"))


@pytest.mark.parametrize("content", [b"", b"not a zip", b"PK\x03\x04 but no more", b"\x93NUMPY"])
def test_a_file_that_is_no_archive_is_refused(tmp_path, content):
    path = tmp_path / "x.npz"
    path.write_bytes(content)
    with pytest.raises(FormatError, match=r"x\.npz"):
        sim.load_state(path)


def test_a_plain_array_a_model_and_a_missing_file_are_refused(tmp_path):
    np.save(tmp_path / "array.npy", np.ones(3))
    with pytest.raises(FormatError, match=r"array\.npy"):
        sim.load_state(tmp_path / "array.npy")
    with pytest.raises(FormatError, match="has format 'snnsim-graph', not 'snnsim-state'"):
        sim.load_state(Path(sim.__file__).parent / "data" / "digits_transformer.npz")
    with pytest.raises(FormatError, match=r"nowhere\.npz does not exist"):
        sim.load_state(tmp_path / "nowhere.npz")


def test_loading_never_executes_code(tmp_path):
    class Bomb:
        def __reduce__(self):
            return (Path.touch, (tmp_path / "executed",))

    stream = io.BytesIO()
    np.lib.format.write_array(stream, np.array([Bomb()], dtype=object), allow_pickle=True)
    path = tmp_path / "bomb.npz"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("header.npy", stream.getvalue())
    with pytest.raises(FormatError):
        sim.load_state(path)
    assert not (tmp_path / "executed").exists()

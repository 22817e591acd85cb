"""Processes, threads and clusters: the same table from whoever runs it."""

from __future__ import annotations

import os
import subprocess
import sys
import time

import numpy as np
import pytest

import snnsim as sim
from snnsim.sweeps import workers
from snnsim.sweeps.fingerprint import fingerprint

dask = pytest.importorskip("dask", reason="Dask comes with the test extra")
distributed = pytest.importorskip("distributed", reason="Dask comes with the test extra")


@pytest.fixture(scope="module")
def cluster():
    with distributed.LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address="127.0.0.1:0", memory_limit=0) as two:
        yield two


@pytest.fixture(scope="module")
def client(cluster):
    with distributed.Client(cluster, set_as_default=False) as connected:
        yield connected


def first_is_last(x, seed):
    time.sleep(0.01 * (6 - x))
    return {"y": np.random.default_rng(seed).normal(x), "array": np.arange(x) / 7.0, "text": "a" * x}


def same(one, other):
    assert one.columns == other.columns and one.problems == other.problems
    for mine, its in zip(one.cells, other.cells, strict=True):
        assert repr(mine) == repr(its)
        arrays = [(a, b) for a, b in zip(mine, its, strict=True) if isinstance(a, np.ndarray)]
        assert all(a.tobytes() == b.tobytes() and a.dtype == b.dtype for a, b in arrays)


def test_the_table_does_not_depend_on_who_runs_the_points_or_which_ends_first(client, cluster, tmp_path):
    points = {"x": [1, 2, 3, 4, 5]}
    alone = sim.sweep(first_is_last, points, seeds=2, scheduler="sync")
    for scheduler in (client, cluster.scheduler_address, "threads"):
        same(alone, sim.sweep(first_is_last, points, seeds=2, scheduler=scheduler))
    sim.sweep(first_is_last, points, seeds=2, scheduler=client, store=tmp_path / "s.jsonl")
    same(alone, sim.sweep(first_is_last, points, seeds=2, scheduler="sync", store=tmp_path / "s.jsonl"))


def test_a_lambda_with_a_closure_reaches_the_workers(client):
    k = 3
    table = sim.sweep(lambda x: (x * k, os.getpid())[0], {"x": list(range(40))}, scheduler=client)
    assert table["value"].tolist() == [3 * x for x in range(40)]


class Big:
    """Writes down every time it is made from a pickle."""

    def __init__(self, log):
        self.log = log

    def __reduce__(self):
        return _made, (self.log,)


def _made(log):
    with open(log, "a") as lines:
        lines.write(f"{os.getpid()}\n")
    return Big(log)


def test_what_points_share_reaches_each_worker_once(client, tmp_path):
    log = tmp_path / "log"
    table = sim.sweep(lambda x, big: os.getpid(), {"x": list(range(30))}, shared={"big": Big(str(log))}, scheduler=client)
    made = log.read_text().split()
    assert len(set(table["value"].tolist())) == 2
    assert len(made) == len(set(made)) == 2


def outputs(image, model, inputs):
    result = model(inputs[image : image + 1])
    return {"outputs": next(iter(result.outputs.values())), "spikes": result.counts.total("spikes")}


def test_a_converted_model_gives_the_same_on_a_worker(client, digits):
    model, inputs, _, _ = digits
    table = sim.sweep(outputs, {"image": [0, 3]}, shared={"model": model, "inputs": inputs}, scheduler=client)
    same(table, sim.sweep(outputs, {"image": [0, 3]}, shared={"model": model, "inputs": inputs}, scheduler="sync"))
    model.certificate  # noqa: B018  (what a model worked out does not make it another)
    before = fingerprint("model", model)
    copied = client.submit(lambda sent: sent, model).result()
    assert fingerprint("model", copied) == before


def rates(weight, seed, network):
    exc = network.populations["exc"]
    noise = sim.Population("noise", 20, sim.PoissonSource(rate=800.0))
    whole = sim.Network(*network.projections.values(), *network.currents, sim.Projection(noise, exc, sim.OneToOne(), weight=weight))
    result = sim.simulate(whole, 50.0, engine="clock", seed=seed, record={"exc": ["spikes", "v"]})
    return {"times": result.spikes["exc"].times, "v": result.recordings["exc"]["v"].values}


def test_a_network_with_currents_and_learning_gives_the_same_on_a_worker(client):
    exc = sim.Population("exc", 20, sim.LIF())
    own = sim.Projection(exc, exc, sim.FixedProbability(0.2), weight=0.5, plasticity=sim.PairSTDP(a_plus=0.01, a_minus=0.012))
    network = sim.Network(own, sim.Current(exc[:5], sim.StepCurrent(times=[10.0], values=[30.0])))
    sweeps = [sim.sweep(rates, {"weight": [3.0]}, seeds=2, shared={"network": network}, scheduler=each) for each in (client, "sync")]
    same(*sweeps)
    assert sweeps[0].cells[0][2].size > 0


def test_models_results_and_reports_are_copied_by_plain_pickles(digits):
    import pickle

    model, inputs, _, result = digits
    report = sim.estimate_energy(result.counts, "horowitz45")
    again = pickle.loads(pickle.dumps((model, result, report, model.integer_graph, sim.load_profile("horowitz45"))))
    assert fingerprint("x", again) == fingerprint("x", (model, result, report, model.integer_graph, sim.load_profile("horowitz45")))
    np.testing.assert_array_equal(next(iter(again[0](inputs[:2]).outputs.values())), next(iter(result.outputs.values()))[:2])
    assert not again[0].compiled.net.row_pop.flags.writeable  # or every kernel would be compiled once more
    with pytest.raises(TypeError):
        again[3].layers["x"] = None


def test_local_workers_use_the_threads_they_are_given_and_one_that_dies_is_named(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "64")  # of the session, in which one process had the machine

    def point(x):
        if x == 1:
            os._exit(1)
        return ",".join(os.environ[name] for name in names[:3])

    names = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS", "PYTHONHASHSEED")
    before = [os.environ.get(name) for name in names]
    with dask.config.set({"distributed.scheduler.allowed-failures": 1}):  # each death takes a second
        table = sim.sweep(point, {"x": [0, 1, 2]}, workers=1, threads=3, on_error="record")
    assert [os.environ.get(name) for name in names] == before
    assert table["value"].tolist() == ["3,3,3", None, "3,3,3"]
    assert table.problems[1].startswith("its worker died 2 times")


@pytest.mark.parametrize(("limit", "threads"), [("3", 3), ("", os.cpu_count())])
def test_trials_of_integer_networks_take_no_more_threads_than_a_worker_may(digits, monkeypatch, limit, threads):
    class Seen(Exception):
        pass

    def see(compiled, work, plan, workers, progress):
        raise Seen(workers)

    monkeypatch.setattr("snnsim.engines.settle._run_trials", see)
    monkeypatch.setenv("NUMBA_NUM_THREADS", limit)
    with pytest.raises(Seen, match=f"^{threads}$"):
        digits[0](digits[1][:1])


def test_a_failure_on_a_worker_names_the_point_and_the_line(client):
    with pytest.raises(sim.SimulationError, match=r"the point x = 0 failed: ZeroDivisionError") as caught:
        sim.sweep(lambda x: 1 / x, {"x": [2, 1, 0]}, scheduler=client)
    assert "lambda x: 1 / x" in caught.value.__notes__[0]


def test_an_address_that_does_not_answer_is_named_within_seconds(monkeypatch):
    assert workers._PATIENCE <= 5.0
    monkeypatch.setattr(workers, "_PATIENCE", 0.5)
    began = time.monotonic()
    with pytest.raises(sim.SimulationError, match=r"'tcp://127.0.0.1:9' did not answer within 0.5 s .*dask scheduler"):
        sim.sweep(lambda x: x, {"x": [1]}, scheduler="tcp://127.0.0.1:9")
    assert time.monotonic() - began < 3.0
    with pytest.raises(sim.SimulationError, match="'nonsense://x:1' did not answer"):
        sim.sweep(lambda x: x, {"x": [1]}, scheduler="nonsense://x:1")


def test_a_cluster_without_workers_is_refused():
    with (
        distributed.LocalCluster(n_workers=0, processes=False, dashboard_address="127.0.0.1:0") as empty,
        pytest.raises(sim.SimulationError, match="has no workers. Start some with 'dask worker"),
    ):
        sim.sweep(lambda x: x, {"x": [1]}, scheduler=empty.scheduler_address)


def test_workers_with_another_snnsim_or_none_are_refused(client, monkeypatch):
    monkeypatch.setattr(sim, "__version__", "99")
    with pytest.raises(sim.SimulationError, match="have snnsim .*, here it is 99. Install the same there"):
        sim.sweep(lambda x: x, {"x": [1]}, scheduler=client)

    def run(*asked):
        raise ModuleNotFoundError("No module named 'snnsim'")

    monkeypatch.setattr(client, "run", run)
    with pytest.raises(sim.SimulationError, match="have no snnsim .No module named 'snnsim'.. Install it there"):
        sim.sweep(lambda x: x, {"x": [1]}, scheduler=client)


def test_without_dask_the_extra_is_named_and_one_process_still_works(monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(sim.ParameterError, match=r"needs the package distributed of Dask.*pip install 'snnsim\[sweep\]'.*scheduler='sync'"):
        sim.sweep(lambda x: x, {"x": [1]})
    assert len(sim.sweep(lambda x: x, {"x": [1]}, scheduler="sync")) == 1


def test_a_script_without_its_guard_is_told_so(tmp_path):
    script = tmp_path / "script.py"
    script.write_text("import snnsim as sim\nprint(sim.sweep(lambda x: x, {'x': [1, 2]}, workers=1))\n")
    done = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1 and done.stdout == ""
    assert "put the call under: if __name__ == '__main__'" in done.stderr.splitlines()[-1]


def test_a_cluster_that_goes_away_is_no_failure_of_the_points(tmp_path):
    store, points = tmp_path / "s.jsonl", {"x": list(range(40))}
    with distributed.LocalCluster(n_workers=1, threads_per_worker=1, processes=False, dashboard_address="127.0.0.1:0") as short:

        def close(fraction):
            if fraction >= 0.1:
                short.close()

        with pytest.raises(sim.SimulationError, match="the workers could not run the point x = .*goes on where it stopped"):
            sim.sweep(nap, points, scheduler=short.scheduler_address, store=store, progress=close, on_error="record")
    done = sim.sweep(nap, points, scheduler="sync", store=store, on_error="record")
    assert done["value"].tolist() == points["x"] and not any(done.problems)


def nap(x):
    time.sleep(0.02)
    return x


def test_a_module_that_workers_do_not_have_is_named(client, tmp_path, monkeypatch):
    (tmp_path / "only_here.py").write_text("def f(x):\n    return x\n")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(sim.SimulationError, match="No module named 'only_here'.*have the packages and modules"):
        sim.sweep(__import__("only_here").f, {"x": [1]}, scheduler=client, on_error="record")

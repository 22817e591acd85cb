"""The benchmarks run every workload at a tiny size; a peer is played by a few lines of Python. No time is asserted."""

from __future__ import annotations

import inspect
import json
import re
import subprocess
import sys
from dataclasses import asdict, replace
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest

from benchmarks import cli, machine, measure, ours, peers, table, workloads
from benchmarks.measure import Options
from benchmarks.networks import DT, RandomNetwork
from benchmarks.peers import PeerError
from benchmarks.transformer import Size
from benchmarks.workloads import build, convert_speed, diehl_cook, growth, learning_off, limits, memory, microcircuit, settle, threads
from snnsim.errors import CompileError, ParameterError, SimulationError, SnnsimError

ROOT = Path(__file__).resolve().parents[1]
NETWORKS = workloads.SIMULATIONS
FAKE = """
import json, sys
job = json.loads(sys.stdin.readline())
print("{}", flush=True)
for line in sys.stdin:
    assert line == "run\\n"
    p, answer = job["parameters"], {answer}
    print(json.dumps(answer), flush=True)
"""


def parameters_of(name: str) -> RandomNetwork:
    return import_module(f"benchmarks.workloads.{name}").PARAMETERS


def tiny(name: str) -> RandomNetwork:
    return replace(parameters_of(name).scaled(40), tolerance=2.0)


@pytest.fixture
def fake(monkeypatch, tmp_path):
    """Return a function that sets up a peer 'fake' which gives one answer to everything."""

    def make(
        answer: str = '{"seconds": 2.0, "build_s": 1.0, "rate": 5.0, "synapses": 10, "threads": 1, "resident": 90, "peak": 180}',
    ) -> str:
        script = tmp_path / "fake.py"
        script.write_text(FAKE.replace("{answer}", answer))
        monkeypatch.setitem(peers.PEERS, "fake", peers.Peer((), script, {}))
        (tmp_path / "fake" / "bin").mkdir(parents=True)
        (tmp_path / "fake" / "bin" / "python").symlink_to(sys.executable)
        (tmp_path / "fake" / "ready").touch()
        monkeypatch.setattr(peers, "ENVIRONMENTS", tmp_path)
        return "fake"

    return make


def benchmarks(monkeypatch, capsys, *arguments: str) -> tuple[int, str, str]:
    """Run the command line in this process; return its code and what it printed."""
    monkeypatch.setattr(sys, "argv", ["benchmarks", *arguments])
    with pytest.raises(SystemExit) as stop:
        cli.main()
    printed = capsys.readouterr()
    return stop.value.code or 0, printed.out, printed.err


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("engine", ["auto", "clock"])
def test_every_network_builds_and_runs_on_our_engines(name, engine):
    found = ours.run(tiny(name), duration=5.0, seed=1, engine=engine)
    assert found["synapses"] > 0 and found["seconds"] > 0.0 and found["build_s"] > 0.0 and found["rate"] >= 0.0
    assert found["engine"] in ("clock", "event")


def test_the_rate_is_that_of_recorded_spikes_and_the_engine_is_left_as_it_was():
    from snnsim.compiler.spiking import compile_spiking
    from snnsim.engines import clock
    from snnsim.engines.takes import check_record

    network, before = tiny("brunel"), clock._build
    found = ours.run(network, duration=50.0, seed=3, engine="clock")
    assert clock._build is before
    compiled = compile_spiking(network.network(3), seed=3, dt=DT)
    record = check_record(compiled.populations, {"exc": ["spikes"], "inh": ["spikes"]}, DT)
    recorded = clock.run(compiled, duration=50.0, record=record)
    spikes = sum(len(train) for train in recorded.spikes.values())
    assert spikes > 0
    assert found["rate"] == pytest.approx(spikes / (network.size * 0.05))


@pytest.mark.parametrize("name", NETWORKS)
def test_a_scaled_network_keeps_the_expected_input_of_a_neuron(name):
    whole = parameters_of(name)
    half = whole.scaled(whole.size // 2)
    assert half.p * half.n_exc == pytest.approx(whole.p * whole.n_exc)
    assert half.p * half.n_inh == pytest.approx(whole.p * whole.n_inh)


def test_figures_beside_a_peer_hold_medians_their_ratio_and_every_run(fake):
    found = measure.simulation("cuba", tiny("cuba"), Options(peer=fake(), runs=2, duration=200.0))
    assert {"workload", "peer", "ours_s", "peer_s", "ratio", "runs"} <= found.keys()
    assert (found["workload"], found["peer"], found["peer_s"], len(found["runs"])) == ("cuba", "fake", 2.0, 2)
    assert found["ratio"] == found["peer_s"] / found["ours_s"]
    assert found["duration_s"] == 0.2
    assert json.loads(json.dumps(found)) == found


def test_without_a_peer_there_is_no_ratio():
    found = measure.simulation("brunel", tiny("brunel"), Options(runs=1, duration=5.0))
    assert found["peer"] is found["peer_s"] is found["ratio"] is None and found["ours_s"] > 0.0


def test_precision_and_scale_reach_the_run_and_the_report(monkeypatch):
    from snnsim.engines import clock

    seen, run = [], clock.run

    def with_precision(compiled, *, precision="double", **named):
        seen.append((precision, sum(population.size for population in compiled.populations)))
        return run(compiled, **named)

    monkeypatch.setattr(clock, "run", with_precision)
    found = measure.simulation("cuba", parameters_of("cuba"), Options(runs=1, duration=1.0, scale=0.05, engine="clock", precision="single"))
    assert found["precision"] == found["runs"][0]["ours_precision"] == "single"
    assert seen == [("single", 200)] * 2


def test_single_precision_is_refused_by_an_engine_without_it(monkeypatch):
    from snnsim.engines import clock

    run = clock.run
    monkeypatch.setattr(clock, "run", lambda compiled, *, duration, record, progress: run(compiled, duration=duration, record=record))
    with pytest.raises(CompileError, match="--precision = single: the clock engine keeps its states in double precision alone"):
        ours.run(tiny("cuba"), duration=1.0, seed=0, engine="clock", precision="single")


def test_a_scale_that_leaves_too_few_sources_is_refused():
    with pytest.raises(ParameterError, match=r"--scale = 0.05 must be >= 0.1 here"):
        Options(scale=0.05).fit(parameters_of("brunel"))


def test_networks_that_fire_at_different_rates_are_not_compared(fake):
    network = replace(tiny("cuba"), tolerance=0.05)
    other = fake('{"seconds": 2.0, "build_s": 1.0, "rate": 5000.0, "synapses": 10, "threads": 1}')
    with pytest.raises(PeerError, match=r"Mean rates differ by more than 5 %: ours \d.* Hz, fake 5000.000 Hz"):
        measure.simulation("cuba", network, Options(peer=other, runs=1, duration=5.0))


def test_a_peer_that_fails_is_reported_with_its_last_words(fake):
    with pytest.raises(PeerError, match=r"(?s)'fake' stopped with code 1.*ZeroDivisionError"):
        measure.simulation("cuba", tiny("cuba"), Options(peer=fake("1 / 0"), runs=1, duration=5.0))


def test_what_pip_must_not_choose_is_installed_without_its_requirements(monkeypatch, tmp_path):
    ran = []

    def run(command, check):
        ran.append(command)
        return subprocess.CompletedProcess(command, 0)

    monkeypatch.setattr(peers, "ENVIRONMENTS", tmp_path)
    monkeypatch.setattr(peers.subprocess, "run", run)
    (tmp_path / "bindsnet").mkdir()
    peers.set_up("bindsnet")
    bare = peers.PEERS["bindsnet"].bare
    assert ran[2][ran[2].index("--no-deps") + 1 :] == list(bare) and not set(bare) & set(ran[1])
    assert "torch==2.13.0" in ran[1] and "--no-deps" not in ran[1] and len(ran) == 3
    assert (tmp_path / "bindsnet" / "ready").read_text().splitlines()[0] == bare[0]


def test_a_peer_that_refuses_its_job_leaves_nothing_open(monkeypatch, fake):
    name, closed = fake(), []
    peers.find(name).script.write_text("import sys; sys.exit('no such network')")
    monkeypatch.setattr(peers.Worker, "__exit__", lambda self, *_, leave=peers.Worker.__exit__: (leave(self), closed.append(self)))
    with pytest.raises(PeerError, match="stopped with code 1:\nno such network"):
        peers.Worker(name, {})
    assert closed[0].messages.closed and closed[0].process.stdout.closed


def test_build_compares_build_times(fake):
    found = build.compare(tiny("brunel"), Options(peer=fake(), runs=1))
    assert found["peer_s"] == 1.0 and found["ratio"] == 1.0 / found["ours_s"]


def test_memory_compares_bytes_per_synapse(fake):
    found = memory.compare(parameters_of("brunel").scaled(1500), Options(peer=fake(), runs=1))
    assert found["peer_B"] == 9.0 and found["runs"][0]["peer_peak_B"] == 18.0 and found["ours_B"] > 0.0


def test_a_plastic_synapse_is_what_the_static_ones_leave(fake):
    other = '{"seconds": 2.0, "resident": 90 + 40 * job["parameters"]["stdp_rate"], "peak": 180, "synapses": 10, "plastic": 4}'
    plastic = parameters_of("brunel_stdp").scaled(1500)
    found = memory.compare(parameters_of("brunel").scaled(1500), Options(peer=fake(other), runs=1), plastic)
    assert found["peer_static_B"] == 9.0 and found["peer_B"] == pytest.approx(9.0 + 0.4 / 4)
    assert found["runs"][0]["peer_peak_B"] == pytest.approx(18.0)
    # A weight and a trace at the least, which a static synapse of this network has not.
    assert found["ours_B"] > found["ours_static_B"] + 8.0
    assert found["ratio"] == found["peer_B"] / found["ours_B"]


def test_only_synapses_between_excitatory_neurons_learn():
    network = tiny("brunel_stdp").network(seed=1)
    plastic = [(each.pre.name, each.post.name, each.plasticity) for each in network.projections.values() if each.plasticity is not None]
    assert [names[:2] for names in plastic] == [("exc", "exc")]
    rule = plastic[0][2]
    assert (rule.a_plus, rule.a_minus, rule.tau_plus, rule.tau_minus, rule.w_min, rule.w_max) == (0.01, 0.0105, 20.0, 20.0, 0.0, 0.3)
    assert all(each.plasticity is None for each in tiny("brunel").network(seed=1).projections.values())


def test_a_plastic_run_tells_the_weights_at_its_end():
    network = replace(tiny("brunel_stdp"), n_exc=40, n_inh=2, p=1.0)
    start, end = (ours.run(network, duration=duration, seed=3, engine="clock") for duration in (1.0, 200.0))
    assert start["plastic"] == end["plastic"] == 40 * 39 and start["weight_sd"] == pytest.approx(0.0, abs=1e-12)
    assert start["weight_mean"] == pytest.approx(network.weight_exc) and end["weight_sd"] > 1e-4
    assert "plastic" not in ours.run(tiny("brunel"), duration=1.0, seed=3, engine="clock")


def test_weights_that_end_elsewhere_are_not_compared(fake):
    network = replace(tiny("brunel_stdp"), n_exc=40, n_inh=2, p=1.0)
    mine = ours.run(network, duration=200.0, seed=1, engine="clock")
    same = {"seconds": 2.0, "build_s": 1.0, **{name: mine[name] for name in ("rate", "synapses", "plastic", "weight_mean", "weight_sd")}}
    options = Options(runs=1, duration=200.0, engine="clock")
    found = measure.simulation("brunel_stdp", network, replace(options, peer=fake(json.dumps(same))))
    assert found["peer_weight_sd"] == found["ours_weight_sd"] == mine["weight_sd"]
    for name in ("weight_mean", "weight_sd"):
        with pytest.raises(PeerError, match=r"Weights ended at .* in ours and at .* in nest, further apart than 20 % of their spread"):
            measure.check_weights([measure.named([("ours", mine), ("peer", same | {name: same[name] + 0.3 * same["weight_sd"]})])], "nest")


@pytest.mark.skipif(not peers.ready("nest"), reason="NEST is not set up: python -m benchmarks setup nest")
def test_nest_learns_the_same_weights():
    network = replace(parameters_of("brunel_stdp"), n_exc=1500, n_inh=375, p=0.2, weight_exc=0.12, weight_inh=-0.6, drive_weight=0.1)
    found = measure.simulation("brunel_stdp", network, Options(peer="nest", runs=1, duration=400.0, engine="clock"))
    run = found["runs"][0]
    assert run["peer_plastic"] == pytest.approx(run["ours_plastic"], rel=0.01) and found["ours_weight_sd"] > 0.002


def test_the_microcircuit_is_the_published_one():
    whole = microcircuit.circuit()
    assert whole.size == 77_169 and 298.8e6 < sum(map(sum, whole.synapses)) < 298.9e6
    assert whole.i_ext == (0.0,) * 8
    for i, row in enumerate(microcircuit.P):
        for j, p in enumerate(row):
            # The chance that none of the draws hits a given pair.
            none = (1.0 - 1.0 / (whole.sizes[i] * whole.sizes[j])) ** whole.synapses[i][j]
            assert 1.0 - none == pytest.approx(p, abs=1e-6)
            assert whole.weight[i][j] == pytest.approx((87.8 if j % 2 == 0 else -351.2) * (2.0 if (i, j) == (0, 2) else 1.0))
    # A current of 87.8 pA that decays in 0.5 ms lifts the potential by 0.15 mV at its peak.
    t = np.linspace(0.0, 10.0, 100_001)
    lift = 87.8 / 250.0 / (1.0 / 0.5 - 1.0 / 10.0) * (np.exp(-t / 10.0) - np.exp(-t / 0.5))
    assert lift.max() == pytest.approx(0.15, rel=1e-3)


def test_a_reduced_microcircuit_keeps_mean_and_variance_of_its_input():
    whole, part = microcircuit.circuit(), microcircuit.circuit(0.1)
    for i in range(8):
        moments = []
        for some in (whole, part):
            events = [n / some.sizes[i] * rate for n, rate in zip(some.synapses[i], some.reference, strict=True)]
            mean = sum(n * w for n, w in zip(events, some.weight[i], strict=True)) + some.drive_rate[i] * some.drive_weight
            spread = sum(n * w * w for n, w in zip(events, some.weight[i], strict=True)) + some.drive_rate[i] * some.drive_weight**2
            moments.append((1e-3 * some.tau_syn * mean + some.i_ext[i], spread))
        assert moments[1] == pytest.approx(moments[0], rel=0.01)


def test_a_description_of_the_microcircuit_draws_what_it_says():
    from snnsim.compiler.spiking import compile_spiking

    some = microcircuit.circuit(0.02)
    network = some.network(seed=1)
    assert tuple(network.populations[name].size for name in some.names) == some.sizes
    starts = network.populations["L4E"].model.v_init
    assert starts.max() < some.v_th and starts.mean() == pytest.approx(some.v_mean[2], abs=1.0)
    compiled = compile_spiking(network, seed=1, dt=DT)
    parts = {part.name: part for part in compiled.projections}
    for i, post in enumerate(some.names):
        for j, pre in enumerate(some.names):
            if some.synapses[i][j]:
                assert len(parts[f"{pre} -> {post}"].target) == some.synapses[i][j]
            else:
                assert f"{pre} -> {post}" not in parts
    wide = parts["L4I -> L4E"]
    assert wide.weight.max() <= 0.0 and wide.weight.mean() == pytest.approx(some.weight[2][3], rel=0.02)
    assert wide.weight.std() == pytest.approx(0.1 * abs(some.weight[2][3]), rel=0.1)
    assert wide.delay.min() >= DT - 1e-12 and np.allclose(wide.delay / DT, np.rint(wide.delay / DT))


def test_the_microcircuit_reports_rates_memory_and_build_of_both_sides(fake):
    some = microcircuit.circuit(0.01)
    rates = dict.fromkeys(some.names, 3.0)
    answer = f'{{"seconds": 2.0, "build_s": 1.0, "rate": 3.0, "rates": {rates}, "synapses": 10, "threads": 1, "peak": 5e9}}'
    found = microcircuit.compare(replace(some, tolerance=10.0), Options(peer=fake(answer), runs=1, scale=0.01, duration=100.0))
    assert {"workload", "peer", "ours_s", "peer_s", "ratio", "runs"} <= found.keys()
    assert found["ratio"] == 2.0 / found["ours_s"] and found["peer_realtime"] == pytest.approx(2.0 / 0.6)
    assert found["peer_peak_GB"] == 5.0 and 0.05 < found["ours_peak_GB"] < 4.0 and found["ours_build_s"] > 0.0
    assert found["rates"]["peer"] == rates and found["peer_off"] == pytest.approx(3.0 / 0.86 - 1.0)
    ours_rates = found["rates"]["ours"]
    mean = sum(ours_rates[name] * size for name, size in zip(some.names, some.sizes, strict=True)) / some.size
    assert found["ours_rate"] == pytest.approx(mean)
    assert found["rates_ok"] is None and found["synapses"] == found["runs"][0]["ours_synapses"]
    assert json.loads(json.dumps(found)) == found


@pytest.mark.skipif(not peers.ready("nest"), reason="NEST is not set up: python -m benchmarks setup nest")
def test_nest_runs_the_same_microcircuit():
    some = microcircuit.circuit(0.03)
    found = microcircuit.compare(some, Options(peer="nest", runs=1, scale=0.03, duration=2_000.0))
    run = found["runs"][0]
    assert run["peer_synapses"] == run["ours_synapses"] == sum(map(sum, some.synapses))
    assert found["peer_rate"] == pytest.approx(found["ours_rate"], rel=some.tolerance)
    for name in ("L4E", "L4I", "L5I", "L6I"):  # the rates of the others vary more from one drawn circuit to the next
        assert found["rates"]["peer"][name] == pytest.approx(found["rates"]["ours"][name], rel=0.15)


def test_what_a_new_process_refuses_is_said_in_its_own_words():
    job = {"parameters": asdict(microcircuit.circuit(0.002)), "duration": 501.0, "seed": 1, "threads": 1, "engine": "clock"}
    job["parameters"]["v_reset"] = job["parameters"]["v_th"] + 1.0
    with pytest.raises(SnnsimError, match=r"^LIFExp\.v_reset") as refused:
        ours.apart("circuit", job | {"precision": "double"})
    assert len(str(refused.value).splitlines()) == 1
    with pytest.raises(PeerError, match=r"(?s)Our own process stopped with code 1.*KeyError: 'precision'"):
        ours.apart("circuit", job)


def test_rates_are_counted_from_a_given_time_on():
    network = tiny("brunel")
    whole, late = (ours.run(network, duration=60.0, seed=3, engine="clock", counted_from=start) for start in (0.0, 30.0))
    assert whole["spikes"] == late["spikes"] > 0
    counted = [sum(run["rates"][name] * size for name, size in zip(network.names, network.sizes, strict=True)) for run in (whole, late)]
    assert counted[0] * 0.06 == pytest.approx(whole["spikes"])
    early = ours.run(network, duration=30.0, seed=3, engine="clock")["spikes"]
    assert counted[1] * 0.03 == pytest.approx(whole["spikes"] - early)


def test_a_circuit_off_its_published_rates_is_printed_and_ends_with_code_1(monkeypatch, capsys):
    found = {"workload": "microcircuit", "peer": None, "ours_off": 0.3, "rates_ok": False, "runs": []}
    monkeypatch.setattr(microcircuit, "measure", lambda _: found)
    code, out, err = benchmarks(monkeypatch, capsys, "microcircuit", "--json")
    assert code == 1 and json.loads(out) == found
    assert err == "benchmarks: a population of microcircuit fires 30 % off its published rate; see rates.\n"


def serial_or_not(monkeypatch, change):
    """Let the clock engine take threads, and change the description it is given where there are two."""
    from snnsim.engines import clock

    run = clock.run
    known = "threads" in inspect.signature(run).parameters

    def threaded(compiled, *, threads=1, duration, record, progress=None):
        more = {"threads": threads} if known else {}
        return run(compiled, duration=change(duration, threads), record=record, progress=progress, **more)

    monkeypatch.setattr(clock, "run", threaded)


def test_threads_compares_one_with_two(monkeypatch):
    serial_or_not(monkeypatch, lambda duration, threads: duration)
    found = threads.compare(tiny("brunel"), Options(runs=2, duration=40.0, engine="clock"))
    assert found["ratio"] == found["one_s"] / found["many_s"] and found["threads"] == 2 and len(found["runs"]) == 2
    assert {"workload", "peer", "ratio", "runs"} <= found.keys() and found["runs"][0]["spikes"] > 0


def test_threads_that_change_the_spikes_are_no_gain(monkeypatch):
    serial_or_not(monkeypatch, lambda duration, threads: duration / threads)
    with pytest.raises(SimulationError, match=r"2 threads made \d+ spikes and one made \d+"):
        threads.compare(tiny("brunel"), Options(runs=1, duration=40.0, engine="clock"))


def test_threads_asks_for_an_engine_that_takes_them(monkeypatch):
    from snnsim.engines import event

    run = event.run
    monkeypatch.setattr(event, "run", lambda compiled, *, duration, record, progress: run(compiled, duration=duration, record=record))
    with pytest.raises(CompileError, match="needs an engine that takes threads; the event engine ran on 1"):
        threads.compare(tiny("sparse"), Options(runs=1, duration=1.0, engine="event"))


def test_growth_divides_time_by_work():
    networks = {"clock": replace(tiny("cuba"), duration=20.0), "event": replace(parameters_of("sparse").scaled(2000), duration=20.0)}
    found = growth.compare(networks, Options(runs=1))
    for engine in networks:
        assert found[f"{engine}_growth"] == pytest.approx(found[f"{engine}_time_ratio"] / found[f"{engine}_work_ratio"])
        assert found[f"{engine}_work_ratio"] > 5.0
    assert found["ratio"] in (found["clock_growth"], found["event_growth"])


def test_work_is_what_was_delivered_and_updated():
    network = tiny("brunel")
    answer = ours.run(network, duration=10.0, seed=1, engine="clock")
    assert answer["updates"] == network.size * 100
    assert answer["drive"] == pytest.approx(network.size * 20_000.0 * 0.01, rel=0.1)
    assert growth.work(answer) == answer["synops"] + answer["drive"] + answer["updates"]


def test_limits_puts_every_run_beside_its_bound(monkeypatch):
    from snnsim.models.lif_exp import LIFExp

    monkeypatch.setattr(machine, "ENOUGH", 0.002)
    monkeypatch.setattr(limits, "STREAMS", {"L2": 1 << 16})
    found = limits.compare({"cuba": tiny("cuba"), "microcircuit": microcircuit.circuit(0.01)}, Options(runs=1, engine="clock"), share=0.005)
    assert found["stream_L2_GB_per_s"] > 0.1 and [run["workload"] for run in found["runs"]] == ["cuba", "microcircuit"]
    for run in found["runs"]:
        assert run["ratio"] == run["measured_s"] / run["bound_s"] and run["bound_s"] > 0.0
    states = LIFExp.update_operations["clock"]
    moved = 8 * (states["state_reads"] + states["state_writes"]) * 40 * 500  # 40 neurons, 500 steps; then two bytes of a synapse
    assert found["runs"][0]["moved_GB"] == pytest.approx(1e-9 * (moved + (2 + 16) * found["runs"][0]["synops"]))


def test_the_loops_that_measure_the_machine_do_what_they_say():
    state = np.ones(3)
    machine._stream.py_func(state, 0.5, 2)
    assert state.tolist() == [1.75] * 3
    target, first, weight = np.array([0, 2, 1, 2], dtype=np.uint16), np.array([2, 0, 2]), np.arange(4.0, dtype=np.float32)
    into, sums = np.zeros(3), np.zeros(3)
    machine._scatter.py_func(target, first, 2, into)
    machine._scatter_weights.py_func(target, weight, first, 2, sums)
    assert into == pytest.approx([0.1, 0.2, 0.3]) and sums.tolist() == [0.0, 4.0, 7.0]


def test_every_row_of_the_table_names_the_command_that_measures_it(monkeypatch, capsys, fake):
    from benchmarks.workloads import cuba, sparse

    name = fake()
    monkeypatch.setattr(cuba, "measure", lambda options: measure.simulation("cuba", tiny("cuba"), replace(options, duration=200.0)))
    monkeypatch.setattr(sparse, "measure", lambda _: (_ for _ in ()).throw(PeerError("no such luck\nat all")))
    code, out, _ = benchmarks(monkeypatch, capsys, "all", "cuba", "sparse", "--peer", name, "--runs", "1", "--markdown")
    rows = [line for line in out.splitlines() if line.startswith("| `")]
    assert code == 1 and len(rows) == 2
    assert re.fullmatch(r"\| `cuba --peer fake --runs 1` \| \S+ s \| 2 s \| \S+ \| \S+, 5 \|", rows[0]), rows[0]
    assert rows[1] == "| `sparse --peer fake --runs 1` | failed: no such luck |  |  |  |"


def test_the_plan_of_all_rows_has_both_ways_of_a_workload_and_no_peer_where_there_is_none():
    names = ("sparse", "microcircuit", "memory", "diehl_cook", "growth")
    rows = [(name, peer, bool(more)) for name, peer, more in table.plan(names, ("brian2", "nest", "bindsnet"))]
    assert rows == [
        ("sparse", "brian2", False),
        ("sparse", "brian2", True),
        ("sparse", "nest", False),
        ("microcircuit", "nest", False),
        ("memory", "brian2", False),
        ("memory", "brian2", True),
        ("memory", "nest", False),
        ("memory", "nest", True),
        ("diehl_cook", "bindsnet", False),
        ("growth", None, False),
    ]


def test_settle_counts_events_of_both_schedules():
    found = settle.compare(Options(runs=1), images=1)
    assert found["settled_ns_per_event"] > 0.0 and found["eager_synops_per_s"] > 0.0
    assert found["runs"][0]["settled_s"] == found["settled_s"]


def test_convert_speed_times_networks_that_equal_their_reference():
    found = convert_speed.compare(Options(runs=1), (2,), Size(tokens=3, width=8, heads=2, hidden=8, blocks=1))
    for case in ("digits2", "transformer"):
        assert found[f"{case}_ratio"] == found[f"{case}_graded_s"] / found[f"{case}_reference_s"]
        assert found[f"{case}_unary_s"] > 0.0


def test_the_first_spike_of_our_process_comes_when_it_should():
    from benchmarks.workloads import first_spike

    job = {"parameters": first_spike.asdict(first_spike.PARAMETERS)}
    command = [sys.executable, "-m", "benchmarks.probe", "first_spike"]
    done = subprocess.run(command, cwd=ROOT, input=json.dumps(job), capture_output=True, text=True, check=True)
    assert json.loads(done.stdout)["first_ms"] == pytest.approx(first_spike._expected(first_spike.PARAMETERS), abs=first_spike.TOLERANCE)


@pytest.mark.parametrize("name", workloads.ALONE)
def test_a_workload_without_a_peer_says_so(monkeypatch, capsys, fake, name):
    code, _, err = benchmarks(monkeypatch, capsys, name, "--peer", fake())
    assert code == 2 and f"workload {name} has no peer" in err


def test_a_workload_runs_beside_the_peers_that_have_it():
    assert "microcircuit" not in workloads.described("brian2") and workloads.described("bindsnet") == ("diehl_cook",)
    assert set(workloads.LACKING) <= set(peers.PEERS)
    assert all(set(lacking) <= set(workloads.COMPARED) for lacking in workloads.LACKING.values())
    assert set(workloads.COMPARED) == {name for peer in peers.PEERS for name in workloads.described(peer)}


def competing(**more):
    return replace(diehl_cook.PARAMETERS, n_inputs=30, n=6, active=10, steps=40, samples=2, **more)


SAMPLED = '{"seconds": 2.0, "fixed_s": 1.0, "build_s": 0.5, "rate": 3.0, "threads": 1}'


def test_our_side_of_the_competition_is_timed_learning_and_not(fake):
    found = diehl_cook.compare(competing(), Options(runs=1))
    assert found["ours_s"] > 0.0 and found["ours_fixed_s"] > 0.0 and found["ours_rate"] > 0.0
    other = SAMPLED.replace('"rate": 3.0', f'"rate": {found["ours_rate"]}')
    both = diehl_cook.compare(competing(), Options(peer=fake(other), runs=1))
    assert both["ratio"] == both["peer_s"] / both["ours_s"] and both["peer_fixed_s"] == 1.0


def test_both_sides_of_the_competition_get_the_same_input(monkeypatch, fake):
    seen = []

    def run(parameters, inputs, *, seed, threads):
        seen.append(inputs)
        return {"seconds": 0.5, "fixed_s": 0.25, "rate": 3.0}

    monkeypatch.setattr(diehl_cook.competition, "run", run)
    answer = '{"seconds": 2.0, "fixed_s": 1.0, "rate": 3.0, "inputs": job["inputs"]}'
    found = diehl_cook.compare(competing(), Options(peer=fake(answer), runs=2))
    assert (found["ours_s"], found["ratio"], found["ours_fixed_s"]) == (0.5, 4.0, 0.25)
    assert [run["peer_inputs"] for run in found["runs"]] == seen[1:] and len(seen[1]) == 2  # after one that compiles
    monkeypatch.setattr(diehl_cook.competition, "run", lambda *_, **__: {"seconds": 0.5, "fixed_s": 0.25, "rate": 4.0})
    with pytest.raises(PeerError, match="Mean rates differ by more than 20 %"):
        diehl_cook.compare(competing(), Options(peer="fake", runs=1))


def test_learning_off_is_compared_with_static_synapses(monkeypatch):
    network = tiny("brunel_stdp")
    found = learning_off.compare(network, Options(runs=2, duration=40.0, engine="clock"))
    assert found["ratio"] == found["off_s"] / found["static_s"] and found["runs"][0]["spikes"] > 0 and len(found["runs"]) == 2
    monkeypatch.setattr(learning_off, "without_learning", lambda _, **taken: {"seconds": 1.0, "spikes": -1})
    with pytest.raises(SimulationError, match=r"made -1 spikes without learning, and \d+ with static synapses"):
        learning_off.compare(network, Options(runs=1, duration=40.0, engine="clock"))


def test_every_workload_has_a_file_and_every_file_a_workload():
    files = {path.stem for path in (ROOT / "benchmarks" / "workloads").glob("*.py")} - {"__init__"}
    assert files == set(workloads.NAMES)
    with pytest.raises(ParameterError, match="Valid: cuba, "):
        workloads.find("cubba")


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["cubba"], "workload = 'cubba' is not known. Valid: cuba, .* Did you mean 'cuba'"),
        (["cuba", "--peer", "neuron"], "peer = 'neuron' is not known. Valid: brian2, nest, bindsnet"),
        (["setup", "nist"], "peer = 'nist' is not known. Valid: brian2, nest, bindsnet, snntorch, norse. Did you mean 'nest'?"),
        (["cuba", "--peer", "nest"], "Peer 'nest' is not set up. Run: python -m benchmarks setup nest"),
        (["cuba", "--engine", "tick"], "--engine = 'tick' is not known. Valid: auto, event, clock"),
        (["cuba", "--duration", "-1"], "--duration = -1 s must be > 0 s"),
        (["settle", "--duration", "1"], "--duration = 1 does not apply to settle"),
        (["settle", "--peer", "nest"], "workload settle has no peer|not set up"),
        (["growth", "--scale", "0.5"], "--scale = 0.5 does not apply to growth: only to cuba, "),
        (["cuba", "--scale", "2"], "--scale = 2 must be > 0 and <= 1"),
        (["cuba", "--precision", "half"], "--precision = 'half' is not known. Valid: double, single"),
        (["settle", "--precision", "single"], "--precision does not apply to settle"),
        (["microcircuit", "--peer", "brian2"], "--peer brian2: workload microcircuit is described for nest alone"),
        (["cuba", "--peer", "bindsnet"], "--peer bindsnet: workload cuba is described for brian2 and nest alone"),
        (["cuba", "--plastic"], "--plastic does not apply to cuba: only to memory"),
        (["cuba", "--drawn-in-advance"], "--drawn-in-advance does not apply to cuba: only to sparse"),
        (["sparse", "--drawn-in-advance"], "--drawn-in-advance is about Brian2's input. Add --peer brian2"),
        (["limits", "--threads", "2"], "workload limits measures one core"),
        (["growth", "--engine", "clock"], "workload growth runs both engines"),
        (["all", "cubba"], "workload = 'cubba' is not known"),
        (["all", "--peer", "nest"], "Peer 'nest' is not set up"),
        (["cuba", "--runs", "0"], "--runs"),
        (["cuba", "--speed", "1"], "No such option"),
    ],
)
def test_bad_input_gives_one_clear_line_and_code_2(monkeypatch, capsys, tmp_path, arguments, text):
    monkeypatch.setattr(peers, "ENVIRONMENTS", tmp_path)
    code, out, err = benchmarks(monkeypatch, capsys, *arguments)
    assert code == 2 and out == ""
    assert len(err.splitlines()) == 1
    assert re.search(text, err), err


def test_the_command_line_prints_json_and_a_table(monkeypatch, capsys, fake):
    from benchmarks.workloads import cuba

    monkeypatch.setattr(cuba, "PARAMETERS", tiny("cuba"))
    name = fake()
    code, out, _ = benchmarks(monkeypatch, capsys, "cuba", "--peer", name, "--json", "--runs", "1", "--duration", "0.2")
    assert code == 0 and {"workload", "peer", "ours_s", "peer_s", "ratio", "runs"} <= json.loads(out).keys()
    code, out, _ = benchmarks(monkeypatch, capsys, "cuba", "--peer", name, "--runs", "1", "--duration", "0.2")
    assert code == 0 and "cuba beside fake" in out and "ratio" in out


def test_help_names_every_workload():
    done = subprocess.run([sys.executable, "-m", "benchmarks", "--help"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0 and all(name in done.stdout for name in (*workloads.NAMES, *peers.PEERS, "setup", "all"))

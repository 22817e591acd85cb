"""The benchmarks run every workload at a tiny size; a peer is played by a few lines of Python. No time is asserted."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from dataclasses import replace
from importlib import import_module
from pathlib import Path

import pytest

from benchmarks import cli, measure, ours, peers, workloads
from benchmarks.measure import Options
from benchmarks.networks import DT, RandomNetwork
from benchmarks.peers import PeerError
from benchmarks.workloads import build, memory, settle
from snnsim.errors import ParameterError

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

    network, before = tiny("brunel"), clock._build
    found = ours.run(network, duration=50.0, seed=3, engine="clock")
    assert clock._build is before
    recorded = clock.run(compile_spiking(network.network(3), seed=3, dt=DT), duration=50.0, record={"exc": ["spikes"], "inh": ["spikes"]})
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


def test_networks_that_fire_at_different_rates_are_not_compared(fake):
    network = replace(tiny("cuba"), tolerance=0.05)
    other = fake('{"seconds": 2.0, "build_s": 1.0, "rate": 5000.0, "synapses": 10, "threads": 1}')
    with pytest.raises(PeerError, match=r"Mean rates differ by more than 5 %: ours \d.* Hz, fake 5000.000 Hz"):
        measure.simulation("cuba", network, Options(peer=other, runs=1, duration=5.0))


def test_a_peer_that_fails_is_reported_with_its_last_words(fake):
    with pytest.raises(PeerError, match=r"(?s)'fake' stopped with code 1.*ZeroDivisionError"):
        measure.simulation("cuba", tiny("cuba"), Options(peer=fake("1 / 0"), runs=1, duration=5.0))


def test_build_compares_build_times(fake):
    found = build.compare(tiny("brunel"), Options(peer=fake(), runs=1))
    assert found["peer_s"] == 1.0 and found["ratio"] == 1.0 / found["ours_s"]


def test_memory_compares_bytes_per_synapse(fake):
    found = memory.compare(parameters_of("brunel").scaled(1500), Options(peer=fake(), runs=1))
    assert found["peer_B"] == 9.0 and found["runs"][0]["peer_peak_B"] == 18.0 and found["ours_B"] > 0.0


def test_settle_counts_events_of_both_schedules():
    found = settle.compare(Options(runs=1), images=1)
    assert found["settled_ns_per_event"] > 0.0 and found["eager_synops_per_s"] > 0.0
    assert found["runs"][0]["settled_s"] == found["settled_s"]


def test_the_first_spike_of_our_process_comes_when_it_should():
    from benchmarks.workloads import first_spike

    job = {"parameters": first_spike.asdict(first_spike.PARAMETERS)}
    command = [sys.executable, "-m", "benchmarks.probe", "first_spike"]
    done = subprocess.run(command, cwd=ROOT, input=json.dumps(job), capture_output=True, text=True, check=True)
    assert json.loads(done.stdout)["first_ms"] == pytest.approx(first_spike._expected(first_spike.PARAMETERS), abs=first_spike.TOLERANCE)


def test_every_workload_has_a_file_and_every_file_a_workload():
    files = {path.stem for path in (ROOT / "benchmarks" / "workloads").glob("*.py")} - {"__init__"}
    assert files == set(workloads.NAMES)
    with pytest.raises(ParameterError, match="Valid: cuba, "):
        workloads.find("cubba")


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["cubba"], "workload = 'cubba' is not known. Valid: cuba, .* Did you mean 'cuba'"),
        (["cuba", "--peer", "neuron"], "peer = 'neuron' is not known. Valid: brian2, nest"),
        (["setup", "nist"], "peer = 'nist' is not known. Valid: brian2, nest. Did you mean 'nest'?"),
        (["cuba", "--peer", "nest"], "Peer 'nest' is not set up. Run: python -m benchmarks setup nest"),
        (["cuba", "--engine", "tick"], "--engine = 'tick' is not known. Valid: auto, event, clock"),
        (["cuba", "--duration", "-1"], "--duration = -1 s must be > 0 s"),
        (["settle", "--duration", "1"], "--duration = 1 does not apply to settle"),
        (["settle", "--peer", "nest"], "workload settle has no peer|not set up"),
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
    assert done.returncode == 0 and all(name in done.stdout for name in (*workloads.NAMES, *peers.PEERS, "setup"))

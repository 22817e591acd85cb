"""The workload mlp_lif: the same spikes on both sides, or no figures."""

import json
from dataclasses import replace

import numpy as np
import pytest

from benchmarks import peers
from benchmarks.measure import Options
from benchmarks.peers import PeerError
from benchmarks.perceptron import GRAIN, Perceptron
from benchmarks.workloads import mlp_lif

SMALL = Perceptron(sizes=(50, 40, 30, 5), steps=60, activity=0.2, busy=0.5)


@pytest.mark.parametrize("precision", ["double", "single"])
@pytest.mark.parametrize("peer", ["snntorch", "norse"])
def test_both_sides_make_the_same_spikes_and_are_timed(peer, precision, monkeypatch):
    pytest.importorskip(peer)
    monkeypatch.setattr(mlp_lif, "TIMES", 1)
    found = mlp_lif.compare(SMALL, Options(peer=peer, runs=1, precision=precision))
    assert found["ratio"] == found["peer_s"] / found["ours_s"]
    assert found["busy_ratio"] == found["peer_busy_s"] / found["ours_busy_s"]
    assert found["ours_busy_rate"] > found["ours_rate"] > 5.0 and found["peer_build_s"] > 0.0 and found["ours_build_s"] > 0.0


def test_a_peer_with_other_spikes_is_not_compared(monkeypatch, tmp_path):
    script = tmp_path / "peer.py"
    answer = {f"{name}_{what}": value for name in mlp_lif.SIDES for what, value in (("seconds", 1.0), ("digest", "other"), ("spikes", [3]))}
    script.write_text(f"input(); print('{{}}', flush=True); input(); print({json.dumps(answer | {'build_s': 1.0})!r}, flush=True)\n")
    monkeypatch.setitem(peers.PEERS, "snntorch", replace(peers.PEERS["snntorch"], script=script, here="json"))
    monkeypatch.setattr(mlp_lif, "TIMES", 1)
    with pytest.raises(PeerError, match=r"Spikes of the layers are not the same \(sparse input\): ours made \[\d+, .*snntorch \[3\]"):
        mlp_lif.compare(SMALL, Options(peer="snntorch", runs=1))


def test_without_a_peer_there_is_no_ratio(monkeypatch):
    monkeypatch.setattr(mlp_lif, "TIMES", 1)
    found = mlp_lif.compare(SMALL, Options(runs=2))
    assert found["ratio"] is None and "busy_ratio" not in found and len(found["runs"]) == 2


def test_weights_are_multiples_so_small_that_single_precision_sums_them_exactly():
    parameters = Perceptron()
    for weight in parameters.weights(1):
        assert np.array_equal(weight * GRAIN, np.rint(weight * GRAIN))
        assert 8.0 * GRAIN * np.abs(weight).sum(axis=1).max() < 2**24
    assert parameters.inputs(0.1, 3).mean() == pytest.approx(0.1, abs=0.01)


def test_a_peer_at_hand_needs_no_environment(monkeypatch, tmp_path):
    monkeypatch.setattr(peers, "ENVIRONMENTS", tmp_path)
    monkeypatch.setitem(peers.PEERS, "snntorch", replace(peers.PEERS["snntorch"], here="json"))
    assert peers.ready("snntorch") and "bin" in str(peers.python_of("snntorch"))
    monkeypatch.setitem(peers.PEERS, "snntorch", replace(peers.PEERS["snntorch"], here="no_such_module"))
    with pytest.raises(PeerError, match="'snntorch' is not set up"):
        peers.python_of("snntorch")

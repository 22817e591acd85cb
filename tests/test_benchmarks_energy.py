"""The benchmarks of counting, of the energy report and of analog chips at a tiny size. No time is asserted."""

from __future__ import annotations

import ast
import re
from dataclasses import replace

import pytest

import snnsim as sim
from benchmarks import uncounted
from benchmarks.measure import Options
from benchmarks.workloads import chips, counting, energy_report, sparse
from snnsim.errors import SimulationError

KERNELS = sorted((uncounted.ROOT / "kernels").glob("*.py"))


def test_every_rule_for_taking_the_counting_out_still_finds_its_place():
    done = {path.name: uncounted.without_counting(path.read_text(encoding="utf-8"), path.name)[1] for path in KERNELS}
    for file, names in uncounted.EMPTIED.items():
        assert done[file].emptied == len(names), file
    for file, rules in uncounted.REPLACED.items():
        assert done[file].replaced == len(rules), file
    for file in uncounted.OWN_COUNTERS:
        assert done[file].removed > 0, file
    models = {path.name for path in KERNELS if re.search(r"^ +tally\[.*\+=", path.read_text(encoding="utf-8"), re.MULTILINE)}
    assert {"lif.py", "frozen.py", "threshold.py"} <= models and all(done[file].removed + done[file].emptied for file in models)


def test_only_writes_to_counters_are_taken_out():
    source = (
        "def f(tally, v, marks):\n    tally[0] += g(v)\n    tally[1], v[0] = 1, 2\n    marks[0] = 1\n    x.tally[0], x.tally[1] = 1, 2\n"
    )
    text, remover = uncounted.without_counting(source, "other.py")
    assert remover.removed == 2
    assert [ast.unparse(each) for each in ast.parse(text).body[0].body] == ["g(v)", "tally[1], v[0] = (1, 2)", "marks[0] = 1", "pass"]


def test_both_sides_of_counting_end_in_the_same_bits_and_one_of_them_counts_less():
    network = replace(sparse.PARAMETERS.scaled(300), duration=20.0)
    found = counting.compare({"event": ("event", network)}, 0, Options(runs=1))
    assert found["event_ratio"] == found["event_s"] / found["event_bare_s"] == found["ratio"] and found["event_counts_s"] > 0.0


@pytest.mark.parametrize(
    ("plain", "text"),
    [({"bits": "b", "counted": 0}, "ends in other bits"), ({"bits": "a", "counted": 9}, "counts 9 operations where nothing")],
)
def test_sides_that_cannot_be_compared_are_refused(plain, text):
    with pytest.raises(SimulationError, match=text):
        counting.check("case", {"bits": "a", "counted": 9}, plain)


def test_the_energy_report_has_a_row_for_every_profile_and_implementation(digits):
    model, inputs, _, _ = digits
    found = energy_report.compare(model, inputs[:2], Options(runs=1))
    assert found["ours_s"] == found["compare_s"] + found["save_s"] and found["profiles"] == len(sim.profile_names())
    assert found["runs"][0]["rows"] == 4 * found["profiles"]  # fp32, integers dense and zero-skipping; spikes


def test_chips_are_studied_calibrated_and_not():
    found = chips.compare(Options(runs=1), 2, 20)
    assert 0.0 <= found["chips_low"] <= found["chips_accuracy"] <= found["chips_high"] <= 1.0
    assert found["raw_accuracy"] < found["chips_accuracy"] and found["chips_spikes"] > 1000.0

"""Many chips: the same bits on any number of threads, and honest intervals."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

import snnsim as sim
from snnsim.errors import ParameterError


@pytest.fixture(scope="module")
def model():
    graph, _ = sim.data.load_model("digits")
    return sim.convert(graph, sim.data.patches(sim.data.load_digits("train")[0][:128]))


@pytest.fixture(scope="module")
def held_out():
    images, labels = sim.data.load_digits("test")
    return sim.data.patches(images[:60]), labels[:60].astype(int)


def test_a_study_is_its_chips_one_by_one_on_any_number_of_threads(model, held_out):
    one, two = (
        sim.monte_carlo(
            model, *held_out, "brainscales2", n=4, seed=7, threads=threads, counted=3, recover="channels", calibration=held_out[0]
        )
        for threads in (1, 2)
    )
    assert (one.accuracy == two.accuracy).all()
    assert one.counts == two.counts
    for seed, accuracy, counts in zip(one.seeds, one.accuracy, one.counts, strict=True):
        chip = sim.fabricate(model, "brainscales2", seed=int(seed), calibration=held_out[0], recover="channels")
        result = chip(held_out[0], code="graded")
        assert (chip.scores(result).argmax(axis=1) == held_out[1]).mean() == accuracy
        assert chip(held_out[0][:3], code="graded").counts == counts
    assert list(one.seeds) == [7, 8, 9, 10]
    assert len(set(one.accuracy)) + len(set(one.per_inference("spikes"))) > 2


def test_without_labels_a_study_tells_the_agreement_with_the_model(model, held_out):
    assert (sim.monte_carlo(model, held_out[0], device="ideal", n=2).accuracy == 1.0).all()
    model_answers = model.scores(model(held_out[0], code="graded")).argmax(axis=1)
    rough = sim.AnalogDevice(mismatch=0.5)
    plain, labelled = (sim.monte_carlo(model, held_out[0], labels, rough, n=2) for labels in (None, model_answers))
    assert (plain.accuracy == labelled.accuracy).all()
    assert (plain.accuracy < 1.0).all()


def test_energy_follows_from_the_counts_of_a_chip(model, held_out):
    study = sim.monte_carlo(model, *held_out, n=1, counted=5)
    assert study.per_inference("spikes")[0] * 5 == study.counts[0].total("spikes")
    chip, ideal = sim.fabricate(model), model(held_out[0][:5], code="graded")
    for kind in ("macs", "adc_conversions", "dac_conversions", "crossbar_reads"):
        assert study.per_inference(kind)[0] == chip.analog().total(kind) > 0
    assert study.per_inference("macs", "neuron")[0] == 0
    assert study.counts[0].total("synops") < ideal.counts.total("synops") / 4
    energy = sim.estimate_energy(study.counts[0], "horowitz45", per=5).total
    assert 0.0 < energy.nominal < sim.estimate_energy(ideal.counts, "horowitz45", per=5).total.nominal


def test_the_interval_is_that_of_student_for_many_chips():
    accuracy = 0.9 + 0.02 * np.random.default_rng(0).standard_normal(200)
    study = sim.ChipStudy(sim.AnalogDevice(), np.arange(200), accuracy, 0, ())
    wanted = stats.t.interval(0.95, 199, accuracy.mean(), stats.sem(accuracy))
    assert study.interval() == pytest.approx(wanted, abs=2e-4)
    narrow, wide = study.interval(0.5), study.interval(0.99)
    assert wide[0] < narrow[0] < study.mean < narrow[1] < wide[1]
    assert study.interval() == study.interval()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"n": 0}, "monte_carlo.n = 0 must be >= 1"),
        ({"labels": np.zeros(3, dtype=int)}, r"monte_carlo.labels has shape \(3,\)"),
        ({"labels": np.zeros(60)}, "dtype float64"),
        ({"counted": 61}, "monte_carlo.counted = 61 must be <= 60"),
        ({"threads": 0}, "monte_carlo.threads = 0 must be >= 1"),
        ({"progress": 1}, "monte_carlo.progress = 1 must be a function"),
        ({"code": "morse"}, "monte_carlo.code = 'morse' is not known"),
        ({"schedule": "timed"}, "monte_carlo.schedule = 'timed' is not known"),
        ({"device": "flash"}, "fabricate.device = 'flash' is not known"),
        ({"device": "pcm", "time": 1.0}, "must be >= PCM.t_0"),
    ],
)
def test_bad_requests_are_refused(model, held_out, change, said):
    with pytest.raises(ParameterError, match=said):
        sim.monte_carlo(model, **{"inputs": held_out[0], "labels": held_out[1], **change})


def test_operations_that_were_not_counted_are_not_told(model, held_out):
    study = sim.monte_carlo(model, *held_out, n=1)
    with pytest.raises(ParameterError, match="counted >= 1"):
        study.per_inference("spikes")
    with pytest.raises(ParameterError, match="must be < 1"):
        study.interval(1.0)


def test_labels_that_no_score_has_are_refused(model, held_out):
    inputs, _ = held_out
    with pytest.raises(ParameterError, match="labels = 400 must be <= 9"):
        sim.monte_carlo(model, inputs[:2], [1, 400], n=1)


@pytest.mark.parametrize("wrong", [{"mismatch": 1e300}, {"converter_gain": 1e9}, {"read_noise": 1e300, "adc_bits": 8}])
def test_imperfections_past_all_measure_are_refused(wrong):
    with pytest.raises(ParameterError, match="must be <= "):
        sim.AnalogDevice(**wrong)


@pytest.mark.parametrize("setting", [{"code": "unary"}, {"schedule": "eager"}])
def test_how_to_run_spikes_is_refused_where_none_are_run(model, held_out, setting):
    with pytest.raises(ParameterError, match="is of runs in spikes, and counted = 0 asks for none. Give counted >= 1"):
        sim.monte_carlo(model, held_out[0], n=1, **setting)

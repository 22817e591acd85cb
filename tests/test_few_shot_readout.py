"""The example that lets a frozen transformer learn a new digit: what it claims, and the parts it is made of."""

from __future__ import annotations

import re
import runpy
from pathlib import Path

import numpy as np
import pytest

import snnsim as sim

FOLDER = Path(__file__).resolve().parents[1] / "examples"


@pytest.fixture(scope="module")
def example():
    return runpy.run_path(str(FOLDER / "few_shot_readout.py"))


@pytest.fixture(scope="module")
def printed():
    """What the example prints, as `test_examples` holds it to: (layer, nines shown) -> [(nines, others) of readout, mean, probe]."""
    text = (FOLDER / "few_shot_readout.out").read_text()
    rows = {}
    for layer, shots, rest in re.findall(r"^(pool|block1\.hidden) +(\d+|none)(.*)$", text, re.MULTILINE):
        pairs = re.findall(r"(?:([\d.]+) \([ \d.]+\)|-) \| ([\d.]+)", rest)
        rows[layer, shots] = [(float(new or "nan"), float(others)) for new, others in pairs]
    return rows


def test_the_new_digit_is_learned_nearly_as_well_as_by_the_nearest_mean_and_better_than_by_a_probe_of_few_examples(printed):
    for shots, least in (("1", 30.0), ("2", 50.0), ("5", 75.0), ("10", 75.0)):
        (spiking, _), (mean, _), (probe, _) = printed["block1.hidden", shots]
        assert spiking > least  # chance is 10 %
        assert spiking > probe
        assert spiking > mean - (20.0 if shots in ("1", "2") else 6.0)


def test_the_known_digits_lose_less_than_two_points(printed):
    for layer in ("pool", "block1.hidden"):
        [(_, before)] = printed[layer, "none"]
        assert before > 98.0
        for shots in ("1", "2", "5", "10"):
            (_, after), (_, mean), _ = printed[layer, shots]
            assert before - 2.0 < after < before + 0.5
            assert after > mean - 1.0


def test_the_layer_of_the_classifier_holds_less_of_the_new_digit_than_the_one_before(printed):
    for method in range(3):
        assert printed["pool", "10"][method][0] < printed["block1.hidden", "10"][method][0]
    assert printed["pool", "10"][0][0] < printed["pool", "10"][2][0] - 10.0  # there the probe is better


def test_a_line_fires_as_often_as_it_should_while_its_image_is_shown(example):
    counts = np.random.default_rng(3).integers(0, 40, (4, 7))
    source = example["trains"](counts)
    image = (source.times // 200.0).astype(int)
    np.testing.assert_array_equal(np.histogram2d(image, source.indices, bins=(range(5), range(8)))[0], counts)
    assert ((source.times % 200.0) <= 100.0).all()


def brute_force(example, counts, digits):
    """Every pair of a line's spike and a later spike of the taught neuron; then one length."""
    source, weights, beats = example["trains"](counts), np.zeros((counts.shape[1], 10)), np.arange(6.0, 100.0, 10.0)
    step = example["STEP"]
    on_grid = np.ceil(source.times / step * (1.0 - 1e-12) - 1e-9) * step
    for k, digit in enumerate(digits):
        for line in range(counts.shape[1]):
            # A dendritic delay of 1 ms: a spike of the neuron is at the synapse 1 ms late, one of the line at once.
            earlier = on_grid[(source.indices == line) & (source.times > 200.0 * k) & (source.times <= 200.0 * (k + 1))]
            lags = 200.0 * k + beats[:, None] + 1.0 - earlier
            weights[line, digit] += example["RATE"] * example["LENGTH"] * np.exp(-lags[lags > 0.0] / 20.0).sum()
        weights[:, digit] *= example["LENGTH"] / np.linalg.norm(weights[:, digit])
    return weights


def test_lessons_make_the_taught_neurons_fire_alone_and_their_weights_a_running_mean(example):
    counts, digits = np.random.default_rng(5).integers(0, 30, (5, 6)), np.array([3, 9, 3, 0, 9])
    result = example["learn"](counts, digits)
    spikes = result.spikes["readout"]
    np.testing.assert_array_equal(np.sort(spikes.indices), np.sort(np.repeat(digits, 10)))
    np.testing.assert_array_equal(spikes.indices, np.repeat(digits, 10))
    weights = result.recordings["lines -> readout"]["weight"].values[-1].reshape(6, 10)
    np.testing.assert_allclose(weights, brute_force(example, counts, digits), rtol=1e-3, atol=0.5)  # traces last beyond the pause
    assert result.counts.layers["lines -> readout"]["plasticity_updates"] > 10 * counts.sum()


def test_with_tonic_lines_the_strongest_drive_is_that_of_the_nearest_mean(example):
    random = np.random.default_rng(1)
    means = random.gamma(0.5, 8.0, (10, 40))
    examples, digits = np.maximum(means + random.normal(0.0, 4.0, means.shape), 0.0), np.arange(10)
    tests = np.maximum(means[random.integers(10, size=300)] + random.normal(0.0, 8.0, (300, 40)), 0.0)
    nearest = example["nearest_mean"](examples, digits, tests)
    agree = []
    for tonic in (0.0, 1.0, 10.0):
        strength = tonic * np.linalg.norm(examples, axis=1).max()
        long, seen = (np.pad(x, ((0, 0), (0, 1)), constant_values=strength) for x in (examples, tests))
        agree.append(((seen @ (long / np.linalg.norm(long, axis=1, keepdims=True)).T).argmax(axis=1) == nearest).mean())
    assert agree[0] < agree[1] < agree[2]
    assert agree[2] > 0.99


def test_the_neuron_driven_most_fires_most(example):
    random = np.random.default_rng(2)
    tonic, lines = example["TONIC"], 40
    means = random.gamma(0.6, 8.0, (10, lines))
    digits = random.integers(10, size=40)
    counts = random.poisson(means[digits])
    counts, long = (np.pad(x, ((0, 0), (0, tonic)), constant_values=example["TONIC_SPIKES"]) for x in (counts, means))
    weights = example["LENGTH"] * (long / np.linalg.norm(long, axis=1, keepdims=True)).T
    said = example["answer"](counts, [weights, weights[:, ::-1]])
    assert (said[0] == (counts @ weights).argmax(axis=1)).mean() > 0.9
    assert (said[1] == 9 - said[0]).mean() > 0.95  # ties aside, the place of a neuron does not matter


def test_the_second_transformer_has_not_seen_a_nine_and_reads_the_others_as_well_as_is_stored():
    graph, about = sim.data.load_model("digits_without_9")
    assert graph.output.shape == (9,)
    assert about["made_by"].endswith("--without 9")
    images, labels = sim.data.load_digits("test")
    known = labels != 9
    named = graph.evaluate(sim.data.patches(images[known]))["logits"].argmax(axis=1)
    assert (named == labels[known]).mean() == pytest.approx(about["held_out_accuracy"], abs=1e-4)


def test_training_without_a_digit_leaves_it_out_and_numbers_the_others_in_order():
    pytest.importorskip("torch", reason="torch comes with the test extra")
    digits = runpy.run_path(str(FOLDER / "train_digits_transformer.py"))["digits"]
    images, labels = sim.data.load_digits("train")
    kept, classes = digits("train", 3)
    assert len(kept) == (labels != 3).sum()
    np.testing.assert_array_equal(kept, images[labels != 3])
    np.testing.assert_array_equal(classes + (classes >= 3), labels[labels != 3])

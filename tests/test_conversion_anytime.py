"""Outputs over time, what they can still become, and frames that follow one another."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from random_graphs import random_graph, random_inputs, random_spatial_graph

from snnsim.compiler.integer import compile_integer
from snnsim.conversion.anytime import anytime, still_possible
from snnsim.conversion.lower import lower
from snnsim.engines.settle import CODES, run_integer
from snnsim.errors import ParameterError
from snnsim.graph.intervals import bounds_of

SEEDS = st.integers(0, 2**32 - 1)


@settings(max_examples=25)
@given(seed=SEEDS, code=st.sampled_from(list(CODES)), make=st.sampled_from([random_graph, random_spatial_graph]))
def test_in_every_step_the_final_state_of_every_layer_lies_within_its_bounds(seed, code, make):
    graph = make(seed)
    compiled = compile_integer(lower(graph))
    inputs = random_inputs(graph, 2, seed)
    final = graph.evaluate(inputs)
    record = {layer.name: ["s"] for layer in graph.inputs}
    result = run_integer(compiled, inputs=inputs, schedule="eager", code=code, seed=0, threads=1, record=record)
    emitted = {name: kinds["s"].values for name, kinds in result.recordings.items()}
    widths = []
    for step in range(len(emitted[graph.inputs[0].name])):
        possible = {each.name: still_possible(code, emitted[each.name][step], step, *each.unit.bounds()) for each in graph.inputs}
        bounds = bounds_of(graph, possible)
        for name, each in bounds.items():
            assert (each.acc_low <= final[name].acc).all()
            assert (final[name].acc <= each.acc_high).all()
            assert (each.low <= final[name].s).all()
            assert (final[name].s <= each.high).all()
        widths.append(sum(int((each.acc_high - each.acc_low).sum()) for each in bounds.values()))
    bits = max(max(map(abs, each.unit.bounds())) for each in graph.inputs).bit_length()
    assert widths[-1] == 0 or (code == "signed_digit" and len(widths) <= bits)  # all inputs have been heard
    assert code == "signed_digit" or all(later <= earlier for earlier, later in pairwise(widths))


def test_scores_over_time_begin_at_the_bias_and_end_in_the_answer(digits):
    model, inputs, labels, settled = digits
    for code in CODES:
        run = anytime(model, inputs[:6], code=code, bounds=True)
        assert (run.scores[-1] == model.scores(settled)[:6]).all()
        assert (np.diff(run.spikes, axis=0) >= 0).all()
        assert (run.spikes[0] == 0).all()
        assert run.spikes[-1].sum() == model(inputs[:6], code=code, schedule="eager").counts.total("spikes")
        final = run.scores[-1]
        assert ((run.low <= final + 1e-9) & (final <= run.high + 1e-9)).all()
        decided = run.decided()
        assert decided[-1].all()
        assert not decided[0].any()
        assert (run.scores[-1].argmax(-1) == run.low.argmax(-1))[decided].all()
        assert run.accuracy(labels[:6])[-1] == (model.scores(settled)[:6].argmax(-1) == labels[:6]).mean()


def test_a_timed_run_stops_and_says_whether_all_are_silent(digits):
    model, inputs, _, settled = digits
    whole = anytime(model, inputs[:4], code="unary")
    needed = int(whole.times[-1])
    for steps in (1, 3, needed - 1, needed, needed + 5):
        result = model(inputs[:4], code="unary", schedule="timed", steps=steps)
        assert (result.steps <= steps).all()
        assert (model.scores(result) == whole.scores[min(steps, needed)]).all()
        assert result.counts.total("spikes") == whole.spikes[min(steps, needed)].sum()
        assert result.silent.all() == (steps >= needed)
        onwards = model(inputs[:4], code="unary", start=result.state)
        assert all((onwards.values[name] == settled.values[name][:4]).all() for name in onwards.values)
        assert onwards.silent.all()


@pytest.mark.parametrize("code", list(CODES))
def test_frames_cost_what_has_changed_since_the_last_one(digits, code):
    model, inputs, _, _ = digits
    frames = [inputs[:2].copy() for _ in range(4)]
    frames[2][:, 5, 2] = (frames[2][:, 5, 2] + 1) % 17
    frames[3][:] = inputs[2:4]
    fresh = [model(frame, code=code) for frame in frames]
    results = list(model.stream(iter(frames), code=code))
    for one, other in zip(fresh, results, strict=True):
        assert all((one.values[name] == other.values[name]).all() for name in one.values)
    first, same, one_pixel, another = (result.counts.total("synops") for result in results)
    assert same == 0
    assert 0 < one_pixel < another
    assert one_pixel < 0.75 * first  # attention and norms carry a pixel to most units


def test_synops_of_a_frame_are_proportional_to_the_pixels_that_change():
    random = np.random.default_rng(3)
    graph = random_graph(11)
    compiled = compile_integer(lower(graph))
    inputs = random_inputs(graph, 1, 5)["in"]
    edge = next(key for key in compiled.projections if key.startswith("in ->"))
    for code in CODES:
        first = run_integer(compiled, inputs=inputs, schedule="settled", code=code, seed=0)
        cost = []
        for n in range(1, inputs.size + 1):
            changed = inputs.copy().ravel()
            places = random.permutation(inputs.size)[:n]
            changed[places] += np.where(changed[places] < 9, 1, -1)
            second = run_integer(compiled, inputs=changed.reshape(inputs.shape), schedule="settled", code=code, seed=0, start=first.state)
            cost.append(second.counts.layers[edge]["synops"])
        width = graph.layers["embed"].shape[-1]
        assert cost == [n * width for n in range(1, inputs.size + 1)]


def test_bad_arguments_are_refused_with_the_rule(digits):
    model, inputs, _, _ = digits
    with pytest.raises(ParameterError, match="asks for 'acc' over time, but schedule 'settled'"):
        model(inputs[:1], record={"logits": ["acc"]})
    with pytest.raises(ParameterError, match="steps is missing"):
        model(inputs[:1], schedule="timed")
    with pytest.raises(ParameterError, match="steps = 3 belongs to schedule 'timed'"):
        model(inputs[:1], steps=3)
    with pytest.raises(ParameterError, match="steps = 0 must be >= 1"):
        model(inputs[:1], schedule="timed", steps=0)
    run = anytime(model, inputs[:2], steps=2)
    with pytest.raises(ParameterError, match="needs the bounds"):
        run.decided()
    with pytest.raises(ParameterError, match="one class for each of 2 trials"):
        run.accuracy([1, 2, 3])

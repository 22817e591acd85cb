"""Generation: the state of a decoder is its cache, and every token is that of the integer program."""

from __future__ import annotations

import dataclasses
import warnings

import numpy as np
import pytest

import snnsim as sim
from snnsim.conversion.cache import TokenCache
from snnsim.conversion.generate import generate, generate_by_reference, sampled
from snnsim.engines.settle import CODES, SCHEDULES
from snnsim.errors import ParameterError
from snnsim.graph.integer import ProductEdge
from snnsim.graph.operations import ann_operations

torch = pytest.importorskip("torch")

from snnsim.zoo.encoder_decoder import DateTranslator  # noqa: E402  (needs torch)
from snnsim.zoo.gpt import CharGPT  # noqa: E402

CONTEXT = 6


def decoder(causal: bool = True):
    """A character transformer with random weights, large enough that its tokens differ."""
    torch.manual_seed(1)
    module = CharGPT("abcdefghijk", context=CONTEXT, width=8, heads=2, layers=2).eval()
    with torch.no_grad():
        for parameter in module.parameters():
            if parameter.ndim > 1:
                parameter.mul_(3.0)
    if not causal:
        for block in module.blocks:
            block.attention.forward = lambda x, plain=block.attention.proj: plain(x.mean(dim=1, keepdim=True).expand_as(x))
    ids = torch.randint(0, 11, (512, CONTEXT))
    return sim.convert(module, ids), ids.numpy()


@pytest.fixture(scope="module")
def gpt():
    return decoder()


@pytest.fixture(scope="module")
def translator():
    torch.manual_seed(2)
    module = DateTranslator(width=8, heads=2, hidden=8, layers=1).eval()
    source, target = torch.randint(0, 60, (256, 36)), torch.randint(0, 12, (256, 10))
    return sim.convert(module, (source, target)), source.numpy()


@pytest.mark.parametrize("schedule", [name for name in SCHEDULES if name != "timed"])
@pytest.mark.parametrize("code", list(CODES))
def test_a_decoder_generates_the_tokens_of_the_integer_program_past_the_end_of_its_context(gpt, code, schedule):
    model, ids = gpt
    prompt = ids[:2, :2]
    got = generate(model, prompt, 8, code=code, schedule=schedule, seed=3)
    assert (got.tokens == generate_by_reference(model, prompt, 8).tokens).all()
    assert got.tokens.shape == (2, 10)
    assert len(got.counts) == 8
    assert got.refilled == (5,)
    assert len(np.unique(got.tokens)) > 2


def test_units_up_to_the_last_token_hold_what_the_integer_program_computes(gpt):
    model, ids = gpt
    cache = TokenCache(model, code="unary", schedule="shuffled")
    for length in (2, 3, 5, CONTEXT):
        scores, result = cache.feed(ids[:3, :length])
        reference = model.reference(cache.padded(ids[:3, :length]))
        for name, awake in cache.awake(length).items():
            assert (result.values[name][:, awake] == reference[name].s[:, awake]).all()
            assert (result.accumulators[name][:, awake] == reference[name].acc[:, awake]).all()
            assert not result.values[name][:, ~awake].any()
        assert (scores == model.outputs(reference)["head"][:, length - 1]).all() if "head" in model.coding.outputs else True
    assert all(awake.all() for awake in cache.awake(CONTEXT).values())


def test_a_token_costs_its_own_position_and_all_tokens_together_what_the_whole_text_costs(gpt):
    model, ids = gpt
    cache = TokenCache(model, code="graded")
    costs = [cache.feed(ids[:1, :length])[1].counts for length in range(1, CONTEXT + 1)]
    whole = model(ids[:1], code="graded").counts
    assert sum(cost.total("spikes") for cost in costs) == whole.total("spikes")
    assert sum(cost.total("synops") for cost in costs) == whole.total("synops")
    for name, layer in model.integer_graph.layers.items():
        driven = [cost.layers[name].get("updates_driven", 0) for cost in costs]
        if layer.unit.label in ("spiking", "group"):
            assert driven == [layer.shape[0] * layer.shape[-1] if len(layer.shape) == 3 else layer.shape[-1]] * CONTEXT


def test_what_comes_later_changes_nothing_before(gpt):
    model, ids = gpt
    cache, other = TokenCache(model), TokenCache(model, pad=7)
    for length in (1, 4):
        one, two = cache.feed(ids[:2, :length])[0], other.feed(ids[:2, :length])[0]
        assert (one == two).all()


def test_a_saved_decoder_generates_the_same_tokens(gpt, tmp_path):
    model, ids = gpt
    sim.save_converted(model, tmp_path / "gpt.npz")
    loaded = sim.load_converted(tmp_path / "gpt.npz")
    one, other = (generate(each, ids[:2, :2], 4, code="graded") for each in (model, loaded))
    assert (one.tokens == other.tokens).all()
    assert [cost.to_dict() for cost in one.counts] == [cost.to_dict() for cost in other.counts]


def test_an_encoder_decoder_reads_its_source_once(translator):
    model, source = translator
    start = np.zeros((2, 1), dtype=int)
    given = {"tokens": "tgt", "inputs": {"src": source[:2]}}
    got = generate(model, start, 9, **given, code="graded")
    assert (got.tokens == generate_by_reference(model, start, 9, **given).tokens).all()
    encoder = [name for name in got.counts[0].layers if name.startswith("encoder") and "->" not in name]
    assert encoder
    assert all(cost.layers[name].get("spikes", 0) == 0 for cost in got.counts[1:] for name in encoder)


def test_draws_follow_the_seed_and_the_probabilities(gpt):
    model, ids = gpt
    prompt = ids[:2, :2]
    one, two = (generate(model, prompt, 6, choose=sampled(2.0, seed=seed)).tokens for seed in (1, 2))
    assert (one == generate_by_reference(model, prompt, 6, choose=sampled(2.0, seed=1)).tokens).all()
    assert (one != two).any()
    scores = np.log(np.array([[0.5, 0.3, 0.2]])).repeat(20_000, axis=0)
    share = np.bincount(sampled(seed=5)(scores, 0), minlength=3) / len(scores)
    assert np.abs(share - [0.5, 0.3, 0.2]).max() < 0.02
    assert set(sampled(seed=5, top=2)(scores, 0)) == {0, 1}


def test_a_causal_mask_leaves_out_synapses_in_network_and_ann_alike(gpt):
    model, ids = gpt
    products = [edge for layer in model.integer_graph.layers.values() for edge in layer.edges if isinstance(edge, ProductEdge)]
    assert len(products) == 4
    for edge in products:
        _, there = edge.only
        assert (there == (np.arange(CONTEXT)[:, None] >= np.arange(CONTEXT))).all()
    reference = model.reference(ids[:2])
    macs = ann_operations(model.integer_graph, reference, skip_zeros=False).layers["blocks.0.attention.mix"]["macs"]
    assert macs == 2 * 8 * CONTEXT * (CONTEXT + 1) // 2  # trials, channels, open places
    result = model(ids[:2], code="graded")
    for product in ("blocks.0.attention.softmax", "blocks.1.attention.mix"):
        skipping = ann_operations(model.integer_graph, reference, skip_zeros=True).layers[product]["macs"]
        into = [key for key, projection in model.network.projections.items() if projection.post.name == product]
        assert sum(result.counts.layers[key].get("synops", 0) for key in into) == skipping > 0


def test_a_model_that_looks_ahead_is_refused():
    model, ids = decoder(causal=False)
    with pytest.raises(ParameterError, match=r"at position 0 depends on position 5, which comes later"):
        generate(model, ids[:1, :2], 2)


def test_bad_arguments_are_refused_with_the_rule(gpt, translator):
    model, ids = gpt
    for arguments, text in [
        ({"prompt": ids[:1, :0]}, r"must have \(trials, 1 .. 6\)"),
        ({"prompt": ids[:1].repeat(2, axis=1)}, r"must have \(trials, 1 .. 6\)"),
        ({"prompt": np.array([[99]])}, "99"),
        ({"n_new": 0}, "n_new = 0 must be >= 1"),
        ({"pad": 99}, "pad = 99"),
        ({"tokens": "words"}, "'words' is not known"),
        ({"output": "words"}, "'words' is not known"),
        ({"choose": lambda scores, number: scores}, "must return int"),
        ({"code": "morse"}, "morse"),
    ]:
        with pytest.raises(ParameterError, match=text):
            generate(model, **{"prompt": ids[:1, :2], "n_new": 1, **arguments})
    with pytest.raises(ParameterError, match="Say which input grows"):
        generate(translator[0], np.zeros((1, 1), int), 1)
    with pytest.raises(ParameterError, match="lacks 'src'"):
        generate(translator[0], np.zeros((1, 1), int), 1, tokens="tgt")
    for call in (lambda: sampled(0.0), lambda: sampled(top=0)):
        with pytest.raises(ParameterError, match="must be"):
            call()


@pytest.fixture
def narrow(gpt):
    """The same decoder with an input that was calibrated too narrowly: all past 2 steps take the end."""
    model, ids = gpt
    name = next(iter(model.coding.ports))
    ports = {**model.coding.ports, name: model.coding.ports[name]._replace(low=-2, high=2)}
    other = sim.SpikingModel(dataclasses.replace(model.coding, ports=ports), model.integer_graph)
    return other, ids[:2, :2], name


@pytest.mark.parametrize("n_new", [3, 8])
def test_numbers_past_the_range_are_told_once_for_all_tokens(narrow, n_new):
    model, prompt, name = narrow
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        text = generate(model, prompt, n_new).tokens
        by_reference = generate_by_reference(model, prompt, n_new).tokens
    assert (text == by_reference).all()
    # Tokens 0 .. 5, then the last half of a full context again with what follows it.
    read = [text[:, :-1]] if n_new == 3 else [text[:, :6], text[:, 4:-1]]
    past = total = 0
    for part in read:
        padded = np.zeros((2, CONTEXT), np.int64)
        padded[:, : part.shape[1]] = part
        values = model.coding.host.evaluate({"idx": padded})[name][:, : part.shape[1]]
        whole = np.floor(values / model.coding.ports[name].scale + 0.5)
        past, total = past + np.count_nonzero(np.abs(whole) > 2), total + whole.size
    messages = [str(each.message) for each in caught]
    assert 0 < past < total and len(messages) == 2 and messages[0] == messages[1]
    assert messages[0].startswith(f"{name!r}: {past} of {total} numbers")


def test_a_cache_that_is_fed_by_hand_tells_what_is_past_the_range_of_the_new_tokens(narrow):
    model, prompt, name = narrow
    cache = TokenCache(model)
    with pytest.warns(UserWarning, match=r"of 32 numbers"):
        cache.feed(prompt)
    with pytest.warns(UserWarning, match=r"of 16 numbers"):
        cache.feed(np.concatenate([prompt, prompt[:, :1]], axis=1))
    assert cache.beyond[name][1] == 48

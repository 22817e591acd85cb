"""Dividing a model between host and chip: against sums by hand and against all subsets."""

from __future__ import annotations

import itertools

import pytest

import snnsim as sim
from snnsim import viz
from snnsim.coprocessor.link import load_link
from snnsim.coprocessor.offload import _Machine
from snnsim.coprocessor.select import attention_layers, search
from snnsim.errors import ParameterError
from snnsim.hardware.profile import load_profile


@pytest.fixture(scope="module")
def divided(digits):
    model, inputs, _, _ = digits
    return model, inputs[:4], sim.offload(model, inputs[:4], chip="seneca22", splits={"queries": ["block0.q", "block1.q"]})


def test_the_named_splits_hold_what_their_names_say(divided):
    model, _, offload = divided
    inside = {f"block{b}.{part}" for b in (0, 1) for part in ("q", "k", "v", "scores", "mix")}
    assert attention_layers(model.network) == inside
    assert set(offload.split("attention").layers) == inside
    everything = set(model.network.populations) - {"pixels"}
    assert set(offload.split("all the chip can do").layers) == everything
    assert set(offload.split("all but attention").layers) == everything - inside
    assert offload.split("host alone").layers == ()


def test_energy_is_that_of_the_parts_and_of_the_bits_that_move(divided):
    model, inputs, offload = divided
    counts = model(inputs, code="graded").counts
    split = offload.split("queries")
    assert split.events_in == pytest.approx(sum(counts.layers[f"block{b}.norm1"]["spikes"] for b in (0, 1)) / 4)
    assert split.events_out == pytest.approx(sum(counts.layers[f"block{b}.q"]["spikes"] for b in (0, 1)) / 4)
    assert split.bits == pytest.approx(26 * (split.events_in + split.events_out))
    assert split.link.nominal == pytest.approx(split.bits * 0.42)
    assert split.calls == 2
    own = sum(offload.costs[name].chip.nominal for name in split.layers)
    kept = sum(cost.host.nominal for name, cost in offload.costs.items() if name not in split.layers)
    assert split.energy.nominal == pytest.approx(own + kept + split.link.nominal)
    whole = offload.split("all the chip can do")
    assert whole.calls == 1
    assert whole.events_out == 10  # the logits come back as numbers


def test_the_layers_add_up_to_the_whole_on_either_side(divided):
    model, inputs, offload = divided
    counts = model(inputs, code="graded").counts
    whole = sum(cost.chip.nominal for cost in offload.costs.values())
    assert whole == pytest.approx(sim.estimate_energy(counts, "seneca22", per=4).total.nominal)
    ann = sim.ann_operations(model.integer_graph, model.reference(inputs), skip_zeros=True)
    assert offload.split("host alone").energy.nominal == pytest.approx(sim.estimate_energy(ann, "horowitz45", per=4).total.nominal)


def test_a_chip_gets_only_what_it_can_do(divided):
    model, inputs, _ = divided
    offload = sim.offload(model, inputs, chip="loihi14", code="unary")
    kinds = {type(model.network.populations[name].model).__name__ for name in offload.split("all the chip can do").layers}
    assert kinds <= {"Staircase", "Readout"}
    assert any("tables" in lack for lack in offload.costs["block0.hidden"].lacks)
    with pytest.raises(ParameterError, match=r"the chip cannot do 'block0.scores': it has no price for"):
        sim.offload(model, inputs, chip="loihi14", code="unary", splits={"mine": ["block0.scores"]})


def test_the_search_finds_the_best_of_all_subsets(divided):
    """On six layers, with transfers that pull layers together and a start-up cost that pulls calls together."""
    model, _, offload = divided
    names = ["pixels", "embed", "block0.norm1", "block0.q", "block0.k", "block0.v", "block0.scores"]
    for factor, joules in itertools.product((0.02, 0.05, 0.1, 1.0), (0.0, 2.0)):
        costs = {name: offload.costs[name] for name in names}
        costs = {name: type(cost)(**{**vars(cost), "chip": cost.chip.times(factor)}) for name, cost in costs.items()}
        link = sim.Link(pj_per_bit=joules, gbit_per_s=1.0)
        machine = _Machine(costs, load_profile("horowitz45"), load_profile("seneca22"), link, False, 1, 10.0)

        def value(chosen, machine=machine):
            split = machine.split("", frozenset(chosen))
            return split.energy.nominal + 5000.0 * split.calls

        every = [frozenset(c) for n in range(7) for c in itertools.combinations(names[1:], n)]
        found = search(model.network, costs, value, [frozenset(), frozenset(names[1:])])
        assert value(found) == min(map(value, every))


def test_latency_is_the_formula(divided):
    model, inputs, _ = divided
    link = sim.Link(pj_per_bit=1.0, gbit_per_s=2.0, launch_us=3.0, sync_us=4.0, event_bits=16)
    apart, together = (
        sim.offload(model, inputs, host="edge_tpu", chip="loihi14", code="unary", link=link, overlap=overlap, cores=8, objective="latency")
        for overlap in (False, True)
    )
    for split, joined in zip(apart.splits[1:4], together.splits[1:4], strict=True):
        assert split.t_overhead == pytest.approx(split.calls * 7e-3)
        assert split.t_link == pytest.approx(split.bits / 2e9 * 1e3)
        assert split.latency == pytest.approx(split.t_host + split.t_link + split.t_overhead + split.t_chip)
        assert joined.latency == pytest.approx(split.t_overhead + max(split.t_host, split.t_link, split.t_chip))
    chosen = apart.split("attention")
    work = sum(4.0 * c.synops + 9.7 * c.updates + 6.0 * c.idle + 30.0 * c.spikes for n, c in apart.costs.items() if n in chosen.layers)
    steps = model(inputs, code="unary").steps.mean() * len(chosen.layers) / len(apart.costs)
    assert chosen.t_chip == pytest.approx((work / 8 + 1400 * steps) * 1e-6)
    assert apart.best().latency == min(split.latency for split in apart.splits)


def test_the_answer_is_one_sentence(divided):
    _, _, offload = divided
    text = offload.sentence()
    assert text.startswith("Offloading does not pay on SENECA")
    assert text.count(".") - text.count("0.") <= 3
    even = offload.activity_to_pay("attention")
    split, base = offload.split("attention"), offload.split("host alone").energy.nominal
    assert 0 < even < 1
    assert split.host.nominal + even * (split.chip.nominal + split.link.nominal) == pytest.approx(base)


def test_amdahl_and_the_macs_that_an_event_must_displace():
    assert sim.speed_up(0.5, 1e12) == pytest.approx(2.0)
    assert sim.speed_up(0.9, 10.0, 0.05) == pytest.approx(1 / (0.1 + 0.09 + 0.05))
    assert round(sim.macs_to_pay(32, 5.0, 1.41)) == 113  # 32 bits at 5 pJ against 1.41 pJ per MAC
    with pytest.raises(ParameterError, match="must be < 1 pJ of the host"):
        sim.macs_to_pay(32, 5.0, 1.0, 2.0)


def test_figures_show_every_split(divided):
    model, inputs, offload = divided
    assert len(viz.offload_bars(offload).get_yticklabels()) == len(offload.splits)
    viz.offload_break_even(offload)
    with pytest.raises(ParameterError, match="'seneca22' holds no times"):
        viz.offload_roofline(offload)
    ax = viz.offload_roofline(sim.offload(model, inputs, chip="loihi14", code="unary"))
    assert ax.get_xscale() == "log"


@pytest.mark.parametrize(
    ("settings", "text"),
    [
        ({"link": "usb"}, "'usb' is not known. Valid: aer28, lvds180, ucie, pcie3x4"),
        ({"link": "pcie3x4"}, "recalled, not verified in a source. Say allow_recalled=True"),
        ({"chip": "loihi"}, "Did you mean 'loihi14'"),
        ({"objective": "fame"}, "'fame' is not known. Valid: energy, latency"),
        ({"objective": "latency"}, "'latency', but 'horowitz45' holds no times"),
        ({"host": "tianjic28"}, "'tianjic28' has no price for .* of layer 'pixels'"),
        ({"splits": {"best": []}}, "'best' is the name of a split that is tried anyway"),
        ({"splits": {"mine": "block0.q"}}, "must name layers in a list"),
        ({"splits": {"mine": ["block9.q"]}}, "'block9.q' is not known"),
        ({"splits": {"mine": ["pixels"]}}, "'pixels' is an input of the model"),
        ({"cores": 0}, "cores = 0 must be >= 1"),
        ({"code": "morse"}, "'morse' is not known"),
    ],
)
def test_bad_input_is_refused(divided, settings, text):
    model, inputs, _ = divided
    with pytest.raises(ParameterError, match=text):
        sim.offload(model, inputs, **settings)


def test_links_of_your_own_are_checked():
    with pytest.raises(ParameterError, match="gbit_per_s = 0 Gbit/s must be > 0"):
        sim.Link(pj_per_bit=1.0, gbit_per_s=0.0)
    with pytest.raises(ParameterError, match="must rise"):
        sim.Link(pj_per_bit=[3, 2, 1], gbit_per_s=1.0)
    assert load_link("pcie3x4", allow_recalled=True).grade == "R"


@pytest.mark.parametrize(
    ("splits", "text"),
    [
        ([1], r"splits = \[1\] must map names to lists"),
        ({3: []}, "3 must be a text, the name of a split"),
        ({"host alone": []}, "'host alone' is the name of a split that is tried anyway"),
        ({"mine": [["block0.q"]]}, r"layer = \['block0.q'\] is not known"),
    ],
)
def test_splits_of_another_form_are_refused(divided, splits, text):
    model, inputs, _ = divided
    with pytest.raises(ParameterError, match=text):
        sim.offload(model, inputs[:1], splits=splits)


def test_a_chip_that_can_do_nothing_says_so(divided):
    model, inputs, _ = divided
    assert sim.offload(model, inputs[:1], chip="a100").sentence().startswith("Nothing can be offloaded on NVIDIA A100")


def test_rules_of_thumb_take_one_number_each():
    with pytest.raises(ParameterError, match="share = .* must be one number, not an array"):
        sim.speed_up([0.1, 0.2], 3.0)
    with pytest.raises(ParameterError, match="bits = 1e.300 must be <= 1e.30"):
        sim.macs_to_pay(1e300, 1.0, 2.0)


def test_a_link_without_a_speed_is_refused():
    with pytest.raises(ParameterError, match="must be >= 1e-09 Gbit"):
        sim.Link(pj_per_bit=1.0, gbit_per_s=1e-320)
    assert sim.Link(pj_per_bit=1.0, gbit_per_s=1.0, event_bits=32.0).event_bits == 32

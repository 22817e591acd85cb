"""Figures: labels with units, Axes in and out, clear errors. How they look was looked at."""

from __future__ import annotations

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure

import snnsim as sim
from snnsim import viz
from snnsim.errors import ParameterError
from snnsim.results import Recording, SpikeTrains

RANDOM = np.random.default_rng(0)


def trains(n=20, spikes=300, duration=200.0):
    return SpikeTrains(np.sort(RANDOM.uniform(0, duration, spikes)), RANDOM.integers(0, n, spikes), n, duration)


SOME, MANY, SILENT = trains(), trains(500, 4000), trains(5, 0)
TIMES = np.arange(1, 101) * 0.1
RECORDING = Recording(TIMES, -60.0 + 5.0 * np.sin(TIMES)[:, None] * np.arange(1, 4))
MATRIX = np.where(RANDOM.random((8, 12)) < 0.5, RANDOM.uniform(0.0, 1.0, (8, 12)), np.nan)


def network():
    noise = sim.Population("noise", 100, sim.PoissonSource(rate=5.0))
    exc, inh = sim.Population("exc", 80, sim.LIF()), sim.Population("inh", 20, sim.LIF())
    link = sim.FixedProbability(0.1)
    return sim.Network(
        sim.Projection(noise, exc, link),
        sim.Projection(exc, exc, link, plasticity=sim.PairSTDP()),
        sim.Projection(exc, inh, link),
        sim.Projection(inh, exc, link, weight=-2.0),
        sim.Projection(inh, inh, link, weight=-2.0),
        sim.Projection(noise, exc, link, weight=np.array([1.0, -1.0])),
    )


FIGURES = {
    "raster": (lambda ax=None: viz.raster(SOME, ax), "time (ms)", "neuron"),
    "raster of many": (lambda ax=None: viz.raster(MANY, ax), "time (ms)", "neuron"),
    "raster of several": (lambda ax=None: viz.raster({"a": SOME, "b": MANY}, ax), "time (ms)", ""),
    "raster of silence": (lambda ax=None: viz.raster(SILENT, ax), "time (ms)", "neuron"),
    "rate": (lambda ax=None: viz.rate({"a": SOME, "b": SILENT}, ax), "time (ms)", "rate (Hz)"),
    "smoothed rate": (lambda ax=None: viz.rate(SOME, ax, width=1.0, sigma=5.0), "time (ms)", "rate (Hz)"),
    "traces": (
        lambda ax=None: viz.traces(RECORDING, ax, neurons=[0, 2], v_th=-50.0, spikes=SOME),
        "time (ms)",
        "membrane potential (mV)",
    ),
    "one sample": (lambda ax=None: viz.traces(Recording(TIMES[:1], np.ones((1, 1))), ax, label="i (pA)"), "time (ms)", "i (pA)"),
    "isi_histogram": (lambda ax=None: viz.isi_histogram(SOME, ax), "interspike interval (ms)", "intervals"),
    "f_i_curve": (lambda ax=None: viz.f_i_curve([0.0, 1.0], [0.0, 2.0], ax), "current (pA)", "firing rate (Hz)"),
    "f_i_curve, expected": (
        lambda ax=None: viz.f_i_curve([0.0, 1.0], [0.0, 2.0], ax, expected=[0.0, 2.1]),
        "current (pA)",
        "firing rate (Hz)",
    ),
    "weight_matrix": (lambda ax=None: viz.weight_matrix(MATRIX, ax), "target neuron", "source neuron"),
    "weights of both signs": (lambda ax=None: viz.weight_matrix(MATRIX - 0.5, ax), "target neuron", "source neuron"),
    "negative weights": (lambda ax=None: viz.weight_matrix(-np.ones((2, 2)), ax), "target neuron", "source neuron"),
    "zero weights": (lambda ax=None: viz.weight_matrix(np.zeros((1, 1)), ax), "target neuron", "source neuron"),
    "weight_histogram": (lambda ax=None: viz.weight_histogram(MATRIX, ax), "weight (mV)", "synapses"),
    "equal weights": (lambda ax=None: viz.weight_histogram([0.4, 0.4 + 1e-17], ax), "weight (mV)", "synapses"),
    "network_graph": (lambda ax=None: viz.network_graph(network(), ax), "", ""),
    "one population": (lambda ax=None: viz.network_graph(sim.Network(sim.Population("alone", 1, sim.LIF())), ax), "", ""),
}


@pytest.mark.parametrize("name", FIGURES)
def test_a_figure_has_units_on_its_axes_and_draws_on_new_or_given_axes(name):
    draw, xlabel, ylabel = FIGURES[name]
    new = draw()
    given = Figure(layout="constrained").add_subplot()
    assert draw(given) is given
    for ax in (new, given):
        assert isinstance(ax, Axes) and (ax.get_xlabel(), ax.get_ylabel()) == (xlabel, ylabel)
        ax.figure.canvas.draw()  # warnings are errors: a glyph that is missing, or a layout that does not fit


REFUSED = [
    (lambda: viz.raster([1.0]), r"raster\.spikes = list must be SpikeTrains"),
    (lambda: viz.raster({}), r"raster\.spikes is empty"),
    (lambda: viz.raster({"a": 5}), r"raster\.spikes = dict must be"),
    (lambda: viz.raster(SOME, histogram=-1.0), r"width = -1 ms must be > 0"),
    (lambda: viz.raster(SOME, Figure().add_axes((0, 0, 1, 1)), histogram=5.0), r"raster\.histogram needs Axes in a grid"),
    (lambda: viz.raster({"a": SOME, "b": MANY}, colour=["red"]), r"raster\.colour holds 1 colours for 2 populations"),
    (lambda: viz.rate({}), r"rate\.spikes is empty"),
    (lambda: viz.rate(SOME, width=500.0), r"leaves 0 bins"),
    (lambda: viz.layered_raster({}), r"layered_raster\.spikes is empty"),
    (lambda: viz.traces(np.ones(3)), r"traces\.recording = ndarray must be a Recording"),
    (lambda: viz.traces(Recording(np.empty(0), np.empty((0, 3)))), r"holds no samples"),
    (lambda: viz.traces(RECORDING, neurons=3), r"traces\.neurons = 3 must be <= 2"),
    (lambda: viz.traces(RECORDING, neurons=[]), r"traces\.neurons is empty"),
    (lambda: viz.traces(RECORDING, spikes=[1.0]), r"traces\.spikes = list"),
    (lambda: viz.isi_histogram(SILENT), r"no neuron with two spikes"),
    (lambda: viz.isi_histogram([1.0]), r"must be SpikeTrains"),
    (lambda: viz.f_i_curve([], []), r"lists of one length, at least 1"),
    (lambda: viz.f_i_curve([1.0, 2.0], [1.0]), r"lists of one length"),
    (lambda: viz.f_i_curve([1.0], [np.nan]), r"f_i_curve\.rates = nan Hz must be finite"),
    (lambda: viz.weight_matrix(np.empty((0, 0))), r"weight_matrix\.matrix"),
    (lambda: viz.weight_matrix(np.full((2, 2), np.nan)), r"weight_matrix\.matrix"),
    (lambda: viz.weight_matrix([1.0, 2.0]), r"of shape \(pre, post\)"),
    (lambda: viz.weight_histogram([]), r"weight_histogram\.weights is empty"),
    (lambda: viz.weight_histogram([np.nan, np.inf]), r"must be finite"),
    (lambda: viz.network_graph(5), r"network_graph\.network = int must be a Network"),
    (lambda: viz.attention_map(np.ones(3)), r"attention_map\.weights"),
    (lambda: viz.layer_bars({}), r"layer_bars\.series"),
    (lambda: viz.energy_bars([]), r"energy_bars\.entries"),
    (lambda: viz.anytime_accuracy({}, [0]), r"anytime_accuracy\.runs is empty"),
    (lambda: viz.anytime_accuracy({}, [0], against="ms"), r"Valid: spikes, steps"),
]


@pytest.mark.parametrize(("call", "text"), REFUSED)
def test_what_cannot_be_drawn_is_refused_in_words(call, text):
    with pytest.raises(ParameterError, match=text):
        call()


def test_answers_over_time_are_drawn_against_spikes_and_steps():
    scores = np.array([[[0.0, 0.0], [0.0, 0.0]], [[0.0, 1.0], [0.0, 1.0]], [[0.0, 1.0], [2.0, 1.0]]])
    run = sim.Anytime(np.array([0.0, 1.0, 2.0]), np.array([[0, 0], [4, 6], [10, 20]]), scores, None, None)
    for against, last in (("spikes", 15.0), ("steps", 2.0)):
        ax = viz.anytime_accuracy({"graded": run, "unary": run}, [1, 0], against=against, reference=1.0)
        x, y = ax.lines[0].get_data()
        assert x[-1] == last
        assert list(y) == [50.0, 50.0, 100.0]
        assert ax.get_legend().get_texts()[1].get_text() == "unary"


def test_a_raster_shares_its_place_and_its_time_with_the_histogram():
    ax = viz.raster({"a": SOME, "b": MANY}, histogram=7.0, window=(50.0, 150.0))
    assert len(ax.figure.axes) == 2
    below = ax.figure.axes[-1]
    assert (below.get_xlabel(), below.get_ylabel(), ax.get_xlabel()) == ("time (ms)", "rate (Hz)", "")
    assert below.get_xlim() == ax.get_xlim() == (50.0, 150.0)
    ax.figure.canvas.draw()
    assert ax.get_position().width == pytest.approx(below.get_position().width, rel=1e-6)
    assert ax.get_position().y0 > below.get_position().y1


def test_several_populations_lie_above_each_other_in_their_own_colours():
    ax = viz.raster({"a": SOME, "b": MANY})
    assert [label.get_text() for label in ax.get_yticklabels()] == ["a\n(20)", "b\n(500)"]
    assert [label.get_color() for label in ax.get_yticklabels()] == [viz.BLUE, viz.RED]
    first, second = (points.get_offsets()[:, 1] for points in ax.collections)
    assert first.max() < 20 <= second.min()


def test_colours_can_be_given_and_crowded_labels_drop_their_counts():
    three = {"a": SILENT, "b": SOME, "c": MANY}  # 5, 20 and 500 neurons: the first two labels would touch
    ax = viz.raster(three, colour=["black", "red", "blue"])
    assert [label.get_color() for label in ax.get_yticklabels()] == ["black", "red", "blue"]
    assert [label.get_text() for label in ax.get_yticklabels()] == ["a", "b", "c"]
    assert [line.get_color() for line in viz.rate({"a": SILENT, "b": MANY}, sigma=10.0, colour=["black", "red"]).lines] == ["black", "red"]


def test_spike_marks_and_threshold_are_where_they_belong():
    ax = viz.traces(RECORDING, v_th=-50.0, spikes=SOME)
    strokes = ax.collections[0].get_segments()
    assert sorted(stroke[0, 0] for stroke in strokes) == SOME.of(0).tolist()
    assert {stroke[0, 1] for stroke in strokes} == {-50.0}
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["neuron 0", "threshold"]


def test_long_intervals_beyond_the_axis_are_counted_in_the_title():
    times = np.append(np.arange(1.0, 300.0), 5000.0)
    ax = viz.isi_histogram(SpikeTrains(times, np.zeros(300, int), 1, 5000.0))
    assert ax.get_title() == "299 intervals, mean 16.7 ms; 1 longer" and ax.get_xlim()[1] < 5.0


def test_the_graph_names_populations_and_explains_its_arrows():
    ax = viz.network_graph(network())
    words = " ".join(text.get_text() for text in ax.texts)
    assert all(name in words for name in ("noise", "exc", "inh", "PoissonSource\n100", "LIF\n80"))
    kinds = [text.get_text() for text in ax.get_legend().get_texts()]
    assert kinds == ["excitatory", "inhibitory", "mixed signs", "plastic"]
    discs = [patch for patch in ax.patches if type(patch).__name__ == "Circle"]
    arrows = [patch for patch in ax.patches if type(patch).__name__ == "FancyArrowPatch"]
    assert len(discs) == 3 and len(arrows) == 6
    assert discs[0].radius > discs[1].radius > discs[2].radius


def test_a_converted_network_has_a_graph(digits):
    ax = viz.network_graph(digits[0].network)
    ax.figure.canvas.draw()
    assert "product" in [text.get_text() for text in ax.get_legend().get_texts()]


@pytest.mark.parametrize(
    ("weight", "kind"),
    [
        (sim.Uniform(low=0.5, high=1.0), "excitatory"),
        (sim.LogNormal(median=-1.0, sigma=0.3), "inhibitory"),
        (sim.Normal(mean=0.0, std=1.0), "mixed signs"),
        (np.array([-1.0, 0.0]), "inhibitory"),
        (None, "excitatory"),
    ],
)
def test_the_sign_of_weights_names_the_synapse(weight, kind):
    a, b = sim.Population("a", 2, sim.LIF()), sim.Population("b", 2, sim.LIF())
    ax = viz.network_graph(sim.Network(sim.Projection(a, b, sim.OneToOne(), weight=weight)))
    assert [text.get_text() for text in ax.get_legend().get_texts()] == [kind]

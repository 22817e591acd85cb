"""One trained transformer on analog chips: what devices, time and converters cost in accuracy, and what a chip can win back.

python examples/analog_chips.py                            # prints what analog_chips.out holds
python examples/analog_chips.py --picture analog.png       # ... and draws it
python examples/analog_chips.py --chips 100                # of each kind; the default is 3

Every weight becomes a device, or a pair of them, drawn from the seed of the chip; a population of converters stands between a crossbar
and its neurons. What is measured on 64 training images sets the ranges of the converters, and is what a chip recovers on:

- drift: one gain for each crossbar            - channels: gain and offset of every converter
- homeostasis: units move their own thresholds until their mean activity is the ideal one
- readout: the chip stays as it is; neurons with plastic synapses learn its spikes by STDP from 100 examples, as in few_shot_readout.py

All accuracies are of 360 held-out images, those of the picture of every second one. The second table sets accuracy beside energy: of the
network all in digital logic, as ANN and in spikes, and of one chip of each kind, its converters calibrated channel by channel, in spikes
and once with an ANN around its crossbars. A chip is certified as any converted network is: its spikes equal its own integer program.
"""

import argparse

import numpy as np
from few_shot_readout import answer, counts_of, learn

import snnsim as sim
from snnsim import viz

DAY, YEAR = 86_400.0, 31_536_000.0  # s
#: what it is, device, s since it was written
CHIPS = (
    ("mismatch of 10 %", "mismatch", None),
    ("mismatch of 40 %", sim.AnalogDevice(mismatch=0.4), None),
    ("subthreshold CMOS", "subthreshold", None),
    ("BrainScaleS-2", "brainscales2", None),
    ("RRAM after 1 s", "rram", None),
    ("RRAM after a day", "rram", DAY),
    ("PCM after 20 s", "pcm", None),
    ("PCM after a day", "pcm", DAY),
    ("PCM after a year", "pcm", YEAR),
)
WAYS = (None, "drift", "homeostasis", "channels")
COUNTED = 32  # images whose operations are counted
TIMES, SPREADS, BITS = (20.0, 3600.0, DAY, 30 * DAY, YEAR), (0.0, 0.1, 0.2, 0.3, 0.4, 0.5), (2, 3, 4, 5, 6, 8)


def relearned(chip: sim.AnalogChip, lessons: tuple, held_out: tuple) -> float:
    """Return the accuracy of a plastic readout that learns from the spikes of `pool` on this very chip."""
    shown, asked = (counts_of(chip, chip(images, code="graded").values, "pool") for images in (lessons[0], held_out[0]))
    result = learn(shown, lessons[1])
    weights = result.recordings["lines -> readout"]["weight"].values[-1].reshape(shown.shape[1], 10)
    return float((answer(asked, [weights])[0] == held_out[1]).mean())


def table(model: sim.SpikingModel, held_out: tuple, calibration: np.ndarray, lessons: tuple, n: int) -> None:
    """Print the mean accuracy of n chips of each kind, and of one with a relearned readout."""
    print(f"accuracy (%), mean of {n} chips (worst) " + "".join(f"{way or 'as made':>15}" for way in WAYS) + "  readout, 1 chip")
    for what, device, time in CHIPS:
        cells = []
        for way in WAYS:
            study = sim.monte_carlo(model, *held_out, device, n=n, time=time, calibration=calibration, recover=way)
            cells.append(f"{100 * study.mean:8.1f} ({100 * study.accuracy.min():4.1f})")
        chip = sim.fabricate(model, device, time=time, calibration=calibration)
        print(f"{what:37}" + "".join(f"{cell:>15}" for cell in cells) + f"{100 * relearned(chip, lessons, held_out):12.1f}")


def row(what: str, accuracy: float, counts: sim.OperationCounts, n: int) -> None:
    """Print accuracy and energy of one implementation, n images counted."""
    report = sim.estimate_energy(counts, "horowitz45", per=n)
    crossbars, converters = (report.part(role).nominal / 1e3 for role in ("crossbar", "converter"))
    low, nominal, high = (value / 1e3 for value in report.total)
    rest = nominal - crossbars - converters
    print(f"{what:37}{100 * accuracy:9.1f}{crossbars:11.1f}{converters:12.1f}{rest:10.0f}{nominal:9.0f} ({low:.0f} .. {high:.0f})")


def energies(model: sim.SpikingModel, held_out: tuple, calibration: np.ndarray) -> None:
    """Print accuracy and energy of the digital network, as ANN and in spikes, and of one recovered chip of each kind."""
    shown = held_out[0][:COUNTED]
    ideal = sim.monte_carlo(model, *held_out, "ideal", n=1).mean
    chip = sim.fabricate(model, "pcm", calibration=calibration, recover="channels")
    reached = float((chip.outputs(chip.reference(held_out[0]))["logits"].argmax(axis=1) == held_out[1]).mean())
    print(f"one image, nJ by horowitz45     right (%)  crossbars  converters   digital    total (low .. high); {COUNTED} images counted")
    for what, each, right in (("all digital, ANN of 8 bits", model, ideal), ("PCM after 20 s, the rest an ANN", chip, reached)):
        ann = sim.ann_operations(each.integer_graph, each.reference(shown), skip_zeros=False)
        row(what, right, chip.hardware(ann, COUNTED) if each is chip else ann, COUNTED)
    row("all digital, spikes", ideal, model(shown, code="graded").counts, COUNTED)
    bits = [(f"mismatch of 10 %, ADC of {b} bits", sim.AnalogDevice(mismatch=0.1, dac_bits=7, adc_bits=b), None) for b in (4, 6, 8)]
    for what, device, time in (*CHIPS, *bits):
        study = sim.monte_carlo(model, *held_out, device, n=1, time=time, calibration=calibration, recover="channels", counted=COUNTED)
        row(what, study.mean, study.counts[0], COUNTED)
    work = chip.analog()
    print(", ".join(f"{work.total(kind)} {kind}" for kind in ("crossbar_reads", "macs", "dac_conversions", "adc_conversions")), "per image")
    fixed = sim.fabricate(model, "brainscales2", calibration=calibration).crossbars
    print(f"BrainScaleS-2 sends inputs {min(bar.sends for bar in fixed)} to {max(bar.sends for bar in fixed)} times for a result")
    for profile in ("horowitz45", "hermes14", "isaac32"):
        print(f"crossbars and converters alone: {sim.estimate_energy(work, profile)}")


def sweep(model: sim.SpikingModel, held_out: tuple, calibration: np.ndarray, n: int, cases: list, ways: tuple) -> dict:
    """Return accuracies in percent, float[cases, n], by way of recovery; a case is a device and a time."""
    settings = {"n": n, "calibration": calibration}
    return {
        way: np.array([100 * sim.monte_carlo(model, *held_out, d, time=time, recover=way, **settings).accuracy for d, time in cases])
        for way in ways
    }


def draw(path: str, model: sim.SpikingModel, held_out: tuple, calibration: np.ndarray, n: int) -> None:
    """Accuracy against time, mismatch and bits, as made and recovered."""
    from matplotlib.figure import Figure

    panels = (
        ("PCM: time since writing (s)", TIMES, [("pcm", time) for time in TIMES], (None, "drift", "channels")),
        (
            "mismatch of weights (sd / mean)",
            SPREADS,
            [(sim.AnalogDevice(mismatch=s), None) for s in SPREADS],
            (None, "homeostasis", "channels"),
        ),
        ("bits of the ADC", BITS, [(sim.AnalogDevice(mismatch=0.1, adc_bits=b), None) for b in BITS], (None, "homeostasis", "channels")),
    )
    colours = {None: viz.GREY, "drift": viz.ORANGE, "homeostasis": viz.ORANGE, "channels": viz.BLUE}
    marks = {None: "s", "drift": "^", "homeostasis": "v", "channels": "o"}
    fewer = tuple(array[::2] for array in held_out)
    figure = Figure(figsize=(11.0, 3.6), layout="constrained")
    for ax, (label, x, cases, ways) in zip(figure.subplots(1, 3, sharey=True), panels, strict=True):
        for way, values in sweep(model, fewer, calibration, n, cases, ways).items():
            middle = values.mean(axis=1)
            reach = np.abs([middle - values.min(axis=1), values.max(axis=1) - middle])  # a mean may be past its own range by rounding
            ax.errorbar(x, middle, reach, color=colours[way], marker=marks[way], markersize=5, capsize=2, label=way or "as made")
        ax.set(xlabel=label, ylim=(0.0, 103.0))
        ax.legend(frameon=False, fontsize=8, loc="lower right" if x is BITS else "lower left")
        ax.spines[["top", "right"]].set_visible(False)
        ax.grid(axis="y", alpha=0.3)
    figure.axes[0].set(xscale="log", ylabel=f"right (%), mean and range of {n} chips")
    figure.axes[2].set_title("with 10 % mismatch", fontsize=9)
    figure.savefig(path, dpi=110)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--picture", help="where to store the picture")
    parser.add_argument("--chips", type=int, default=3, help="how many of each kind")
    options = parser.parse_args()
    graph, _ = sim.data.load_model("digits")
    (images, digits), (tested, labels) = sim.data.load_digits("train"), sim.data.load_digits("test")
    digits, held_out = digits.astype(int), (sim.data.patches(tested), labels.astype(int))
    model = sim.convert(graph, sim.data.patches(images[:512]))
    calibration = sim.data.patches(images[600:664])
    chosen = np.concatenate([np.flatnonzero(digits == digit)[:10] for digit in range(10)])
    chosen = np.random.default_rng(1).permutation(chosen)
    ideal = sim.monte_carlo(model, *held_out, "ideal", n=1)
    checked = sim.fabricate(model, "pcm", time=DAY, calibration=calibration).certify(held_out[0][:64], code="graded")
    print(f"without imperfections {100 * ideal.mean:.1f} % right")
    print(f"a PCM chip after a day, its spikes against its own program: {checked.mismatches} of {checked.compared} integers differ")
    table(model, held_out, calibration, (sim.data.patches(images[chosen]), digits[chosen]), options.chips)
    energies(model, held_out, calibration)
    if options.picture:
        draw(options.picture, model, held_out, calibration, options.chips)


if __name__ == "__main__":
    main()

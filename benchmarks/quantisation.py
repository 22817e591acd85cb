"""Accuracy of the digits transformer after conversion, by bits and by what quantisation does; see docs/decisions/quantisation.md."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

_PLAIN = {"ranges": "max", "rounding": "nearest", "bias_correction": False}
#: what is switched on, one after the other
STEPS: dict[str, dict[str, Any]] = {
    "max, nearest": _PLAIN,
    "+ bias correction": {**_PLAIN, "bias_correction": True},
    "+ percentile 99.9": {**_PLAIN, "bias_correction": True, "ranges": "percentile"},
    "+ least error": {**_PLAIN, "bias_correction": True, "ranges": "mse"},
    "+ adaptive": {**_PLAIN, "bias_correction": True, "ranges": "mse", "rounding": "adaptive"},
    "alpha 0.8": {**_PLAIN, "bias_correction": True, "ranges": "mse", "rounding": "adaptive", "alpha": 0.8},
    "no residual stream of 8 bits": {**_PLAIN, "bias_correction": True, "ranges": "mse", "rounding": "adaptive", "everywhere": True},
}


def rows(bits: tuple[int, ...] = (8, 6, 4)) -> Iterator[tuple[int, str, float, float, float]]:
    """Yield bits, what is on, accuracy on the 360 test images, agreement with the float model on 1,285 images that calibration has
    not seen, and the relative error of the logits on these.
    """
    import snnsim as sim

    graph, _ = sim.data.load_model("digits")
    (train, _), (test, labels) = sim.data.load_digits("train"), sim.data.load_digits("test")
    unseen = sim.data.patches(np.concatenate([test, train[512:]]))
    floats = graph.evaluate(unseen)["logits"]
    for each in bits:
        for name, options in STEPS.items():
            given = {key: value for key, value in options.items() if key != "everywhere"}
            activation: Any = {"*": each} if "everywhere" in options else each
            model = sim.convert(graph, sim.data.patches(train[:512]), activation_bits=activation, weight_bits=each, **given)
            logits = model.outputs(model.reference(unseen))["logits"]
            right = (logits[: len(test)].argmax(axis=1) == labels).mean()
            same = (logits.argmax(axis=1) == floats.argmax(axis=1)).mean()
            yield each, name, float(right), float(same), float(np.linalg.norm(logits - floats) / np.linalg.norm(floats))


def show() -> None:
    """Print the table, a row as soon as it is measured."""
    print("| bits | quantisation | accuracy, % | as float, % | error of logits, % |\n|---|---|---|---|---|", flush=True)
    for bits, name, right, same, error in rows():
        print(f"| {bits} | {name} | {100 * right:.2f} | {100 * same:.2f} | {100 * error:.2f} |", flush=True)

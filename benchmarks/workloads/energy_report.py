"""The energy report of MiniLM on every profile, after the simulation: counting the ANN, pricing, writing; no peer.

Eight sentences of 16 tokens through all-MiniLM-L6-v2, converted as in `examples/convert_minilm.py` (which says what to install).
`simulate_s` is the simulation, graded and settled. `ours_s` is what comes after it: `compare_s`, the integer program once, the counts of
the ANN as fp32 and as integers, dense and zero-skipping, and all energies on all profiles; `save_s`, tables, figures and JSON. Less than
ten seconds is wanted.
"""

from __future__ import annotations

import importlib.util
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.measure import Options
from benchmarks.ours import ROOT
from snnsim.errors import ParameterError

SENTENCES = 8
CONTEXTS = 16


def measure(options: Options) -> dict[str, Any]:
    """Return the figures of this workload."""
    options.say("converting MiniLM; this takes a minute or two")
    return compare(*_minilm(), options)


def compare(model: Any, inputs: Any, options: Options) -> dict[str, Any]:
    """Simulate, then compare and save, anew in every run."""
    import snnsim as sim

    names = sim.profile_names()
    model(inputs, code="graded", threads=options.threads)
    runs: list[dict[str, Any]] = []
    for number in range(options.runs):
        options.say(f"run {number + 1} of {options.runs}")
        with tempfile.TemporaryDirectory() as folder:
            marks = [time.perf_counter()]
            result = model(inputs, code="graded", threads=options.threads)
            marks.append(time.perf_counter())
            found = sim.compare_energy(model, result, inputs, profiles=names, allow_recalled=True, allow_mixed_nodes=True)
            marks.append(time.perf_counter())
            sim.save_energy(found, folder)
            marks.append(time.perf_counter())
        simulate, compared, saved = (later - earlier for earlier, later in pairwise(marks))
        runs.append({"simulate_s": simulate, "compare_s": compared, "save_s": saved, "ours_s": compared + saved, "rows": len(found.rows())})
    figures = {name: median(run[name] for run in runs) for name in ("simulate_s", "compare_s", "save_s", "ours_s")}
    return {"workload": "energy_report", "peer": None, **figures, "profiles": len(names), "runs": runs}


def _minilm() -> tuple[Any, Any]:
    """Return the converted model and the tokens of some sentences. Raises ParameterError where a package is missing."""
    spec = importlib.util.spec_from_file_location("convert_minilm", ROOT / "examples" / "convert_minilm.py")
    example = importlib.util.module_from_spec(spec)  # type: ignore[arg-type]  # the file is there
    spec.loader.exec_module(example)  # type: ignore[union-attr]
    with _root_off_path():
        try:
            tokeniser, module = example.load()
        except SystemExit as missing:
            raise ParameterError(f"energy_report: {missing}") from None
        model = example.converted(module, example.tokens(tokeniser, example.contexts()[:CONTEXTS]), 8)
    return model, example.tokens(tokeniser, example.TEST[:SENTENCES])


@contextmanager
def _root_off_path() -> Iterator[None]:
    """Take the root of the repository off the path: transformers would take its folder `kernels` for a library of that name."""
    before = sys.path
    sys.path = [entry for entry in before if Path(entry or ".").resolve() != ROOT]
    try:
        yield
    finally:
        sys.path = before

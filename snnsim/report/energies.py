"""`compare_energy`: an ANN and its spiking counterpart, counted on the same samples and priced on the same hardware."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from snnsim.energy.comparison import EnergyComparison, compare_implementations, mixed_nodes
from snnsim.energy.entries import Implementation
from snnsim.energy.estimate import MixedNodesWarning
from snnsim.errors import ParameterError
from snnsim.hardware.profile import load_profile
from snnsim.report.counted import implementations
from snnsim.report.energy_choices import CODED, SCHEDULED, check_dense, check_latencies, check_profiles, check_runs, check_sides
from snnsim.units import check_bool, check_integer, one_of


def compare_energy(
    ann: Any,
    snn: Any,
    inputs: Any = None,
    *,
    labels: Any = None,
    calibration: Any = None,
    profiles: Sequence[Any] | None = None,
    host: Any = "horowitz45",
    codes: Sequence[str] = CODED,
    schedule: str = SCHEDULED,
    bits: Sequence[int] = (),
    reuse: int | None = None,
    per: int | None = None,
    tokens: int | None = None,
    latency_ms: Mapping[str, float] | None = None,
    allow_recalled: bool = False,
    allow_mixed_nodes: bool = False,
    threads: int | None = None,
) -> EnergyComparison:
    """Count an ANN and its spiking counterpart on the same samples, and price both on several pieces of hardware.

    Parameters
    ----------
    ann : torch.nn.Module, Graph, SpikingModel, OperationCounts or a mapping of name to OperationCounts
        a model is counted as fp32, as its own integers, dense and zero-skipping, attention included; None takes the model of `snn`
    snn : SpikingModel, RateModel, Result, OperationCounts or a mapping of name to Result or OperationCounts
    inputs : arrays as for a call of the model; needed where a model is given
    labels : int[samples]         adds accuracies
    calibration : arrays          samples that set the scales where `ann` is converted here; default `inputs`
    profiles : sequence of str    names or .toml paths; default twelve of `profile_names()`
    host : str or None            does for a chip what it cannot do itself: rows (softmax, norms), products, table neurons, the ANN
    codes, schedule : str         how a SpikingModel is run
    bits : sequence of int        further quantised ANNs, converted from `ann`; for a RateModel of T steps
                                  ceil(log2(T + 1)) bits are added
    reuse : int                   MACs for which the ANNs use one weight before they read it again; default all of an inference
    per : int                     inferences in counts that were given
    tokens : int                  tokens of an inference, for energies per token
    latency_ms : mapping of implementation to ms     of one inference; where a profile knows its static power, rows then hold the energy
                                  that it takes meanwhile, apart from the total
    allow_recalled : bool         use prices of grade R
    allow_mixed_nodes : bool      do not warn of sums over two process nodes; the table says them in any case

    Returns
    -------
    EnergyComparison   `rows()`, `verdict`, `break_even`, `sensitivity`; see `report.show_energy`, `report.save_energy`

    Raises
    ------
    ParameterError    for unknown names (listing the valid ones), a model without inputs, anything that was not counted
    ConversionError   for an ANN that cannot be counted as integers

    Warns
    -----
    MixedNodesWarning   naming every sum over two process nodes
    """
    chips = check_profiles(profiles)
    helper = None if host is None else load_profile(host)
    check_sides(ann, snn, inputs, labels)
    check_runs(snn, codes, schedule, threads)
    wanted, latencies = check_dense(ann, snn, calibration, bits, reuse), check_latencies(latency_ms)
    for name, value in (("allow_recalled", allow_recalled), ("allow_mixed_nodes", allow_mixed_nodes)):
        check_bool(f"compare_energy.{name}", value)
    tokens = None if tokens is None else check_integer("compare_energy.tokens", tokens, low=1)
    spikes, dense, samples = implementations(
        ann, snn, inputs, labels, inputs if calibration is None else calibration, codes, schedule, wanted, reuse, threads
    )  # fmt: skip
    if per is not None and samples is not None and per != samples:
        raise ParameterError(f"compare_energy.per = {per!r}, but {samples} samples are run. Leave it out.")
    inferences = check_integer("compare_energy.per", per, low=1) if per is not None else samples or 1
    found = compare_implementations(
        _timed([*dense, *spikes], latencies), chips, host=helper, per=inferences, tokens=tokens, allow_recalled=allow_recalled
    )  # fmt: skip
    mixed = mixed_nodes(found)
    if mixed and not allow_mixed_nodes:
        warnings.warn(
            f"compare_energy adds up energies of different process nodes: {'; '.join(mixed)}. Choose a host of the same node, or say "
            "allow_mixed_nodes=True; the remarks name them in any case.",
            MixedNodesWarning,
            stacklevel=2,
        )
    return found


def _timed(implementations: Sequence[Implementation], latency_ms: Mapping[str, float]) -> list[Implementation]:
    """Return the implementations with their latencies. Raises ParameterError for a name that none of them has."""
    for name in latency_ms:
        one_of("compare_energy.latency_ms", name, [each.name for each in implementations])
    return [replace(each, latency_ms=latency_ms.get(each.name)) for each in implementations]

"""`sparsity_front`: what dense and sparse ANN and the spiking network reach, and what it costs them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from snnsim.energy.estimate import EnergyReport, estimate_energy
from snnsim.errors import ParameterError, unknown_name
from snnsim.graph.ir import Graph, as_array
from snnsim.graph.operations import ann_operations
from snnsim.hardware.profile import Interval, Profile, load_profile
from snnsim.results import OperationCounts
from snnsim.sparsity.model import as_graph, sparsify
from snnsim.sparsity.sweeps import SWEEPS, Setting, text
from snnsim.units import as_integers, check_bool, check_number, check_scalar, one_of


class FrontRow(NamedTuple):
    """One point of a front. Counts and energies are per sample.

    kind : 'ANN' | 'SNN'
    method : str                what saves: 'dense', a name of `SWEEPS` or the caller's; for a network of spikes its code
    setting : str               its parameters
    quality : float             accuracy, perplexity, or what the caller measures
    macs, skipped : float       MACs done; share of the dense model's MACs that were not (0 for spikes, which do none)
    synops : float              synaptic operations
    energy : Interval or None   pJ; None when the profile cannot price an operation, which `report` names
    best : bool                 no other row is at least as good in quality and energy (nominal), and better in one of them
    """

    kind: str
    method: str
    setting: str
    quality: float
    macs: float
    skipped: float
    synops: float
    energy: Interval | None
    report: EnergyReport
    counts: OperationCounts
    best: bool = False


def accuracy(scores: np.ndarray, labels: np.ndarray) -> float:
    """Return the share of labels that the largest score names; scores float64[..., classes], labels int[...]."""
    return float((scores.argmax(axis=-1) == labels).mean())


_CODES = ("unary", "signed_digit", "graded")
_MOST = 700.0  # e to more is no float64


def perplexity(scores: np.ndarray, labels: np.ndarray) -> float:
    r"""Return :math:`\exp(-\mathrm{mean} \ln p(label))`; scores (logits) float64[..., classes], labels int[...].

    Raises ParameterError for scores that are not finite, and labels of another shape or past the classes. Source: Jelinek et al. (1977).
    """
    scores = np.asarray(check_number("perplexity.scores", scores))
    if scores.ndim == 0 or not scores.size:
        raise ParameterError(f"perplexity.scores has shape {scores.shape} but must hold one answer at least, classes last.")
    labels = as_integers("perplexity.labels", labels, low=0, high=scores.shape[-1] - 1)
    if labels.shape != scores.shape[:-1]:
        raise ParameterError(f"perplexity.labels has shape {labels.shape} but must have {scores.shape[:-1]}: one class for every answer.")
    shifted = scores - scores.max(axis=-1, keepdims=True)
    logarithm = shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))
    surprise = -float(np.take_along_axis(logarithm, labels[..., None], axis=-1).mean())
    if surprise > _MOST:
        raise ParameterError(f"perplexity.scores give labels a mean surprise of {surprise:.3g}: e to this power is no number. Scale them.")
    return float(np.exp(surprise))


#: name -> (function of outputs and labels, whether more is better)
QUALITIES: Mapping[str, tuple[Callable[[np.ndarray, np.ndarray], float], bool]] = {
    "accuracy": (accuracy, True),
    "perplexity": (perplexity, False),
}


def sparsity_front(
    model: Any,
    inputs: Any,
    labels: Any,
    *,
    calibration: Any,
    spiking: Any = None,
    methods: Sequence[str] | Mapping[str, Sequence[Any]] | None = None,
    codes: Sequence[str] = _CODES,
    profile: str | Profile = "horowitz45",
    host: str | Profile | None = "horowitz45",
    quality: str | Callable[[np.ndarray, np.ndarray], float] = "accuracy",
    decoding: bool = False,
) -> list[FrontRow]:
    """Return quality and energy of the dense model, of every sparse one, and of the spiking network, in this order.

    Parameters
    ----------
    model : Graph or torch.nn.Module
    inputs, labels : arrays    what the first output is judged by; inputs as for the model, of samples that calibration has not seen
    calibration : arrays       what thresholds, heads, routers and refitted weights are fitted to
    spiking : SpikingModel, mapping of name to SpikingModel, or None
        run in each of `codes`, settled schedule; the integer program that it equals is a row too, as a zero-skipping ANN
    methods : names of `SWEEPS`, or mapping of a name of one's own to settings (each a method, or a tuple of methods used at once);
              None: all of `SWEEPS` that fit the model
    profile, host : as for `estimate_energy`
    quality : 'accuracy', 'perplexity', or function(outputs, labels) of which more is better
    decoding : bool   whether the ANN writes token by token, as in a call of `SparseModel`; to spikes it makes no difference, for each
                      event fetches its weights itself. The integer program as an ANN, which reuses its weights, is then left out

    Raises
    ------
    ParameterError    for unknown methods, profiles, qualities, settings that do not fit the model, or labels of another shape

    `viz.sparsity_front` draws the rows.
    """
    if not callable(quality):
        one_of("sparsity_front.quality", quality, QUALITIES)
    judge, rising = (quality, True) if callable(quality) else QUALITIES[quality]
    check_bool("sparsity_front.decoding", decoding)
    chip, helper = load_profile(profile), None if host is None else load_profile(host)
    graph = as_graph(model, calibration)
    sweeps = _settings(graph, methods)
    networks = _networks(spiking, codes)
    dense = sparsify(graph)(inputs, decoding=decoding)
    samples = len(dense.outputs[graph.output.name])
    labels = _checked_labels(labels, dense.outputs[graph.output.name], whole=not callable(quality))

    def row(kind: str, method: str, setting: str, scores: np.ndarray, counts: OperationCounts) -> FrontRow:
        report = estimate_energy(counts, chip, host=helper, per=samples)
        macs = counts.total("macs") / samples
        skipped = 0.0 if kind == "SNN" else 1.0 - macs * samples / dense.dense_macs
        synops = counts.total("synops") / samples
        return FrontRow(kind, method, setting, _judged(judge, scores, labels), macs, skipped, synops, report.total, report, counts)

    rows = [row("ANN", "dense", "", dense.outputs[graph.output.name], dense.counts)]
    for name, settings in sweeps.items():
        for setting in settings:
            try:
                sparse = sparsify(graph, *setting, calibration=calibration)
            except ParameterError:
                if methods is None:  # asked for all that fit
                    continue
                raise
            result = sparse(inputs, decoding=decoding)
            rows.append(row("ANN", name, text(setting), result.outputs[sparse.graph.output.name], result.counts))
    for name, network in networks.items():
        if not decoding:
            reference = network.reference(inputs)
            scores = next(iter(network.outputs(reference).values()))
            program = ann_operations(network.integer_graph, reference, skip_zeros=True)
            rows.append(row("ANN", "int8 program", f"zero-skipping {name}".strip(), scores, program))
        for code in codes:
            result = network(inputs, code=code)
            rows.append(row("SNN", code, name, next(iter(result.outputs.values())), result.counts))
    return _marked(rows, rising)


def _settings(graph: Graph, methods: Any) -> dict[str, list[Setting]]:
    """Return the settings to try by name, checked."""
    if isinstance(methods, Mapping):
        for name, settings in methods.items():
            if not isinstance(settings, Sequence) or isinstance(settings, str):
                raise ParameterError(f"sparsity_front.methods[{name!r}] = {settings!r} must be a list of methods. Give [{settings!r}].")
        return {name: [each if isinstance(each, tuple) else (each,) for each in settings] for name, settings in methods.items()}
    if methods is not None and (isinstance(methods, str) or not isinstance(methods, Sequence)):
        raise ParameterError(f"sparsity_front.methods = {methods!r} must be a list of names. Give [{methods!r}].")
    for name in methods or ():
        if name not in list(SWEEPS):
            raise ParameterError(unknown_name("sparsity_front.methods: method", name, SWEEPS))
    return {name: SWEEPS[name](graph) for name in (SWEEPS if methods is None else methods)}


def _networks(spiking: Any, codes: Sequence[str]) -> dict[str, Any]:
    """Return the spiking networks by name, checked together with the codes that they will run in."""
    if isinstance(codes, str) or not isinstance(codes, Sequence) or not codes or len(set(codes)) < len(codes):
        raise ParameterError(f"sparsity_front.codes = {codes!r} must be a list of codes, one at least and each once.")
    if spiking is None and tuple(codes) != _CODES:
        raise ParameterError(f"sparsity_front.codes = {codes!r} are those of spiking networks, and none is given. Give spiking=.")
    networks = dict(spiking) if isinstance(spiking, Mapping) else {} if spiking is None else {"": spiking}
    for name, network in networks.items():
        if not hasattr(network, "integer_graph"):
            raise ParameterError(
                f"sparsity_front.spiking[{name!r}] = {type(network).__name__} must be a SpikingModel. Give sim.convert(model, calibration)."
            )
    if networks:
        from snnsim.engines.settle import CODES  # numba is loaded where spikes are run, and not before

        for code in codes:
            one_of("sparsity_front.codes", code, CODES)
    return networks


def _judged(judge: Callable[[np.ndarray, np.ndarray], float], scores: np.ndarray, labels: np.ndarray) -> float:
    """Return a quality. Raises ParameterError for a function of the caller that gives no finite number."""
    return check_scalar("sparsity_front.quality: what the function returned", judge(scores, labels))


def _checked_labels(labels: Any, scores: np.ndarray, *, whole: bool) -> np.ndarray:
    """Return the labels. whole : whether they must be classes, as for the qualities that are known by name"""
    found = as_array(labels)
    if found.shape != scores.shape[:-1]:
        raise ParameterError(
            f"sparsity_front.labels has shape {found.shape} but the model gives scores of shape {scores.shape}: one label for each row."
        )
    return as_integers("sparsity_front.labels", found, low=0, high=scores.shape[-1] - 1) if whole else found


def _marked(rows: list[FrontRow], rising: bool) -> list[FrontRow]:
    """Return the rows, each told whether it is on the front."""
    points = [(row.energy.nominal, -row.quality if rising else row.quality) for row in rows if row.energy is not None]

    def beaten(row: FrontRow) -> bool:
        mine = (row.energy.nominal, -row.quality if rising else row.quality) if row.energy is not None else (np.inf, np.inf)
        return any(point[0] <= mine[0] and point[1] <= mine[1] and point != mine for point in points)

    return [row._replace(best=row.energy is not None and not beaten(row)) for row in rows]

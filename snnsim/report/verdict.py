"""The comparison in sentences: what won, by how much, and what would change it."""

from __future__ import annotations

from snnsim.hardware.profile import Interval, load_profile
from snnsim.report.comparison import Comparison, Energy

_NAMES = {
    ("synaptic", "state_reads"): "reading membranes",
    ("synaptic", "state_writes"): "writing membranes",
    ("synaptic", "weight_fetches"): "fetching weights",
    ("synaptic", "adds"): "adding",
    ("synaptic", "shifts"): "shifting",
    ("synaptic", "multiplies"): "multiplying",
    ("synaptic", "synops"): "synaptic operations",
    ("neuron", "spikes"): "carrying events",
    ("ann", "macs"): "multiply-accumulates",
}


def _times(ratio: float) -> str:
    return f"{ratio:.1f} times" if ratio < 10 else f"{ratio:.0f} times"


def _micro(energy: Interval) -> str:
    return f"{energy.nominal * 1e-6:.3g} µJ ({energy.low * 1e-6:.3g} to {energy.high * 1e-6:.3g})"


def _total(entry: Energy) -> Interval:
    total = entry.report.total
    assert total is not None  # only priced entries come here
    return total


def _comparable(comparison: Comparison) -> tuple[str, list[Energy], list[Energy]] | None:
    """Return the first profile that prices ANN and spikes on the same hardware, with both sides."""
    for name, entries in comparison.energy.items():
        priced = [entry for entry in entries if entry.report.total is not None and not entry.report.hosted]
        anns = [entry for entry in priced if entry.what.startswith("ANN")]
        snns = [entry for entry in priced if entry.what.startswith("SNN")]
        if anns and snns:
            return name, anns, snns
    return None


def _change(comparison: Comparison, ann: Energy, snn: Energy) -> str:
    """Say what the energy of the losing spiking network consists of, and what would let it win."""
    terms = {(role, kind): interval.nominal for role, kinds in snn.report.parts.items() for kind, interval in kinds.items()}
    for kind in sorted({kind for role, kind in terms if role == "product"}):  # one name for both ways of delivery
        terms["synaptic", kind] = terms.get(("synaptic", kind), 0.0) + terms.pop(("product", kind))
    total, goal = _total(snn).nominal, _total(ann).nominal
    ranked = sorted(terms, key=terms.__getitem__, reverse=True)[:2]
    shares = " and ".join(f"{_NAMES.get(term, ' '.join(reversed(term)))} ({100 * terms[term] / total:.0f} %)" for term in ranked)
    delivery = snn.report.part("synaptic", "product").nominal
    run = next(run for run in comparison.runs if snn.what == f"SNN {run.code}, {run.schedule}")
    activity = run.counts.total("synops") / comparison.dense.total("macs")
    rest = total - delivery
    text = f"What would change it: the largest parts of the spiking energy are {shares}. "
    if rest < goal:
        need = activity * (goal - rest) / delivery
        return text + (
            f"It does {activity:.2f} synaptic operations for each multiplication of the dense ANN and would break even below {need:.3f}; "
            "sparser activity, or membranes and weights kept in registers, lead there."
        )
    return text + (
        f"All that is not synaptic (events, neurons, softmax and norm rows) already takes {rest / goal:.1f} times the whole ANN, so fewer "
        "synaptic operations alone would not do: it takes fewer events and levels, or an ANN that cannot reuse its weights."
    )


def verdict(comparison: Comparison) -> list[str]:
    """Return the sentences, for the first profile that prices ANN and spikes on the same hardware."""
    found = _comparable(comparison)
    if found is None:
        return ["None of the chosen profiles prices both the ANN and the spiking network, so there is no winner to name."]
    name, anns, snns = found
    ann, snn = (min(entries, key=lambda entry: _total(entry).nominal) for entries in (anns, snns))
    winner, loser = (ann, snn) if _total(ann).nominal <= _total(snn).nominal else (snn, ann)
    ratio = _total(loser).nominal / _total(winner).nominal
    apart = _total(winner).high < _total(loser).low
    doubt = "even at the ends of both intervals" if apart else "at nominal prices; the intervals overlap"
    sentences = [
        f"Per inference on {load_profile(name).title} ({name}), the {winner.what} wins with {_micro(_total(winner))}. "
        f"The best of the others, {loser.what}, needs {_micro(_total(loser))}: {_times(ratio)} as much, {doubt}."
    ]
    unary = min((entry for entry in snns if entry.what.startswith("SNN unary")), key=lambda entry: _total(entry).nominal, default=None)
    if unary and _total(unary).nominal > _total(ann).nominal:
        sentences.append(
            f"Plain unary spikes lose to the {comparison.precision.name} ANN: they need "
            f"{_times(_total(unary).nominal / _total(ann).nominal)} its energy, because a value of n takes n spikes "
            "and each of them fetches weights and rewrites membranes."
        )
    if winner is ann:
        sentences.append(_change(comparison, ann, snn))
    return sentences

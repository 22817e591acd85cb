"""snnsim: event-driven spiking neural networks, and trained transformers turned into them exactly.

Describe -> compile -> run -> look::

    import snnsim as sim

    net = sim.Network(sim.Projection(noise, exc, sim.OneToOne(), weight=18.0))
    result = sim.simulate(net, duration=1_000.0, seed=7)

Names are imported on first use, so that ``import snnsim`` is quick.
"""

from __future__ import annotations

import copyreg
import importlib
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"


def _read_only(mapping: dict) -> MappingProxyType:
    return MappingProxyType(mapping)


# Models, profiles and reports hold read-only mappings, and travel between processes; Python has no pickle for these.
copyreg.pickle(MappingProxyType, lambda mapping: (_read_only, (dict(mapping),)))  # type: ignore[arg-type]

#: public name -> module that holds it
_PUBLIC = {
    "AllToAll": "connect", "Dense": "connect", "FixedProbability": "connect", "FromArrays": "connect", "OneToOne": "connect",
    "Filters": "connect", "Gathered": "connect", "Product": "connect", "SumOver": "connect",
    "Convolution": "connect", "DistanceDependent": "connect", "FixedInDegree": "connect", "FixedOutDegree": "connect",
    "FixedTotalNumber": "connect", "FromSparse": "connect",
    "BallProfile": "connect", "ExponentialProfile": "connect", "GaussianProfile": "connect",
    "LogNormal": "connect", "Normal": "connect", "Uniform": "connect",
    "CubaLI": "models.cuba_li", "CubaLIF": "models.cuba_lif", "IFBox": "models.if_box", "InputSum": "models.threshold",
    "Integrator": "models.integrator", "LI": "models.li", "LIFBox": "models.lif_box", "Threshold": "models.threshold",
    "ALIF": "models.alif", "AdEx": "models.adex", "HodgkinHuxley": "models.hodgkin_huxley", "HomeostaticLIF": "models.homeostatic_lif",
    "IF": "models.integrate_fire",
    "Izhikevich": "models.izhikevich", "LIFAlpha": "models.lif_alpha", "LIFCondAlpha": "models.lif_cond_alpha",
    "LIFCondExp": "models.lif_cond_exp", "Leaky": "models.snntorch_leaky", "NorseLIF": "models.norse_lif",
    "NorseLIFBox": "models.norse_lif_box",
    "RateNeuron": "models.rate_neuron", "Synaptic": "models.snntorch_synaptic",
    "LIF": "models.lif", "LIFExp": "models.lif_exp", "PoissonSource": "models.poisson", "SpikeArray": "models.spike_array",
    "LiveSource": "models.live_source", "RegularSource": "models.regular", "VaryingPoissonSource": "models.varying_poisson",
    "IntegerInput": "models.integer_input", "MaxRow": "models.max_row", "NormRow": "models.norm_row", "Readout": "models.readout",
    "SoftmaxRow": "models.softmax_row", "Staircase": "models.staircase", "Table": "models.table",
    "BCM": "plasticity.bcm", "ClopathSTDP": "plasticity.clopath_stdp", "CovarianceHebb": "plasticity.covariance_hebb",
    "Hebb": "plasticity.hebb",
    "Oja": "plasticity.oja",
    "InhibitorySTDP": "plasticity.inhibitory_stdp", "PairSTDP": "plasticity.pair_stdp", "PowerLawSTDP": "plasticity.power_law_stdp",
    "RateBCM": "plasticity.rate_bcm", "RateCovariance": "plasticity.rate_covariance", "RateHebb": "plasticity.rate_hebb",
    "RateOja": "plasticity.rate_oja", "RateSanger": "plasticity.rate_sanger", "RewardSTDP": "plasticity.reward_stdp",
    "Rewiring": "plasticity.rewiring",
    "SynapticScaling": "plasticity.synaptic_scaling",
    "TripletSTDP": "plasticity.triplet_stdp", "TsodyksMarkram": "plasticity.tsodyks_markram",
    "WeightNormalisation": "plasticity.weight_normalisation",
    "Current": "currents", "NoiseCurrent": "currents", "SampledCurrent": "currents", "SineCurrent": "currents", "StepCurrent": "currents",
    "Network": "network", "Population": "network", "Projection": "network",
    "Record": "record", "Trials": "trials", "Forecast": "engines.memory", "forecast": "engines.memory", "load_recordings": "stream.reader",
    "OperationCounts": "counts", "Recording": "results", "Result": "results", "SpikeTrains": "results",
    "simulate": "simulation", "f_i_curve": "transfer", "load_state": "io.state", "save_state": "io.state",
    "load_converted": "io.converted", "save_converted": "io.converted",
    "convert": "conversion.convert", "fine_tune": "conversion.lsq", "SpikingModel": "conversion.spiking_model",
    "Anytime": "conversion.anytime", "TokenCache": "conversion.cache", "anytime": "conversion.anytime",
    "generate": "conversion.generate", "generate_by_reference": "conversion.generate", "sampled": "conversion.generate",
    "AnalogChip": "analog.chip", "AnalogDevice": "analog.device", "BrainScaleS2": "analog.cmos", "ChipStudy": "analog.study",
    "PCM": "analog.pcm", "RRAM": "analog.rram", "SubthresholdCMOS": "analog.cmos", "fabricate": "analog.chip",
    "monte_carlo": "analog.study",
    "convert_rate": "conversion.convert_rate", "RateModel": "conversion.rate_model",
    "NirNetwork": "adapters.nir_network", "read_nir": "adapters.nir_in", "write_nir": "adapters.nir_out",
    "estimate_energy": "energy.estimate", "load_profile": "hardware.profile", "profile_names": "hardware.profile",
    "from_norse": "adapters.norse", "from_snntorch": "adapters.snntorch", "to_norse": "adapters.norse_out",
    "to_snntorch": "adapters.snntorch_out",
    "EnergyComparison": "energy.comparison", "EnergyReport": "energy.estimate", "BreakEven": "energy.break_even",
    "MixedNodesWarning": "energy.estimate", "baseline_bits": "energy.break_even", "break_even": "energy.break_even",
    "ann_baselines": "report.counted", "compare_energy": "report.energies", "save_energy": "report.energy_tables",
    "show_energy": "report.energy_tables",
    "Link": "coprocessor.link", "Offload": "coprocessor.splits", "link_names": "coprocessor.link", "macs_to_pay": "coprocessor.rules",
    "offload": "coprocessor.offload", "speed_up": "coprocessor.rules",
    "ActivationThreshold": "sparsity.activation_threshold", "Delta": "sparsity.delta", "EarlyExit": "sparsity.early_exit",
    "MixtureOfDepths": "sparsity.mixture_of_depths", "ReluMLP": "sparsity.relu_mlp", "SparseModel": "sparsity.model",
    "TopKAttention": "sparsity.top_k", "TopKHidden": "sparsity.top_k", "ZeroSkipping": "sparsity.zero_skipping",
    "perplexity": "sparsity.front", "sparsify": "sparsity.model", "sparsity_front": "sparsity.front",
    "Latency": "placement.latency", "Placement": "placement.placed", "place": "placement.placing",
    "SweepTable": "sweeps.table", "sweep": "sweeps.sweep",
    "compare": "report.comparison", "ann_operations": "graph.operations",
    "SnnsimError": "errors", "ParameterError": "errors", "WiringError": "errors", "CompileError": "errors",
    "ConversionError": "errors", "PlacementError": "errors",
    "SimulationError": "errors", "FormatError": "errors", "UnrecordedError": "errors",
}  # fmt: skip
_MODULES = ("analysis", "data", "report", "viz", "zoo")

__all__ = sorted([*_PUBLIC, *_MODULES])


def __getattr__(name: str) -> Any:
    if name in _PUBLIC:
        value = getattr(importlib.import_module(f"snnsim.{_PUBLIC[name]}"), name)
    elif name in _MODULES:
        value = importlib.import_module(f"snnsim.{name}")
    else:
        raise AttributeError(f"module 'snnsim' has no attribute {name!r}. Public names: {', '.join(__all__)}.")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return [*globals(), *__all__]


if TYPE_CHECKING:
    from snnsim import analysis, data, report, viz, zoo
    from snnsim.adapters.nir_in import read_nir
    from snnsim.adapters.nir_network import NirNetwork
    from snnsim.adapters.nir_out import write_nir
    from snnsim.adapters.norse import from_norse
    from snnsim.adapters.norse_out import to_norse
    from snnsim.adapters.snntorch import from_snntorch
    from snnsim.adapters.snntorch_out import to_snntorch
    from snnsim.analog.chip import AnalogChip, fabricate
    from snnsim.analog.cmos import BrainScaleS2, SubthresholdCMOS
    from snnsim.analog.device import AnalogDevice
    from snnsim.analog.pcm import PCM
    from snnsim.analog.rram import RRAM
    from snnsim.analog.study import ChipStudy, monte_carlo
    from snnsim.connect import (
        AllToAll,
        BallProfile,
        Convolution,
        Dense,
        DistanceDependent,
        ExponentialProfile,
        Filters,
        FixedInDegree,
        FixedOutDegree,
        FixedProbability,
        FixedTotalNumber,
        FromArrays,
        FromSparse,
        Gathered,
        GaussianProfile,
        LogNormal,
        Normal,
        OneToOne,
        Product,
        SumOver,
        Uniform,
    )
    from snnsim.conversion.anytime import Anytime, anytime
    from snnsim.conversion.cache import TokenCache
    from snnsim.conversion.convert import convert
    from snnsim.conversion.convert_rate import convert_rate
    from snnsim.conversion.generate import generate, generate_by_reference, sampled
    from snnsim.conversion.lsq import fine_tune
    from snnsim.conversion.rate_model import RateModel
    from snnsim.conversion.spiking_model import SpikingModel
    from snnsim.coprocessor.link import Link, link_names
    from snnsim.coprocessor.offload import offload
    from snnsim.coprocessor.rules import macs_to_pay, speed_up
    from snnsim.coprocessor.splits import Offload
    from snnsim.counts import OperationCounts
    from snnsim.currents import Current, NoiseCurrent, SampledCurrent, SineCurrent, StepCurrent
    from snnsim.energy.break_even import BreakEven, baseline_bits, break_even
    from snnsim.energy.comparison import EnergyComparison
    from snnsim.energy.estimate import EnergyReport, MixedNodesWarning, estimate_energy
    from snnsim.engines.memory import Forecast, forecast
    from snnsim.errors import (
        CompileError,
        ConversionError,
        FormatError,
        ParameterError,
        PlacementError,
        SimulationError,
        SnnsimError,
        UnrecordedError,
        WiringError,
    )
    from snnsim.graph.operations import ann_operations
    from snnsim.hardware.profile import load_profile, profile_names
    from snnsim.io.converted import load_converted, save_converted
    from snnsim.io.state import load_state, save_state
    from snnsim.models.adex import AdEx
    from snnsim.models.alif import ALIF
    from snnsim.models.cuba_li import CubaLI
    from snnsim.models.cuba_lif import CubaLIF
    from snnsim.models.hodgkin_huxley import HodgkinHuxley
    from snnsim.models.homeostatic_lif import HomeostaticLIF
    from snnsim.models.if_box import IFBox
    from snnsim.models.integer_input import IntegerInput
    from snnsim.models.integrate_fire import IF
    from snnsim.models.integrator import Integrator
    from snnsim.models.izhikevich import Izhikevich
    from snnsim.models.li import LI
    from snnsim.models.lif import LIF
    from snnsim.models.lif_alpha import LIFAlpha
    from snnsim.models.lif_box import LIFBox
    from snnsim.models.lif_cond_alpha import LIFCondAlpha
    from snnsim.models.lif_cond_exp import LIFCondExp
    from snnsim.models.lif_exp import LIFExp
    from snnsim.models.live_source import LiveSource
    from snnsim.models.max_row import MaxRow
    from snnsim.models.norm_row import NormRow
    from snnsim.models.norse_lif import NorseLIF
    from snnsim.models.norse_lif_box import NorseLIFBox
    from snnsim.models.poisson import PoissonSource
    from snnsim.models.rate_neuron import RateNeuron
    from snnsim.models.readout import Readout
    from snnsim.models.regular import RegularSource
    from snnsim.models.snntorch_leaky import Leaky
    from snnsim.models.snntorch_synaptic import Synaptic
    from snnsim.models.softmax_row import SoftmaxRow
    from snnsim.models.spike_array import SpikeArray
    from snnsim.models.staircase import Staircase
    from snnsim.models.table import Table
    from snnsim.models.threshold import InputSum, Threshold
    from snnsim.models.varying_poisson import VaryingPoissonSource
    from snnsim.network import Network, Population, Projection
    from snnsim.placement.latency import Latency
    from snnsim.placement.placed import Placement
    from snnsim.placement.placing import place
    from snnsim.plasticity.bcm import BCM
    from snnsim.plasticity.clopath_stdp import ClopathSTDP
    from snnsim.plasticity.covariance_hebb import CovarianceHebb
    from snnsim.plasticity.hebb import Hebb
    from snnsim.plasticity.inhibitory_stdp import InhibitorySTDP
    from snnsim.plasticity.oja import Oja
    from snnsim.plasticity.pair_stdp import PairSTDP
    from snnsim.plasticity.power_law_stdp import PowerLawSTDP
    from snnsim.plasticity.rate_bcm import RateBCM
    from snnsim.plasticity.rate_covariance import RateCovariance
    from snnsim.plasticity.rate_hebb import RateHebb
    from snnsim.plasticity.rate_oja import RateOja
    from snnsim.plasticity.rate_sanger import RateSanger
    from snnsim.plasticity.reward_stdp import RewardSTDP
    from snnsim.plasticity.rewiring import Rewiring
    from snnsim.plasticity.synaptic_scaling import SynapticScaling
    from snnsim.plasticity.triplet_stdp import TripletSTDP
    from snnsim.plasticity.tsodyks_markram import TsodyksMarkram
    from snnsim.plasticity.weight_normalisation import WeightNormalisation
    from snnsim.record import Record
    from snnsim.report.comparison import compare
    from snnsim.report.counted import ann_baselines
    from snnsim.report.energies import compare_energy
    from snnsim.report.energy_tables import save_energy, show_energy
    from snnsim.results import Recording, Result, SpikeTrains
    from snnsim.simulation import simulate
    from snnsim.sparsity.activation_threshold import ActivationThreshold
    from snnsim.sparsity.delta import Delta
    from snnsim.sparsity.early_exit import EarlyExit
    from snnsim.sparsity.front import perplexity, sparsity_front
    from snnsim.sparsity.mixture_of_depths import MixtureOfDepths
    from snnsim.sparsity.model import SparseModel, sparsify
    from snnsim.sparsity.relu_mlp import ReluMLP
    from snnsim.sparsity.top_k import TopKAttention, TopKHidden
    from snnsim.sparsity.zero_skipping import ZeroSkipping
    from snnsim.stream.reader import load_recordings
    from snnsim.sweeps.sweep import sweep
    from snnsim.sweeps.table import SweepTable
    from snnsim.transfer import f_i_curve
    from snnsim.trials import Trials

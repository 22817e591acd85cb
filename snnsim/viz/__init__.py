"""Figures. Every function draws into given or new `Axes` and returns them; matplotlib is imported when one is called."""

from snnsim.viz.anytime import anytime_accuracy
from snnsim.viz.coprocessor import offload_bars, offload_break_even, offload_roofline
from snnsim.viz.energy import break_even_curve, energy_by_profile, sensitivity_bars
from snnsim.viz.layers import attention_map, energy_bars, layer_bars
from snnsim.viz.placement import placement_map
from snnsim.viz.sparsity import sparsity_front
from snnsim.viz.spikes import f_i_curve, isi_histogram, layered_raster, raster, rate
from snnsim.viz.states import traces
from snnsim.viz.style import BLUE, GREEN, GREY, ORANGE, RED
from snnsim.viz.wiring import network_graph, weight_histogram, weight_matrix

__all__ = [
    "BLUE",
    "GREEN",
    "GREY",
    "ORANGE",
    "RED",
    "anytime_accuracy",
    "attention_map",
    "break_even_curve",
    "energy_bars",
    "energy_by_profile",
    "f_i_curve",
    "isi_histogram",
    "layer_bars",
    "layered_raster",
    "network_graph",
    "offload_bars",
    "offload_break_even",
    "offload_roofline",
    "placement_map",
    "raster",
    "rate",
    "sensitivity_bars",
    "sparsity_front",
    "traces",
    "weight_histogram",
    "weight_matrix",
]

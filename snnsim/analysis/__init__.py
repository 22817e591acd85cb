"""Statistics of spike trains, such as `Result.spikes[name]`, and of recorded states.

Nothing here returns NaN: a statistic of one neuron comes with the numbers of the neurons that have spikes enough for it, and input
that is too short for any raises ParameterError. Times are in ms, rates in Hz.
"""

from snnsim.analysis.connectivity import weight_matrix
from snnsim.analysis.rate import binned_counts, binned_rates, population_rate, smoothed
from snnsim.analysis.regularity import fano_factor, intervals, isi_cv, isi_cv2, isi_lv
from snnsim.analysis.spectrum import autocorrelogram, cross_correlogram, power_spectrum
from snnsim.analysis.synchrony import correlations, count_synchrony, voltage_synchrony

__all__ = [
    "autocorrelogram",
    "binned_counts",
    "binned_rates",
    "correlations",
    "count_synchrony",
    "cross_correlogram",
    "fano_factor",
    "intervals",
    "isi_cv",
    "isi_cv2",
    "isi_lv",
    "population_rate",
    "power_spectrum",
    "smoothed",
    "voltage_synchrony",
    "weight_matrix",
]

"""Devices by name."""

from __future__ import annotations

from collections.abc import Mapping

from snnsim.analog.cmos import BrainScaleS2, SubthresholdCMOS
from snnsim.analog.device import AnalogDevice
from snnsim.analog.pcm import PCM
from snnsim.analog.rram import RRAM
from snnsim.units import one_of

PRESETS: Mapping[str, AnalogDevice] = {
    "ideal": AnalogDevice(),
    "mismatch": AnalogDevice(mismatch=0.1),
    "subthreshold": SubthresholdCMOS(),
    "brainscales2": BrainScaleS2(),
    "rram": RRAM(),
    "pcm": PCM(),
}


def device_of(device: str | AnalogDevice) -> AnalogDevice:
    """Return a device, by name or as it is. Raises ParameterError listing the presets."""
    if isinstance(device, AnalogDevice):
        return device
    return PRESETS[one_of("fabricate.device", device, PRESETS)]

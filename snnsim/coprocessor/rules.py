"""Two rules of thumb for offloading, in closed form."""

from __future__ import annotations

from snnsim.errors import ParameterError
from snnsim.units import check_scalar


def speed_up(share: float, acceleration: float, overhead: float = 0.0) -> float:
    """Return how much faster a program gets when `share` of its time runs `acceleration` times as fast.

    .. math:: S = 1 / ((1 - a) + a / s + t_{overhead} / t_{base})

    overhead : of launches, synchronisation and transfer, as a share of the time before

    Raises ParameterError outside 0 <= share <= 1, acceleration > 0, overhead >= 0. Source: Amdahl (1967).
    """
    a = check_scalar("speed_up.share", share, ge=0.0, le=1.0)
    s = check_scalar("speed_up.acceleration", acceleration, gt=0.0)
    t = check_scalar("speed_up.overhead", overhead, ge=0.0)
    return 1.0 / ((1.0 - a) + a / s + t)


def macs_to_pay(bits: float, pj_per_bit: float, host_pj_per_mac: float, chip_pj_per_mac: float = 0.0) -> float:
    """Return how many MACs a transferred event must displace: bits E_link / (E_host - E_chip).

    Raises ParameterError unless E_host > E_chip.
    """
    moved = check_scalar("macs_to_pay.bits", bits, gt=0.0, le=1e30) * check_scalar("macs_to_pay.pj_per_bit", pj_per_bit, ge=0.0, le=1e30)
    host = check_scalar("macs_to_pay.host_pj_per_mac", host_pj_per_mac, unit="pJ", gt=0.0)
    chip = check_scalar("macs_to_pay.chip_pj_per_mac", chip_pj_per_mac, unit="pJ", ge=0.0)
    if chip >= host:
        raise ParameterError(f"macs_to_pay.chip_pj_per_mac = {chip:g} pJ must be < {host:g} pJ of the host: else no event ever pays.")
    return moved / (host - chip)

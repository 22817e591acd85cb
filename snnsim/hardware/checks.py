"""What a profile must not say: work counted twice, work left out unseen, figures that nothing would ever look at."""

from __future__ import annotations

from collections.abc import Iterator

from snnsim.errors import FormatError
from snnsim.hardware.figures import Interval, Price
from snnsim.hardware.profile import Profile

#: scopes whose figures leave things out by what they are; the others may leave out barriers alone, of which only the time is published
_PARTIAL = ("arithmetic", "floor", "reference")
#: work on the way of an event, which lies within an all-in figure
_ROUTING = ("spikes", "packets", "hops", "core_bits", "chip_bits", "barriers")


def check_profile(where: str, profile: Profile) -> None:
    """Raise FormatError for a profile that contradicts itself. where : names it in errors"""
    if profile.scope == "inference":
        _check_inference(where, profile)
    for role in profile.included:
        both = [kind for kind in profile.included[role] if kind in profile.left_out.get(role, ())]
        if both:
            raise FormatError(f"{where}.left_out.{role} lists {both[0]!r}, which is also included: it cannot be both. Drop one.")
    for at, role, kind, price in _priced(profile):
        _check_price(f"{where}.{at}.{role}.{kind}", profile, role, kind, price)
        if at == "placed" and ":" in kind:
            raise FormatError(f"{where}.placed.{role}.{kind!r}: a price of placed events holds for all precisions. Drop the precision.")
    if profile.scope not in _PARTIAL:
        _check_left_out(where, profile)


def _priced(profile: Profile) -> Iterator[tuple[str, str, str, Price]]:
    for at, table in (("prices", profile.prices), ("placed", profile.placed)):
        for role, rows in table.items():
            for kind, price in rows.items():
                yield at, role, kind, price


def _check_inference(where: str, profile: Profile) -> None:
    """One price for everything leaves nothing to include or to leave out, and needs the limits it holds within."""
    for name in ("included", "left_out", "placed"):
        if getattr(profile, name):
            raise FormatError(f"{where}.{name} stands beside a price of a whole inference, which holds everything. Drop it.")
    if not profile.limits:
        raise FormatError(f"{where}.limits is empty: a price of a whole inference holds for networks that fit. Say what fits.")


def _check_price(where: str, profile: Profile, role: str, kind: str, price: Price) -> None:
    for other, why in ((profile.included, "included: it would count twice"), (profile.left_out, "left out: it cannot be both")):
        if kind.partition(":")[0] in other.get(role, ()):
            raise FormatError(f"{where} is priced and also listed as {why}. Drop one.")
    if profile.scope == "all-in" and (role == "transport" or kind in _ROUTING):
        raise FormatError(f"{where}: an all-in figure includes routing; it would count twice. Drop it, or list it as included.")
    if price.per_bit_product is not None:
        _check_narrow(where, price.pj, price.per_bit_product)


def _check_narrow(where: str, pj: Interval, per_product: Interval) -> None:
    """Refuse a slope that takes the price of 1 x 1 bits below 0, or its low end above its high one."""
    low, nominal, high = pj + per_product.times(1 - 64)
    if not 0.0 <= low <= nominal <= high:
        raise FormatError(
            f"{where}.per_bit_product makes [{low:.3g}, {nominal:.3g}, {high:.3g}] pJ of 1 x 1 bits, which must rise from >= 0: the "
            "price at 8 x 8 bits holds 64 products. Choose smaller figures."
        )


def _check_left_out(where: str, profile: Profile) -> None:
    for role, kinds in profile.left_out.items():
        wrong = [kind for kind in kinds if (role, kind) != ("transport", "barriers")]
        if wrong:
            raise FormatError(
                f"{where}.left_out.{role} lists {wrong[0]!r}: a profile of scope {profile.scope!r} may leave out barriers alone, of "
                "the role transport. Price it, list it as included where another price holds it, or drop it, and the total will say "
                "what is missing."
            )

"""What every learning rule declares."""

from __future__ import annotations

from snnsim.units import check_fields


class Plasticity:
    """A frozen dataclass of parameters. A rule sees one synapse; the engine owns connectivity."""

    def __post_init__(self) -> None:
        check_fields(self)

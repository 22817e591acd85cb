"""What every population model declares: its parameters, its states and which kind of engine can run it."""

from __future__ import annotations

import dataclasses
from typing import Any, ClassVar, Literal, Self

import numpy as np

from snnsim.errors import WiringError
from snnsim.units import check_fields, check_given

Domain = Literal["spiking", "integer"]


class Model:
    """A frozen dataclass of parameters; it holds no state and no connectivity.

    Attributes
    ----------
    domain : 'spiking' | 'integer'   spiking models live in continuous time; integer units settle
    states : tuple of str            names of the recordable state variables
    is_source : bool                 True when the model only emits and must receive no projection
    """

    domain: ClassVar[Domain]
    states: ClassVar[tuple[str, ...]] = ()
    is_source: ClassVar[bool] = False

    def __new__(cls, *_: Any, **given: Any) -> Self:
        check_given(cls, given)
        return super().__new__(cls)

    def __post_init__(self) -> None:
        check_fields(self)

    def check_shape(self, population: str, shape: tuple[int, ...]) -> None:
        """Refuse array parameters that are neither one number nor one number per neuron of `shape`."""
        for field in dataclasses.fields(self):  # type: ignore[arg-type]
            value = getattr(self, field.name)
            if isinstance(value, np.ndarray) and "bounds" in field.metadata and value.shape != shape:
                raise WiringError(
                    f"Population({population!r}).model.{field.name} has shape {value.shape} but the population has "
                    f"{shape}: an array parameter needs one value per neuron. Give one number, or an array of shape {shape}."
                )

"""A `RateModule` back in: what `from_snntorch` and `from_norse` make of it."""

from __future__ import annotations

from typing import Any

from snnsim.conversion.rate_model import RateModel
from snnsim.errors import ConversionError


def rate_model_of(where: str, module: Any, sample: Any, inputs: Any) -> RateModel | None:
    """Return the model that a `RateModule` is; None for any other module.

    Raises ConversionError for one within another module, for arguments that do not apply, and for neurons changed by hand.
    """
    import torch

    from snnsim.adapters.rate_module import RateModule

    if not isinstance(module, RateModule):
        inner = (
            [name for name, part in module.named_modules() if isinstance(part, RateModule)] if isinstance(module, torch.nn.Module) else []
        )
        if inner:
            raise ConversionError(
                f"{where}: module {inner[0]!r} is a RateModule, which must be the whole module: it runs all its steps in one call. Give it "
                "alone."
            )
        return None
    for name, value in (("sample", sample), ("inputs", inputs)):
        if value is not None:
            raise ConversionError(f"{where}.{name} must be None for a RateModule: a RateModel takes its inputs when it is called.")
    return module.rate_model(where)

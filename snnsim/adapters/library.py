"""Libraries that adapters need and the core does not: looked for before any work."""

from __future__ import annotations

import importlib
from typing import Any

from snnsim.errors import ConversionError

#: package -> the command that installs it, where it is not the plain one
_INSTALL = {
    "nir": "pip install 'snnsim[nir]'",
    # It asks for torchvision, whose registry build does not fit a CPU build of torch.
    "norse": "pip install --no-deps norse",
}


def need(where: str, *packages: str) -> Any:
    """Import `packages` and return the last. where : who asks

    Raises ConversionError naming the one that is missing and the command that installs it.
    """
    module = None
    for package in packages:
        try:
            module = importlib.import_module(package)
        except ModuleNotFoundError as error:
            missing = error.name or package
            command = _INSTALL.get(missing, f"pip install {missing}")
            raise ConversionError(f"{where} needs the package {missing}, which is not installed. Run: {command}.") from None
    return module

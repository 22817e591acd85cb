"""Every error snnsim raises on purpose, in one tree."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


class SnnsimError(Exception):
    """Base of every error raised on purpose by snnsim."""


class ParameterError(SnnsimError, ValueError):
    """A value given by the user breaks a stated rule."""


class WiringError(SnnsimError, ValueError):
    """Populations and projections do not fit together."""


class CompileError(SnnsimError):
    """A valid description cannot be run by the chosen engine."""


class ConversionError(SnnsimError):
    """A trained model cannot be turned into an exact spiking network."""


class SimulationError(SnnsimError, RuntimeError):
    """A run had to stop, or cannot start from the given state."""


class FormatError(SnnsimError, ValueError):
    """A file is damaged, or is not what it should be."""


def unknown_name(what: str, given: object, valid: Iterable[str]) -> str:
    """Return the text for an unknown name: what was given, what is valid, and the nearest match."""
    names = list(valid)
    close = get_close_matches(str(given), names, n=1)
    hint = f" Did you mean {close[0]!r}?" if close else ""
    return f"{what} = {given!r} is not known. Valid: {', '.join(names)}.{hint}"
